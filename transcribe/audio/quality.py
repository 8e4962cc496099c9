"""What is doubtful about a recording: the kinds of warnings, and the sentence of each.

`AudioReader` warns of the file, `Transcriber` of the sound and of the notes found in it; the
command line, the archive and the page only show what they are given. A program tells
warnings apart by ``kind``, never by the words.

Where the figures come from: notes of real piano recordings have a mean confidence of 0.95
and more, and most other sounds give no notes at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

CLIPPED_LEVEL = 0.995
"""Of full scale; from here on a sample counts as cut off."""
DOUBTFUL = 0.85
"""A mean confidence below this is not that of a piano."""
SILENCE_DB = -100.0
"""Decibels relative to full scale; a recording that never rises above it is silence."""
_SHORTEST = 0.1
"""Seconds; a shorter recording is a click or a rest of a file, whatever is in it."""
_SPARSE = 6.0
"""Notes a minute; with fewer, and those rather doubtful, it is no piano either."""
_CLIPPED = 5e-4
"""Share of the samples at full scale from which a recording sounds distorted."""
_OUT_OF_TUNE = 15.0
"""Cents; further from A = 440 Hz than pianos in use are kept."""
_BETWEEN_KEYS = 35.0
"""Cents; so far out, a piano that is a few more may be taken for one of the next semitone."""


@dataclass(frozen=True, slots=True)
class AudioWarning:
    """Something that was not as expected, though the recording could be transcribed.

    Raises ValueError for a kind that is none of `KINDS`, or values that are not its own.
    """

    kind: str
    """One of `KINDS`."""
    values: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """The figures in the sentence: seconds, cents, counts, or shares from 0 to 1."""

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise ValueError(f"a warning is one of {', '.join(KINDS)}; found {self.kind!r}")
        try:
            str(self)
        except TypeError as error:
            raise ValueError(f"values of a warning {self.kind!r}: {error}") from error

    def __str__(self) -> str:
        """One sentence, without a capital or a full stop, so that it can follow a colon."""
        _, sentence = _KINDS[self.kind]
        return sentence(**self.values)

    def as_json(self) -> dict[str, Any]:
        """As plain data: ``kind``, ``message`` and ``values``."""
        return {"kind": self.kind, "message": str(self), "values": dict(self.values)}


def most_serious_first(warnings: Iterable[AudioWarning]) -> tuple[AudioWarning, ...]:
    """Sorted as `KINDS` are."""
    return tuple(sorted(warnings, key=lambda warning: list(KINDS).index(warning.kind)))


def is_distorted(clipped: float) -> bool:
    """Whether so large a share of clipped samples, 0 to 1, is audible."""
    return clipped > _CLIPPED


def is_no_piano(confidence: float, n_notes: int, duration: float) -> bool:
    """Whether notes of so low a mean confidence, in so many seconds, are guesses."""
    sparse = 60 * n_notes < _SPARSE * duration
    return confidence < DOUBTFUL or (sparse and confidence < (1 + DOUBTFUL) / 2)


def is_too_short(duration: float) -> bool:
    """Whether nobody could find a note in so few seconds."""
    return duration < _SHORTEST


def is_out_of_tune(cents: float) -> bool:
    """Whether a tuning so far from the expected one is worth a warning."""
    return abs(cents) >= _OUT_OF_TUNE


# --- kinds and sentences ---


def _truncated(missing: float | None = None, promised: float | None = None) -> str:
    if missing is None or promised is None:
        return "truncated: no end mark found; how much is missing is not known"
    return (
        f"truncated or damaged: {_span(missing)} of the {_span(promised)} that the header "
        "promises are missing"
    )


def _damaged(n_packets: int) -> str:
    return f"{n_packets} damaged packet(s) skipped; there may be notes missing"


def _hole(seconds: float) -> str:
    return f"{seconds:.2f} s of silence put where the recording has a hole"


def _clock(seconds: float) -> str:
    return (
        f"damaged time stamps: a jump of {seconds:.0f} s was ignored, so what comes after it may "
        "be early"
    )


def _shifted(seconds: float) -> str:
    return (
        f"from {_span(seconds)} on, notes may be early or late: bytes of the file are missing or "
        "damaged there, and how much music they were can't be told"
    )


def _not_finite(n_samples: int) -> str:
    return f"{n_samples} NaN or infinite sample(s) replaced by 0"


def _header(told: float, held: float) -> str:
    return (
        f"the header promises {_span(told)} and the file holds {_span(held)}: all of it was "
        "transcribed"
    )


def _other_track(unreadable: int, track: int, n_tracks: int) -> str:
    return (
        f"audio track {unreadable} of {n_tracks} can't be decoded; track {track} was transcribed "
        "instead"
    )


def _silent_track(track: int, n_tracks: int) -> str:
    return (
        f"audio track {track} of {n_tracks} was transcribed, and it is silent; if the music is in "
        "another, save that one alone as a file"
    )


def _several_tracks(track: int, n_tracks: int) -> str:
    return (
        f"audio track {track} of {n_tracks} was transcribed, and nothing in the file says which "
        "one is meant; if the music is in another, save that one alone as a file"
    )


def _antiphase(seconds: float) -> str:
    return (
        f"the channels are in opposite phase for {_span(seconds)} and would cancel each other: one "
        "was inverted; check the cables, or the microphones' phase switches"
    )


def _scale(peak: float, divisor: int) -> str:
    beyond = f"samples reach {peak:,.0f} times full scale"
    if divisor == 1:
        return f"{beyond}, as no recording does: notes may be wrong; divide them, and try again"
    return f"{beyond}: all were divided by {divisor:,}"


def _short(seconds: float) -> str:
    return (
        f"no notes: {1000 * seconds:.1f} ms of sound is too short for one; check that it is the "
        "right file, and that it is whole"
    )


def _silent() -> str:
    return (
        "no notes: the recording is silent; check that it is the right file, and that "
        "the microphone was on"
    )


def _quiet(peak_db: float) -> str:
    return (
        f"very quiet: never above {peak_db:.0f} dB of full scale; it was amplified, and its "
        "noise with it"
    )


def _no_notes() -> str:
    return "no piano notes were found; if there is a piano, it may be very soft"


def _low_confidence(confidence: float) -> str:
    return (
        f"this does not sound like a piano, and the notes are guesses, of mean confidence "
        f"{confidence:.2f}; a recording of a piano alone, made nearer to it, would be better"
    )


def _clipped(share: float) -> str:
    return (
        f"distorted: {100 * share:.2g} % of the samples are at full scale, as the recording was "
        "made too loud; notes may be wrong"
    )


def _clicks(pitch: int, n_notes: int) -> str:
    return (
        f"{n_notes} short notes of one pitch (MIDI {pitch}) come as evenly as a metronome, which "
        "they may be"
    )


def _tuning(cents: float, a4: float = 440.0) -> str:
    side = "above" if cents > 0 else "below"
    sentence = (
        f"tuned {abs(cents):.0f} cents {side} A = {a4:g} Hz: A4 is at "
        f"{a4 * 2 ** (cents / 1200):.1f} Hz"
    )
    return (
        sentence if abs(cents) < _BETWEEN_KEYS else f"{sentence}; all notes may be a semitone off"
    )


def _span(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)} min {rest:.0f} s" if minutes else f"{rest:.1f} s"


_KINDS: dict[str, tuple[str, Callable[..., str]]] = {
    "truncated": ("a part is missing", _truncated),
    "damaged": ("parts could not be decoded", _damaged),
    "hole": ("silence was put where a part is missing", _hole),
    "clock": ("time stamps in the file are wrong", _clock),
    "shifted": ("notes after a damaged place may be early or late", _shifted),
    "not_finite": ("some samples are not numbers", _not_finite),
    "header": ("the header promises less than the file holds; all was transcribed", _header),
    "antiphase": ("channels that would cancel each other; one was inverted", _antiphase),
    "scale": ("samples far beyond full scale", _scale),
    "other_track": ("a track could not be decoded; another was transcribed", _other_track),
    "silent_track": ("one of several tracks was transcribed, and it is silent", _silent_track),
    "several_tracks": ("one of several tracks was transcribed; none is marked", _several_tracks),
    "short": ("too short for a note", _short),
    "silent": ("nothing in it is loud enough to be music", _silent),
    "quiet": ("recorded far too quietly, and amplified", _quiet),
    "no_notes": ("no piano, or very soft", _no_notes),
    "low_confidence": ("no piano, or too far from the microphone", _low_confidence),
    "clipped": ("recorded too loud, its peaks are cut off", _clipped),
    "clicks": ("notes that may be a metronome", _clicks),
    "tuning": ("tuned away from A = 440 Hz", _tuning),
}

KINDS: dict[str, str] = {kind: meaning for kind, (meaning, _) in _KINDS.items()}
"""Kinds of warnings, most serious first, with what each means for a whole list of recordings."""
