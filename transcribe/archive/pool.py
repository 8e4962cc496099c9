"""Workers that do jobs side by side: what the driver asks of any kind of them.

A pool hears one recording after the other in each of its workers and tells what came of
each, or that its worker died of it. It tries nothing again: that is for the driver
(`transcribe.archive.run`), so that all kinds of pools treat a poisonous file alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from transcribe.archive.work import Job, Outcome

CRASHED, MEMORY, HUNG, LOST = "crashed", "memory", "hung", "lost"
"""What a worker died of: by itself; over its memory limit; over the time limit; or with the
machine that it was on, which is nobody's fault."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a recording may ask of a worker before it is stopped."""

    seconds: float = 3600.0
    """For a whole recording."""
    stall: float = 300.0
    """Without a sign of life (`Worker`'s ``beat``)."""
    memory: int | None = None
    """Bytes of a worker's resident memory; None for no limit."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A worker is done with a job, one way or the other."""

    job: Job
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Died:
    """The worker of a job is no more; the pool has another in its place."""

    job: Job
    kind: str
    """`CRASHED`, `MEMORY`, `HUNG` or `LOST`."""
    reason: str
    """In a sentence: signal, exit code, limit."""


class PoolError(RuntimeError):
    """The workers can't be started at all, such as for want of the weights."""


_SWOLLEN = 1.8


def is_swollen(first: int | None, now: int | None) -> bool:
    """Whether a worker should be renewed, from its peak memory after its first job and now.

    Torch keeps something for every length of input that it has seen, so that a worker which
    hears a thousand recordings of a few seconds, all of different lengths, doubles in size.
    """
    return first is not None and now is not None and now > _SWOLLEN * first


class Pool(Protocol):
    """Workers, all alike."""

    @property
    def size(self) -> int:
        """How many jobs can be worked on at once; the driver submits few more than these."""
        ...

    @property
    def heard(self) -> float:
        """Seconds of music heard so far in jobs that are not finished; 0 if not known."""
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
