"""Windows of beats with their bars and metres, to learn bars from."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from transcribe.datasets.annotated import UNKNOWN, AnnotatedPerformance
from transcribe.score.bar_features import N_BINS, N_FEATURES, N_LAGS, bar_features
from transcribe.score.beat_targets import METRES
from transcribe.train.piece_windows import IGNORED, PieceWindows, notes_of
from transcribe.train.played_differently import (
    AS_PLAYED,
    left_out,
    transposed,
    with_faults,
)

Array = NDArray[np.float64]
LEVELS = {1.0: 0.75, 2.0: 0.1, 0.5: 0.1, 3.0: 0.025, 1 / 3: 0.025}
"""Beats found for one that there is, and how often: what is mistaken has to be borne."""
_FEWEST_BEATS, _FEWEST_NOTES = 8, 8
"""Of a window, to learn from."""
_MOST_MISCOUNTED = 3
"""Beats that are left out or added."""
_N_KINDS = 3
"""Of likeness, in the features: harmony, rhythm, bass."""


def on_level(
    beats: Array, level: float, rng: np.random.Generator
) -> tuple[Array, NDArray[np.int64]]:
    """Beats so many times as close, and of each which one of those given it is, or `IGNORED`."""
    index = np.arange(len(beats))
    if level > 1:
        position = np.arange(round(level) * (len(beats) - 1) + 1) / round(level)
        on_beat = np.where(position % 1 == 0, position.astype(int), IGNORED)
        return np.interp(position, index, beats), on_beat
    step = round(1 / level)
    first = int(rng.integers(step))
    return beats[first::step], index[first::step]


def miscounted(
    beats: Array, of_beat: NDArray[np.int64], rng: np.random.Generator
) -> tuple[Array, NDArray[np.int64]]:
    """The same with one to three beats missed or too many, as where a player waits.

    Parameters
    ----------
    beats : array
        Seconds, rising, shape (n,).
    of_beat : array
        Which one of the piece each is, or `IGNORED`; so it is of those that are added.
    """
    for _ in range(int(rng.integers(1, _MOST_MISCOUNTED + 1))):
        if len(beats) < _FEWEST_BEATS:
            break
        index = int(rng.integers(1, len(beats) - 1))
        if rng.random() < 0.5:
            beats, of_beat = np.delete(beats, index), np.delete(of_beat, index)
        else:
            between = (beats[index] + beats[index + 1]) / 2
            beats = np.insert(beats, index + 1, between)
            of_beat = np.insert(of_beat, index + 1, IGNORED)
    return beats, of_beat


class BarWindows(PieceWindows[AnnotatedPerformance]):
    """Windows of ``size`` beats; of pieces whose bars are known."""

    def is_learnt_from(self, each: AnnotatedPerformance) -> bool:
        """Whether its labels are known."""
        return bool(each.numerator[0] != UNKNOWN)

    def prepare(self, each: AnnotatedPerformance) -> AnnotatedPerformance:
        """All of it."""
        return each

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        rng = np.random.default_rng((self.seed, index))
        each = self.draw(rng)
        level = 1.0
        if self.config != AS_PLAYED:
            level = float(rng.choice(list(LEVELS), p=list(LEVELS.values())))
        needed = int(self.size / level) + 2
        n = len(each.beats)
        start = max(int(rng.integers(-needed // 4, max(n - needed, 1))), 0)
        part = slice(start, start + needed)
        beats = each.beats[part]
        first, last = np.searchsorted(each.onset, [beats[0] - 0.3, beats[-1] + 0.5])
        if len(beats) < _FEWEST_BEATS or last - first < _FEWEST_NOTES:
            return self[index + self.n_windows]
        notes = notes_of(each, slice(first, last))
        factor = float(np.exp(rng.uniform(-self.config.stretch, self.config.stretch)))
        notes, _ = transposed(notes.stretched(factor), rng, self.config.semitones)
        notes, source = with_faults(notes, rng, self.config)
        hand = np.where(source >= 0, each.hand[first:last][source], UNKNOWN)
        notes = notes.some(left_out(notes, hand, rng, self.config))
        moved, of_beat = on_level(beats * factor, level, rng)
        if rng.random() < self.config.miscounted:
            moved, of_beat = miscounted(moved, of_beat, rng)
        jitter = rng.normal(0, rng.uniform(0, self.config.beat_jitter), len(moved))
        moved = np.maximum.accumulate(moved + jitter)
        if len(moved) < 2:
            return self[index + self.n_windows]
        rows = bar_features(notes, moved)[: self.size]
        if rng.random() < self.config.untold:
            kind = N_BINS + 2 * N_LAGS * int(rng.integers(_N_KINDS))
            rows[:, kind : kind + 2 * N_LAGS] = 0
        return self._tensors(rows, each, part, of_beat[: self.size])

    def _tensors(
        self,
        rows: NDArray[np.float32],
        each: AnnotatedPerformance,
        part: slice,
        of_beat: NDArray[np.int64],
    ) -> dict[str, Tensor]:
        m = len(rows)
        last = np.maximum.accumulate(np.maximum(of_beat, 0))
        names = zip(
            each.numerator[part][last].tolist(), each.denominator[part][last].tolist(), strict=True
        )
        padded = np.zeros((self.size, N_FEATURES), np.float32)
        down, weight = np.zeros(self.size, np.float32), np.zeros(self.size, np.float32)
        metre = np.full(self.size, IGNORED)
        padded[:m], weight[:m] = rows, 1
        down[:m] = np.where(of_beat >= 0, each.is_down[part][last], 0)
        metre[:m] = [METRES.get(name, IGNORED) for name in names]
        return {
            name: torch.from_numpy(values)
            for name, values in (
                ("rows", padded),
                ("down", down),
                ("weight", weight),
                ("metre", metre),
            )
        }
