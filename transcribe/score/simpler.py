"""Rhythm that is read more easily than what was found, where it is nearly the same.

What is found note by note may ask for tuplets within tuplets, or for ties over a few
milliseconds. In each beat of a voice, places are moved to a common grid if that saves more
symbols than it costs in movement; ends of notes move more freely than their beginnings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from transcribe.score.metrical import Ruler
from transcribe.score.tuplets import cost_of

_GRIDS = (1, 2, 3, 4, 6, 8)
"""Parts of a beat in two; of one in three, of each of its thirds."""
_MOVED, _ENDED = 10.0, 2.0
"""Symbols that moving a beginning or an end by a whole beat must save."""
_PLAIN = 4
"""A beat whose places are all on so many parts of it is left as it is."""

Span = tuple[int, int, bool]
"""Start and stop in ticks of the bar, and whether it sounds."""


def simpler(
    spans: Sequence[Span], start: int, stop: int, ruler: Ruler, odd: int
) -> Mapping[int, int]:
    """Where places within a beat should move to; those that stay are left out.

    Parameters
    ----------
    spans : sequence of Span
        Notes and gaps of a voice, one after the other, that have any part in the beat.
    start, stop : int
        The beat.
    ruler : Ruler
        Of the bar.
    odd : int
        As for `tuplets.find_tuplets`.
    """
    places = {place for span in spans for place in span[:2] if start < place < stop}
    if all((place - start) * _PLAIN % ruler.pulse == 0 for place in places):
        return {}
    onsets = {span[0] for span in spans if span[2] and span[0] >= start}
    best, moves = cost_of(spans, start, stop, ruler, odd), {}
    per_beat = ruler.beat // ruler.pulse
    for grid in _GRIDS:
        n_parts = grid * per_beat
        if (stop - start) % n_parts:
            continue
        unit = (stop - start) // n_parts
        moved = {p: min(start + round((p - start) / unit) * unit, stop - unit) for p in places}
        shifted = _shifted(spans, moved)
        if shifted is None or not _keeps(onsets, moved):
            continue
        price = sum(
            (_MOVED if place in onsets else _ENDED) * abs(new - place) / (stop - start)
            for place, new in moved.items()
        )
        cost = cost_of(shifted, start, stop, ruler, odd) + price
        if cost < best - 1e-9:
            best, moves = cost, moved
    if best == math.inf:
        return {}
    return {place: new for place, new in moves.items() if new != place}


def _keeps(onsets: set[int], moved: Mapping[int, int]) -> bool:
    """Whether no two beginnings fall together."""
    return len({moved.get(onset, onset) for onset in onsets}) == len(onsets)


def _shifted(spans: Sequence[Span], moved: Mapping[int, int]) -> list[Span] | None:
    """The spans after the move; None where one that sounds would vanish."""
    found = []
    for start, stop, sounds in spans:
        first, last = moved.get(start, start), moved.get(stop, stop)
        if first < last:
            found.append((first, last, sounds))
        elif sounds:
            return None
    return found
