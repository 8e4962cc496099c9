"""How a metre divides a bar, and how a stretch of time is written in it: values, dots, ties, rests.

A note value shows where the beats are. A note may be one symbol as long as nothing stronger
than both of its ends lies within it (a dotted quarter on the first beat of 4/4, a half note on
the second of 3/4), or when it is a plain syncopation, even on both sides of a place one level
stronger (eighth, quarter, eighth). What is less clear is cut at its strongest place and tied; of
places that are as strong, at the one that leaves the fewest symbols (half, eighth in 3/4). Rests
are stricter: they never hide a beat. The rules are those of [1]_, chapters on "Rhythm" and "Metre".

Places and lengths are ticks, whole numbers; a `Ruler` knows how many make a quarter.

References
----------
.. [1] E. Gould, "Behind Bars: The Definitive Guide to Music Notation", Faber 2011.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

from transcribe.music.beat_grid import Metre

TYPES = (
    *("maxima", "long", "breve", "whole", "half", "quarter", "eighth", "16th"),
    *("32nd", "64th", "128th", "256th", "512th", "1024th"),
)
"""Names of note values as MusicXML has them, each half of that before."""
_QUARTER = TYPES.index("quarter")


@dataclass(frozen=True, slots=True)
class Value:
    """What a note or rest looks like: its type and dots."""

    type: str
    dots: int = 0

    @property
    def flags(self) -> int:
        """Beams or flags: 1 for an eighth, 0 from a quarter on."""
        return max(TYPES.index(self.type) - _QUARTER, 0)


@lru_cache(maxsize=4096)
def value_of(quarters: Fraction) -> Value | None:
    """The value that lasts so long, with at most two dots; None where there is none."""
    for dots, numerator in ((0, 1), (1, 3), (2, 7)):
        plain = quarters * 2**dots / numerator  # as long as the value without its dots
        numerator, denominator = plain.numerator, plain.denominator
        if numerator & (numerator - 1) or denominator & (denominator - 1):
            continue
        index = _QUARTER + (denominator.bit_length() - 1) - (numerator.bit_length() - 1)
        if 0 <= index < len(TYPES):
            return Value(TYPES[index], dots)
    return None


Piece: TypeAlias = "tuple[int, int, Value]"
"""Start and stop in ticks, and the value that is written."""
_NOWHERE = -99
_GROUPS = {5: (3, 2), 7: (2, 2, 3), 8: (3, 3, 2), 10: (3, 3, 2, 2), 11: (3, 3, 3, 2)}
"""How beats are grouped in bars that halves and thirds don't divide."""


class Ruler:
    """The places in a bar of one metre, by strength, in ticks.

    Parameters
    ----------
    metre : Metre
        The time signature.
    quarter : int
        Ticks a quarter; as many powers of two as the shortest value needs.
    length : int, optional
        Ticks of a bar that is shorter or longer than the metre's; its end is where a bar ends,
        its beats are counted from there, as in an upbeat.
    """

    def __init__(self, metre: Metre, quarter: int, length: int | None = None) -> None:
        self.metre = metre
        self.quarter = quarter
        self.beat = int(quarter * metre.quarters_per_beat)
        whole = int(quarter * metre.quarters_per_bar)
        self.length = whole if length is None else length
        self.start_of_metre = (-self.length) % whole if self.length < whole else 0
        """Ticks from where a whole bar would start to where this one does."""
        self.pulse = self.beat // 3 if metre.is_compound else self.beat
        """The longest value that is divided in halves only: an eighth in 6/8."""
        self._groups = _group_starts(metre, self.beat)
        self._strengths: dict[int, int] = {}
        self._known: dict[tuple[int, int, bool], tuple[Piece, ...]] = {}

    def strength(self, place: int) -> int:
        """How strong a place is: 9 the bar line, 8 half a bar or a group, 7 a beat, 6 half a
        beat or an eighth of 6/8, below that halves of halves."""
        if place <= 0 or place >= self.length:
            return 9
        known = self._strengths.get(place)
        if known is None:
            known = self._strengths[place] = self._strength(place + self.start_of_metre)
        return known

    def _strength(self, place: int) -> int:
        if place in self._groups:
            return 8
        if place % self.beat == 0:
            return 7
        if place % self.pulse == 0:
            return 6
        unit, strength = self.pulse, 6 if self.metre.is_compound else 7
        while unit > 1 and place % unit:
            unit //= 2
            strength -= 1
        return strength

    def places(self, start: int, stop: int, unit: int) -> range:
        """The multiples of a unit strictly between two places."""
        first = ((start + self.start_of_metre) // unit + 1) * unit - self.start_of_metre
        return range(first, stop, unit)

    def strongest_within(self, start: int, stop: int) -> tuple[Sequence[int], int]:
        """The strongest places between two, the nearest to the middle first, and how strong they
        are; `_NOWHERE` where there is none on the grid."""
        middle = (start + stop) / 2
        unit = self.pulse
        while unit >= 1:
            inside = self.places(start, stop, unit)
            if inside:
                best = max(map(self.strength, inside))
                strongest = [place for place in inside if self.strength(place) == best]
                return sorted(strongest, key=lambda place: abs(place - middle)), best
            unit //= 2
        return (), _NOWHERE

    def note_pieces(self, start: int, stop: int) -> tuple[Piece, ...]:
        """A sounding stretch as values tied to each other: start, stop and value of each."""
        return self._pieces(start, stop, False)

    def rest_pieces(self, start: int, stop: int) -> tuple[Piece, ...]:
        """A silent stretch as rests."""
        return self._pieces(start, stop, True)

    def _pieces(self, start: int, stop: int, is_rest: bool) -> tuple[Piece, ...]:
        known = self._known.get((start, stop, is_rest))
        if known is None:
            known = self._known[start, stop, is_rest] = self._cut(start, stop, is_rest)
        return known

    def _cut(self, start: int, stop: int, is_rest: bool) -> tuple[Piece, ...]:
        value = value_of(Fraction(stop - start, self.quarter))
        is_one = self._is_one_rest if is_rest else self._is_one_note
        if value is not None and is_one(start, stop, value):
            return ((start, stop, value),)
        cuts, _ = self.strongest_within(start, stop)
        if not cuts:
            raise ValueError(
                f"no value lasts {Fraction(stop - start, self.quarter)} quarters, and there is "
                f"no place in {self.metre} to cut it"
            )
        ways = [
            (*self._pieces(start, cut, is_rest), *self._pieces(cut, stop, is_rest)) for cut in cuts
        ]
        return min(ways, key=len)

    def _is_one_note(self, start: int, stop: int, value: Value) -> bool:
        inside = self.strongest_within(start, stop)[1]
        first, last = self.strength(start), self.strength(stop)
        if self.metre.is_compound and inside >= 7:
            return (
                (stop - start) % self.beat == 0
                and min(first, last) >= 7
                and (max(first, last) > inside)
            )
        if value.dots == 2:
            return first >= 7 and first > inside
        if max(first, last) > inside:
            return True
        middle = (start + stop) // 2
        return (
            value.dots == 0
            and self.strength(middle) == inside
            and min(first, last) >= inside - 1
            and inside <= 8
        )

    def _is_one_rest(self, start: int, stop: int, value: Value) -> bool:
        length = stop - start
        if start == 0 and stop == self.length:
            return True
        inside = self.strongest_within(start, stop)[1]
        first, last = self.strength(start), self.strength(stop)
        if self.metre.is_compound:
            if inside >= 7:
                return False
            whole = length == self.beat and first >= 7
            return whole or (value.dots == 0 and first > inside)
        if value.dots:
            return False
        if inside >= 7:  # only halves of a bar that divides in halves
            return first >= 8 and last >= 8 and inside == 7
        return first > inside or last > inside


def _group_starts(metre: Metre, beat: int) -> frozenset[int]:
    """Where groups of beats begin: the middle of 4/4, the fourth beat of 5/4."""
    n_beats = metre.beats_per_bar
    if n_beats in _GROUPS:
        groups = _GROUPS[n_beats]
    elif n_beats % 2 == 0 and n_beats > 2:
        groups = (n_beats // 2, n_beats // 2)
    elif n_beats == 9 or n_beats == 6:
        groups = (3,) * (n_beats // 3)
    else:
        return frozenset()
    starts, place = [], 0
    for size in groups[:-1]:
        place += size * beat
        starts.append(place)
    return frozenset(starts)
