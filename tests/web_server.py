"""What the tests of the page's server share: a server in this process or its own, and a client."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import uvicorn

from transcribe.web.access import AccessMiddleware, Sessions
from transcribe.web.app import Server
from transcribe.web.http_protocol import HeaderTimeoutProtocol
from transcribe.web.library import RecordingLibrary
from transcribe.web.uploads import UploadLimits

PATIENCE = 300.0
"""Seconds to wait for what should take a few, on a machine that has much else to do."""


@dataclass(frozen=True)
class Answer:
    """Status, headers (names in lower case) and body of an answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Client:
    """A browser's page, as far as the server can tell."""

    port: int

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        *,
        marked: bool = True,
    ) -> Answer:
        """One request; ``marked`` is what the page's own requests are."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        sent = {"X-Transcribe": "1"} if marked else {}
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        try:
            connection.request(method, path, body, {**sent, **(headers or {})})
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, names, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, headers=headers)

    def upload(self, data: bytes, name: str = "song.wav") -> Answer:
        return self.ask("POST", f"/api/recordings?name={quote(name)}", data)

    def recordings(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/api/recordings").json["recordings"]
        return found

    def wait(self, recording: str, *states: str) -> dict[str, Any]:
        """The recording, once it is in one of some states (done or failed if left out)."""
        states = states or ("done", "failed")
        return self.until(recording, lambda found: found["state"] in states)

    def until(self, recording: str, fits: Any) -> dict[str, Any]:
        """The recording, once it is as wanted."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found: dict[str, Any] = self.get(f"/api/recordings/{recording}").json
            if fits(found):
                return found
            time.sleep(0.05)
        raise AssertionError(f"waited {PATIENCE} s; found {found}")

    def is_up(self) -> bool:
        try:
            return self.get("/api/recordings").status == 200
        except OSError:
            return False


@contextmanager
def serving(
    folder: Path,
    *,
    limits: UploadLimits | None = None,
    n_jobs: int = 0,
    options: tuple[str, ...] = (),
    sessions: Sessions | None = None,
) -> Iterator[Client]:
    """A server in a thread of this process; with no jobs, nothing is heard."""
    library = RecordingLibrary(folder)
    server = Server(library, limits, n_jobs=n_jobs, worker_options=options)
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = sock.getsockname()[1]
        guarded = AccessMiddleware(
            server.application(), hosts=["127.0.0.1", "localhost"], port=port, sessions=sessions
        )
        config = uvicorn.Config(
            guarded,
            log_level="critical",
            lifespan="on",
            timeout_graceful_shutdown=1,
            ws="none",
            http=HeaderTimeoutProtocol,
        )
        runner = uvicorn.Server(config)
        thread = threading.Thread(target=runner.run, kwargs={"sockets": [sock]})
        thread.start()
        try:
            wait_until(lambda: runner.started)
            yield Client(port)
        finally:
            runner.should_exit = True
            thread.join()
            library.close()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def command(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], Client]]:
    """``transcribe serve`` in a process of its own."""
    port = free_port()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "transcribe", "serve", "--no-browser", "--port", str(port)),
            *("--folder", str(folder), *words),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    client = Client(port)
    try:
        wait_until(lambda: process.poll() is not None or client.is_up())
        yield process, client
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_until(fits: Any) -> None:
    end = time.monotonic() + PATIENCE
    while not fits():
        assert time.monotonic() < end, f"waited {PATIENCE} s"
        time.sleep(0.02)
