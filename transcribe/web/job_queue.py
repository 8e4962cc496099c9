"""The queue of recordings, and the worker processes that transcribe them.

A worker holds the loaded weights and waits. When a person cancels, or a worker crashes,
the process ends and another is started at once; nothing of it reaches the server.

Recordings are transcribed in the order in which they came. While long ones occupy every
worker, short ones do not wait for them: one more worker transcribes those, the shortest
first, and ends when there are no more. `JobQueue.waits` says how long each has to wait.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias

from transcribe.web.errors import RefusedError, disk_full
from transcribe.web.event_stream import EventStreams
from transcribe.web.library import RecordingLibrary, heard_seconds
from transcribe.web.library_entry import CANCELLED, DONE, PAUSED, QUEUED, WORKING, LibraryEntry
from transcribe.web.messages import ENDED, UserMessage, as_sentence
from transcribe.web.unfinished import is_unfinished
from transcribe.web.waiting import RunningJob, Wait, expected, is_blocked, short_order, waits
from transcribe.web.worker_process import WorkerError, WorkerProcess, printed_json

log = logging.getLogger(__name__)

WORKER = (sys.executable, "-m", "transcribe.web.worker")
MEASURE = (sys.executable, "-m", "transcribe.web.duration")
_LONGEST_CANCEL = 10.0
"""Seconds to wait for a process that was killed; then its work is let go of."""
_LONGEST_MEASURE = 60.0
"""Seconds that finding a duration may take."""
_PAUSE = 2.0
"""Seconds before what failed for want of room, or of a model, is tried again."""
_IDLE = 30.0
"""Seconds that the worker for short recordings waits for another."""
_BEGUN_OTHERWISE = (
    "What was transcribed before was made by another version of the program, or with other "
    "weights; so it was transcribed anew from the beginning."
)
_BETWEEN_WAITS = 5.0
"""Seconds between two messages to those who wait, while the work goes on."""

_Work: TypeAlias = Callable[[asyncio.Event], Awaitable[None]]


class JobQueue:
    """Transcribes the queued recordings of a library, a few at a time.

    Parameters
    ----------
    library : RecordingLibrary
    streams : EventStreams
        Where events are published.
    describe : callable
        From an entry, and what it waits for, to the recording as the interface gives it.
    n_jobs : int
        How many recordings are transcribed at once, short ones beside them not counted.
        With 0, everything waits.
    options : sequence of str
        Arguments of `transcribe.web.worker`.
    """

    def __init__(
        self,
        library: RecordingLibrary,
        streams: EventStreams,
        describe: Callable[..., dict[str, Any]],
        *,
        n_jobs: int = 1,
        options: Sequence[str] = (),
    ) -> None:
        self._library, self._streams, self._describe = library, streams, describe
        self._n_jobs, self._options = n_jobs, list(options)
        self.running: dict[str, RunningJob] = {}
        self._wakers: list[asyncio.Event] = []
        self._changing = asyncio.Lock()
        self._keeping = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._measured: set[str] = set()
        self._pace: float | None = None
        self._waits_told = 0.0

    def start(self) -> None:
        """Start the workers."""
        if not self._n_jobs:
            return
        work: list[_Work] = [self._lane] * self._n_jobs
        work += [self._short_lane, self._measure_waiting]
        self._tasks = [asyncio.create_task(self._run_forever(each)) for each in work]

    async def stop(self) -> None:
        """End the workers; what they were at is queued again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def wake(self) -> None:
        """Look at the queue again: something was added, or a worker is free."""
        for waker in self._wakers:
            waker.set()

    def entry(self, name: str) -> LibraryEntry:
        """The recording of an id, as the work on it sees it; raises RefusedError without one."""
        job = self.running.get(name)
        return job.entry if job is not None else self._library.entry(name)

    @asynccontextmanager
    async def changing(self, name: str) -> AsyncIterator[LibraryEntry]:
        """A recording that no one else changes meanwhile, and no worker takes.

        Whatever is written of a recording is read here first: what was read before may be of
        a time when it was still waiting, say.
        """
        async with self._changing:
            yield self.entry(name)

    @asynccontextmanager
    async def resting(self, name: str, *, to_forget: bool = False) -> AsyncIterator[LibraryEntry]:
        """The same once the work on it, if there is any, is stopped; to forget it takes no room."""
        while True:
            async with self.changing(name) as entry:
                job = self.running.get(name)
                if job is None:
                    yield entry
                    return
            job.is_forgotten = to_forget
            if job.lacks_room and not to_forget:
                raise disk_full()
            await self._end(job, CANCELLED)

    async def stop_work(self, name: str, state: str) -> LibraryEntry:
        """Take a recording out of the queue, or stop the work on it; queued again, it goes on."""
        async with self.changing(name) as entry:
            job = self.running.get(name)
            if job is None and entry.state in (QUEUED, PAUSED):
                await asyncio.to_thread(self._library.change, entry, state=state)
        if job is not None:
            await self._end(job, state)
        else:
            self._publish_waiting()
        return self.entry(name)

    async def _end(self, job: RunningJob, state: str) -> None:
        """End the work on a recording, which is to be in this state then.

        On a full disk that is written down once there is room. With work that does not end
        we have nothing more to do: what it finds is dropped.
        """
        job.stopped = state
        if job.process is not None:
            job.process.kill()
        until = time.monotonic() + _LONGEST_CANCEL
        while self._counts(job) and time.monotonic() < until:
            if job.lacks_room and not job.is_forgotten:
                if job.entry.state in (WORKING, PAUSED):
                    job.entry.state = state
                return
            await asyncio.sleep(0.01)
        async with self._keeping:
            if not self._counts(job):
                return
            job.entry.state, job.entry.n_notes = state, job.n_notes
            if not job.is_forgotten:
                await asyncio.to_thread(self._library.save, job.entry)
            del self.running[job.entry.id]

    def _counts(self, job: RunningJob) -> bool:
        """Whether this still is the work on its recording."""
        return self.running.get(job.entry.id) is job

    # --- who waits for what ---

    def waits(self) -> dict[str, Wait]:
        """What each queued recording waits for, by id."""
        return waits(self._queued(), self.running.values(), self._n_jobs, self._pace)

    def _queued(self) -> list[LibraryEntry]:
        """The recordings that wait, in the order in which they came."""
        return [entry for entry in self._library.queued() if entry.id not in self.running]

    def _is_blocked(self) -> bool:
        return is_blocked(self.running.values(), self._n_jobs)

    def _next_short(self) -> LibraryEntry | None:
        return next(iter(short_order(self._queued())), None) if self._is_blocked() else None

    def _next_in_line(self) -> LibraryEntry | None:
        return next(iter(self._queued()), None)

    async def _measure_waiting(self, waker: asyncio.Event) -> None:
        """Find out how long the recordings are that can't begin at once."""
        while True:
            waker.clear()
            if self._is_blocked() or len(self.running) >= self._n_jobs:
                for entry in self._queued():
                    if entry.duration is None and entry.id not in self._measured:
                        self._measured.add(entry.id)
                        await self._measure(entry)
            await waker.wait()

    async def _measure(self, entry: LibraryEntry) -> None:
        command = [*MEASURE, str(self._library.original(entry))]
        seconds = await printed_json(command, longest=_LONGEST_MEASURE)
        if not isinstance(seconds, float) or seconds <= 0:
            return
        with suppress(RefusedError):
            async with self.changing(entry.id) as now:
                if now.state == QUEUED:
                    now.duration = seconds
                    await asyncio.to_thread(self._library.save, now)
        self._publish_waiting()
        self.wake()

    # --- a worker's life ---

    async def _run_forever(self, work: _Work) -> None:
        """Work; and after an unforeseen error, a full process table say, go on."""
        waker = asyncio.Event()
        self._wakers.append(waker)
        while True:
            try:
                await work(waker)
            except (OSError, ValueError, LookupError, RefusedError):
                log.exception("the queue goes on after an error")
                await asyncio.sleep(_PAUSE)

    async def _lane(self, waker: asyncio.Event) -> None:
        """Transcribe one recording after another, in the order in which they came."""
        await self._work(waker, self._next_in_line, short=False)

    async def _short_lane(self, waker: asyncio.Event) -> None:
        """Transcribe short recordings while long ones occupy every other worker."""
        while True:
            waker.clear()
            if self._next_short() is not None:
                await self._work(waker, self._next_short, short=True)
            else:
                await waker.wait()

    async def _work(
        self,
        waker: asyncio.Event,
        choose: Callable[[], LibraryEntry | None],
        *,
        short: bool,
    ) -> None:
        """Have a process transcribe what is chosen; for short ones, until none come."""
        process: WorkerProcess | None = None
        try:
            while True:
                if process is None or process.has_ended:
                    process = await self._started()
                    if process is None:
                        await asyncio.sleep(_PAUSE)
                        continue
                job = await self._next(process, waker, choose, short=short)
                if job is None:
                    return
                try:
                    if not await self._run(job, process):
                        await process.end()
                        process = None
                except (OSError, ValueError, LookupError) as error:
                    words = f"Something unexpected went wrong ({error})."
                    values = {"what": str(error)}
                    job.entry.fail(UserMessage(words, "Try again.", "unexpected", values))
                    await self._kept(job)
                    raise
                finally:
                    if self._counts(job):
                        del self.running[job.entry.id]
                        self._publish_state(job.entry)
                    self._publish_waiting()
                    self.wake()
        finally:
            if process is not None:
                await process.end()

    async def _started(self) -> WorkerProcess | None:
        """A worker with its weights loaded; None if it failed to start: all that wait fail."""
        try:
            return await WorkerProcess.start(
                [*WORKER, *self._options], self._library.folder / "worker.log"
            )
        except WorkerError as error:
            await self._all_failed(error.words)
            return None

    async def _all_failed(self, message: UserMessage) -> None:
        while True:
            async with self._changing:
                entry = self._next_in_line()
                if entry is None:
                    return
                entry.fail(message)
                await asyncio.to_thread(self._library.save, entry)
            self._publish_state(entry)

    async def _next(
        self,
        process: WorkerProcess,
        waker: asyncio.Event,
        choose: Callable[[], LibraryEntry | None],
        *,
        short: bool,
    ) -> RunningJob | None:
        """Wait for a recording, and mark it as being worked on; None after a long wait."""
        while True:
            waker.clear()
            async with self._changing:
                entry = choose()
                job = None if entry is None else self._taken(entry, process, short=short)
            if job is not None:
                await self._begin(job)
                return job
            try:
                await asyncio.wait_for(waker.wait(), _IDLE if short else None)
            except asyncio.TimeoutError:
                return None

    def _taken(self, entry: LibraryEntry, process: WorkerProcess, *, short: bool) -> RunningJob:
        entry.state = WORKING
        job = RunningJob(entry, short, started=time.monotonic(), process=process)
        job.seconds_left = expected(entry, self._pace)
        self.running[entry.id] = job
        return job

    async def _begin(self, job: RunningJob) -> None:
        entry = job.entry
        before = self._library.transcription(entry)
        goes_on = is_unfinished(before)
        entry.attempt += not goes_on
        await self._kept(job)
        if goes_on:
            job.heard_seconds, job.n_notes = heard_seconds(self._library, entry), entry.n_notes
        else:
            await asyncio.to_thread(shutil.rmtree, before, ignore_errors=True)
        self._publish_state(entry)
        self._publish_waiting()
        self.wake()

    async def _run(self, job: RunningJob, process: WorkerProcess) -> bool:
        """Have one recording transcribed; return whether the worker can take another."""
        entry = job.entry
        request = {
            "recording": str(self._library.original(entry)),
            "folder": str(self._library.transcription(entry)),
            "part": entry.part,
        }
        if not job.stopped:
            process.send(request)
        fit = True
        while entry.state == WORKING:
            message = await process.message()
            if job.stopped:
                entry.state, fit = job.stopped, False
            elif message is None:
                fit = False
                entry.fail(ENDED)
            else:
                await self._on_message(job, message)
        entry.n_notes = job.n_notes
        await self._kept(job)
        return fit

    async def _on_message(self, job: RunningJob, message: dict[str, Any]) -> None:
        """Handle a message of the worker."""
        entry, kind = job.entry, message["kind"]
        if kind == "begun":
            await self._on_begun(job, message)
        elif kind == "heard":
            self._on_heard(job, message)
        elif kind == "done":
            entry.state = DONE
            entry.duration = job.heard_seconds = message["duration"]
            entry.remarks = message["warnings"]
            entry.warnings = [as_sentence(warning["message"]) for warning in entry.remarks]
            job.n_notes = message["n_notes"]
        elif kind == "failed":
            entry.fail(UserMessage.from_json(message))

    async def _on_begun(self, job: RunningJob, message: dict[str, Any]) -> None:
        entry = job.entry
        entry.duration = message["duration"]
        for name in ("decode", "model", "sample_rate", "hop_length"):
            setattr(entry, name, message[name])
        if job.heard_seconds and not message["seconds"]:
            entry.warn("begun_otherwise", _BEGUN_OTHERWISE)
            job.n_notes = 0
        job.heard_seconds = message["seconds"]
        job.seconds_before = message["seconds"] or entry.span.start
        await self._kept(job)
        self._publish_state(entry)
        self.wake()

    def _on_heard(self, job: RunningJob, message: dict[str, Any]) -> None:
        entry, before = job.entry, job.heard_seconds
        job.n_notes = message["n_notes"]
        if message["seconds"]:
            job.heard_seconds = message["seconds"]
            done = max(job.heard_seconds - job.seconds_before, 0.1)
            self._pace = (time.monotonic() - job.started) / done
            if entry.seconds_of_work is not None:
                end = entry.span.start + entry.seconds_of_work
                left = max(end - job.heard_seconds, 0.0)
                job.seconds_left = round(left * self._pace, 1)
            self._streams.publish(entry.id, "progress", self._describe(entry))
            if time.monotonic() - self._waits_told > _BETWEEN_WAITS:
                self._publish_waiting()
        if message["notes"]:
            news = {"from": before, "until": job.heard_seconds, "notes": message["notes"]}
            self._streams.publish(entry.id, "notes", news)

    async def _kept(self, job: RunningJob) -> None:
        """Save what is known of a recording in work, unless its work was let go of.

        If the disk is full, wait until it is not.
        """
        while True:
            try:
                async with self._keeping:
                    if self._counts(job) and not job.is_forgotten:
                        await asyncio.to_thread(self._library.save, job.entry)
                job.lacks_room = False
                return
            except RefusedError as error:
                job.lacks_room = True
                log.warning("%s", error)
                await asyncio.sleep(_PAUSE)

    def _publish_state(self, entry: LibraryEntry) -> None:
        self._streams.publish(entry.id, "state", self._describe(entry))

    def _publish_waiting(self) -> None:
        """Tell those who wait that the queue has moved."""
        self._waits_told = time.monotonic()
        waits = self.waits()
        for entry in self._queued():
            self._streams.publish(entry.id, "state", self._describe(entry, waits.get(entry.id)))
