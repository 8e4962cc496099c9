"""A transcription that was left before its end: what it takes to go on from there."""

from __future__ import annotations

from dataclasses import dataclass

from transcribe.decode.events import Candidates
from transcribe.rolls import Rolls


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """Where a transcription stands after a window; a few kilobytes, however long it is."""

    n_windows: int
    """Windows that are done, and that the network need not see again."""
    held: Rolls
    """The last frames, whose candidates depend on frames to come."""


@dataclass(frozen=True, slots=True)
class UnfinishedTranscription:
    """A point to go on from, and all candidates that were found before it."""

    point: ResumePoint
    candidates: Candidates
