"""Windows of onsets with their beats, to learn beats, bars, metres and keys from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from transcribe.datasets.annotated import NO_KEY, AnnotatedPerformance
from transcribe.score.beat_targets import METRES, PERIODS
from transcribe.score.onset_features import N_FEATURES, NoteArrays, OnsetFeatures, onset_features
from transcribe.train.played_differently import (
    PlayedDifferentlyConfig,
    stretched,
    transposed,
    with_faults,
)
from transcribe.train.score_data import AnnotatedPiece

_NEAR = 0.07
"""Seconds from a beat within which an onset is neither surely on it nor surely off it."""
IGNORED = -1
Array = NDArray[np.float64]
Targets = dict[str, NDArray[Any]]


def targets(times: Array, each: AnnotatedPerformance, beats: Array, semitones: int) -> Targets:
    """What the network is to say of onsets at these times; `beats` are those of the same music."""
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
    at = np.clip(np.searchsorted(beats, times + 0.05, side="right") - 1, 0, len(beats) - 1)
    names = zip(each.numerator[at].tolist(), each.denominator[at].tolist(), strict=True)
    metre = np.array([METRES.get(name, IGNORED) for name in names])
    fifths = each.fifths[at]
    key = np.where(fifths == NO_KEY, IGNORED, (fifths + 7 * semitones) % 12)
    metre[~inside], key[~inside] = IGNORED, IGNORED
    return {
        "beat": beat,
        "down": down,
        "weight": weight,
        "period": period,
        "metre": metre.astype(np.int64),
        "key": key.astype(np.int64),
    }


class BeatWindows(Dataset[dict[str, Tensor]]):
    """Windows of ``size`` onsets; any index makes one, and always the same.

    Pieces are drawn by their shares, then one of their performances.
    """

    def __init__(
        self,
        pieces: Sequence[AnnotatedPiece],
        config: PlayedDifferentlyConfig,
        *,
        size: int,
        n_windows: int,
        seed: int,
    ) -> None:
        self.pieces, self.config, self.size, self.n_windows, self.seed = (
            pieces,
            config,
            size,
            n_windows,
            seed,
        )
        weights = np.array([piece.share for piece in pieces])
        self.share = weights / weights.sum()

    def __len__(self) -> int:
        return self.n_windows

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        rng = np.random.default_rng((self.seed, index))
        performances = self.pieces[rng.choice(len(self.pieces), p=self.share)].performances
        each = performances[rng.integers(len(performances))]
        n = len(each.onset)
        span = 2 * self.size + self.size // 4
        start = int(rng.integers(-self.size // 4, max(n - self.size, 1)))
        part = slice(max(start, 0), max(start, 0) + span)
        notes = NoteArrays(
            each.onset[part],
            each.offset[part],
            each.pitch[part],
            each.velocity[part].astype(float),
            each.pedal,
        )
        first, last = notes.onset[0] - 5, notes.onset[-1] + 5
        pedal = each.pedal[(each.pedal[:, 1] > first) & (each.pedal[:, 0] < last)]
        factor = float(np.exp(rng.uniform(-self.config.stretch, self.config.stretch)))
        notes = NoteArrays(notes.onset, notes.offset, notes.pitch, notes.velocity, pedal)
        notes, semitones = transposed(stretched(notes, factor), rng, self.config.semitones)
        notes, _ = with_faults(notes, rng, self.config)
        found = onset_features(notes)
        return as_tensors(
            found, targets(found.times, each, each.beats * factor, semitones), self.size
        )


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
