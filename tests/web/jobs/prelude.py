"""The recording that all tests of this folder hear, and what is told and made of it."""

from __future__ import annotations

import json
import socket
import tempfile
from pathlib import Path

from web_server import PATIENCE, Client

from transcribe.midi import read_midi
from transcribe.notes import Note

PRELUDE = Path(__file__).parents[2] / "data" / "prelude.mp3"


def listen(client: Client, name: str) -> list[tuple[str, dict]]:
    """The events of a recording until it is done or has failed."""
    events: list[tuple[str, dict]] = []
    data = b""
    with socket.create_connection(("127.0.0.1", client.port), timeout=PATIENCE) as sock:
        request = f"GET /api/recordings/{name}/events HTTP/1.0\r\nHost: 127.0.0.1:{client.port}"
        sock.sendall(f"{request}\r\n\r\n".encode())
        while True:
            data += sock.recv(1 << 16)
            *whole, data = data.split(b"\n\n")
            for text in whole:
                lines = text.decode().splitlines()
                if lines[-1].startswith("data: "):
                    content = json.loads(lines[-1].removeprefix("data: "))
                    events.append((lines[-2].removeprefix("event: "), content))
            if events and events[-1][1].get("state") in ("done", "failed"):
                return events


def notes_of(midi: bytes) -> tuple[Note, ...]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.mid"
        path.write_bytes(midi)
        return read_midi(path).notes
