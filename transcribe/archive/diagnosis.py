"""What an archive keeps of errors and warnings: a cause to count by, and a line to read.

A *cause* is a few words that many failures share, so that they can be counted; a *warning*
is kept as its kind, a colon and its sentence.
"""

from __future__ import annotations

from pathlib import Path

from transcribe.audio.quality import KINDS, AudioWarning
from transcribe.errors import AudioError, AudioProblem
from transcribe.wording import reason

TUNING, KEPT = "tuning", "kept"
WARNINGS = {
    **KINDS,
    KEPT: "a file that was in the place of an output was kept under another name",
}
"""Kinds of warnings, most serious first, with what each means."""

GONE, UNREADABLE, UNEXPECTED = "gone", "can't be read", "unexpected error"
NO_MEMORY, UNWRITABLE = "not enough memory", "can't be written"
DISK_FULL = "disk full"
"""The cause of a failure after which no other recording can be done either."""
_TRANSIENT = (GONE, UNREADABLE)
CAUSES: dict[AudioProblem, str] = {
    "not_found": GONE,
    "no_permission": UNREADABLE,
    "unreadable": UNREADABLE,
    "not_a_file": "not a file",
    "empty": "empty",
    "cut_off": "cut off before it was finished",
    "not_a_recording": "not a recording",
    "midi": "MIDI, not a recording",
    "no_audio_track": "no sound in it",
    "no_decoder": "unknown encoding",
    "damaged": "damaged",
    "too_long": "too long",
    "too_short": "too short",
    "unusable": "can't be used",
}
"""The cause that an `AudioError` of a kind is counted under."""


def classify_error(error: BaseException, recording: Path) -> tuple[str, str, bool]:
    """Cause and sentence of what a recording failed with, and whether it may pass."""
    message = reason(error, about=recording)
    if isinstance(error, MemoryError):
        return NO_MEMORY, message, True
    if isinstance(error, AudioError):
        cause = CAUSES[error.kind]
        return cause, message, cause in _TRANSIENT
    if isinstance(error, FileNotFoundError):
        return GONE, message, True
    if isinstance(error, OSError):
        return UNREADABLE, message, True
    return UNEXPECTED, f"unexpected {type(error).__name__}: {message}", True


def as_line(warning: AudioWarning) -> str:
    """A warning as the manifest keeps it."""
    return f"{warning.kind}: {warning}"


def kind_of(line: str) -> str:
    """The kind that a warning's line begins with."""
    return line.partition(":")[0]
