"""What is said of a recording in an archive: why it failed, what is doubtful about it.

A *cause* is a few words that many failures share, so that they can be counted; a *warning*
begins with its kind and a colon.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from transcribe.console import reason
from transcribe.errors import AudioError
from transcribe.remarks import is_distorted, is_no_piano, is_out_of_tune

TRUNCATED, DAMAGED, SILENT = "truncated", "damaged", "silent"
CLIPPED, NO_PIANO, TUNING, KEPT = "clipped", "not a piano", "tuning", "kept"
WARNINGS = {
    TRUNCATED: "a part is missing",
    DAMAGED: "parts could not be decoded",
    SILENT: "nothing in it is loud enough to hear",
    CLIPPED: "recorded too loud, its peaks are cut off",
    NO_PIANO: "no piano, or too far from the microphone",
    TUNING: "tuned away from A = 440 Hz",
    KEPT: "a file that was in the place of an output was kept under another name",
}
"""Kinds of warnings, most serious first, with what each means."""

GONE, UNREADABLE, TOO_LONG, UNEXPECTED = "gone", "can't be read", "too long", "unexpected error"
NO_MEMORY, UNWRITABLE = "not enough memory", "can't be written"
DISK_FULL = "disk full"
"""The cause of a failure after which no other recording can be done either."""
_PASSING = (GONE, UNREADABLE)
_CAUSES = (
    ("empty file", "empty"),
    ("holds no samples", "empty"),
    ("no audio track", "no sound in it"),
    ("has no index", "cut off before it was finished"),
    ("not a recording", "not a recording"),
    ("all of it is damaged", "damaged"),
    ("header is damaged", "damaged"),
    ("no decoder", "unknown encoding"),
    ("8 to 32 bit", "unknown encoding"),
    ("no such file", GONE),
    ("no permission", UNREADABLE),
    ("can't be read", UNREADABLE),
    ("longer than", TOO_LONG),
)
"""What an `AudioError` says, and the cause that it is counted under."""


def judged(error: BaseException, recording: Path) -> tuple[str, str, bool]:
    """Cause and sentence of what a recording failed with, and whether it may pass."""
    said = reason(error, about=recording)
    if isinstance(error, MemoryError):
        return NO_MEMORY, said, True
    if isinstance(error, AudioError):
        cause = next((cause for words, cause in _CAUSES if words in said), "can't be used")
        return cause, said, cause in _PASSING
    if isinstance(error, FileNotFoundError):
        return GONE, said, True
    if isinstance(error, OSError):
        return UNREADABLE, said, True
    return UNEXPECTED, f"unexpected {type(error).__name__}: {said}", True


def warnings_of(
    remarks: Sequence[str],
    *,
    silent: bool,
    duration: float,
    confidence: float | None,
    n_notes: int,
    clipped: float,
    tuning: float | None,
) -> tuple[str, ...]:
    """What is doubtful about a recording that was transcribed, most serious first.

    Parameters
    ----------
    remarks : sequence of str
        What `AudioReader.warnings` and `Transcription.warnings` say.
    silent : bool
    duration : float
        Seconds.
    confidence : float or None
        Mean over the notes, 0 to 1; None without notes.
    n_notes : int
    clipped : float
        Share of the samples at full scale, 0 to 1.
    tuning : float or None
        Cents above A = 440 Hz.
    """
    found = []
    for remark in remarks:
        kind, colon, rest = remark.partition(": ")
        if kind.startswith(TRUNCATED) and colon:
            found.append(f"{TRUNCATED}: {rest}")
        elif not kind.startswith("nothing was heard"):
            found.append(f"{DAMAGED}: {remark}")
    if silent:
        found.append(f"{SILENT}: nothing is loud enough to hear")
    elif confidence is None:
        found.append(f"{NO_PIANO}: no notes were found")
    elif is_no_piano(confidence, n_notes, duration):
        found.append(f"{NO_PIANO}: the notes are guesses, of mean confidence {confidence:.2f}")
    if is_distorted(clipped):
        found.append(f"{CLIPPED}: {100 * clipped:.2g} % of the samples are at full scale")
    if tuning is not None and is_out_of_tune(tuning):
        side = "above" if tuning > 0 else "below"
        found.append(
            f"{TUNING}: {abs(tuning):.0f} cents {side} A = 440 Hz "
            f"(A4 is at {440 * 2 ** (tuning / 1200):.1f} Hz)"
        )
    return tuple(sorted(found, key=lambda warning: list(WARNINGS).index(kind_of(warning))))


def kind_of(warning: str) -> str:
    """The kind that a warning begins with."""
    return warning.partition(":")[0]
