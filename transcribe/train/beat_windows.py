"""Windows of onsets with their beats and bars, to learn beats from."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from transcribe.datasets.annotated import UNKNOWN, AnnotatedPerformance
from transcribe.score.beat_targets import N_PLACES, PERIODS, PLACES
from transcribe.score.onset_features import (
    N_FEATURES,
    N_KINDS,
    N_LAGS,
    OnsetFeatures,
    onset_features,
)
from transcribe.train.piece_windows import IGNORED, PieceWindows, notes_of
from transcribe.train.played_differently import (
    TempoCurve,
    left_out,
    transposed,
    with_faults,
)

_NEAR = 0.07
"""Seconds from a beat within which an onset is neither surely on it nor surely off it."""
_SAME_PLACE = 0.03
"""Beats."""
Array = NDArray[np.float64]
Targets = dict[str, NDArray[Any]]


def targets(
    found: OnsetFeatures, each: AnnotatedPerformance, beats: Array, source: NDArray[np.int64]
) -> Targets:
    """What the network is to say of onsets.

    ``beats`` are those of the same music, ``source`` says of each note which one of the
    performance it is, or `IGNORED`.
    """
    times = found.times
    n = len(times)
    beat, down = np.zeros(n, np.float32), np.zeros(n, np.float32)
    weight = np.ones(n, np.float32)
    inside = (times >= beats[0] - _NEAR) & (times <= beats[-1] + _NEAR)
    weight[~inside] = 0
    nearest_beat = np.clip(np.searchsorted(beats, times), 1, max(len(beats) - 1, 1))
    nearest_beat -= np.abs(times - beats[nearest_beat - 1]) < np.abs(
        times - beats[np.minimum(nearest_beat, len(beats) - 1)]
    )
    distance = np.abs(times - beats[nearest_beat])
    close = distance < _NEAR
    weight[close] = 0
    best: dict[int, int] = {}
    for index in np.flatnonzero(close).tolist():
        number = int(nearest_beat[index])
        if number not in best or distance[index] < distance[best[number]]:
            best[number] = index
    for number, index in best.items():
        beat[index], weight[index] = 1, 1
        down[index] = each.is_down[number]
    gaps = np.diff(beats)
    before = np.clip(np.searchsorted(beats, times, side="right") - 1, 0, len(gaps) - 1)
    smooth = gaps.copy()
    smooth[1:-1] = (gaps[:-2] + 2 * gaps[1:-1] + gaps[2:]) / 4
    position = np.interp(np.log(smooth[before]), np.log(PERIODS), np.arange(len(PERIODS)))
    period = np.round(position).astype(np.int64)
    period[~inside] = IGNORED
    has_bars = (each.numerator[0] != UNKNOWN) if len(each.numerator) else False
    return {
        "beat": beat,
        "down": down,
        "weight": weight,
        "down_weight": weight * np.float32(has_bars),
        "period": period,
        "place": _places(found, each, source),
    }


def _places(
    found: OnsetFeatures, each: AnnotatedPerformance, source: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Of each onset the class of the first of its notes whose place is known."""
    known = source >= 0
    known[known] = each.beat[source[known]] != UNKNOWN
    place = each.place[source[known]]
    distance = np.abs((PLACES - place[:, None] + 0.5) % 1 - 0.5)
    nearest = distance.argmin(axis=1)
    nearest[distance.min(axis=1) >= _SAME_PLACE] = N_PLACES - 1
    result = np.full(len(found.times), IGNORED)
    result[found.group[known][::-1]] = nearest[::-1]
    return result


class BeatWindows(PieceWindows[AnnotatedPerformance]):
    """Windows of ``size`` onsets."""

    def prepare(self, each: AnnotatedPerformance) -> AnnotatedPerformance:
        """All of it."""
        return each

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        rng = np.random.default_rng((self.seed, index))
        each = self.draw(rng)
        n = len(each.onset)
        span = 2 * self.size + self.size // 4
        start = max(int(rng.integers(-self.size // 4, max(n - self.size, 1))), 0)
        notes, beats = notes_of(each, slice(start, start + span)), each.beats
        if rng.random() < self.config.rubato:
            curve = TempoCurve.draw(rng, notes.onset[0] - 5, notes.onset[-1] + 5)
            notes, beats = curve.of_notes(notes), curve(beats)
        factor = float(np.exp(rng.uniform(-self.config.stretch, self.config.stretch)))
        notes, _ = transposed(notes.stretched(factor), rng, self.config.semitones)
        notes, source = with_faults(notes, rng, self.config)
        source = np.where(source >= 0, source + start, IGNORED)
        hand = np.where(source >= 0, each.hand[source], UNKNOWN)
        kept = left_out(notes, hand, rng, self.config)
        found = onset_features(notes.some(kept))
        if rng.random() < self.config.untold:
            kinds = found.rows[:, : 2 * N_KINDS * N_LAGS].reshape(-1, 2 * N_KINDS, N_LAGS)
            kinds[:, rng.integers(0, 2 * N_KINDS, int(rng.integers(1, 3)))] = 0
        return as_tensors(found, targets(found, each, beats * factor, source[kept]), self.size)


def as_tensors(found: OnsetFeatures, truth: Targets, size: int) -> dict[str, Tensor]:
    """The first ``size`` onsets, padded where there are fewer."""
    n = min(len(found.times), size)
    rows = np.zeros((size, N_FEATURES), np.float32)
    rows[:n] = found.rows[:n]
    result = {"rows": torch.from_numpy(rows)}
    for name, values in truth.items():
        filler = 0 if values.dtype == np.float32 else IGNORED
        padded = np.full(size, filler, values.dtype)
        padded[:n] = values[:n]
        result[name] = torch.from_numpy(padded)
    return result
