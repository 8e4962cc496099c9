"""The driver: gives recordings to a pool, records each outcome, retries.

What fails for want of something outside the recording (the network, memory) is tried
again; what killed its worker too, but alone in a fresh one; after `retries` more times it
is quarantined, and the run goes on. The manifest knows at every moment what is being
worked on, so whatever ends the driver, the next run goes on from there.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Protocol

from transcribe.archive.diagnosis import DISK_FULL, GONE, NO_MEMORY, UNEXPECTED
from transcribe.archive.jobs import DONE, Job, Outcome
from transcribe.archive.manifest import Manifest
from transcribe.archive.plan import Wanted
from transcribe.archive.rows import QUARANTINED, WAITING, WORKING, Row
from transcribe.archive.storage.base import Store
from transcribe.archive.workers.base import CRASHED, HUNG, LOST, MEMORY, Died, Finished, Pool
from transcribe.errors import TranscribeError

_BETWEEN_TICKS = 0.5
"""Seconds that are waited for news of the workers before the rest is looked at."""
_MOST_LOSSES = 10
"""How often a recording may lose its worker through no fault of its own."""
_KILLED = {
    CRASHED: "crashed its worker",
    MEMORY: "took too much memory",
    HUNG: "hung",
    LOST: "lost its worker too often",
}


class StoppedError(TranscribeError):
    """The run can't go on; what is done is kept."""


class Observer(Protocol):
    """Follows a run."""

    def finished(self, row: Row) -> None:
        """A recording is done, failed or quarantined."""

    def retried(self, row: Row, why: str) -> None:
        """A recording is tried again."""

    def tick(self, transcribed: float) -> None:
        """Called often, with the seconds of music done of the recordings in work."""


@dataclass(frozen=True, slots=True)
class RunStores:
    """Where recordings are read and outputs go."""

    source: Store
    destination: Store


class Driver:
    """Has recordings transcribed.

    Parameters
    ----------
    manifest : Manifest
        Holds a row for each of the recordings.
    pool : Pool
        Does the work; closed at the end, whatever happens.
    places : RunStores
    wanted : Wanted
    observer : Observer
    retries : int
        How many times more a recording is tried, 0 or more.
    """

    def __init__(
        self,
        manifest: Manifest,
        pool: Pool,
        places: RunStores,
        wanted: Wanted,
        observer: Observer,
        *,
        retries: int = 2,
    ) -> None:
        self.manifest, self.pool, self.places = manifest, pool, places
        self.wanted, self.observer, self.retries = wanted, observer, retries
        self._waiting: deque[Row] = deque()
        self._active: dict[int, Row] = {}

    def run(self, rows: Sequence[Row]) -> None:
        """Transcribe all recordings.

        Raises
        ------
        StoppedError
            The disk is full, or the source is gone.
        PoolError
            No worker can be started.
        OSError
            The manifest can't be written.
        """
        # What a worker or a driver may have died of comes last: each such recording needs a fresh
        # worker of its own, and a few of them at the front would hold up all the others.
        self._waiting = deque(sorted(rows, key=_is_suspect))
        try:
            while self._waiting or self._active:
                while self._waiting and len(self._active) < 2 * self.pool.size:
                    self._submit(self._waiting.popleft())
                event = self.pool.next(_BETWEEN_TICKS)
                if isinstance(event, Finished):
                    self._finished(event)
                elif isinstance(event, Died):
                    self._died(event)
                self.observer.tick(self.pool.transcribed)
        finally:
            self.pool.close()
            with contextlib.suppress(OSError, TranscribeError):
                self._release_active()

    def _submit(self, row: Row) -> None:
        isolated = _is_suspect(row)
        row.attempts += 1
        row.state = WORKING
        self._active[row.number] = row
        self.manifest.save([row])
        self.pool.submit(
            Job(
                number=row.number,
                name=row.name,
                source=self.places.source.address,
                place=row.place,
                destination=self.places.destination.address,
                outputs=tuple((kind, f"{row.stem}.{kind}") for kind in self.wanted.kinds),
                attempt=row.attempts,
                isolated=isolated,
                keep_existing=row.guarded,
            )
        )

    def _finished(self, event: Finished) -> None:
        row, outcome = self._active[event.job.number], event.outcome
        self._record(row, outcome)
        if outcome.state != DONE:
            self._check_places(outcome)
            if outcome.may_pass and row.attempts <= self.retries:
                self._retry(row, outcome.error)
                return
        self.manifest.finish(row, outcome.outputs)
        del self._active[row.number]
        self.observer.finished(row)

    def _record(self, row: Row, outcome: Outcome) -> None:
        """Write the outcome of a recording into its row."""
        row.take(outcome)
        row.settings = self.wanted.settings
        row.finished = datetime.now(timezone.utc).isoformat(timespec="seconds")

    def _check_places(self, outcome: Outcome) -> None:
        """Stop where no other recording would fare better."""
        if outcome.cause == DISK_FULL:
            raise StoppedError(
                f"{self.places.destination.address}: {outcome.error}; make room and start "
                "again: what is done is kept"
            )
        folder = self.places.source.folder
        if outcome.cause == GONE and folder is not None and not folder.is_dir():
            raise StoppedError(
                f"{folder}: the source is no longer there; put it back and start again: what is "
                "done is kept"
            )

    def _died(self, event: Died) -> None:
        row = self._active[event.job.number]
        row.deaths += event.kind != LOST
        lost_too_often = row.attempts > self.retries + _MOST_LOSSES
        if row.deaths <= self.retries and not lost_too_often:
            self._retry(row, event.reason)
            return
        row.state, row.cause, row.error = QUARANTINED, _KILLED[event.kind], event.reason
        row.model, row.model_sha256 = self.wanted.model, self.wanted.model_sha256
        row.settings = self.wanted.settings
        row.finished = datetime.now(timezone.utc).isoformat(timespec="seconds")
        self.manifest.finish(row, ())
        del self._active[row.number]
        self.observer.finished(row)

    def _retry(self, row: Row, why: str) -> None:
        """Have a recording tried again when the others have had their turn."""
        row.state = WAITING
        self.manifest.save([row])
        del self._active[row.number]
        self._waiting.append(row)
        self.observer.retried(row, why)

    def _release_active(self) -> None:
        """Leave the recordings in work to the next run."""
        for row in self._active.values():
            row.state = WAITING
            row.attempts = max(row.attempts - 1, 0)
        self.manifest.save(self._active.values())


def _is_suspect(row: Row) -> bool:
    """Whether a recording may be what ended a worker or the driver, and is to be done alone."""
    return row.deaths > 0 or row.cause in (NO_MEMORY, UNEXPECTED) or row.attempts > 1
