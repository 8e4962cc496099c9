"""Windows of notes with their written lengths, given hands and places."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from transcribe.datasets.annotated import AnnotatedPerformance
from transcribe.score.length_features import N_FEATURES, length_features
from transcribe.score.onset_features import sounding_until
from transcribe.train.note_windows import LabelledWindows
from transcribe.train.piece_windows import IGNORED, notes_of
from transcribe.train.played_differently import with_faults

_FEWEST_KNOWN = 0.3
"""Share of a performance's notes whose length is known; others are left out."""


class LengthWindows(LabelledWindows):
    """Windows of notes, given hands and places."""

    def is_learnt_from(self, each: AnnotatedPerformance) -> bool:
        """Whether its labels are known."""
        return bool(np.isfinite(each.length).mean() > _FEWEST_KNOWN)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        rng = np.random.default_rng((self.seed, index))
        (each, beats, truth), part = self.draw_part(rng)
        start = part.start
        notes = notes_of(each, part)
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
