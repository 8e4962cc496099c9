"""What the server of the page says of its recordings, asked without the page."""

from __future__ import annotations

import json
import urllib.request
from typing import Any


def call(address: str, path: str, method: str = "GET", content: Any = None) -> Any:
    """What the server of the page answers; None for an empty answer."""
    headers = {"X-Transcribe": "1", "Content-Type": "application/json"}
    data = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(
        f"{address}/api/recordings{path}", data=data, headers=headers, method=method
    )
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read() or "null")


def recordings(address: str) -> set[str]:
    return {each["id"] for each in call(address, "")["recordings"]}


def ask(heard: str, what: str, method: str = "GET", content: Any = None) -> Any:
    """What the server says of the recording that an address shows."""
    address, _, recording = heard.partition("/#/recording/")
    return call(address, f"/{recording}/{what}".rstrip("/"), method, content)


def send(address: str, name: str, content: bytes) -> str:
    """Put a file in without the page; its id."""
    request = urllib.request.Request(
        f"{address}/api/recordings?name={name}", content, {"X-Transcribe": "1"}
    )
    with urllib.request.urlopen(request) as answer:
        return str(json.loads(answer.read())["id"])
