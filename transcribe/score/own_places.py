"""A place on the page for every note that was played.

The networks give each note the place that fits best, one by one, so a hand may come to strike a
key twice on one place, or two neighbouring keys one after the other. No chord can show that: what
was struck earlier or later than the place gets the sixteenth, thirty-second or triplet beside it,
or becomes grace notes where there is no room, or where a neighbour was struck that quickly.
Strikes of a key that follow one another more quickly than a piano's action repeats are one.

Grace notes that lead to nothing, such as after the last chord of a hand, are short notes.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from statistics import fmean

from transcribe.notes import Note
from transcribe.score.score import LEFT, RIGHT, Hand, Score, ScoreNote
from transcribe.score.voices import bar_positions

RESTRUCK = 0.07
"""Seconds from one strike of a key to the next, at the least, that are two on the page."""
_TOGETHER = 0.045
"""Seconds between notes of a chord, at the most."""
_SECOND, _IN_TURN = 2, 0.035
"""Semitones between neighbouring keys, and seconds between their strikes, from which on they are
no chord: on validation pieces, one in 15 such pairs is printed as one."""
_QUICK = 0.15
"""Quarters from strike to strike of neighbouring keys, below which the first is a grace note."""
_BINARY = tuple(Fraction(1, n) for n in (2, 4, 8))
"""Quarters that what was struck one after the other may be apart."""
_TRIPLET = tuple(Fraction(1, n) for n in (3, 6))
"""The same, beside a place in a triplet."""
_GRACE = Fraction(1, 4)
"""Nominal length of a note that becomes a grace note; see `ScoreNote.length`."""
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
    is_ornament: bool = False
    """Whether what was struck before it are grace notes."""


def with_own_places(score: Score) -> Score:
    """The same score with no key struck twice on one place by one hand, and no idle grace note.

    For before voices are told apart.
    """
    notes = list(score.notes)
    for hand in (RIGHT, LEFT):
        of_hand = _HandNotes(hand, notes, score)
        of_hand.spread_crowds()
        of_hand.lead_graces_on()
    return replace(score, notes=tuple(notes))


class _HandNotes:
    """The notes of a hand, among all notes of a score; they are replaced where they move."""

    def __init__(self, hand: Hand, notes: list[ScoreNote], score: Score) -> None:
        self._hand, self._notes, self._score = hand, notes, score
        self._starts = bar_positions(score)

    def spread_crowds(self) -> None:
        """Give every strike of a key a place of its own, or make it a grace note."""
        places = self._places()
        order = sorted(places)
        crowds = {
            at: crowd
            for at in order
            if (crowd := self._crowd(at, places[at], is_last=at == order[-1]))
        }
        for crowd in crowds.values():
            rank = bisect_left(order, crowd.at)
            self._spread_before(crowd, order[rank - 1] if rank else None, crowds)
            self._spread_after(crowd, order[rank + 1] if rank + 1 < len(order) else None, crowds)

    def lead_graces_on(self) -> None:
        """Have every grace note lead to a chord of the hand, or be a short note itself."""
        order = sorted(self._places())
        idle = defaultdict(list)
        for index, note in enumerate(self._notes):
            if note.hand == self._hand and note.is_grace and note.trill_of is None:
                at = self._place(note)
                rank = bisect_left(order, at)
                if rank < len(order) and order[rank] - at <= _NEAR:
                    self._move([index], order[rank], note.length, is_grace=True)
                else:
                    idle[at].append(index)
        for at, indices in idle.items():  # those before the last lead to it
            last = max(indices, key=lambda index: self._notes[index].note.onset)
            self._move([last], at, self._notes[last].length)

    def _place(self, note: ScoreNote) -> Fraction:
        """Quarters from the start of bar 0."""
        return self._starts[note.bar] + note.beat

    def _places(self) -> dict[Fraction, list[int]]:
        """What the hand has on each place, in the order in which it was struck."""
        found = defaultdict(list)
        for index, note in enumerate(self._notes):
            if note.hand == self._hand and not note.is_grace and note.trill_of is None:
                found[self._place(note)].append(index)
        for indices in found.values():
            indices.sort(key=lambda index: self._notes[index].note.onset)
        return dict(found)

    def _crowd(self, at: Fraction, indices: Sequence[int], *, is_last: bool) -> _Crowd | None:
        """The chords of a place if a key is struck twice on it."""
        notes = self._notes
        first_strike: dict[int, float] = {}
        is_restruck = False
        for index in indices:
            note = notes[index].note
            if note.onset - first_strike.setdefault(note.pitch, note.onset) >= RESTRUCK:
                is_restruck = True
        chords = tuple(map(tuple, _chords(indices, notes, _TOGETHER if is_restruck else math.inf)))
        if len(chords) == 1:
            return None
        trilled = [n for n, chord in enumerate(chords) if any(notes[i].trill for i in chord)]
        is_ornament = not is_restruck and self._apart(chords) < _QUICK
        if is_ornament and any(len(chord) > 1 for chord in chords[:-1]):
            return None  # a spread chord
        if trilled or is_last or is_ornament:
            return _Crowd(at, chords, trilled[0] if trilled else len(chords) - 1, is_ornament)
        first = notes[indices[0]]
        due = self._score.seconds(first.bar, first.beat)
        away = [abs(fmean(notes[i].note.onset for i in chord) - due) for chord in chords]
        return _Crowd(at, chords, away.index(min(away)))

    def _spread_before(
        self, crowd: _Crowd, border: Fraction | None, crowded: Collection[Fraction]
    ) -> None:
        """Put what was struck before the chord that stays before it, or have it lead to it."""
        chords = crowd.chords[: crowd.anchor]
        step = self._step(crowd, chords, border, crowded)
        for number, chord in enumerate(chords):
            if step is None:
                self._move(chord, crowd.at, _GRACE, is_grace=True)
            else:
                self._move(chord, crowd.at + (number - len(chords)) * step, step)

    def _spread_after(
        self, crowd: _Crowd, border: Fraction | None, crowded: Collection[Fraction]
    ) -> None:
        """Put what was struck after the chord that stays after it, or have it lead on."""
        chords = crowd.chords[crowd.anchor + 1 :]
        step = self._step(crowd, chords, border, crowded)
        for number, chord in enumerate(chords):
            if step is None:
                self._move(chord, crowd.at if border is None else border, _GRACE, is_grace=True)
            else:
                self._move(chord, crowd.at + (number + 1) * step, step)
        if step is None:
            return
        for index in crowd.chords[crowd.anchor]:
            note = self._notes[index]
            if not note.trill:
                self._notes[index] = replace(note, length=min(note.length, step))

    def _step(
        self,
        crowd: _Crowd,
        beside: Sequence[Sequence[int]],
        border: Fraction | None,
        crowded: Collection[Fraction],
    ) -> Fraction | None:
        """Quarters from chord to chord, nearest to how they were struck; None where none fits."""
        if border is None or not beside or crowd.is_ornament:
            return None
        room = abs(border - crowd.at) / (2 if border in crowded else 1)
        is_odd = any(place.denominator % 3 == 0 for place in (crowd.at, border))
        fitting = [step for step in (_TRIPLET if is_odd else _BINARY) if len(beside) * step < room]
        if not fitting:
            return None
        apart = self._apart([crowd.chords[crowd.anchor], *beside])
        return min(fitting, key=lambda step: abs(math.log(float(step) / max(apart, 1e-3))))

    def _apart(self, chords: Sequence[Sequence[int]]) -> float:
        """Quarters from strike to strike of chords that share a place, as they were played."""
        onsets = [self._notes[i].note.onset for chord in chords for i in chord]
        first, score = self._notes[chords[0][0]], self._score
        beat = score.metre(first.bar).quarters_per_beat
        seconds = score.seconds(first.bar, first.beat + beat) - score.seconds(first.bar, first.beat)
        return (max(onsets) - min(onsets)) / (len(chords) - 1) / max(seconds, 1e-3) * float(beat)

    def _move(
        self, indices: Iterable[int], at: Fraction, longest: Fraction, *, is_grace: bool = False
    ) -> None:
        """Write notes on a place; grace notes have this length, others not more."""
        bar = min(bisect_right(self._starts, at), len(self._starts)) - 1
        for index in indices:
            note = self._notes[index]
            self._notes[index] = replace(
                note,
                bar=bar,
                beat=at - self._starts[bar],
                length=longest if is_grace else min(note.length, longest),
                is_grace=is_grace,
            )


def _chords(
    indices: Sequence[int], notes: Sequence[ScoreNote], together: float
) -> Iterator[list[int]]:
    """What was struck as a chord, one after the other."""
    chord: list[int] = []
    for index in indices:
        note = notes[index].note
        if chord:
            is_later = note.onset - notes[chord[-1]].note.onset > together
            if is_later or any(_is_after(notes[each].note, note) for each in chord):
                yield chord
                chord = []
        chord.append(index)
    yield chord


def _is_after(before: Note, note: Note) -> bool:
    """Whether a key, or its neighbour, is struck too late to be in a chord."""
    moved = abs(note.pitch - before.pitch)
    if moved > _SECOND:
        return False
    return note.onset - before.onset >= (_IN_TURN if moved else RESTRUCK)
