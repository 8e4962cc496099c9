"""Windows of notes with their hands, places and written lengths, given the beats."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from transcribe.datasets.annotated import (
    UNKNOWN,
    AnnotatedPerformance,
    beats_per_bar,
    quarters_per_beat,
)
from transcribe.score.note_features import LENGTHS, N_FEATURES, PLACES, BeatArrays, note_features
from transcribe.train.piece_windows import IGNORED, PieceWindows, notes_of
from transcribe.train.played_differently import in_other_registers, transposed, with_faults

_PLACES, _LENGTHS = np.array(PLACES, float), np.array(LENGTHS, float)


def beat_arrays(each: AnnotatedPerformance) -> BeatArrays:
    """Its beats as the network of notes is told them."""
    n = len(each.beats)
    in_bar = np.zeros(n, np.int64)
    for index in range(n):
        in_bar[index] = 0 if each.is_down[index] else (in_bar[index - 1] + 1 if index else 0)
    metres = list(zip(each.numerator.tolist(), each.denominator.tolist(), strict=True))
    per_bar = np.array([beats_per_bar(*metre) if metre[0] > 0 else 4 for metre in metres])
    firsts = np.flatnonzero(each.is_down)
    if len(firsts) and firsts[0]:
        in_bar[: firsts[0]] = np.arange(-firsts[0], 0) % per_bar[: firsts[0]]
    quarters = np.array([quarters_per_beat(*metre) if metre[0] > 0 else 1.0 for metre in metres])
    return BeatArrays(each.beats, in_bar, per_bar, quarters)


def labels(each: AnnotatedPerformance) -> dict[str, NDArray[np.int64]]:
    """Classes of each note, or `IGNORED`."""
    place = np.abs(each.place[:, None] - _PLACES).argmin(axis=1)
    exact = np.abs(_PLACES[place] - each.place) < 0.012
    place[(each.beat == UNKNOWN) | ~exact] = IGNORED
    length = np.abs(np.log(np.maximum(each.length[:, None], 1e-3) / _LENGTHS)).argmin(axis=1)
    fits = np.abs(_LENGTHS[length] - each.length) < 0.02 * each.length
    grace = np.where(np.isnan(each.length), IGNORED, each.length == 0).astype(np.int64)
    length[~fits] = IGNORED
    return {"hand": each.hand, "grace": grace, "place": place, "length": length}


Labelled: TypeAlias = tuple[AnnotatedPerformance, BeatArrays, dict[str, NDArray[np.int64]]]


class LabelledWindows(PieceWindows[Labelled]):
    """Windows of ``size`` notes with what `labels` says of them."""

    def prepare(self, each: AnnotatedPerformance) -> Labelled:
        """A performance with its beats and labels."""
        return each, beat_arrays(each), labels(each)

    def draw_part(self, rng: np.random.Generator) -> tuple[Labelled, slice]:
        """A performance, and a few more of its notes than a window has."""
        drawn = self.draw(rng)
        start = int(rng.integers(0, max(len(drawn[0].onset) - self.size, 1)))
        return drawn, slice(start, start + int(1.15 * self.size))


class NoteWindows(LabelledWindows):
    """Windows of notes, given the beats."""

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        rng = np.random.default_rng((self.seed, index))
        (each, beats, truth), part = self.draw_part(rng)
        notes = notes_of(each, part)
        factor = float(np.exp(rng.uniform(-self.config.stretch, self.config.stretch)))
        notes, _ = transposed(notes.stretched(factor), rng, self.config.semitones)
        known = {name: values[part] for name, values in truth.items()}
        notes, known["hand"] = in_other_registers(notes, known["hand"], rng, self.config)
        notes, source = with_faults(notes, rng, self.config)
        gaps = np.diff(beats.times, append=2 * beats.times[-1] - beats.times[-2])
        jitter = rng.normal(0, rng.uniform(0, self.config.beat_jitter), len(gaps))
        times = (beats.times + np.clip(jitter, -0.2, 0.2) * gaps) * factor
        moved = BeatArrays(times, beats.in_bar, beats.per_bar, beats.quarters)
        rows = note_features(notes, moved)
        n = min(len(rows), self.size)
        result = np.zeros((self.size, N_FEATURES), np.float32)
        result[:n] = rows[:n]
        tensors = {"rows": torch.from_numpy(result)}
        for name, values in known.items():
            padded = np.full(self.size, IGNORED)
            padded[:n] = np.where(source >= 0, values[source], IGNORED)[:n]
            tensors[name] = torch.from_numpy(padded)
        return tensors
