"""Melodies over a figure that the same hand plays: their notes last while the key is held.

Note by note, what sounds on over quick even strikes is easily read as one of them, as most are. The
highest note of the right hand, or the lowest of the left, is none of them where its key is held
through several that are all on one side of it, more so where it is the louder, and where its
neighbours are like that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from statistics import fmean

import numpy as np

from transcribe.score.score import LEFT, RIGHT, Hand, Score
from transcribe.score.voices import bar_positions

_QUICK = Fraction(1, 2)
"""Quarters between strikes of a figure, at the most."""
_SURELY, _LIKELY, _MAYBE = 5, 3, 2
"""Strikes that a key is held through: of any loudness; of a louder one; where others nearby are
surely sung."""
_LOUDER = 8
"""MIDI velocities above the strikes after it."""
_NEARBY, _FEWEST = 8, 2
"""Quarters within which so many are."""
_REACHED = 1.7
"""How many times as long as it is held a note may last to the next one. Chosen on training and
validation pieces: of 128 notes that surely are sung, 87 in 100 are printed longer than a strike;
half of them so long as this says, and 13 in 100 as they were read."""
_LENGTHS = tuple(map(Fraction, ("1/2", "3/4", "1", "3/2", "2", "3", "4", "6")))
"""Quarters, of those that end before that."""
_RELEASED = 0.1
"""Part of a strike's length before the next one by which a key may be released, too."""
_AT_LEAST = 0.8
"""A length is that of a note that was held for this part of it."""


@dataclass(frozen=True, slots=True)
class _Sung:
    """A note over a figure."""

    index: int
    time: Fraction
    n_strikes: int
    """That its key was held through."""
    louder: float
    """MIDI velocities."""
    height: int
    """MIDI number, from below negative."""
    held: float
    """Quarters."""
    until: Fraction
    """Where the hand strikes a key that is not inside of it."""

    @property
    def is_sure(self) -> bool:
        is_loud = self.louder > _LOUDER
        return self.n_strikes >= (_LIKELY if is_loud else _SURELY)

    def is_over(self, later: _Sung) -> bool:
        """Whether its key is still held when one that is inside of it is struck."""
        return later.height < self.height and later.time < self.time + self.held


def with_melodies(score: Score) -> Score:
    """The same score with longer melody notes, where a hand plays a figure beside them."""
    notes = list(score.notes)
    for hand in (RIGHT, LEFT):
        found = _over_figures(score, hand)
        sure = np.array([float(each.time) for each in found if each.is_sure])
        sung: list[_Sung] = []
        for each in found:
            near = int((np.abs(sure - float(each.time)) < _NEARBY).sum())
            is_sung = each.is_sure or (each.louder > _LOUDER and near >= _FEWEST)
            if is_sung and not (sung and sung[-1].is_over(each)):
                sung.append(each)
        for number, each in enumerate(sung):
            until = sung[number + 1].time if number + 1 < len(sung) else each.until
            most = min(until, each.until) - each.time
            length = most
            if most > _REACHED * each.held:
                fits = [value for value in _LENGTHS if value >= _AT_LEAST * each.held]
                length = min([*fits[:1], most])
            if length > notes[each.index].length:
                notes[each.index] = replace(notes[each.index], length=length)
    return replace(score, notes=tuple(notes))


def _over_figures(score: Score, hand: Hand) -> list[_Sung]:
    """The outer notes of a hand that are held through inner ones, in order."""
    starts, notes = bar_positions(score), score.notes
    outer = 1 if hand == RIGHT else -1
    together: defaultdict[Fraction, list[int]] = defaultdict(list)
    for index, note in enumerate(notes):
        if note.hand == hand and not note.is_grace and not note.trill and note.trill_of is None:
            together[starts[note.bar] + note.beat].append(index)
    times = sorted(together)
    tops = [max(together[at], key=lambda i: outer * notes[i].note.pitch) for at in times]
    heights = [outer * notes[index].note.pitch for index in tops]
    seconds = [notes[index].note.offset for index in tops]
    released = np.interp(seconds, score.beats, _beat_positions(score, starts)).tolist()
    found = []
    for place in range(len(times) - 2):
        at, index = times[place], tops[place]
        step = times[place + 1] - at
        if step > _QUICK or times[place + 2] - times[place + 1] != step:
            continue
        last = place
        until = released[place] - _RELEASED * float(step)
        while last + 1 < len(times) and heights[last + 1] < heights[place]:
            if times[last + 1] >= until:
                break
            last += 1
        if last - place < _MAYBE:
            continue
        further = (n for n in range(place + 1, len(times)) if heights[n] >= heights[place])
        end = next(further, None)
        figure = [notes[i].note.velocity for t in times[place + 1 : place + 4] for i in together[t]]
        found.append(
            _Sung(
                index,
                at,
                last - place,
                notes[index].note.velocity - fmean(figure),
                heights[place],
                released[place] - float(at),
                times[end] if end is not None else at + _LENGTHS[-1],
            )
        )
    return found


def _beat_positions(score: Score, starts: Sequence[Fraction]) -> list[float]:
    """Quarters from the start of bar 0, counted as a whole bar, to each beat."""
    found = []
    for index in range(len(score.beats)):
        bar = int(np.searchsorted(score.bar_starts, index, side="right"))
        quarters = score.metre(bar).quarters_per_beat
        if bar == 0:
            found.append(float(starts[1] - (score.first_downbeat - index) * quarters))
        else:
            bar = min(bar, len(starts) - 1)
            found.append(float(starts[bar] + (index - score.bar_starts[bar - 1]) * quarters))
    return found
