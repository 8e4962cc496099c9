"""Worker processes on this machine, watched: what kills one reaches nothing else.

Each process makes its worker once and hears one recording after the other. The parent
watches how long each goes without a sign of life and how much memory it holds, and ends
it where that is too much. A process whose parent is gone ends too.
"""

from __future__ import annotations

import contextlib
import faulthandler
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, TypeAlias

from transcribe.archive.pool import (
    CRASHED,
    HUNG,
    MEMORY,
    Died,
    Finished,
    Limits,
    PoolError,
    is_swollen,
)
from transcribe.archive.work import Beat, Job, Outcome
from transcribe.machine import go_first, resident_memory

Hear: TypeAlias = Callable[[Job, Beat], Outcome]
Make: TypeAlias = Callable[[], Hear]

_BETWEEN_LOOKS = 0.5
"""Seconds between looks at memory and clocks."""
_MOST_FAILED_STARTS = 3
"""Workers in a row that die before they are ready, until the pool gives up."""
_READY, _BEAT, _DONE, _UNFIT = "ready", "beat", "done", "unfit"


@dataclass(slots=True, eq=False)
class _Task:
    """A job that is being done."""

    job: Job
    started: float
    alive: float
    heard: float = 0.0


@dataclass(slots=True, eq=False)
class _Member:
    """A worker process, as the parent knows it."""

    process: SpawnProcess
    link: Connection
    make: Make
    ready: bool = False
    used: bool = False
    first_peak: int | None = None
    """Most bytes that it held when its first job was done."""
    tasks: dict[int, _Task] = field(default_factory=dict)
    """By the numbers of their jobs."""
    spoilt: tuple[str, str] | None = None
    """Why the parent ended it: kind and reason."""

    @property
    def is_isolated(self) -> bool:
        """Whether it does one job alone."""
        return any(task.job.isolated for task in self.tasks.values())


class ProcessPool:
    """Supervised processes that transcribe.

    Parameters
    ----------
    makes : sequence of callable
        One for each process: makes its worker, in that process. They are pickled, such as
        ``functools.partial(Worker, settings)``.
    limits : Limits
    log : path, optional
        File to which the processes' own output goes; without it, to where the parent's goes.
    side_by_side : int
        Jobs that one process does at once, in threads.
    """

    def __init__(
        self,
        makes: Sequence[Make],
        limits: Limits,
        log: Path | None = None,
        *,
        side_by_side: int = 1,
    ) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._limits, self._log = limits, log
        self._vacant = list(makes)
        self._members: list[_Member] = []
        self._queue: deque[Job] = deque()
        self._news: deque[Finished | Died] = deque()
        self._n_failed_starts = 0
        self._looked = 0.0
        self._side_by_side = side_by_side
        self.size = len(makes) * side_by_side

    @property
    def heard(self) -> float:
        return sum(task.heard for member in self._members for task in member.tasks.values())

    def submit(self, job: Job) -> None:
        self._queue.append(job)

    def next(self, timeout: float) -> Finished | Died | None:
        until = time.monotonic() + timeout
        while True:
            self._assign()
            if self._news:
                return self._news.popleft()
            left = until - time.monotonic()
            if left <= 0:
                return None
            self._listen(min(left, _BETWEEN_LOOKS))
            self._look()

    def close(self) -> None:
        for member in self._members:
            member.process.kill()
        for member in self._members:
            member.process.join()
            member.link.close()
        self._members = []

    # --- who does what ---

    def _assign(self) -> None:
        """Give queued jobs to idle members, and start members while there is need."""
        for job in list(self._queue):
            member = self._free(isolated=job.isolated)
            if member is None:
                continue
            self._queue.remove(job)
            member.used = True
            member.tasks[job.number] = _Task(job, time.monotonic(), time.monotonic())
            with contextlib.suppress(OSError):  # if it is gone, its end is told of
                member.link.send(job)
        n_coming = sum(self._side_by_side for member in self._members if not member.used)
        while self._vacant and n_coming < len(self._queue):
            self._members.append(self._start(self._vacant.pop(0)))
            n_coming += self._side_by_side

    def _free(self, *, isolated: bool) -> _Member | None:
        """A member that may take a job; one that must be fresh may have to be made so."""
        members = [member for member in self._members if not member.spoilt]
        if not isolated:
            return next(filter(self._has_room, members), None)
        idle = [member for member in members if not member.tasks]
        fresh = next((member for member in idle if not member.used), None)
        if fresh is not None:
            return fresh if fresh.ready else None
        if idle and not self._vacant:
            self._end(idle[0])
        return None

    def _has_room(self, member: _Member) -> bool:
        return member.ready and len(member.tasks) < self._side_by_side and not member.is_isolated

    def _start(self, make: Make) -> _Member:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_serve,
            args=(theirs, make, self._log, self._side_by_side),
            name="transcribe worker",
            daemon=True,
        )
        try:
            process.start()
        except OSError as error:
            raise PoolError(f"no worker can be started: {error}") from error
        theirs.close()
        return _Member(process, ours, make)

    def _end(self, member: _Member) -> None:
        """Have no more of a member; another may be started in its place."""
        member.process.kill()
        member.process.join()
        member.link.close()
        self._members.remove(member)
        self._vacant.append(member.make)

    # --- what happens ---

    def _listen(self, seconds: float) -> None:
        links: dict[object, _Member] = {member.link: member for member in self._members}
        if not links:
            time.sleep(min(seconds, 0.01))
            return
        for link in wait([member.link for member in self._members], seconds):
            self._hear(links[link])

    def _hear(self, member: _Member) -> None:
        try:
            while member.link.poll():
                kind, content = member.link.recv()
                self._take(member, kind, content)
        except (EOFError, OSError):
            self._mourn(member)

    def _take(self, member: _Member, kind: str, content: Any) -> None:
        if kind == _READY:
            member.ready = True
            self._n_failed_starts = 0
        elif kind == _UNFIT:
            raise PoolError(content)
        elif kind == _BEAT:
            number, heard = content
            if number in member.tasks:
                member.tasks[number].alive, member.tasks[number].heard = time.monotonic(), heard
        elif kind == _DONE:
            number, outcome = content
            isolated = member.is_isolated
            self._news.append(Finished(member.tasks.pop(number).job, outcome))
            if member.first_peak is None:
                member.first_peak = outcome.peak_memory
            swollen = is_swollen(member.first_peak, outcome.peak_memory)
            if isolated or (swollen and self._side_by_side == 1):
                member.spoilt = ("", "")
                member.process.kill()

    def _mourn(self, member: _Member) -> None:
        """Its end of the link is closed: it is dead or dying."""
        member.process.join(5)
        kind, why = member.spoilt or (CRASHED, _how(member.process.exitcode))
        for task in member.tasks.values():
            self._news.append(Died(task.job, kind, why))
        if not member.tasks and not member.ready:
            self._n_failed_starts += 1
            if self._n_failed_starts >= _MOST_FAILED_STARTS:
                raise PoolError(f"workers do not start: {why}")
        self._end(member)

    def _look(self) -> None:
        """End the members that ask for too much."""
        now = time.monotonic()
        if now - self._looked < _BETWEEN_LOOKS:
            return
        self._looked = now
        limits = self._limits
        for member in self._members:
            if not member.tasks or member.spoilt:
                continue
            held = resident_memory(member.process.pid or 0) if limits.memory else None
            if any(now - task.alive > limits.stall for task in member.tasks.values()):
                member.spoilt = (HUNG, f"no sign of life for {limits.stall:g} s")
            elif any(now - task.started > limits.seconds for task in member.tasks.values()):
                member.spoilt = (HUNG, f"not done after {limits.seconds:g} s")
            elif held is not None and limits.memory and held > limits.memory:
                member.spoilt = (MEMORY, f"more than {limits.memory / 1e6:.0f} MB of memory")
            else:
                continue
            member.process.kill()


def _how(exit_code: int | None) -> str:
    """How a process ended."""
    if exit_code is not None and exit_code < 0:
        try:
            name = signal.Signals(-exit_code).name
        except ValueError:
            name = f"signal {-exit_code}"
        return f"its worker was ended by {name}"
    return f"its worker ended with exit code {exit_code}"


def _serve(link: Connection, make: Make, log: Path | None, side_by_side: int) -> None:
    """A worker process: make the worker, then do jobs until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ["OMP_NUM_THREADS"] = "1"  # before numpy and torch are imported
    go_first()
    _send_output_to(log)
    faulthandler.enable()
    try:
        worker = make()
    except Exception as error:
        traceback.print_exc()
        link.send((_UNFIT, str(error) or type(error).__name__))
        return
    one_at_a_time = threading.Lock()

    def tell(kind: str, content: Any) -> None:
        with one_at_a_time:
            link.send((kind, content))

    def do(job: Job) -> None:
        told = 0.0

        def beat(seconds: float) -> None:
            nonlocal told
            if time.monotonic() - told > _BETWEEN_LOOKS:
                told = time.monotonic()
                tell(_BEAT, (job.number, seconds))

        tell(_DONE, (job.number, worker(job, beat)))

    tell(_READY, None)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        if side_by_side == 1:
            while True:
                do(link.recv())
        with ThreadPoolExecutor(side_by_side) as threads:
            while True:
                threads.submit(do, link.recv()).add_done_callback(_end_on_error)


def _end_on_error(future: Future[None]) -> None:
    """A thread that dies silently would leave its job undone: better the whole process."""
    if future.exception() is not None:
        traceback.print_exception(future.exception())
        os._exit(1)


def _send_output_to(log: Path | None) -> None:
    """Send what libraries print, and a crash's last words, to a file."""
    if log is not None:
        with contextlib.suppress(OSError):
            file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            for stream in (sys.stdout, sys.stderr):
                os.dup2(file, stream.fileno())
            os.close(file)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
