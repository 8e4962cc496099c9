"""Which stretches of a bar are tuplets, and of what kind, given where notes start and end.

A stretch is a beat, a half or third of one, a group of beats, or the bar. Of all ways to cut
the bar into plain stretches and tuplets, the one with the fewest symbols is taken.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from transcribe.music.beat_grid import Metre
from transcribe.score.metrical import TYPES, Piece, Ruler, Value, value_of

_COSTS = {3: 0.6, 5: 1.6, 6: 0.8, 7: 1.8, 9: 2.2, 11: 2.4, 13: 2.6}
"""Tuplets that are written, and how many symbols one must save for each of its beats."""
_PARTS = 8
"""Ticks a unit of a tuplet, inside it: no value in it is shorter than that."""


@lru_cache(maxsize=32)
def _units(number: int) -> tuple[Ruler, ...]:
    """The units of a tuplet as bars of eighths, three as a beat of 6/8; six are twice three, or
    three times two."""
    if number == 3:
        return (Ruler(Metre(6, 8), 2 * _PARTS, length=3 * _PARTS),)
    metres = [Metre(number, 8)]
    if number == 6:
        metres.append(Metre(3, 4))
    return tuple(Ruler(metre, 2 * _PARTS) for metre in metres)


@dataclass(frozen=True, slots=True)
class Tuplet:
    """So many units in the time of so many others, from one tick to another."""

    start: int
    stop: int
    actual: int
    normal: int
    unit: Value
    """What one of the units is written as."""

    def pieces(self, start: int, stop: int, *, is_rest: bool = False) -> tuple[Piece, ...]:
        """A stretch within the tuplet as written values, as of `Ruler.note_pieces`."""
        length = self.stop - self.start
        scaled = [(each - self.start) * self.actual * _PARTS // length for each in (start, stop)]
        cuts = [
            ruler.rest_pieces(*scaled) if is_rest else ruler.note_pieces(*scaled)
            for ruler in _units(self.actual)
        ]
        shift = TYPES.index(self.unit.type) - TYPES.index("eighth")

        def back(place: int) -> int:
            return self.start + place * length // (self.actual * _PARTS)

        return tuple(
            (back(first), back(last), Value(TYPES[TYPES.index(value.type) + shift], value.dots))
            for first, last, value in min(cuts, key=len)
        )


def find_tuplets(
    spans: Sequence[tuple[int, int]], ruler: Ruler, odd: int
) -> tuple[Tuplet, ...] | None:
    """The tuplets of one voice in one bar, in order.

    Parameters
    ----------
    spans : sequence of (start, stop)
        Notes and rests of the bar in ticks, one after the other.
    ruler : Ruler
        Of the bar.
    odd : int
        The odd part of the ticks of a quarter; where it divides a place, none is needed there.

    Returns
    -------
    tuple of Tuplet, or None
        None where no way of writing reaches all places.
    """
    if all(start % odd == 0 and stop % odd == 0 for start, stop in spans):
        return ()
    cost, found = _best(0, ruler.length, spans, ruler, odd)
    return found if cost < math.inf else None


def cost_of(
    spans: Sequence[tuple[int, int, bool]], start: int, stop: int, ruler: Ruler, odd: int
) -> float:
    """Symbols that writing a stretch takes, tuplets counted in; infinite if it can't be."""
    inside = [span for span in spans if span[0] < stop and span[1] > start]
    cost, tuplets = _best(start, stop, [span[:2] for span in inside], ruler, odd)
    if tuplets or cost == math.inf:
        return cost
    clipped = [(max(first, start), min(last, stop)) for first, last, _ in inside]
    return float(sum(len(ruler.note_pieces(*each)) for each in clipped))


def fitting(
    start: int, stop: int, places: Iterable[int], quarter: int, beat: int, n_spans: int
) -> Tuplet | None:
    """The tuplet that has all places within a stretch on its grid, or None.

    Two groups of three sixteenths in a beat are one of six if there are that many notes.
    """
    length = stop - start
    common = math.gcd(length, *(place - start for place in places))
    needed = length // common
    quarters = Fraction(length, quarter)
    threes = 3 if quarters.numerator % 3 == 0 else 1
    actual = needed
    while actual % 2 == 0:
        actual //= 2
    if threes == 3 and actual % 3 == 0:
        actual //= 3
    if actual == 3 and needed % 2 == 0 and n_spans >= 5 and length <= beat and threes == 1:
        actual = 6
    if actual not in _COSTS or (actual * _PARTS) % needed:
        return None
    normal = threes
    while normal * 2 <= actual:
        normal *= 2
    unit = value_of(quarters / normal)
    if unit is None or unit.dots:
        return None
    return Tuplet(start, stop, actual, normal, unit)


def _best(
    start: int, stop: int, spans: Sequence[tuple[int, int]], ruler: Ruler, odd: int
) -> tuple[float, tuple[Tuplet, ...]]:
    """The least cost of writing a stretch, and its tuplets."""
    inside = [span for span in spans if span[0] < stop and span[1] > start]
    places = sorted({p for span in inside for p in span if start < p < stop})
    if all(place % odd == 0 for place in places):
        return float(len(inside)), ()
    best: tuple[float, tuple[Tuplet, ...]] = (math.inf, ())
    tuplet = fitting(start, stop, places, ruler.quarter, ruler.beat, len(inside))
    parts = _parts(start, stop, ruler)
    if stop - start > ruler.beat and all(cut in places for _, cut in parts[:-1]):
        tuplet = None  # each part has its own
    if tuplet is not None and start % odd == 0 and stop % odd == 0:
        pieces = [
            piece
            for first, last in inside
            for piece in tuplet.pieces(max(first, start), min(last, stop))
        ]
        n_beats = max((stop - start) / ruler.beat, 1.0)
        if n_beats == 1 or all(_halvings(value, tuplet.unit) <= 1 for _, _, value in pieces):
            best = (len(pieces) + _COSTS[tuplet.actual] * n_beats, (tuplet,))
    if parts:
        halves = [_best(*part, inside, ruler, odd) for part in parts]
        cost = sum(each[0] for each in halves)
        if cost <= best[0]:  # the smaller stretch is the simpler
            best = (cost, tuple(each for half in halves for each in half[1]))
    return best


def _halvings(value: Value, unit: Value) -> int:
    """How often a unit has to be halved for a value: nobody counts quarters of it over beats."""
    return TYPES.index(value.type) - TYPES.index(unit.type)


def _parts(start: int, stop: int, ruler: Ruler) -> list[tuple[int, int]]:
    """The next smaller stretches, down to half a beat or an eighth of 6/8."""
    if stop - start <= (ruler.pulse if ruler.metre.is_compound else ruler.pulse // 2):
        return []
    places = list(ruler.places(start, stop, ruler.pulse)) or [(start + stop) // 2]
    strongest = max(ruler.strength(place) for place in places)
    cuts = [start, *(place for place in places if ruler.strength(place) == strongest), stop]
    return list(itertools.pairwise(cuts))
