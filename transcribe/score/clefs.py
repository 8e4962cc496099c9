"""Clefs that last, single chords on the other staff, and octave lines.

Each is a way to have fewer ledger lines, and each has its price: a clef change costs as much
as a few bars with many of them, so that a clef stays unless the hand does. It stands at a bar
line, or just before the note on a beat from which on it is wanted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from transcribe.score.metrical import Ruler
from transcribe.score.sheet import LOWER, UPPER, Bar, Clef, ClefChange, Mark, Symbol

CLEFS: tuple[Clef, Clef] = ("G", "F")
_BOTTOM_LINES: dict[Clef, int] = {"G": 30, "F": 18}
"""Staff positions (`Spelling.position`) of E4 and G2, the lowest lines."""
_TOP = 8
"""From the lowest line of a staff to the highest, in staff positions."""
_CHANGE = 16.0
"""What a change of clef costs; a note costs its ledger lines to the power of 1.5."""
_FOREIGN = 4.0
"""What a bar costs in the clef of the other staff."""
_INSIDE = 4.0
"""What it costs more inside a bar."""
_ON_A_BEAT = 7
"""As `Ruler.strength` has it."""
_WORST_BAR = 30.0
"""More than that no bar counts, so that a change lasts for some bars."""
_MOST_TO_READ = 6
"""Ledger lines; a bar with a chord farther off has the other clef, if that helps and no octave
line does."""
_FIRST = 12.0
"""For a staff that does not begin with its own clef."""
_FAR, _NEAR = 5, 2
"""A chord with so many ledger lines goes to the other staff if it has at most so many there."""
_BESIDE = 4
"""Ledger lines with which the chords just before and after it go along."""
_OTTAVA = 7.0
"""What an octave line costs, half where it begins and half where it ends; in a beam, twice that."""
_OCTAVE_LINES: dict[tuple[int, Clef], int] = {(UPPER, "G"): 1, (LOWER, "F"): -1}
"""Staves and clefs that may have them, and whether for high notes or for low ones."""
_MOST_LEDGER_LINES = 3
"""Above them, an octave line may begin."""


def ledger_lines(position: int, clef: Clef) -> int:
    """Ledger lines of a note: above the staff, or below it as a negative number."""
    above = position - _BOTTOM_LINES[clef]
    if above > _TOP:
        return (above - _TOP) // 2
    return -(-above // 2) if above < 0 else 0


def choose_clefs(bars: Sequence[Bar], rulers: Mapping[int, Ruler]) -> None:
    """Set the clefs of both staves: at the beginning, and where the other would serve longer.

    Parameters
    ----------
    bars : sequence of Bar
    rulers : mapping from int to Ruler
        Of each bar, by its number.
    """
    for staff, own in ((UPPER, 0), (LOWER, 1)):
        parts = [part for bar in bars for part in _parts(bar, staff, rulers[bar.number])]
        costs = np.array([part.costs for part in parts])
        change = np.array([_CHANGE + _INSIDE * (part.start > 0) for part in parts])
        path = _cheapest(costs, change=change, first=_FIRST, own=own)
        for number, part in enumerate(parts):
            if number and not any(part.costs):  # silence; a clef stands before what it is for
                path[number] = path[number - 1]
            if number == 0 or path[number] != path[number - 1]:
                part.bar.clefs.append(ClefChange(part.start, staff, CLEFS[path[number]]))


@dataclass(slots=True)
class _Part:
    """A bar of a staff, or a part of one, from where its clef may be another."""

    bar: Bar
    start: int
    costs: tuple[float, float]
    """In each of `CLEFS`."""


def _parts(bar: Bar, staff: int, ruler: Ruler) -> Iterator[_Part]:
    items = [item for item in _items(bar, staff) if item.heads]
    starts = sorted(
        {0}
        | {
            item.start
            for item in items
            if ruler.strength(item.start) >= _ON_A_BEAT
            and not any(other.start < item.start < other.stop for other in items)
            and not any(head.is_tied_back for head in item.heads)
        }
    )
    for start, stop in pairwise([*starts, bar.length]):
        positions = [
            head.spelling.position
            for item in items
            if start <= item.start < stop
            for head in item.heads
        ]
        most = _WORST_BAR * (stop - start) / bar.length
        costs = []
        for clef in CLEFS:
            lines = [ledger_lines(position, clef) for position in positions]
            sign = _OCTAVE_LINES.get((staff, clef))
            far = lines if sign is None else [min(sign * each, 0) for each in lines]
            is_unreadable = any(abs(each) > _MOST_TO_READ for each in far)
            cost = min(sum(abs(each) ** 1.5 for each in lines), most)
            if positions and clef != CLEFS[staff - UPPER]:
                cost += _FOREIGN * (stop - start) / bar.length
            costs.append(cost + 2 * _CHANGE * is_unreadable)
        yield _Part(bar, start, (costs[0], costs[1]))


def _cheapest(costs: np.ndarray, *, change: np.ndarray, first: float, own: int) -> list[int]:
    """The way through two states with the least cost; what a change costs before each place."""
    total = costs[0] + first * (np.arange(2) != own)
    came_from = np.zeros((len(costs), 2), np.int64)
    for number in range(1, len(costs)):
        other = total[::-1] + change[number]
        came_from[number] = np.where(other < total, [1, 0], [0, 1])
        total = np.minimum(total, other) + costs[number]
    path = [int(np.argmin(total))]
    for number in range(len(costs) - 1, 0, -1):
        path.append(int(came_from[number, path[-1]]))
    return path[::-1]


def _items(bar: Bar, staff: int) -> list[Symbol]:
    return [item for line in bar.lines for item in line.items if item.staff == staff]


class _Clefs:
    """Which clef a staff has where."""

    def __init__(self, bars: Sequence[Bar]) -> None:
        self._changes: dict[int, list[tuple[tuple[int, int], Clef]]] = {UPPER: [], LOWER: []}
        for bar in bars:
            for change in bar.clefs:
                self._changes[change.staff].append(((bar.number, change.place), change.clef))

    def at(self, bar: Bar, staff: int, place: int) -> Clef:
        """That of a place in a bar."""
        changes = self._changes[staff]
        index = bisect_right(changes, (bar.number, place), key=lambda change: change[0]) - 1
        return changes[index][1]


def move_across(bars: Sequence[Bar]) -> None:
    """Write chords on the other staff that are far from their own and near the other, and the
    run that they are in as far as it is off its staff too."""
    clefs = _Clefs(bars)
    for bar in bars:
        for line in bar.lines:
            other = LOWER if line.staff == UPPER else UPPER
            away = [
                _ledger_lines_away(
                    item, *(clefs.at(bar, s, item.start) for s in (line.staff, other))
                )
                for item in line.items
            ]
            moved = {place for place, here in enumerate(away) if here >= _FAR}
            for step in (1, -1):
                for place in sorted(moved, key=lambda place: place * step):
                    while 0 <= place + step < len(away) and away[place + step] >= _BESIDE:
                        place += step
                        moved.add(place)
            for place in moved:
                line.items[place].staff = other


def _ledger_lines_away(item: Symbol, own: Clef, other: Clef) -> int:
    """Ledger lines that a chord has at least on its own staff, if it can be read on the other; 0
    of rests and of chords that can't."""
    positions = [head.spelling.position for head in item.heads]
    if any(abs(ledger_lines(each, other)) > _NEAR for each in positions):
        return 0
    return min((abs(ledger_lines(each, own)) for each in positions), default=0)


def octave_lines(bars: Sequence[Bar]) -> None:
    """Add octave lines where the upper staff lies very high, or the lower very low."""
    clefs = _Clefs(bars)
    for (staff, clef), sign in _OCTAVE_LINES.items():
        places = [
            (number, item)
            for number, bar in enumerate(bars)
            for item in sorted(_items(bar, staff), key=lambda item: item.start)
            if item.heads and clefs.at(bar, staff, item.start) == clef
        ]
        if not places:
            continue
        costs = np.zeros((len(places), 2))
        for row, (_, item) in enumerate(places):
            positions = [head.spelling.position for head in item.heads]
            far = max(sign * ledger_lines(each, clef) for each in positions)
            moved = [sign * ledger_lines(each - 7 * sign, clef) for each in positions]
            costs[row, 0] = max(far - _MOST_LEDGER_LINES, 0)
            costs[row, 1] = (0.1 if far > 1 else 2.0) + 2 * max(-min(moved), 0)
        within = [item.beams[:1] in (["continue"], ["end"]) for _, item in places]
        change = _OTTAVA / 2 * (1 + np.array(within))
        path = _cheapest(costs, change=change, first=_OTTAVA / 2, own=0)
        _mark_octaves(bars, places, path, staff, "up" if sign > 0 else "down")


def _mark_octaves(
    bars: Sequence[Bar],
    places: Sequence[tuple[int, Symbol]],
    path: Sequence[int],
    staff: int,
    text: str,
) -> None:
    for row, (number, item) in enumerate(places):
        if path[row] and (row == 0 or not path[row - 1]):
            bars[number].marks.append(Mark(item.start, "ottava", text, staff))
        if path[row] and (row + 1 == len(places) or not path[row + 1]):
            bars[number].marks.append(Mark(item.stop, "ottava", "stop", staff))
