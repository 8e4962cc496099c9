"""Workers that do jobs side by side: what the driver asks of any kind of them.

Each worker of a pool transcribes one recording after the other; the pool reports the outcome of
each, or that its worker died of it. It retries nothing: that is for the driver
(`transcribe.archive.driver`), so that all kinds of pools treat a crashing file alike.
"""

from __future__ import annotations

import argparse
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol, TypeAlias, TypeVar

from transcribe.archive.jobs import Job, OnProgress, Outcome

Transcribe: TypeAlias = Callable[[Job, OnProgress], Outcome]
MakeWorker: TypeAlias = Callable[[], Transcribe]
"""Makes a worker, in the worker's process; is pickled on the way there."""

CRASHED, MEMORY, HUNG, LOST = "crashed", "memory", "hung", "lost"
"""What a worker died of: by itself; over its memory limit; over the time limit; or with the
machine that it was on, which is not the recording's fault."""
MEMORY_SHARE = 0.9
"""Of the memory of a machine, how much all workers together may take."""
_LEAST_LIMIT = 2_000_000_000
"""Bytes; a limit that is worked out for a worker is at least this."""


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """How much a recording may ask of a worker before it is stopped."""

    seconds: float = 3600.0
    """For a whole recording."""
    stall: float = 300.0
    """Without a sign of life (`Worker`'s ``beat``)."""
    memory: int | None = None
    """Bytes of a worker's resident memory; None for no limit."""


def limits_of(options: argparse.Namespace, memory: float | None, n_workers: int) -> WorkerLimits:
    """What each worker may take: as the options say, else its share of the memory in bytes."""
    limit = None if memory is None else max(int(MEMORY_SHARE * memory / n_workers), _LEAST_LIMIT)
    if options.memory_limit:
        limit = options.memory_limit * 1_000_000
    return WorkerLimits(seconds=options.time_limit, stall=options.stall_limit, memory=limit)


@dataclass(frozen=True, slots=True)
class Finished:
    """A worker is done with a job, one way or the other."""

    job: Job
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Died:
    """The worker of a job has died; the pool starts another."""

    job: Job
    kind: str
    """`CRASHED`, `MEMORY`, `HUNG` or `LOST`."""
    reason: str
    """In a sentence: signal, exit code, limit."""


class PoolError(RuntimeError):
    """The workers can't be started at all, such as for want of the weights."""


class Pool(Protocol):
    """Workers, all alike."""

    @property
    def description(self) -> str:
        """How many workers and where, for people."""
        ...

    @property
    def size(self) -> int:
        """How many jobs can be worked on at once; the driver submits few more than these."""
        ...

    @property
    def transcribed(self) -> float:
        """Seconds of music transcribed so far in jobs that are not finished; 0 if not known."""
        ...

    def submit(self, job: Job) -> None:
        """Queue a job. One that is ``isolated`` has a fresh worker, which ends with it."""
        ...

    def next(self, timeout: float) -> Finished | Died | None:
        """What happened next; None if nothing did for so many seconds.

        Raises
        ------
        PoolError
            No worker could be started.
        """
        ...

    def close(self) -> None:
        """End all workers at once; what they were at is left undone, nothing half-written."""
        ...


@dataclass(slots=True, eq=False)
class Task:
    """A job that a member is at."""

    job: Job
    started: float
    alive: float
    """When it last gave a sign of life."""
    transcribed: float = 0.0
    """Seconds of music."""


class Member(ABC):
    """A worker as its pool knows it: how to give it jobs, and how to end it."""

    def __init__(self) -> None:
        self.ready = self.used = False
        self.tasks: dict[int, Task] = {}
        """By the numbers of their jobs."""
        self.held: int | None = None
        """Bytes of memory when it was last asked."""
        self.first_peak: int | None = None
        """Most bytes that it held when its first job was done."""

    @abstractmethod
    def send(self, job: Job) -> None:
        """Give it a job; if it is gone, its end will be reported."""

    @abstractmethod
    def poll(self) -> None:
        """Check on it, where it doesn't report by itself."""

    @abstractmethod
    def kill(self) -> None:
        """End it at once, without waiting for that."""

    @abstractmethod
    def clean_up(self) -> None:
        """Wait for its end, and remove what it left."""

    @property
    def is_isolated(self) -> bool:
        """Whether it does one job alone."""
        return any(task.job.isolated for task in self.tasks.values())


_Member = TypeVar("_Member", bound=Member)

ORDINARY_MEMORY = 350_000_000
"""Bytes that a worker takes at most in ordinary use: measured, 0.16 GB over a thousand recordings
of a few seconds, 0.29 GB with whole windows, 0.34 GB after a recording of three hours."""

MEMORY_GROWTH = 1.8
"""How much of its first peak of memory, or of what is ordinary, a worker may take before it is
renewed. ONNX Runtime gives no cause; torch keeps something for every length of input that it has
seen, and doubles in size over a thousand recordings of a few seconds, all of different lengths."""


class SupervisedPool(ABC, Generic[_Member]):
    """What all pools share: which member gets which job, and which exceeds its limits.

    Members are started while there is need. A kind of pool says how they are started and
    listened to, and passes messages on with `_on_ready`, `_on_progress`, `_on_done` and
    `_on_exit`.
    """

    check_interval: ClassVar[float] = 0.5
    """Seconds between looks at memory and clocks."""
    max_failed_starts: ClassVar[int] = 3
    """Workers in a row that die before they are ready, until the pool gives up."""

    def __init__(self, limits: WorkerLimits, n_parallel: int = 1, description: str = "") -> None:
        self.description = description
        self._limits, self._n_parallel = limits, n_parallel
        self._members: list[_Member] = []
        self._queue: deque[Job] = deque()
        self._events: deque[Finished | Died] = deque()
        self._n_failed_starts = 0
        self._checked = 0.0

    @property
    @abstractmethod
    def size(self) -> int:
        """How many jobs can be worked on at once."""

    @abstractmethod
    def _has_vacancy(self) -> bool:
        """Whether one member more may be started."""

    @abstractmethod
    def _start(self) -> _Member:
        """Start a member."""

    @abstractmethod
    def _wait_for_messages(self, seconds: float) -> None:
        """Wait so long for reports of members, and pass them on."""

    def _on_end(self, member: _Member) -> None:
        """A member has ended, whatever the reason."""

    @property
    def transcribed(self) -> float:
        """Seconds of music transcribed so far in jobs that are not finished."""
        return sum(task.transcribed for member in self._members for task in member.tasks.values())

    def submit(self, job: Job) -> None:
        """Queue a job."""
        self._queue.append(job)

    def next(self, timeout: float) -> Finished | Died | None:
        """What happened next; None if nothing did for so many seconds."""
        until = time.monotonic() + timeout
        while True:
            self._assign()
            if self._events:
                return self._events.popleft()
            left = until - time.monotonic()
            if left <= 0:
                return None
            self._wait_for_messages(min(left, self.check_interval))
            self._check_limits()

    def close(self) -> None:
        """End all members at once."""
        for member in self._members:
            member.kill()
        for member in self._members:
            member.clean_up()
        self._members = []

    # --- who does what ---

    def _assign(self) -> None:
        """Give queued jobs to members that have room, and start members while there is need."""
        for job in list(self._queue):
            member = self._free(isolated=job.isolated)
            if member is None:
                continue
            self._queue.remove(job)
            member.used = True
            member.tasks[job.number] = Task(job, time.monotonic(), time.monotonic())
            member.send(job)
        n_coming = sum(self._n_parallel for member in self._members if not member.used)
        while n_coming < len(self._queue) and self._has_vacancy():
            self._members.append(self._start())
            n_coming += self._n_parallel

    def _free(self, *, isolated: bool) -> _Member | None:
        """A member that may take a job; one that must be fresh may have to be made so."""
        if not isolated:
            return next(filter(self._has_room, self._members), None)
        idle = [member for member in self._members if not member.tasks]
        fresh = next((member for member in idle if not member.used), None)
        if fresh is not None:
            return fresh if fresh.ready else None
        if idle and not self._has_vacancy():
            self._end(idle[0])
        return None

    def _has_room(self, member: _Member) -> bool:
        return member.ready and len(member.tasks) < self._n_parallel and not member.is_isolated

    def _end(self, member: _Member) -> None:
        """End a member; another may be started in its place."""
        member.kill()
        member.clean_up()
        self._members.remove(member)
        self._on_end(member)

    # --- what happens ---

    def _on_ready(self, member: _Member) -> None:
        member.ready = True
        self._n_failed_starts = 0

    def _on_progress(self, member: _Member, number: int, transcribed: float) -> None:
        """A sign of life, with the seconds of music transcribed so far."""
        if number in member.tasks:
            member.tasks[number].alive, member.tasks[number].transcribed = (
                time.monotonic(),
                transcribed,
            )

    def _on_done(self, member: _Member, number: int, outcome: Outcome) -> None:
        isolated = member.is_isolated
        self._events.append(Finished(member.tasks.pop(number).job, outcome))
        if member.first_peak is None:
            member.first_peak = outcome.peak_memory
        ordinary, now = max(member.first_peak or 0, ORDINARY_MEMORY), outcome.peak_memory
        has_grown = now is not None and now > MEMORY_GROWTH * ordinary
        if isolated or (has_grown and self._n_parallel == 1):
            self._end(member)

    def _on_exit(self, member: _Member, kind: str, reason: str) -> None:
        """A member ended, or must: each of its jobs has lost its worker."""
        self._events += [Died(task.job, kind, reason) for task in member.tasks.values()]
        if not member.ready:
            self._n_failed_starts += 1
        self._end(member)
        if self._n_failed_starts >= self.max_failed_starts:
            raise PoolError(f"workers do not start: {reason}")

    def _check_limits(self) -> None:
        """End the members that ask for too much."""
        now, limits = time.monotonic(), self._limits
        if now - self._checked < self.check_interval:
            return
        self._checked = now
        for member in [member for member in self._members if member.tasks]:
            member.poll()
            tasks = member.tasks.values()
            if any(now - task.alive > limits.stall for task in tasks):
                self._on_exit(member, HUNG, f"no sign of life for {limits.stall:g} s")
            elif any(now - task.started > limits.seconds for task in tasks):
                self._on_exit(member, HUNG, f"not done after {limits.seconds:g} s")
            elif limits.memory and member.held is not None and member.held > limits.memory:
                reason = f"it took more than {limits.memory / 1e6:.0f} MB of memory"
                self._on_exit(member, MEMORY, reason)
