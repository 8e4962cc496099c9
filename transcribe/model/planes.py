"""What a network computes and is trained on: a plane for each thing to be found."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from transcribe.notes import N_PITCHES
from transcribe.rolls import PITCH_PLANES, SHIFT_PLANES


class Planes(NamedTuple):
    """Planes of a batch: what a network computes, or the targets it is trained on.

    Shape (B, T, 88) each, the pedal (B, T); named as in `rolls.Rolls`. A network computes
    logits, of which `activations` takes the sigmoid (tanh for shifts).
    """

    onset: Tensor
    onset_shift: Tensor
    offset: Tensor
    offset_shift: Tensor
    frame: Tensor
    sounding: Tensor
    velocity: Tensor
    pedal: Tensor

    @classmethod
    def unstack(cls, rolls: Tensor) -> Planes:
        """Planes of rolls of shape (B, T, N_ACTIVATIONS), stacked as by `rolls.Rolls.stack`."""
        planes = {
            name: rolls[..., index * N_PITCHES : (index + 1) * N_PITCHES]
            for index, name in enumerate(PITCH_PLANES)
        }
        return cls(**planes, pedal=rolls[..., -1])

    def activations(self) -> Tensor:
        """Probabilities, shifts and velocities, shape (B, T, N_ACTIVATIONS)."""
        planes = [
            plane.float().tanh() if name in SHIFT_PLANES else plane.float().sigmoid()
            for name, plane in zip(PITCH_PLANES, self, strict=False)
        ]
        return torch.cat([*planes, self.pedal.float().sigmoid().unsqueeze(-1)], dim=-1)
