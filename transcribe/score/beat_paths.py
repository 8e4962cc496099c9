"""The best ways through places where beats may be, two beats and a tempo at a time.

A beat is reached from one before it, and how good that is hangs on the one before that, since
a change of tempo has its price. So ways are kept to pairs of beats, at each tempo that the
piece may have there. What is needed to go on from a pair is worked out once, when the pair is
reached; and of what was reached long ago only that is kept over which a way still leads.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_ROUNDING = 1e-6
"""Far more than what sums of these values are off by."""
_FORGETS_EVERY = 2000
"""Beats after which the ways that have come to nothing are forgotten."""


class BeatPaths:
    """The best ways to pairs of beats, at each of the tempos that may hold there.

    Parameters
    ----------
    alone : array
        What each beat counts as the first, shape (n,).
    late : array
        What it costs that each beat is the last, shape (n,).
    first, last : array
        Of each beat, those that may be the one before it: from the one to before the other.
    n_tempos : int
    change, drift, move : float
        As in `beats.BeatSettings`.
    """

    def __init__(
        self,
        alone: Array,
        late: Array,
        first: NDArray[np.int64],
        last: NDArray[np.int64],
        n_tempos: int,
        *,
        change: float,
        drift: float,
        move: float,
    ) -> None:
        self.alone, self.late, self.first = alone, late, first
        self.change, self.drift, self.move = change, drift, move
        self.n_tempos, tempos = n_tempos, np.arange(n_tempos)
        self.below = np.maximum(tempos - 1, 0)
        self.above = np.minimum(tempos + 1, n_tempos - 1)
        # As columns: each tempo itself, the next one below, and the next one above.
        self.tempos = (tempos[:, None], self.below[:, None], self.above[:, None])
        n_beats = len(alone)
        self.n_before = np.maximum(last - first, 0)
        most = max(int(self.n_before.max()), 1)
        self.n_kept = int((np.arange(n_beats) - first).max()) + 1
        # Of a beat as long as it may be the one before (a row, twice, so that those of any beat
        # lie together), a tempo and the beats before it that ways may go on from (columns): what
        # such a way counts, where it comes from (as in `back`), and the logarithm of the gap.
        rows = 2 * self.n_kept
        self.onward = np.full((rows, n_tempos, most), -np.inf)
        self.source = np.zeros((rows, n_tempos, most), np.intp)
        self.gap = np.zeros((rows, most))
        self.n_onward = np.ones(n_beats, int)
        self.cells = np.arange(most * n_tempos).reshape(most, n_tempos)
        self.kind = np.int16 if most * n_tempos <= np.iinfo(np.int16).max else np.int32
        self.back: list[NDArray[np.signedinteger] | None] = [None] * n_beats
        """Of each pair where its best way comes from: column and tempo, -1 for nowhere."""
        self.n_forgotten = 0
        self.end, self.end_value = -1, -np.inf
        self.end_pair = (0, 0)

    def extend(self, i: int, gap: Array, pair: Array) -> None:
        """To a beat from those before it.

        Parameters
        ----------
        i : int
            The beat.
        gap : array
            Logarithms of the seconds from each of those before it, one or more, shape (n,).
        pair : array
            What each pair of beats counts at each tempo, shape (n, n_tempos).
        """
        n, start = len(gap), int(self.first[i])
        at = start % self.n_kept
        n_columns = int(self.n_onward[start : start + n].max())
        apart = np.abs(self.gap[at : at + n, :n_columns] - gap[:, None])
        np.minimum(apart, 1.0, out=apart)
        apart *= self.change
        way = self.onward[at : at + n, :, :n_columns] - apart[:, None, :]
        column = way.argmax(axis=2)
        cell = self.cells[:n]
        reached = way.ravel().take(cell * n_columns + column)
        most = self.source.shape[2]
        source = self.source.ravel().take((cell + at * self.n_tempos) * most + column)
        alone = self.alone[start : start + n, None]
        goes_on = reached > alone
        total = np.where(goes_on, reached, alone)
        total += pair
        self.back[i] = np.where(goes_on, source, -1).astype(self.kind)
        self._keep(i, gap, np.ascontiguousarray(total.T))
        end = int(total.argmax())
        value = float(total.flat[end]) - float(self.late[i])
        if value > self.end_value:
            self.end, self.end_value = i, value
            self.end_pair = divmod(end, self.n_tempos)
        if i - self.n_forgotten >= _FORGETS_EVERY:
            self._forget(i)

    def begin(self, i: int) -> None:
        """With a beat that has none before it."""
        self.onward[[i % self.n_kept, i % self.n_kept + self.n_kept]] = -np.inf

    def _keep(self, i: int, gap: Array, kept: Array) -> None:
        """What is needed to go on from the pairs that end with a beat, whose values these are."""
        # At the same tempo, or from the next one or the best one at a price.
        best = kept.argmax(axis=0)
        top = kept[best, np.arange(len(gap))] - self.move
        lower = kept - self.drift
        onward = np.maximum(kept, top)
        np.maximum(onward[1:], lower[:-1], out=onward[1:])
        np.maximum(onward[:-1], lower[1:], out=onward[:-1])
        # Which of them it was: where several are as good, the first of these.
        own, below, above = self.tempos
        source = np.where(lower[self.above] == onward, above, best)
        source = np.where(lower[self.below] == onward, below, source)
        source = np.where(kept == onward, own, source)
        source += self.n_tempos * np.arange(len(gap))
        # No change of tempo costs more than `change`: what is further behind is never the best.
        behind = onward.max(axis=1, keepdims=True) - (self.change + _ROUNDING)
        columns = np.flatnonzero((onward >= behind).any(axis=0))
        self.n_onward[i] = n = len(columns)
        onward, source, gap = onward[:, columns], source[:, columns], gap[columns]
        for row in (i % self.n_kept, i % self.n_kept + self.n_kept):
            self.onward[row, :, :n] = onward
            self.onward[row, :, n:] = -np.inf
            self.source[row, :, :n] = source
            self.gap[row, :n] = gap

    def _forget(self, newest: int) -> None:
        """Drop what no way leads over any more that may yet be the best."""
        if newest + 1 == len(self.first):
            return
        oldest, living = int(self.first[self.n_forgotten]), int(self.first[newest + 1])
        used = np.zeros((newest + 1 - oldest, self.onward.shape[2], self.n_tempos), bool)
        used[living - oldest :] = True
        if self.end >= oldest:
            column, tempo = self.end_pair
            used[self.end - oldest, column, tempo] = True
        for row in range(newest, self.n_forgotten - 1, -1):
            back = self.back[row]
            if back is None:
                continue
            mark = used[row - oldest, : len(back)]
            if not mark.any():
                self.back[row] = None
                continue
            source = np.where(mark, back, -1)
            goes_on = source >= 0
            before = np.nonzero(goes_on)[0] + (int(self.first[row]) - oldest)
            source = source[goes_on]
            used[before, source // self.n_tempos, source % self.n_tempos] = True
        self.n_forgotten = newest - _FORGETS_EVERY // 4

    def best(self) -> list[int]:
        """Indices of the likeliest beats; the first and the last place, if there is no way."""
        if self.end < 0:
            return [0, len(self.first) - 1]
        i, (column, tempo) = self.end, self.end_pair
        chosen = [i]
        while True:
            back = self.back[i]
            assert back is not None
            source = int(back[column, tempo])
            i = int(self.first[i]) + column
            chosen.append(i)
            if source < 0:
                return chosen[::-1]
            column, tempo = divmod(source, self.n_tempos)
