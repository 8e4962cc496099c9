"""A worker process as the server holds it: JSON lines to it and from it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from transcribe.web.messages import UserMessage

_LONGEST_LINE = 1 << 26
"""Bytes of one message, notes and all."""
_LONGEST_LOG = 1 << 20
"""Bytes of the file of what workers write to stderr, before it begins anew."""


class WorkerError(Exception):
    """A worker that failed to start, with what is said of it."""

    def __init__(self, words: UserMessage) -> None:
        super().__init__(words.error)
        self.words = words


class WorkerProcess:
    """A process that has loaded its weights and waits for a request."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._killed = False

    @classmethod
    async def start(cls, command: Sequence[str], log: Path) -> WorkerProcess:
        """Start a process and wait until it is ready; raises WorkerError if it never is.

        Parameters
        ----------
        command : sequence of str
            `transcribe.web.worker` with its arguments.
        log : Path
            Where its errors are written.
        """
        with _appending(log) as stderr:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                limit=_LONGEST_LINE,
            )
        started = cls(process)
        try:
            message = await started.message()
        except asyncio.CancelledError:
            started.kill()
            raise
        if message is not None and message["kind"] == "ready":
            return started
        await started.end()
        hint, values = f"Look into {log.name} in the folder of recordings.", {"log": log.name}
        if message is None:
            error = "The program that transcribes could not start."
            raise WorkerError(UserMessage(error, hint, "not_started", values))
        values["reason"] = message["reason"]
        raise WorkerError(UserMessage(message["error"], hint, "no_model", values))

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone, or is about to be."""
        return self._killed or self._process.returncode is not None

    def send(self, request: dict[str, Any]) -> None:
        """Ask for a recording to be transcribed."""
        if self._process.stdin is not None:
            self._process.stdin.write((json.dumps(request) + "\n").encode())

    async def message(self) -> dict[str, Any] | None:
        """The next message; None if the process has ended."""
        if self._process.stdout is None:
            return None
        line = await self._process.stdout.readline()
        if not line.endswith(b"\n"):
            return None
        message: dict[str, Any] = json.loads(line)
        return message

    def kill(self) -> None:
        """End it at once."""
        if not self.has_ended:
            self._killed = True
            self._process.kill()

    async def end(self) -> None:
        """End it, and wait until it is gone."""
        self.kill()
        await self._process.wait()


async def printed_json(command: Sequence[str], *, longest: float) -> Any:
    """What a process prints; None if that is no JSON or takes more than `longest` seconds."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        with suppress(asyncio.TimeoutError, ValueError):
            output, _ = await asyncio.wait_for(process.communicate(), longest)
            return json.loads(output)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
    return None


@contextmanager
def _appending(path: Path) -> Iterator[IO[bytes]]:
    """A file to write messages to, from its beginning once it is long; none if it can't be."""
    if not os.access(path.parent, os.W_OK):
        path = Path(os.devnull)
    long = path.is_file() and path.stat().st_size > _LONGEST_LOG
    with path.open("wb" if long else "ab") as file:
        yield file
