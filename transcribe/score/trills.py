"""Trills: two neighbouring keys struck in turn, faster than the page would write them out.

A trill is written as its lower note with a sign; the notes that it was played with are marked
as part of it (`ScoreNote.trill_of`). Two quick notes that end it, from below, become grace
notes of what follows [1]_. Slow ones, and those that the bar's grid counts as sixteenths or
longer, stay as they are: an accompaniment that rocks is no trill.

References
----------
.. [1] E. Gould, *Behind Bars*, Faber Music 2011, pp. 137-140.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from transcribe.score.score import LEFT, RIGHT, Hand, Score, ScoreNote
from transcribe.score.voices import bar_positions

INTERVALS = (1, 2)
"""Semitones between the notes of a trill."""
_FEWEST, _MANY = 6, 8
"""Notes of a trill, and of one that may come in the middle of others as quick."""
_SLOWEST, _TYPICAL = 0.17, 0.13
"""Seconds from a note to the next, of any and of the median."""
_QUICK = 0.09
"""Seconds from note to note of what is a trill whatever the grid says."""
_UNEVEN = 2.2
"""Times the median that any step lasts at most; at least, one over it."""
_REST = 1.5
"""Times the median step that the hand was still before a short trill."""
_AHEAD = 24
"""Notes after a trill among which what it leads to is looked for."""
_SIXTEENTH = Fraction(1, 4)
_GRACE = Fraction(1, 4)
"""Value of the notes that end a trill."""


@dataclass(frozen=True, slots=True)
class _Run:
    """Notes of two neighbouring keys in turn."""

    indices: tuple[int, ...]
    low: int
    interval: int


def with_trills(score: Score) -> Score:
    """The same score with its trills written as trills; for before voices are told apart."""
    notes = list(score.notes)
    starts = bar_positions(score)
    order = sorted(range(len(notes)), key=lambda index: notes[index].note.onset)
    onsets = np.array([notes[index].note.onset for index in order])
    taken: set[int] = set()
    for run in sorted(_runs(notes, order), key=lambda run: -len(run.indices)):
        if taken.isdisjoint(run.indices) and _is_trill(run, notes, starts):
            if len(run.indices) < _MANY and _is_in_a_run(run, notes, order, onsets):
                continue
            taken.update(_write(run, notes, starts, order, onsets))
    return replace(score, notes=tuple(notes)) if taken else score


def _runs(notes: Sequence[ScoreNote], order: Sequence[int]) -> Iterator[_Run]:
    by_pitch: defaultdict[int, list[int]] = defaultdict(list)
    for rank, index in enumerate(order):
        by_pitch[notes[index].note.pitch].append(rank)
    for low in sorted(by_pitch):
        for interval in INTERVALS:
            if low + interval not in by_pitch:
                continue
            run: list[int] = []
            for rank in sorted([*by_pitch[low], *by_pitch[low + interval]]):
                index = order[rank]
                if run and not _goes_on(notes[run[-1]], notes[index]):
                    if len(run) >= _FEWEST:
                        yield _Run(tuple(run), low, interval)
                    run = []
                run.append(index)
            if len(run) >= _FEWEST:
                yield _Run(tuple(run), low, interval)


def _goes_on(before: ScoreNote, after: ScoreNote) -> bool:
    is_other = before.note.pitch != after.note.pitch
    return is_other and 0 < after.note.onset - before.note.onset <= _SLOWEST


def _is_trill(run: _Run, notes: Sequence[ScoreNote], starts: Sequence[Fraction]) -> bool:
    steps = np.diff([notes[index].note.onset for index in run.indices])
    middle = float(np.median(steps))
    if middle > _TYPICAL or steps.max() > _UNEVEN * middle or steps.min() < middle / _UNEVEN:
        return False
    first, last = (_place(notes[index], starts) for index in (run.indices[0], run.indices[-1]))
    return last > first and (
        middle <= _QUICK or (last - first) / (len(run.indices) - 1) < _SIXTEENTH
    )


def _is_in_a_run(
    run: _Run, notes: Sequence[ScoreNote], order: Sequence[int], onsets: NDArray[np.float64]
) -> bool:
    """Whether the hand came to the first note as quickly as it goes on."""
    first, final = notes[run.indices[0]], notes[run.indices[-1]]
    step = (final.note.onset - first.note.onset) / (len(run.indices) - 1)
    before, at = np.searchsorted(
        onsets, [first.note.onset - _REST * step, first.note.onset - step / 2]
    )
    return any(notes[index].hand == first.hand for index in order[before:at])


def _write(
    run: _Run,
    notes: list[ScoreNote],
    starts: Sequence[Fraction],
    order: Sequence[int],
    onsets: NDArray[np.float64],
) -> Iterator[int]:
    """Mark the notes of a trill; those that are used up."""
    hands = [notes[index].hand for index in run.indices]
    hand: Hand = RIGHT if 2 * hands.count(RIGHT) >= len(hands) else LEFT
    first, final = notes[run.indices[0]], notes[run.indices[-1]]
    rank = int(np.searchsorted(onsets, final.note.onset, side="right"))
    later = [
        index
        for index in order[rank : rank + _AHEAD]
        if notes[index].hand == hand and not notes[index].is_grace
    ]
    ending = _ending(run, later, notes)
    end = _place(final, starts)
    following = next(
        (
            notes[index]
            for index in later
            if index not in ending and _place(notes[index], starts) > end
        ),
        None,
    )
    stop = end + final.length
    if following is not None:
        goes_on = _place(following, starts)
        stop = goes_on if ending else min(stop, goes_on)
    main = next(index for index in run.indices if notes[index].note.pitch == run.low)
    for index in run.indices:
        notes[index] = replace(notes[index], hand=hand, trill_of=main, is_grace=False)
        yield index
    notes[main] = replace(
        notes[main],
        bar=first.bar,
        beat=first.beat,
        length=max(stop - _place(first, starts), _SIXTEENTH),
        trill=run.interval,
        trill_of=None,
    )
    if following is not None:
        for index in ending:
            notes[index] = replace(
                notes[index],
                bar=following.bar,
                beat=following.beat,
                length=_GRACE,
                is_grace=True,
            )
            yield index


def _ending(run: _Run, later: Sequence[int], notes: Sequence[ScoreNote]) -> tuple[int, ...]:
    """The two notes that lead from a trill on: the one below it, and itself again."""
    if len(later) < 2:
        return ()
    below, again = notes[later[0]].note, notes[later[1]].note
    final = notes[run.indices[-1]].note
    fits = run.low - 2 <= below.pitch < run.low and again.pitch == run.low
    quick = below.onset - final.onset <= _SLOWEST and again.onset - below.onset <= _SLOWEST
    return (later[0], later[1]) if fits and quick else ()


def _place(note: ScoreNote, starts: Sequence[Fraction]) -> Fraction:
    return starts[note.bar] + note.beat
