"""Windows of annotated pieces: which piece and performance the next one is from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Generic, TypeVar

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from transcribe.datasets.annotated import AnnotatedPerformance
from transcribe.errors import SettingsError
from transcribe.score.onset_features import NoteArrays
from transcribe.train.played_differently import PlayedDifferentlyConfig
from transcribe.train.score_data import AnnotatedPiece

IGNORED = -1
"""The class of what is not known."""
Item = TypeVar("Item")


class PieceWindows(Dataset[dict[str, Tensor]], Generic[Item]):
    """Windows of ``size``; any index makes one, and always the same.

    Pieces are drawn by their shares, then one of their performances, as `prepare` made it.

    Raises
    ------
    SettingsError
        No performance has the labels that are learnt.
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
        self.config, self.size, self.n_windows, self.seed = config, size, n_windows, seed
        kept = [
            replace(piece, performances=known)
            for piece in pieces
            if (known := [each for each in piece.performances if self.is_learnt_from(each)])
        ]
        if not kept:
            raise SettingsError(
                f"data.sources: expected pieces with the labels that are learnt; found none among "
                f"{len(pieces)}"
            )
        self.pieces = [[self.prepare(each) for each in piece.performances] for piece in kept]
        weights = np.array([piece.share for piece in kept])
        self.share = weights / weights.sum()

    def is_learnt_from(self, each: AnnotatedPerformance) -> bool:
        """Whether a performance has the labels that are learnt."""
        return True

    def prepare(self, each: AnnotatedPerformance) -> Item:
        """What is kept of a performance."""
        raise NotImplementedError

    def __len__(self) -> int:
        return self.n_windows

    def draw(self, rng: np.random.Generator) -> Item:
        """A performance of one of the pieces."""
        performances = self.pieces[rng.choice(len(self.pieces), p=self.share)]
        return performances[rng.integers(len(performances))]


def notes_of(each: AnnotatedPerformance, part: slice) -> NoteArrays:
    """Some of its notes, with what pedal there is from 5 s before them to 5 s after."""
    onset = each.onset[part]
    near = (each.pedal[:, 1] > onset[0] - 5) & (each.pedal[:, 0] < onset[-1] + 5)
    return NoteArrays(
        onset,
        each.offset[part],
        each.pitch[part],
        each.velocity[part].astype(float),
        each.pedal[near],
    )
