"""A performance as a musician reads it: every note's hand, voice, place in its bar, written length.

Conventions
-----------
- Unmarked times are seconds of the recording; places and lengths in music are quarter notes,
  as exact fractions: an eighth is 1/2, an eighth of a triplet 1/3.
- A beat is what a metronome ticks: a quarter in 3/4, a dotted quarter in 6/8, a half in 2/2.
- Bars are counted from 1, the first that is whole; 0 is the upbeat before it. A place in bar 0
  is counted as if that bar were whole: an upbeat of a quarter into 4/4 stands at 3.
- `analyse` (`transcribe.score.analysis`) gives a `Score` whose voices are all 0;
  `transcribe.score.voices` tells the voices of each hand apart.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from transcribe.music.beat_grid import Metre
from transcribe.music.key import Key
from transcribe.notes import Note, PedalPress
from transcribe.score.pauses import played_gaps
from transcribe.score.swing import Swing

Hand = Literal["left", "right"]
LEFT: Hand = "left"
RIGHT: Hand = "right"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What a person or the file says of the piece; None for what is to be found from the notes."""

    tempo: float | None = None
    """Beats a minute, roughly: which pulse is the beat. The player is followed around it."""
    metre: Metre | None = None
    key: Key | None = None
    downbeat: float | None = None
    """Seconds of the start of any one bar."""
    beats: tuple[float, ...] | None = None
    """Seconds of every beat, where they are known, such as from annotations."""
    downbeats: tuple[float, ...] | None = None
    """Seconds of those of `beats` that start bars."""
    metres: tuple[Metre, ...] | None = None
    """The metre at each of `beats`, where it is known too."""
    swing: bool | None = None
    """Whether off-beats that come late are written as if they did not."""
    likely_key: Key | None = None
    """Of its beginning, such as its title says; the notes may speak against it."""
    likely_metres: tuple[Metre, ...] | None = None
    """One of which it is in, such as those of a waltz; obeyed, unless `metre` or `metres` is."""


@dataclass(frozen=True, slots=True)
class MetreChange:
    """From a bar on, a time signature."""

    seconds: float
    """Where that bar starts; for the first of a score, where its first bar or upbeat starts."""
    bar: int
    metre: Metre


@dataclass(frozen=True, slots=True)
class KeyChange:
    """From a place on, a key signature."""

    seconds: float
    bar: int
    key: Key


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreNote:
    """A note as it was played and as it is written."""

    note: Note
    """As it was given."""
    hand: Hand
    bar: int
    beat: Fraction
    """Quarters from the start of the bar; for grace notes, the place of what they lead to."""
    length: Fraction
    """Quarters, above 0, as a reader wants them; what the pedal holds is not counted. That of
    grace notes is nominal: the page shows one as an eighth, several as sixteenths."""
    is_grace: bool = False
    trill: int = 0
    """Semitones up to the other note of a trill that is written on this one; 0 without one."""
    trill_of: int | None = None
    """Which of the score's notes has the trill that this one was played in; it is not written."""
    voice: int = 0
    """1 and 2 in the right hand, 3 and 4 in the left; 0 until voices are told apart."""
    confidence: float = 1.0
    """Probability, 0 to 1, that hand, place and length are right."""

    def __post_init__(self) -> None:
        if self.length <= 0:
            raise ValueError(f"a written length is above 0 quarters; found {self.length}")
        if self.bar < 0 or self.beat < 0:
            raise ValueError(
                f"bars and places in them count from 0; found bar {self.bar}, place {self.beat}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A performance with everything that sheet music says of it."""

    beats: tuple[float, ...]
    """Seconds, rising, from the upbeat's first to the one that ends the last bar."""
    first_downbeat: int
    """Index in `beats` of the start of bar 1; the beats before it are the upbeat's."""
    metres: tuple[MetreChange, ...]
    """In order of their bars; the first holds from the upbeat on."""
    keys: tuple[KeyChange, ...]
    """In order; the first holds from the upbeat on."""
    notes: tuple[ScoreNote, ...]
    """In the order of the performance, one for each of its notes."""
    pedal: tuple[PedalPress, ...] = ()
    title: str = ""
    composer: str = ""
    bar_starts: tuple[int, ...] = field(default=(), compare=False)
    """Indices in `beats` of the starts of bars 1, 2, ... and of the end of the last; from the
    metres where left out."""
    swing: Swing | None = None
    """How the halves of its beats are played; None where they are even, or unlike each other."""
    doubts: tuple[str, ...] = ()
    """What is uncertain, a sentence each, for whoever asked for the score."""

    def __post_init__(self) -> None:
        if not self.bar_starts:
            object.__setattr__(self, "bar_starts", self._regular_bars())

    def _regular_bars(self) -> tuple[int, ...]:
        starts = [self.first_downbeat]
        while starts[-1] < len(self.beats) - 1:
            starts.append(starts[-1] + self.metre(len(starts)).beats_per_bar)
        return tuple(starts)

    @property
    def n_bars(self) -> int:
        """Bars from 1 on, without the upbeat."""
        return len(self.bar_starts) - 1

    @property
    def downbeats(self) -> tuple[float, ...]:
        """Seconds at which bars 1, 2, ... start."""
        return tuple(self.beats[i] for i in self.bar_starts[:-1] if i < len(self.beats))

    @property
    def tempo(self) -> tuple[float, ...]:
        """Beats a minute from each beat to the next; the last one's is that before it."""
        gaps = [b - a for a, b in zip(self.beats, self.beats[1:], strict=False)]
        return tuple(60 / gap for gap in [*gaps, *gaps[-1:]])

    @property
    def usual_tempo(self) -> float:
        """Beats a minute, the median; long pauses do not count."""
        onsets = np.array([each.note.onset for each in self.notes])
        return float(60 / np.median(played_gaps(np.array(self.beats), onsets)))

    def metre(self, bar: int) -> Metre:
        """The time signature of a bar."""
        index = bisect_right([change.bar for change in self.metres], bar) - 1
        return self.metres[max(index, 0)].metre

    def key(self, bar: int) -> Key:
        """The key of a bar."""
        index = bisect_right([change.bar for change in self.keys], bar) - 1
        return self.keys[max(index, 0)].key

    def bar_length(self, bar: int) -> Fraction:
        """Quarters of a bar: those of its metre, if it has as many beats as that says."""
        metre = self.metre(bar)
        if not 1 <= bar <= self.n_bars:
            return metre.quarters_per_bar
        return (self.bar_starts[bar] - self.bar_starts[bar - 1]) * metre.quarters_per_beat

    def seconds(self, bar: int, beat: Fraction) -> float:
        """When a place in a bar is reached; between beats, and beyond them, time runs evenly.

        Swung halves of beats are as long and short as they are played; triplets are even.
        """
        metre = self.metre(bar)
        last = min(max(bar, 1), len(self.bar_starts))
        first = self.bar_starts[last - 1] + (bar - last) * metre.beats_per_bar
        whole, place = divmod(beat / metre.quarters_per_beat, 1)
        position = first + whole + float(place)
        if self.swing is not None and place.denominator % 3:
            position = first + whole + self.swing.played(float(place))
        index = min(max(int(position), 0), len(self.beats) - 2)
        start, stop = self.beats[index], self.beats[index + 1]
        return start + (position - index) * (stop - start)

    def to_json(self) -> str:
        """The content of ``NAME.score.json``; seconds to a tenth of a millisecond."""
        content: dict[str, Any] = {
            "title": self.title,
            "composer": self.composer,
            "beats": _rounded(self.beats),
            "downbeats": _rounded(self.downbeats),
            "metres": [
                {"seconds": round(each.seconds, 4), "bar": each.bar, "metre": str(each.metre)}
                for each in self.metres
            ],
            "keys": [
                {
                    "seconds": round(each.seconds, 4),
                    "bar": each.bar,
                    "fifths": each.key.fifths,
                    "mode": "minor" if each.key.is_minor else "major",
                }
                for each in self.keys
            ],
            "tempo": [round(each, 2) for each in self.tempo],
            "swing": self.swing
            and {
                "ratio": round(self.swing.ratio, 2),
                "confidence": round(self.swing.confidence, 3),
            },
            "doubts": list(self.doubts),
            "notes": [
                {
                    "onset": each.note.onset,
                    "offset": each.note.offset,
                    "pitch": each.note.pitch,
                    "velocity": each.note.velocity,
                    "hand": each.hand,
                    "voice": each.voice,
                    "bar": each.bar,
                    "beat": str(each.beat),
                    "length": str(each.length),
                    "grace": each.is_grace,
                    "trill": bool(each.trill) or each.trill_of is not None,
                    "confidence": round(each.confidence, 3),
                }
                for each in self.notes
            ],
        }
        return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _rounded(times: Sequence[float]) -> list[float]:
    return [round(time, 4) for time in times]
