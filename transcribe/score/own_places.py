"""A place on the page for every note that was played.

The networks give each note the place that fits best, one by one, so a hand may come to strike a
key twice on one place. No chord can show that: what was struck earlier or later than the place gets
the sixteenth, thirty-second or triplet beside it, or becomes grace notes where there is no room.
Strikes of a key that follow one another more quickly than a piano's action repeats are one.

Grace notes that lead to nothing, such as after the last chord of a hand, are short notes.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from statistics import fmean

from transcribe.score.score import LEFT, RIGHT, Hand, Score, ScoreNote
from transcribe.score.voices import bar_positions

RESTRUCK = 0.07
"""Seconds from one strike of a key to the next, at the least, that are two on the page."""
_TOGETHER = 0.045
"""Seconds between notes of a chord, at the most."""
_BINARY = tuple(Fraction(1, n) for n in (2, 4, 8, 16))
_TRIPLET = tuple(Fraction(1, n) for n in (3, 6, 12))
"""Quarters that what was struck one after the other may be apart."""
_GRACE = Fraction(1, 4)
_NEAR = 1
"""Quarters that a grace note may be from what it leads to."""


@dataclass(frozen=True, slots=True)
class _Crowd:
    """What a hand struck on one place, chord after chord."""

    at: Fraction
    """Quarters from the start of bar 0."""
    chords: tuple[tuple[int, ...], ...]
    """Indices of notes."""
    anchor: int
    """The chord that stays on the place."""


def with_own_places(score: Score) -> Score:
    """The same score with no key struck twice on one place by one hand, and no idle grace note.

    For before voices are told apart.
    """
    notes = list(score.notes)
    starts = bar_positions(score)
    for hand in (RIGHT, LEFT):
        places = _places(notes, hand, starts)
        order = sorted(places)
        crowds = {
            at: crowd
            for at in order
            if (crowd := _crowd(at, places[at], notes, score, is_last=at == order[-1]))
        }
        for crowd in crowds.values():
            _spread(crowd, notes, order, crowds.keys(), starts, score)
        _lead_on(notes, hand, starts)
    return replace(score, notes=tuple(notes))


def _places(
    notes: Sequence[ScoreNote], hand: Hand, starts: Sequence[Fraction]
) -> dict[Fraction, list[int]]:
    """What a hand has on each place, in the order in which it was struck."""
    found = defaultdict(list)
    for index, note in enumerate(notes):
        if note.hand == hand and not note.is_grace and note.trill_of is None:
            found[starts[note.bar] + note.beat].append(index)
    for indices in found.values():
        indices.sort(key=lambda index: notes[index].note.onset)
    return dict(found)


def _crowd(
    at: Fraction, indices: Sequence[int], notes: Sequence[ScoreNote], score: Score, *, is_last: bool
) -> _Crowd | None:
    """The chords of a place if a key is struck twice on it."""
    first_strike: dict[int, float] = {}
    is_crowded = False
    for index in indices:
        note = notes[index].note
        if note.onset - first_strike.setdefault(note.pitch, note.onset) >= RESTRUCK:
            is_crowded = True
    if not is_crowded:
        return None
    chords = tuple(map(tuple, _chords(indices, notes)))
    first = notes[indices[0]]
    due = score.seconds(first.bar, first.beat)
    trilled = [n for n, chord in enumerate(chords) if any(notes[i].trill for i in chord)]
    if trilled or is_last:
        anchor = trilled[0] if trilled else len(chords) - 1
    else:
        away = [abs(fmean(notes[i].note.onset for i in chord) - due) for chord in chords]
        anchor = away.index(min(away))
    return _Crowd(at, chords, anchor)


def _chords(indices: Sequence[int], notes: Sequence[ScoreNote]) -> Iterator[list[int]]:
    chord: list[int] = []
    for index in indices:
        note = notes[index].note
        if chord:
            is_later = note.onset - notes[chord[-1]].note.onset > _TOGETHER
            is_again = any(
                notes[each].note.pitch == note.pitch
                and note.onset - notes[each].note.onset >= RESTRUCK
                for each in chord
            )
            if is_later or is_again:
                yield chord
                chord = []
        chord.append(index)
    yield chord


def _spread(
    crowd: _Crowd,
    notes: list[ScoreNote],
    order: Sequence[Fraction],
    crowded: Collection[Fraction],
    starts: Sequence[Fraction],
    score: Score,
) -> None:
    """Put what was struck before and after the chord that stays beside it."""
    rank = bisect_left(order, crowd.at)
    before = order[rank - 1] if rank else None
    after = order[rank + 1] if rank + 1 < len(order) else None
    for is_later in (False, True):
        beside = crowd.chords[crowd.anchor + 1 :] if is_later else crowd.chords[: crowd.anchor]
        if not beside:
            continue
        border = after if is_later else before
        step = None
        if border is not None:
            room = abs(border - crowd.at) / (2 if border in crowded else 1)
            step = _step(crowd, beside, room, notes, score, border)
        if step is None:
            lead = after if is_later and after is not None else crowd.at
            for index in (index for chord in beside for index in chord):
                notes[index] = _moved(notes[index], lead, _GRACE, starts, is_grace=True)
            continue
        for number, chord in enumerate(beside):
            steps = number + 1 if is_later else number - len(beside)
            for index in chord:
                length = min(notes[index].length, step)
                notes[index] = _moved(notes[index], crowd.at + steps * step, length, starts)
        if is_later:
            for index in crowd.chords[crowd.anchor]:
                if not notes[index].trill:
                    notes[index] = replace(notes[index], length=min(notes[index].length, step))


def _step(
    crowd: _Crowd,
    beside: Sequence[Sequence[int]],
    room: Fraction,
    notes: Sequence[ScoreNote],
    score: Score,
    border: Fraction,
) -> Fraction | None:
    """Quarters from chord to chord, nearest to how they were struck; None where none fits."""
    is_odd = any(place.denominator % 3 == 0 for place in (crowd.at, border))
    fitting = [step for step in (_TRIPLET if is_odd else _BINARY) if len(beside) * step < room]
    if not fitting:
        return None
    onsets = [notes[i].note.onset for chord in (*beside, crowd.chords[crowd.anchor]) for i in chord]
    first = notes[crowd.chords[crowd.anchor][0]]
    metre = score.metre(first.bar)
    beat = metre.quarters_per_beat
    seconds = score.seconds(first.bar, first.beat + beat) - score.seconds(first.bar, first.beat)
    apart = (max(onsets) - min(onsets)) / len(beside) / max(seconds, 1e-3) * float(beat)
    return min(fitting, key=lambda step: abs(math.log(float(step) / max(apart, 1e-3))))


def _moved(
    note: ScoreNote,
    at: Fraction,
    length: Fraction,
    starts: Sequence[Fraction],
    *,
    is_grace: bool = False,
) -> ScoreNote:
    bar = min(bisect_right(starts, at), len(starts)) - 1
    return replace(note, bar=bar, beat=at - starts[bar], length=length, is_grace=is_grace)


def _lead_on(notes: list[ScoreNote], hand: Hand, starts: Sequence[Fraction]) -> None:
    """Have every grace note of a hand lead to a chord of it, or be a short note itself."""
    order = sorted(_places(notes, hand, starts))
    idle = defaultdict(list)
    for index, note in enumerate(notes):
        if note.hand == hand and note.is_grace and note.trill_of is None:
            at = starts[note.bar] + note.beat
            rank = bisect_left(order, at)
            if rank < len(order) and order[rank] - at <= _NEAR:
                notes[index] = _moved(note, order[rank], note.length, starts, is_grace=True)
            else:
                idle[at].append(index)
    for at, indices in idle.items():  # those before the last lead to it
        last = max(indices, key=lambda index: notes[index].note.onset)
        notes[last] = _moved(notes[last], at, notes[last].length, starts)
