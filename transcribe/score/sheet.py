"""What stands on the page: bars, and in them clefs, chords, rests, beams, tuplets, marks.

Places and lengths are ticks from the start of a bar, `Sheet.quarter` of them a quarter.
Staff 1 is the upper, usually the right hand's; 2 the lower.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from transcribe.music.beat_grid import Metre
from transcribe.music.key import Key
from transcribe.score.metrical import Value
from transcribe.score.spelling import Spelling
from transcribe.score.tuplets import Tuplet

Clef = Literal["G", "F"]
Beam = Literal["begin", "continue", "end", "forward hook", "backward hook"]
UPPER, LOWER = 1, 2


@dataclass(slots=True)
class Notehead:
    """A notehead."""

    index: int
    """Which of the score's notes it is, or a part of."""
    spelling: Spelling
    is_tied_back: bool = False
    is_tied_on: bool = False
    accidental: int | None = None
    """The sign before it, in sharps; None where none is needed."""
    trill: Spelling | None = None
    """The upper note of a trill that stands on it."""
    trill_accidental: int | None = None
    """The sign at that trill, in sharps; None where the key signature says it."""


@dataclass(slots=True)
class Grace:
    """A small chord before another."""

    heads: list[Notehead]
    value: Value


@dataclass(slots=True)
class Symbol:
    """A chord or a rest."""

    start: int
    stop: int
    value: Value
    heads: list[Notehead] = field(default_factory=list)
    """From low to high; empty for a rest."""
    staff: int = UPPER
    is_hidden: bool = False
    """Whether a rest is left out, as another voice sounds."""
    tuplet: Tuplet | None = None
    beams: list[Beam] = field(default_factory=list)
    graces: list[Grace] = field(default_factory=list)
    stem: Literal["up", "down", ""] = ""
    """Where it must go; empty where the engraver may choose."""

    @property
    def is_rest(self) -> bool:
        """Whether nothing sounds."""
        return not self.heads


@dataclass(slots=True)
class Line:
    """One voice in one bar, without gaps from its start to its end."""

    voice: int
    staff: int
    items: list[Symbol]


@dataclass(frozen=True, slots=True)
class ClefChange:
    """From a place in a bar on, a clef."""

    place: int
    staff: int
    clef: Clef


@dataclass(frozen=True, slots=True)
class Mark:
    """Something written above, between or below the staves."""

    place: int
    kind: Literal["tempo", "words", "swing", "dynamic", "wedge", "ottava", "pedal"]
    text: str
    """Words; ``pp`` to ``ff``; ``crescendo``, ``diminuendo`` or ``stop`` of a hairpin; ``up``,
    ``down`` or ``stop`` of an octave line; ``start`` or ``stop`` of a pedal press."""
    staff: int = UPPER
    per_minute: int = 0
    """Of a tempo mark."""
    unit: Fraction = Fraction(1)
    """Quarters of what a tempo mark counts."""
    ratio: tuple[int, int] = (1, 1)
    """How long the first and the second eighth of a beat are, from a mark of swing on."""


@dataclass(slots=True)
class Bar:
    """One bar of both staves."""

    number: int
    length: int
    metre: Metre
    lines: list[Line] = field(default_factory=list)
    clefs: list[ClefChange] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    new_metre: Metre | None = None
    """A time signature at its start."""
    new_key: Key | None = None
    """A key signature at its start."""


@dataclass(slots=True)
class Sheet:
    """A piece for piano as it is written."""

    quarter: int
    """Ticks a quarter note."""
    bars: list[Bar]
    title: str = ""
    composer: str = ""
