"""What one worker does with one recording: fetch, hear, judge, write; never raise.

The classes that travel between the driver and its workers are plain and pickle; torch is
imported only where a `Worker` is made.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from transcribe.archive.diagnosis import DISK_FULL, KEPT, UNWRITABLE, judged
from transcribe.archive.storage.base import Found, Store, open_store
from transcribe.errors import TranscribeError
from transcribe.hardware import peak_memory
from transcribe.notes import STANDARD_A4
from transcribe.wording import reason

if TYPE_CHECKING:
    from transcribe.archive.hearing import Heard

log = logging.getLogger(__name__)

DONE, FAILED = "done", "failed"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_BLOCK_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class Settings:
    """How all recordings of a run are heard; the same for every worker."""

    offsets: str = "key"
    """Where notes end: ``"key"`` or ``"sustained"``; as for ``transcribe``."""
    onset_threshold: float | None = None
    frame_threshold: float | None = None
    minimum_note: float | None = None
    """Probabilities and seconds to use in place of the checkpoint's."""
    a4: float = STANDARD_A4
    """Hertz of the instruments' A above middle C."""
    checkpoint: str | None = None
    """Weights file; the packaged weights if None."""
    device: str = "cpu"
    """As in torch, such as ``"cuda:1"``."""
    threads: int = 1
    """Of torch, in each worker."""
    side_by_side: int = 1
    """Recordings that one worker hears at once; their windows go through the network together."""
    longest: float = 12 * 3600.0
    """Seconds of music; a longer recording is refused."""


@dataclass(frozen=True, slots=True)
class Job:
    """One recording to be transcribed."""

    number: int
    """Its row in the manifest."""
    name: str
    """What the archive calls it: its path in the source."""
    source: str
    """Address of the store it is in (`store.open_store`)."""
    place: str
    """Its name in that store."""
    destination: str
    """Address of the store its outputs go to."""
    outputs: tuple[tuple[str, str], ...]
    """Kind (of `export.KINDS`) and name in the destination of each, in the order of writing."""
    attempt: int = 1
    isolated: bool = False
    """To be done alone in a fresh worker, because others died of it."""
    keep_existing: bool = False
    """Whether files in the place of the outputs are not known to be this archive's: other
    content is then kept, under another name."""


@dataclass(frozen=True, slots=True)
class Output:
    """A file that was written."""

    kind: str
    name: str
    size: int
    sha256: str
    modified: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a job; what is not known of a failed one is None."""

    state: str
    """`DONE` or `FAILED`."""
    cause: str = ""
    """Of a failure, in a few words that many share, such as "not a recording"."""
    error: str = ""
    """Of a failure, in a sentence, without the recording's path."""
    may_pass: bool = False
    """Whether a failure is not the recording's own, so that it may be tried again."""
    sha256: str | None = None
    """Of the recording's bytes."""
    size: int | None = None
    modified: float | None = None
    """Of the recording as it was read."""
    duration: float | None = None
    sample_rate: int | None = None
    codec: str | None = None
    n_notes: int | None = None
    n_presses: int | None = None
    confidence: float | None = None
    """Mean over the notes, 0 to 1; None without notes."""
    tuning: float | None = None
    """Cents above ``Settings.a4``, -50 to 50; None where that can't be told."""
    warnings: tuple[str, ...] = ()
    """Each begins with its kind and a colon, such as ``"truncated: ..."``."""
    model: str = ""
    """Name and version of the weights."""
    model_sha256: str = ""
    seconds: float = 0.0
    """Spent on it."""
    peak_memory: int | None = None
    """Most bytes that the worker has held so far."""
    outputs: tuple[Output, ...] = ()


Beat = Callable[[float], None]
"""Is given the seconds of music heard so far, as a sign of life."""


class Worker:
    """Hears recordings with weights that are loaded once.

    Parameters
    ----------
    settings : Settings

    Raises
    ------
    CheckpointError
        The weights can't be loaded.
    ValueError
        There is no such device.
    """

    def __init__(self, settings: Settings) -> None:
        from transcribe.archive.hearing import Hearer

        self.settings = settings
        self._hearer = Hearer(settings)

    def __call__(self, job: Job, beat: Beat | None = None) -> Outcome:
        """Transcribe one recording and write its outputs; what is wrong with it is in the outcome.

        Raises
        ------
        RuntimeError
            A GPU failed, and with it this worker.
        """
        started = time.monotonic()
        outcome = self._outcome(job, beat or (lambda seconds: None))
        return replace(
            outcome,
            model=self._hearer.model,
            model_sha256=self._hearer.model_sha256,
            seconds=time.monotonic() - started,
            peak_memory=peak_memory(),
        )

    def _outcome(self, job: Job, beat: Beat) -> Outcome:
        path = Path(job.place)
        found: Found | None = None
        digest = None
        try:
            source = open_store(job.source)
            found = source.look(job.place)
            if found is None:
                raise FileNotFoundError(errno.ENOENT, "there is no such file")
            with source.fetch(job.place) as path:
                digest = _digest(path, beat)
                heard = self._hearer.hear(path, beat)
            if source.look(job.place) != found:
                raise OSError(errno.EBUSY, "the recording changed while it was read")
            outputs, kept = self._write(job, heard)
        except _WriteError as error:
            cause = UNWRITABLE if error.__cause__.errno not in _NO_ROOM else DISK_FULL
            outcome = Outcome(state=FAILED, cause=cause, error=str(error), may_pass=True)
        except Exception as error:
            if isinstance(error, RuntimeError) and self.settings.device != "cpu":
                raise  # a GPU may fail at everything from here on; a fresh process has it anew
            # A decoder or a store may raise anything at all over a bad file.
            if not isinstance(error, (TranscribeError, OSError, MemoryError)):
                log.exception("%s", job.name)
            cause, said, may_pass = judged(error, path)
            outcome = Outcome(state=FAILED, cause=cause, error=said, may_pass=may_pass)
        else:
            outcome = replace(heard.outcome, outputs=outputs)
            if kept:
                warning = f"{KEPT}: {', '.join(kept)}"
                outcome = replace(outcome, warnings=(*outcome.warnings, warning))
        if found is not None:
            outcome = replace(outcome, size=found.size, modified=found.modified)
        return replace(outcome, sha256=digest)

    def _write(self, job: Job, heard: Heard) -> tuple[tuple[Output, ...], list[str]]:
        """Write what the job asks for; what had to be moved out of the way."""
        destination = open_store(job.destination)
        outputs, kept = [], []
        try:
            for kind, name in job.outputs:
                content = self._hearer.content(kind, job.name, heard)
                if job.keep_existing:
                    kept += _keep(destination, name, content)
                put = destination.put(name, content)
                digest = hashlib.sha256(content).hexdigest()
                outputs.append(Output(kind, name, len(content), digest, put.modified))
        except OSError as error:
            raise _WriteError(reason(error)) from error
        return tuple(outputs), kept


class Prober:
    """Only looks at recordings, without torch; its outcomes hold no more.

    Parameters
    ----------
    counting : bool
        Whether to read a recording to its end, where its header can only guess how long it is.
    """

    def __init__(self, *, counting: bool = False) -> None:
        self.counting = counting

    def __call__(self, job: Job, beat: Beat | None = None) -> Outcome:
        """Duration, sample rate and codec of a recording."""
        from transcribe.audio.reader import counted_seconds, probe

        path = Path(job.place)
        try:
            with open_store(job.source).fetch(job.place) as path:
                info = probe(path)
                duration = counted_seconds(path) if self.counting else info.duration
        except Exception as error:
            cause, said, may_pass = judged(error, path)
            return Outcome(state=FAILED, cause=cause, error=said, may_pass=may_pass)
        return Outcome(
            state=DONE, duration=duration, sample_rate=info.sample_rate, codec=info.codec
        )


class _WriteError(Exception):
    """The destination refused; its cause is the OSError."""

    __cause__: OSError


def _digest(path: Path, beat: Beat) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            beat(0.0)
    return digest.hexdigest()


def _keep(destination: Store, name: str, content: bytes) -> list[str]:
    """Rename what is in the place of an output, if it is another; the new name."""
    found = destination.look(name)
    if found is None or not found.size:
        return []
    with destination.fetch(name) as path:
        if found.size == len(content) and path.read_bytes() == content:
            return []
    n = 1
    while destination.look(f"{name}.kept-{n}") is not None:
        n += 1
    destination.rename(name, f"{name}.kept-{n}")
    return [f"{name}.kept-{n}"]
