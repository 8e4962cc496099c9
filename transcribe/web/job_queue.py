"""The queue, and the worker processes that hear one recording after the other.

A worker holds the loaded weights and waits. When a person cancels, or a worker crashes,
the process ends and another is started at once; nothing of it reaches the server.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from transcribe.web.errors import RefusedError
from transcribe.web.event_stream import Hub
from transcribe.web.library import CANCELLED, DONE, FAILED, QUEUED, WORKING, Entry, Library
from transcribe.web.messages import as_sentence

log = logging.getLogger(__name__)

_LONGEST_LINE = 1 << 26
_LONGEST_LOG = 1 << 20
_LONGEST_CANCEL = 10.0
"""Seconds to wait for a process that was killed."""
_PAUSE = 2.0
"""Seconds before what failed for want of room, or of a model, is tried again."""


@dataclass(slots=True)
class Live:
    """How far the work on a recording is."""

    entry: Entry
    heard_seconds: float = 0.0
    n_notes: int = 0
    seconds_left: float | None = None
    started: float = 0.0
    cancelled: bool = False
    process: asyncio.subprocess.Process | None = None


class Crew:
    """Hears what is queued in a library, a few recordings at a time.

    Parameters
    ----------
    library : Library
    hub : Hub
        Is told what happens.
    described : callable
        From an entry to what the page is told of it.
    n_jobs : int
        How many recordings are heard at once.
    options : sequence of str
        Words for `transcribe.web.worker`.
    """

    def __init__(
        self,
        library: Library,
        hub: Hub,
        described: Callable[[Entry], dict[str, Any]],
        *,
        n_jobs: int = 1,
        options: Sequence[str] = (),
    ) -> None:
        self._library, self._hub, self._described = library, hub, described
        self._n_jobs, self._options = n_jobs, list(options)
        self.live: dict[str, Live] = {}
        self._wake = asyncio.Event()
        self._taking = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start the workers."""
        self._tasks = [asyncio.create_task(self._always()) for _ in range(self._n_jobs)]

    async def stop(self) -> None:
        """End the workers; what they were at is queued again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def look(self) -> None:
        """There is something new in the queue."""
        self._wake.set()

    async def cancel(self, entry: Entry) -> None:
        """Take a recording out of the queue, or stop the work on it."""
        live = self.live.get(entry.id)
        if live is None:
            if entry.state == QUEUED:
                entry.state = CANCELLED
                await self._saved(entry)
            return
        live.cancelled = True
        _kill(live.process)
        until = time.monotonic() + _LONGEST_CANCEL
        while self.live.get(entry.id) is live and time.monotonic() < until:
            await asyncio.sleep(0.01)

    # --- a worker's life ---

    async def _always(self) -> None:
        """Work; and after what nobody foresaw, a full process table say, go on."""
        while True:
            try:
                await self._work()
            except (OSError, ValueError, LookupError, RefusedError):
                log.exception("the queue goes on after an error")
                await asyncio.sleep(_PAUSE)

    async def _work(self) -> None:
        process: asyncio.subprocess.Process | None = None
        try:
            while True:
                if process is None or process.returncode is not None:
                    process = await self._started()
                    if process is None:
                        await asyncio.sleep(_PAUSE)
                        continue
                live = await self._next(process)
                try:
                    if not await self._hear(live, process):
                        _kill(process)
                        await process.wait()
                        process = None
                except (OSError, ValueError, LookupError) as error:
                    live.entry.state = FAILED
                    live.entry.error = f"Something unexpected went wrong ({error})."
                    live.entry.hint = "Try again."
                    await self._saved(live.entry)
                    raise
                finally:
                    self.live.pop(live.entry.id, None)
                    self._tell(live.entry)
        finally:
            _kill(process)
            if process is not None:
                await process.wait()

    async def _started(self) -> asyncio.subprocess.Process | None:
        """A worker that has loaded its weights; None, having said why, if it can't."""
        log_path = self._library.folder / "worker.log"
        with _appending(log_path) as stderr:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "transcribe.web.worker", *self._options),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                limit=_LONGEST_LINE,
            )
        try:
            message = await _message(process)
        except asyncio.CancelledError:
            _kill(process)
            raise
        if message is not None and message["kind"] == "ready":
            return process
        _kill(process)
        await process.wait()
        error = "The program that listens could not start." if message is None else message["error"]
        await self._all_failed(error, f"Look into {log_path.name} in the folder of recordings.")
        return None

    async def _all_failed(self, error: str, hint: str) -> None:
        while (entry := self._library.next_queued()) is not None:
            entry.state, entry.error, entry.hint = FAILED, error, hint
            await self._saved(entry)
            self._tell(entry)

    async def _next(self, process: asyncio.subprocess.Process) -> Live:
        """Wait for a recording, and mark it as being worked on."""
        while True:
            self._wake.clear()
            async with self._taking:
                entry = self._library.next_queued()
                if entry is not None:
                    before = self._library.heard(entry)
                    entry.state = WORKING
                    entry.attempt += 1
                    live = Live(entry, started=time.monotonic(), process=process)
                    self.live[entry.id] = live
                    await self._saved(entry)
                    await asyncio.to_thread(shutil.rmtree, before, ignore_errors=True)
                    self._tell(entry)
                    return live
            await self._wake.wait()

    async def _hear(self, live: Live, process: asyncio.subprocess.Process) -> bool:
        """Have one recording heard; whether the worker is fit for another."""
        entry = live.entry
        job = {
            "recording": str(self._library.original(entry)),
            "folder": str(self._library.heard(entry)),
        }
        if process.stdin is not None and not live.cancelled:
            process.stdin.write((json.dumps(job) + "\n").encode())
        fit = True
        while entry.state == WORKING:
            message = await _message(process)
            if live.cancelled:
                entry.state, fit = CANCELLED, False
            elif message is None:
                fit = False
                entry.state = FAILED
                entry.error = "The transcription of this recording ended unexpectedly."
                entry.hint = (
                    "Perhaps the computer ran out of memory, or the file is damaged. Try again; "
                    "if it happens every time, convert the recording to wav and use that."
                )
            else:
                await self._take(live, message)
        entry.n_notes = live.n_notes
        await self._saved(entry)
        return fit

    async def _take(self, live: Live, message: dict[str, Any]) -> None:
        """Do what a worker's message says."""
        entry, kind = live.entry, message["kind"]
        if kind == "begun":
            entry.duration = message["duration"]
            for name in ("decode", "model", "sample_rate", "hop_length"):
                setattr(entry, name, message[name])
            await self._saved(entry)
            self._tell(entry)
        elif kind == "heard":
            before = live.heard_seconds
            live.n_notes = message["n_notes"]
            if message["seconds"] is not None:
                live.heard_seconds = message["seconds"]
                elapsed = time.monotonic() - live.started
                if entry.duration:
                    left = max(entry.duration - live.heard_seconds, 0.0)
                    live.seconds_left = round(left * elapsed / live.heard_seconds, 1)
                self._hub.publish(entry.id, "progress", self._described(entry))
            if message["notes"]:
                news = {"from": before, "until": live.heard_seconds, "notes": message["notes"]}
                self._hub.publish(entry.id, "notes", news)
        elif kind == "done":
            entry.state = DONE
            entry.duration = live.heard_seconds = message["duration"]
            entry.remarks = message["warnings"]
            entry.warnings = [as_sentence(warning["message"]) for warning in entry.remarks]
            live.n_notes = message["n_notes"]
        elif kind == "failed":
            entry.state = FAILED
            entry.error, entry.hint = message["error"], message["hint"]

    async def _saved(self, entry: Entry) -> None:
        """Save, and if the disk is full wait until it is not."""
        while True:
            try:
                await asyncio.to_thread(self._library.save, entry)
                return
            except RefusedError as error:
                log.warning("%s", error)
                await asyncio.sleep(_PAUSE)

    def _tell(self, entry: Entry) -> None:
        self._hub.publish(entry.id, "state", self._described(entry))


async def _message(process: asyncio.subprocess.Process) -> dict[str, Any] | None:
    """A worker's next message; None if it has ended."""
    if process.stdout is None:
        return None
    line = await process.stdout.readline()
    if not line.endswith(b"\n"):
        return None
    message: dict[str, Any] = json.loads(line)
    return message


@contextmanager
def _appending(path: Path) -> Iterator[IO[bytes]]:
    """A file to write messages to, from its beginning once it is long; none if it can't be."""
    if not os.access(path.parent, os.W_OK):
        path = Path(os.devnull)
    long = path.is_file() and path.stat().st_size > _LONGEST_LOG
    with path.open("wb" if long else "ab") as file:
        yield file


def _kill(process: asyncio.subprocess.Process | None) -> None:
    if process is not None and process.returncode is None:
        process.kill()
