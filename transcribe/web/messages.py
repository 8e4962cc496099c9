"""Errors and warnings about a recording, in plain words for the page."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transcribe.errors import AudioError, AudioProblem

FORMATS = "wav, flac, mp3, ogg, opus, m4a, aac, aiff, wma"
READABLE = f"{FORMATS}, or a video with sound"


@dataclass(frozen=True, slots=True)
class UserMessage:
    """What happened, and what to do next."""

    error: str
    hint: str
    kind: str
    """By which the page finds its words in other languages."""
    values: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "error": self.error,
            "hint": self.hint,
            "error_kind": self.kind,
            "error_values": dict(self.values),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> UserMessage:
        """Of what `as_json` gives."""
        names = ("error", "hint", "error_kind", "error_values")
        return cls(*(content[name] for name in names))


AUDIO_ERRORS: dict[AudioProblem, UserMessage] = {
    "cut_off": UserMessage(
        "This recording was cut off before it was finished, so it can't be opened.",
        "Copy or export it again from the device that made it.",
        "cut_off",
    ),
    "no_audio_track": UserMessage(
        "There is no sound in this file.",
        f"Use {READABLE}.",
        "no_audio_track",
        {"formats": FORMATS},
    ),
    "not_a_recording": UserMessage(
        "This is not a recording.", f"Use {READABLE}.", "not_a_recording", {"formats": FORMATS}
    ),
    "midi": UserMessage(
        "This is a MIDI file: it holds notes and no sound.",
        "Sheet music and sound are made of it by the commands transcribe score and "
        "transcribe render.",
        "midi",
    ),
    "empty": UserMessage("This recording is empty.", "Copy or record it again.", "empty"),
    "damaged": UserMessage(
        "This recording is damaged; none of it can be played.", "Copy it again.", "damaged"
    ),
    "too_short": UserMessage(
        "The recording ends before the part that was to be transcribed.",
        "Choose an earlier part, or all of it.",
        "too_short",
    ),
    "no_decoder": UserMessage(
        "The sound of this file is in an encoding that can't be read.",
        "Convert it to wav or mp3, then add that file.",
        "no_decoder",
    ),
}
"""By kind of error; of another kind, the error's own sentence is shown."""
ENDED = UserMessage(
    "The transcription of this recording ended unexpectedly.",
    "Perhaps the computer ran out of memory, or the file is damaged. Try again; "
    "if it happens every time, convert the recording to wav and use that.",
    "ended",
)
"""For a worker that is gone without a word."""


def user_message(error: BaseException, recording: Path) -> UserMessage:
    """An error about a recording, without a path or a technical term."""
    text = str(error).removeprefix(f"{recording}: ")
    if isinstance(error, MemoryError):
        return UserMessage(
            "There was not enough memory to go on.",
            "Close other programs, then try again.",
            "no_memory",
        )
    if isinstance(error, OSError):
        if type(error).__name__ == "DiskFullError" or error.errno in (errno.ENOSPC, errno.EDQUOT):
            return UserMessage(
                "The disk is full.",
                "Delete recordings you no longer need, or make room on the disk; then try again.",
                "disk_full",
            )
        what = error.strerror or type(error).__name__
        return UserMessage(
            f"A file could not be read or written: {what}.", "Try again.", "file", {"what": what}
        )
    if not isinstance(error, AudioError):
        return UserMessage(
            f"Something unexpected went wrong ({type(error).__name__}: {text}).",
            "Try again; if it happens every time, convert the recording to wav and use that.",
            "unexpected_recording",
            {"what": f"{type(error).__name__}: {text}"},
        )
    if error.kind == "too_long":
        return UserMessage(as_sentence(text), "A part of some hours is fine.", "too_long")
    if error.kind in AUDIO_ERRORS:
        return AUDIO_ERRORS[error.kind]
    return UserMessage(
        f"This recording can't be used: {text}.",
        "Convert it to wav or mp3, then add that file.",
        "unusable",
        {"reason": text},
    )


def as_sentence(message: str) -> str:
    """With a capital and a full stop."""
    return f"{message[:1].upper()}{message[1:]}."
