"""Windows of notes with their written lengths, given hands and places."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from transcribe.score.length_features import N_FEATURES, length_features
from transcribe.score.onset_features import NoteArrays, sounding_until
from transcribe.train.note_windows import IGNORED, beat_arrays, labels
from transcribe.train.played_differently import PlayedDifferentlyConfig, with_faults
from transcribe.train.score_data import AnnotatedPiece


class LengthWindows(Dataset[dict[str, Tensor]]):
    """Windows of ``size`` notes whose hands and places are known; any index makes one, and
    always the same."""

    def __init__(
        self,
        pieces: Sequence[AnnotatedPiece],
        config: PlayedDifferentlyConfig,
        *,
        size: int,
        n_windows: int,
        seed: int,
    ) -> None:
        kept = [
            (piece.share, each)
            for piece in pieces
            if (each := [p for p in piece.performances if np.isfinite(p.length).mean() > 0.3])
        ]
        self.pieces = [[(p, beat_arrays(p), labels(p)) for p in each] for _, each in kept]
        self.config, self.size, self.n_windows, self.seed = config, size, n_windows, seed
        weights = np.array([share for share, _ in kept])
        self.share = weights / weights.sum()

    def __len__(self) -> int:
        return self.n_windows

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        rng = np.random.default_rng((self.seed, index))
        performances = self.pieces[rng.choice(len(self.pieces), p=self.share)]
        each, beats, truth = performances[rng.integers(len(performances))]
        start = int(rng.integers(0, max(len(each.onset) - self.size, 1)))
        part = slice(start, start + int(1.15 * self.size))
        notes = NoteArrays(
            each.onset[part],
            each.offset[part],
            each.pitch[part],
            each.velocity[part].astype(float),
            each.pedal,
        )
        notes, source = with_faults(notes, rng, self.config)
        known = source >= 0
        known &= (truth["place"][part][source] >= 0) & (each.hand[part][source] >= 0)
        where = source[known][: self.size] + start
        n = len(where)
        beat, place = each.beat[where], truth["place"][where]
        quarters = beats.quarters[beat]
        starts = np.concatenate([[0.0], np.cumsum(beats.quarters)])
        at = beats.position(notes.onset)
        held = beats.position(notes.offset) - at
        sounding = beats.position(sounding_until(notes)) - at
        rows = np.zeros((self.size, N_FEATURES), np.float32)
        target = np.full(self.size, IGNORED)
        if n:
            rows[:n] = length_features(
                starts[beat] + each.place[where] * quarters,
                each.hand[where] == 1,
                each.pitch[where],
                held[known][:n] * quarters,
                sounding[known][:n] * quarters,
                place,
                quarters,
            )
            # At the end of a window what comes after is not known.
            target[: max(n - 12, 0)] = truth["length"][where][: max(n - 12, 0)]
        return {"rows": torch.from_numpy(rows), "length": torch.from_numpy(target)}
