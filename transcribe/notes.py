"""The music itself: notes, pedal presses, performances, and the one sustain-pedal rule.

Times are seconds from the start of the recording. A note's offset is the moment
the key is released; what the sustain pedal does to it is defined by `sustained` alone.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

STANDARD_A4 = 440.0
A4_RANGE = (390.0, 490.0)
"""Hertz of the A above middle C: as pianos are tuned, and as any instrument may be."""
LOWEST_PITCH = 21
"""MIDI number of A0, the lowest key of the piano."""
HIGHEST_PITCH = 108
"""MIDI number of C8, the highest key of the piano."""
N_PITCHES = HIGHEST_PITCH - LOWEST_PITCH + 1
KEY, SUSTAINED = "key", "sustained"
"""What the offsets of notes are: where the key is released, or where the sound ends, the
sustain pedal counted in (`sustained`)."""
_PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def pitch_name(pitch: int) -> str:
    """Name of a key: 60 is C4 (middle C), 21 A0, 70 A#4."""
    return f"{_PITCH_CLASSES[pitch % 12]}{pitch // 12 - 1}"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Note:
    """One struck key. Times are seconds from the start of the recording."""

    onset: float
    pitch: int
    """MIDI number, 21 (A0) to 108 (C8)."""
    offset: float
    """Key release; ``0 <= onset < offset``."""
    velocity: int
    """MIDI, 1 to 127."""
    confidence: float = field(default=1.0, compare=False)
    """Probability, 0 to 1, that this note was played; 1 for notes read from a file."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.offset) and 0 <= self.onset < self.offset):
            raise ValueError(
                f"a note needs 0 <= onset < offset, in seconds; found onset {self.onset} "
                f"and offset {self.offset}"
            )
        if not LOWEST_PITCH <= self.pitch <= HIGHEST_PITCH:
            raise ValueError(f"a pitch is a MIDI number from 21 to 108; found {self.pitch}")
        if not 1 <= self.velocity <= 127:
            raise ValueError(f"a velocity is 1 to 127; found {self.velocity}")
        if not 0 <= self.confidence <= 1:
            raise ValueError(f"a confidence is 0 to 1; found {self.confidence}")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class PedalPress:
    """The sustain pedal going down and up again ("down" means CC64 >= 64)."""

    onset: float
    offset: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.offset) and 0 <= self.onset < self.offset):
            raise ValueError(
                f"a pedal press needs 0 <= onset < offset, in seconds; found onset "
                f"{self.onset} and offset {self.offset}"
            )


@dataclass(frozen=True, slots=True)
class Performance:
    """What was played: notes sorted by onset, then pitch, and pedal presses in order.

    Any iterables are accepted and sorted. Pedal presses may not overlap.
    """

    notes: tuple[Note, ...] = ()
    pedal: tuple[PedalPress, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "notes", tuple(sorted(self.notes)))
        object.__setattr__(self, "pedal", tuple(sorted(self.pedal)))
        for press, following in zip(self.pedal, self.pedal[1:], strict=False):
            if following.onset < press.offset:
                raise ValueError(
                    f"pedal presses may not overlap; found one until {press.offset} s and "
                    f"one from {following.onset} s"
                )

    @property
    def duration(self) -> float:
        """Seconds until the last key and the pedal are up; 0 for no notes and no pedal."""
        offsets = [note.offset for note in self.notes]
        return max(offsets + [press.offset for press in self.pedal], default=0.0)


def sustained(performance: Performance) -> Performance:
    """Prolong every note to where the sustain pedal lets it end.

    A key released while the pedal is down sounds until the pedal comes up or until
    the same pitch is struck again, whichever is first. This is the "pedal-extended"
    convention of the literature; the pedal presses are kept.
    """
    onsets: dict[int, list[float]] = {}
    for note in performance.notes:
        onsets.setdefault(note.pitch, []).append(note.onset)
    pedal_down = [press.onset for press in performance.pedal]

    def lasts_until(note: Note) -> float:
        offset = note.offset
        index = bisect_right(pedal_down, note.offset) - 1
        if index >= 0:
            offset = max(offset, performance.pedal[index].offset)
        strikes = onsets[note.pitch]
        following = bisect_right(strikes, note.onset)
        return min(offset, strikes[following]) if following < len(strikes) else offset

    notes = tuple(replace(note, offset=lasts_until(note)) for note in performance.notes)
    return Performance(notes=notes, pedal=performance.pedal)


def without_overlaps(notes: Iterable[Note]) -> tuple[Note, ...]:
    """Cut each note at the next onset of its pitch; of notes struck together keep one.

    A piano key can't be struck while it is down, and a MIDI file can't say so without
    one note's release ending the other. Of several notes of a pitch with one onset the
    longest stays.
    """
    kept: list[Note] = []
    last: dict[int, int] = {}
    for note in sorted(notes):
        index = last.get(note.pitch)
        if index is not None and kept[index].offset > note.onset:
            previous = kept[index]
            if previous.onset == note.onset:
                kept[index] = note if note.offset > previous.offset else previous
                continue
            kept[index] = replace(previous, offset=note.onset)
        last[note.pitch] = len(kept)
        kept.append(note)
    return tuple(kept)
