"""What travels between an archive's driver and its workers: jobs and their outcomes.

These classes are plain and pickle; nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from transcribe.archive.storage.base import StoredFile
from transcribe.notes import STANDARD_A4

DONE, FAILED = "done", "failed"


@dataclass(frozen=True, slots=True)
class JobSettings:
    """How all recordings of a run are transcribed; the same for every worker."""

    offsets: str = "key"
    """Where notes end: ``"key"`` or ``"sustained"``; as for ``transcribe``."""
    onset_threshold: float | None = None
    frame_threshold: float | None = None
    minimum_note: float | None = None
    """Probabilities and seconds to use in place of the checkpoint's."""
    a4: float = STANDARD_A4
    """Hertz of the instruments' A above middle C."""
    checkpoint: Path | None = None
    """Weights file; the packaged weights if None."""
    device: str = "cpu"
    """As in torch, such as ``"cuda:1"``."""
    threads: int = 1
    """That the network takes in each worker."""
    n_parallel: int = 1
    """Recordings that one worker transcribes at once, their windows in one batch."""
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
    """Address of the store it is in (`storage.opening.open_store`)."""
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


@dataclass(slots=True, kw_only=True)
class Result:
    """What an attempt found out about a recording; what is not known is None."""

    state: str
    """`DONE` or `FAILED`; a row of the manifest knows others."""
    cause: str = ""
    """Of a failure, in a few words that many share, such as "not a recording"."""
    error: str = ""
    """Of a failure, in a sentence, without the recording's path."""
    may_pass: bool = False
    """Whether a failure is not the recording's own, so that it may be tried again."""
    sha256: str | None = None
    """Of the recording's bytes."""
    duration: float | None = None
    sample_rate: int | None = None
    codec: str | None = None
    notes: int | None = None
    pedal_presses: int | None = None
    confidence: float | None = None
    """Mean over the notes, 0 to 1; None without notes."""
    tuning: float | None = None
    """Cents above ``JobSettings.a4``, -50 to 50; None where that isn't known."""
    warnings: tuple[str, ...] = ()
    """Each begins with its kind and a colon, such as ``"truncated: ..."``."""
    model: str = ""
    """Name and version of the weights."""
    model_sha256: str = ""
    seconds: float | None = None
    """Spent on it."""
    peak_memory: int | None = None
    """Most bytes that the worker has held so far."""


@dataclass(slots=True, kw_only=True)
class Outcome(Result):
    """The outcome of a job: its result, and the files that it read and wrote."""

    recording: StoredFile | None = None
    """As it was read; None if it wasn't there."""
    outputs: tuple[Output, ...] = ()


OnProgress = Callable[[float], None]
"""Called with the seconds of music transcribed so far, which shows that the worker is alive."""
