"""What went wrong with a recording, or was odd about it, in plain words for the page."""

from __future__ import annotations

import errno
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from transcribe.errors import AudioError
from transcribe.remarks import is_distorted, is_no_piano
from transcribe.transcriber import NOTHING_HEARD

READABLE = "wav, flac, mp3, ogg, opus, m4a, aac, aiff, wma, or a video with sound"


@dataclass(frozen=True, slots=True)
class Words:
    """What happened, and what to do next."""

    error: str
    hint: str


def said_of(error: BaseException, recording: Path) -> Words:
    """An error about a recording, without a path or a term of the trade."""
    text = str(error).removeprefix(f"{recording}: ")
    if isinstance(error, MemoryError):
        return Words(
            "There was not enough memory to go on.", "Close other programs, then try again."
        )
    if isinstance(error, OSError):
        if type(error).__name__ == "DiskFullError" or error.errno in (errno.ENOSPC, errno.EDQUOT):
            return Words(
                "The disk is full.",
                "Delete recordings you no longer need, or make room on the disk; then try again.",
            )
        what = error.strerror or type(error).__name__
        return Words(f"A file could not be read or written: {what}.", "Try again.")
    if not isinstance(error, AudioError):
        return Words(
            f"Something unexpected went wrong ({type(error).__name__}: {text}).",
            "Try again; if it happens every time, convert the recording to wav and use that.",
        )
    if "has no index" in text:
        return Words(
            "This recording was cut off before it was finished, so it can't be opened.",
            "Copy or export it again from the device that made it.",
        )
    if "no audio track" in text:
        return Words("There is no sound in this file.", f"Use {READABLE}.")
    if "not a recording" in text:
        return Words("This is not a recording.", f"Use {READABLE}.")
    if "empty file" in text or "holds no samples" in text:
        return Words("This recording is empty.", "Copy or record it again.")
    if "all of it is damaged" in text:
        return Words("This recording is damaged; none of it can be played.", "Copy it again.")
    if "longer than" in text:
        return Words(text[:1].upper() + text[1:] + ".", "A part of some hours is fine.")
    return Words(
        f"This recording can't be used: {text}.", "Convert it to wav or mp3, then try again."
    )


def plain_warnings(
    warnings: Sequence[str],
    *,
    silent: bool,
    duration: float,
    confidence: float | None,
    n_notes: int,
    clipped: float,
) -> list[str]:
    """What to tell of a recording that was transcribed.

    Parameters
    ----------
    warnings : sequence of str
        The transcriber's own.
    silent : bool
        Whether nothing in it is loud enough to hear.
    duration : float
        Seconds.
    confidence : float or None
        Mean over the notes, 0 to 1; None without notes.
    n_notes : int
    clipped : float
        Share of the samples at full scale, 0 to 1.
    """
    found = [_plain(warning) for warning in warnings if not warning.startswith(NOTHING_HEARD)]
    if silent:
        found.append(
            "This recording is silent. Check that it is the right file, and that the microphone "
            "was on."
        )
    elif confidence is None:
        found.append(
            "This does not sound like a piano: no notes were found. If there is one, it may be "
            "very soft; move the slider to more notes."
        )
    elif is_no_piano(confidence, n_notes, duration):
        found.append(
            "This does not sound like a piano; the notes are guesses. Try a recording of a piano "
            "alone, made nearer to it."
        )
    if is_distorted(clipped):
        found.append(
            "This recording is distorted: it was made too loud, and its peaks are cut off. Notes "
            "may be wrong; if you can, record it again more softly."
        )
    return found


def _plain(warning: str) -> str:
    missing = re.match(r"truncated or damaged: ([\d.]+) s of the ([\d.]+) s", warning)
    if missing:
        return (
            f"This file is cut off or damaged: {_clock(float(missing[1]))} of "
            f"{_clock(float(missing[2]))} are missing. The rest was transcribed; if you can, "
            "copy the file again."
        )
    if warning.startswith("truncated"):
        return (
            "This file is cut off; how much is missing is not known. The rest was transcribed; "
            "if you can, copy the file again."
        )
    if "damaged packet" in warning:
        return "Parts of this file are damaged and were left out; if you can, copy it again."
    if "silence put where" in warning:
        return "This recording has holes; there is silence in their place."
    if "NaN or infinite" in warning:
        return "Some of the sound is no valid sound; there is silence in its place."
    return warning[:1].upper() + warning[1:] + "."


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)} min {rest:.0f} s" if minutes else f"{rest:.1f} s"
