"""Who waits for what in the queue of recordings, and for how long."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from transcribe.web.library_entry import LibraryEntry
from transcribe.web.worker_process import WorkerProcess

SHORT = 120.0
"""Seconds; recordings up to this do not wait for longer ones."""


@dataclass(slots=True)
class RunningJob:
    """How far the work on a recording is."""

    entry: LibraryEntry
    short: bool
    """Whether the worker for short recordings does it."""
    heard_seconds: float = 0.0
    n_notes: int = 0
    seconds_left: float | None = None
    started: float = 0.0
    seconds_before: float = 0.0
    """Of the recording, that were done or left out when this work began."""
    stopped: str | None = None
    """The state that a person has asked for in place of the work."""
    is_forgotten: bool = False
    """Whether the recording is to be deleted, so that no more is written of it."""
    lacks_room: bool = False
    """Whether what is known of the recording can't be written down, the disk being full."""
    process: WorkerProcess | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """What a queued recording waits for."""

    n_before: int
    """Recordings whose turn is before, those in work included."""
    seconds: float | None
    """Until its turn, as far as that can be known."""


def waits(
    queued: Sequence[LibraryEntry],
    running: Collection[RunningJob],
    n_jobs: int,
    pace: float | None,
) -> dict[str, Wait]:
    """What each queued recording waits for, by id.

    Parameters
    ----------
    queued : sequence of LibraryEntry
        In the order in which they came.
    running : collection of RunningJob
    n_jobs : int
        How many recordings are transcribed at once, short ones beside them not counted.
    pace : float or None
        Seconds of work a second of music, where that is known.
    """
    short = short_order(queued) if is_blocked(running, n_jobs) else []
    beside = {entry.id for entry in short}
    found: dict[str, Wait] = {}
    for line, n_lanes, is_short in (
        ([entry for entry in queued if entry.id not in beside], max(1, n_jobs), False),
        (short, 1, True),
    ):
        jobs = [job for job in running if job.short == is_short]
        n_before = len(jobs)
        seconds = _total(job.seconds_left for job in jobs)
        for entry in line:
            wait = None if seconds is None else seconds / n_lanes
            found[entry.id] = Wait(n_before, wait)
            seconds = _total((seconds, expected(entry, pace)))
            n_before += 1
    return found


def expected(entry: LibraryEntry, pace: float | None) -> float | None:
    """Seconds that the work on a recording should take."""
    seconds = entry.seconds_of_work
    return None if pace is None or seconds is None else seconds * pace


def is_blocked(running: Iterable[RunningJob], n_jobs: int) -> bool:
    """Whether every worker has a long recording."""
    jobs = [job for job in running if not job.short]
    return len(jobs) >= n_jobs > 0 and not any(_is_short(job.entry) for job in jobs)


def short_order(queued: Iterable[LibraryEntry]) -> list[LibraryEntry]:
    """The short recordings, the shortest first."""
    return sorted(filter(_is_short, queued), key=lambda entry: entry.seconds_of_work or 0.0)


def _is_short(entry: LibraryEntry) -> bool:
    seconds = entry.seconds_of_work
    return seconds is not None and seconds <= SHORT


def _total(seconds: Iterable[float | None]) -> float | None:
    """The sum, or None where a part is unknown."""
    total = 0.0
    for each in seconds:
        if each is None:
            return None
        total += each
    return total
