"""Where the beats lie: a grid given as tempo and metre, or estimated from the notes.

A beat is what a metronome ticks: a quarter note in 3/4 and 4/4, a dotted quarter in 6/8,
9/8 and 12/8, a half note in 2/2. Positions on the grid are in beats from its first beat,
seconds are those of the recording; between two beats time is taken to run evenly.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from transcribe.music.beat_tracking import (
    Onsets,
    Pace,
    find_downbeat,
    find_onsets,
    steady_beats,
    track_beats,
)
from transcribe.notes import Performance

Origin = Literal["given", "stated", "estimated"]
"""Where a grid comes from: the user, the file, or the notes."""

DENOMINATORS = (2, 4, 8, 16)
"""Of metres."""
DEFAULT_TEMPO = 120.0
"""Beats a minute, where there is nothing to estimate a tempo from."""
TEMPO_RANGE = (10.0, 400.0)
"""Beats a minute that may be asked for."""
FEWEST_ONSETS = 4
"""Of fewer no beats are estimated."""


@dataclass(frozen=True, slots=True)
class Metre:
    """A time signature."""

    numerator: int
    denominator: int

    def __post_init__(self) -> None:
        if self.denominator not in DENOMINATORS or not 1 <= self.numerator <= 16:
            raise ValueError(
                "expected a metre of 1 to 16 halves, quarters, eighths or sixteenths, such as 4/4 "
                f"or 6/8; found {self.numerator}/{self.denominator}"
            )

    @classmethod
    def parse(cls, text: str) -> Metre:
        """Read a metre such as ``"3/4"``; ValueError for anything else."""
        found = re.fullmatch(r"(\d{1,2})/(\d{1,2})", text)
        if found is None:
            raise ValueError(f"expected a metre such as 4/4 or 6/8; found {text!r}")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"

    @property
    def is_compound(self) -> bool:
        """Whether a beat is three eighths or sixteenths, as in 6/8 and 12/16."""
        return self.denominator >= 8 and self.numerator % 3 == 0 and self.numerator > 3

    @property
    def beats_per_bar(self) -> int:
        """2 for 6/8, 3 for 3/4."""
        return self.numerator // 3 if self.is_compound else self.numerator

    @property
    def quarters_per_beat(self) -> Fraction:
        """1 for 4/4, 3/2 for 6/8, 3/4 for 6/16, 2 for 2/2."""
        return Fraction(4 * (3 if self.is_compound else 1), self.denominator)

    @property
    def quarters_per_bar(self) -> Fraction:
        """4 for 4/4, 3 for 6/8."""
        return self.quarters_per_beat * self.beats_per_bar

    @property
    def steps_per_beat(self) -> int:
        """Sixteenth notes a beat: 4 for 4/4, 6 for 6/8, 3 for 6/16, 2 for 5/8, 8 for 2/2."""
        return (3 if self.is_compound else 1) * (16 // self.denominator)

    @property
    def steps_per_bar(self) -> int:
        """Sixteenth notes a bar."""
        return self.steps_per_beat * self.beats_per_bar


COMMON_TIME = Metre(4, 4)


@dataclass(frozen=True, slots=True)
class BeatGrid:
    """Beats through a recording, and which of them begin a bar.

    Beyond the first and last beat the grid goes on with the tempo there.
    """

    beats: tuple[float, ...]
    """Seconds of each beat, rising; two or more."""
    metre: Metre = COMMON_TIME
    first_downbeat: int = 0
    """Index of the first beat that begins a bar; less than a bar's beats."""
    tempo_origin: Origin = "estimated"
    metre_origin: Origin = "estimated"

    def __post_init__(self) -> None:
        if len(self.beats) < 2:
            raise ValueError(f"a grid needs two beats or more; found {len(self.beats)}")
        if any(not a < b for a, b in zip(self.beats, self.beats[1:], strict=False)):
            raise ValueError("the beats of a grid rise; found one that is not after the last")
        if not 0 <= self.first_downbeat < self.metre.beats_per_bar:
            raise ValueError(
                f"the first downbeat is one of the first {self.metre.beats_per_bar} beats; "
                f"found {self.first_downbeat}"
            )

    def in_common_time(self) -> BeatGrid:
        """Two bars of 2/4 as one of 4/4; a grid of any other metre as it is."""
        return replace(self, metre=COMMON_TIME) if self.metre == Metre(2, 4) else self

    @property
    def tempo(self) -> float:
        """Beats a minute, the median."""
        gaps = sorted(b - a for a, b in zip(self.beats, self.beats[1:], strict=False))
        return 60 / gaps[len(gaps) // 2]

    @property
    def downbeats(self) -> tuple[float, ...]:
        """Seconds of the beats that begin bars."""
        return self.beats[self.first_downbeat :: self.metre.beats_per_bar]

    def position(self, seconds: float) -> float:
        """Beats from the first beat; negative before it."""
        index = min(max(bisect_right(self.beats, seconds) - 1, 0), len(self.beats) - 2)
        start, stop = self.beats[index], self.beats[index + 1]
        return index + (seconds - start) / (stop - start)

    def seconds(self, position: float) -> float:
        """Time of a position in beats."""
        index = min(max(math.floor(position), 0), len(self.beats) - 2)
        start, stop = self.beats[index], self.beats[index + 1]
        return start + (position - index) * (stop - start)

    def step(self, seconds: float) -> float:
        """Position in sixteenth notes from the first downbeat, not rounded."""
        return (self.position(seconds) - self.first_downbeat) * self.metre.steps_per_beat

    def step_seconds(self, step: float) -> float:
        """Time of a position in sixteenth notes from the first downbeat."""
        return self.seconds(step / self.metre.steps_per_beat + self.first_downbeat)

    def describe(self) -> dict[str, object]:
        """What the grid is, as plain data for a file that is made on it."""
        return {
            "tempo": round(self.tempo, 3),
            "tempo_is": self.tempo_origin,
            "metre": str(self.metre),
            "metre_is": self.metre_origin,
            "steps_per_beat": self.metre.steps_per_beat,
            "steps_per_bar": self.metre.steps_per_bar,
            "first_downbeat": self.first_downbeat,
            "beats": [round(beat, 5) for beat in self.beats],
        }


def find_beats(
    performance: Performance,
    *,
    tempo: float | None = None,
    metre: Metre | None = None,
    follow: bool = False,
) -> BeatGrid:
    """The grid of a performance, with what the user knows of it.

    Parameters
    ----------
    performance : Performance
        Its notes decide what is not given, and where beats and bars begin.
    tempo : float, optional
        Beats a minute, kept from first to last; estimated beat by beat if left out.
    metre : Metre, optional
        Estimated if left out, as 3/4, 4/4, 6/8 or 9/8; 2/4 is not distinguished from 4/4.
    follow : bool
        Keep to the given tempo only roughly, within a sixth, and follow the player.

    Returns
    -------
    BeatGrid
        120 beats a minute from the first note where there are fewer than `FEWEST_ONSETS`
        onsets to go by.
    """
    onsets = find_onsets(performance.notes)
    if len(onsets.times) < FEWEST_ONSETS:
        beats, found, first = _even(performance, tempo), metre or COMMON_TIME, 0
    else:
        beats, found, first = _fitted(onsets, tempo, metre, follow=follow)
    return BeatGrid(
        beats=tuple(beats.tolist()),
        metre=found,
        first_downbeat=first,
        tempo_origin="estimated" if tempo is None else "given",
        metre_origin="estimated" if metre is None else "given",
    )


def _even(performance: Performance, tempo: float | None) -> NDArray[np.float64]:
    """Beats of one tempo from the first note to the end."""
    start = performance.notes[0].onset if performance.notes else 0.0
    period = 60 / (tempo or DEFAULT_TEMPO)
    n_beats = max(2, math.ceil((performance.duration - start) / period) + 1)
    return np.asarray(start + period * np.arange(n_beats), np.float64)


def _fitted(
    onsets: Onsets, tempo: float | None, metre: Metre | None, *, follow: bool
) -> tuple[NDArray[np.float64], Metre, int]:
    """Beats, metre and first downbeat that fit the onsets and what is given."""
    if tempo is not None and not follow:
        in_threes = metre is not None and metre.is_compound
        beats = steady_beats(onsets, tempo=tempo, in_threes=in_threes)
    else:
        pace = Pace() if tempo is None else Pace.near(tempo)
        kinds = (False, True) if metre is None else (metre.is_compound,)
        tracked = [(*track_beats(onsets, in_threes=kind, pace=pace), kind) for kind in kinds]
        beats, _, in_threes = max(tracked, key=lambda found: found[1])
    if metre is not None:
        return beats, metre, find_downbeat(beats, onsets, (metre.beats_per_bar,))[1]
    length, first = find_downbeat(beats, onsets, (2, 3) if in_threes else (4, 3))
    return beats, Metre(3 * length, 8) if in_threes else Metre(length, 4), first
