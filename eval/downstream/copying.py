"""How long runs of music are copied from what a generator has learnt from.

A line is the pitches of a performance in the order of onsets, within a chord upwards, and what is
compared is its intervals: a run that was moved to another key is a copy too. Scales, trills and
broken chords are everybody's, so a run of some length proves nothing; what real music that nobody
learnt from shares with the same performances is the measure (`continuations` has both).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.downstream.likeness import in_order
from transcribe.notes import Note

Intervals = NDArray[np.int64]
_BASE = np.uint64(0x9E3779B97F4A7C15)
_LOWEST = -127
_BETWEEN = 1000
"""No interval: between two performances, so that no run goes from one into the next."""
LONGEST = 256
"""Notes; a longer run counts as much."""


def intervals_of(notes: Sequence[Note]) -> Intervals:
    """Semitones from each note to the next of a line."""
    pitches = np.array(in_order(notes), np.int64)
    return pitches[1:] - pitches[:-1]


class Learnt:
    """The intervals of many performances, to look runs up in.

    Parameters
    ----------
    lines : iterable of array
        Each performance's `intervals_of`.
    """

    def __init__(self, lines: Iterable[Intervals]) -> None:
        between = np.array([_BETWEEN], np.int64)
        parts = [part for line in lines for part in (line, between)]
        self.intervals = np.concatenate([between, *parts])

    def longest_runs(self, lines: Sequence[Intervals]) -> list[int]:
        """Of each line the most notes in a row that are somewhere in here, moved or not.

        One note always is.
        """
        longest, nothing = [1] * len(lines), np.empty(0, np.int64)
        places = np.concatenate(
            [np.full(len(line) + 1, n) for n, line in enumerate(lines)] or [nothing]
        )
        row = np.concatenate([p for line in lines for p in (line, [_BETWEEN])] or [nothing])
        ours, theirs = _codes(row), _codes(self.intervals)
        mine, others = np.zeros(len(row) + 1, np.uint64), np.zeros(len(theirs) + 1, np.uint64)
        # Where runs begin in here that are in a line too, as far as they have been looked at.
        starts = np.arange(len(others))
        for n_intervals in range(1, LONGEST):
            mine = mine[:-1] * _BASE + ours[n_intervals - 1 :]
            is_within = starts + n_intervals <= len(theirs)
            starts, others = starts[is_within], others[is_within]
            others = others * _BASE + theirs[starts + n_intervals - 1]
            if not len(mine) or not len(others):
                break
            wanted, back = np.unique(mine, return_inverse=True)
            at = np.minimum(np.searchsorted(wanted, others), len(wanted) - 1)
            is_wanted = wanted[at] == others
            starts, others = starts[is_wanted], others[is_wanted]
            found = np.zeros(len(wanted), bool)
            found[at[is_wanted]] = True
            is_copied = found[back] & _without_gaps(row, n_intervals)
            if not is_copied.any():
                break
            for place in np.unique(places[: len(mine)][is_copied]):
                longest[int(place)] = n_intervals + 1
        return longest


def summed_up(runs: Sequence[int]) -> dict[str, Any]:
    """Mean, 95th percentile and most of the longest runs of some continuations, in notes."""
    if not runs:
        return {"n": 0}
    return {
        "mean": float(np.mean(runs)),
        "p95": float(np.percentile(runs, 95)),
        "longest": int(max(runs)),
        "n": len(runs),
    }


def _codes(intervals: Intervals) -> NDArray[np.uint64]:
    return (intervals - _LOWEST + 1).astype(np.uint64)


def _without_gaps(row: Intervals, n_intervals: int) -> NDArray[np.bool_]:
    """Whether the run of so many intervals from each place on lies within one line."""
    gaps = np.concatenate([[0], np.cumsum(row == _BETWEEN)])
    n_places = len(row) - n_intervals + 1
    return (gaps[n_intervals:] - gaps[:n_places]) == 0
