"""How far the network's logits are from the rolls it should say.

Every term is a mean over frames of a sum over keys (the pedal's over frames alone), so
that terms compare whatever the length of a window. Shifts and velocities count only
where an onset (or offset) is; the rest of those planes means nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from transcribe.errors import SettingsError
from transcribe.model.planes import Planes
from transcribe.train.checking import refuse_outside

TERMS = (
    "onset",
    "offset",
    "frame",
    "sounding",
    "shift",
    "velocity",
    "velocity_relative",
    "pedal",
)
"""Names of the terms, which are those of their weights."""


@dataclass
class LossConfig:
    """Weights of the terms; 0 leaves a term out."""

    onset: float = 1.0
    offset: float = 0.4
    frame: float = 0.25
    sounding: float = 0.25
    shift: float = 0.3
    velocity: float = 2.0
    velocity_relative: float = 2.0
    """Of velocities within a window, the mean error taken off: which notes are louder than
    others is audible, how hard all were struck hardly, once a level control has been
    touched."""
    pedal: float = 1.5
    pedal_edge: float = 4.0
    """How much more a frame counts within two frames of a movement of the pedal: presses
    that follow each other have but a few frames between them."""
    onset_positive: float = 1.0
    """How much more an onset counts than its absence."""

    def check(self) -> None:
        """Raise SettingsError for weights under which nothing is learnt, or its opposite."""
        weights = {name: getattr(self, name) for name in TERMS}
        names = (*TERMS, "pedal_edge", "onset_positive")
        refuse_outside("loss", self, **dict.fromkeys(names, (0, math.inf)))
        if not any(weights.values()):
            raise SettingsError(
                f"every weight of the loss is 0, so there is nothing to learn: set one of "
                f"{', '.join(f'loss.{name}' for name in TERMS)} above 0"
            )


def transcription_loss(
    logits: Planes,
    targets: Planes,
    config: LossConfig,
    *,
    pedal_mask: Tensor,
    velocity_mask: Tensor,
    loudness_mask: Tensor | None = None,
    note_mask: Tensor | None = None,
    release_mask: Tensor | None = None,
) -> dict[str, Tensor]:
    """The terms of the loss, already weighted; their sum is what training lowers.

    Parameters
    ----------
    logits : Planes
        The network's output, planes of shape (B, T, 88), pedal (B, T).
    targets : Planes
        `rolls.encode`d performances of the same shapes, as `rolls.Rolls`.
    config : LossConfig
        Weights.
    pedal_mask : Tensor
        Shape (B,), 1 where the recording's pedal is known. Where it is not, neither the
        pedal nor the sounding plane is learnt.
    velocity_mask : Tensor
        Shape (B,), 1 where the recording's velocities are known; elsewhere they are not
        learnt.
    loudness_mask : Tensor, optional
        Shape (B,), 0 where velocities are learnt relative to each other alone.
    note_mask : Tensor, optional
        Shape (B, T, 88), 0 where nothing is learnt of a key.
    release_mask : Tensor, optional
        Shape (B, T, 88), 0 where, beside that, it is not learnt whether a key is down.

    Returns
    -------
    dict
        A scalar for each term with a weight above 0.
    """
    everywhere = targets.onset.new_ones(1)
    notes = everywhere if note_mask is None else note_mask.to(targets.onset.dtype)
    releases = notes if release_mask is None else notes * release_mask
    struck = targets.onset * velocity_mask[:, None, None] * notes
    loud = struck if loudness_mask is None else struck * loudness_mask[:, None, None]
    sounding = notes * pedal_mask[:, None, None]
    terms = {
        "onset": lambda: _cross_entropy(
            logits.onset, targets.onset, notes, positive=config.onset_positive
        ),
        "offset": lambda: _cross_entropy(logits.offset, targets.offset, releases),
        "frame": lambda: _cross_entropy(logits.frame, targets.frame, releases),
        "sounding": lambda: _cross_entropy(logits.sounding, targets.sounding, sounding),
        "shift": lambda: (
            _shift_error(logits.onset_shift, targets.onset_shift, targets.onset * notes)
            + _shift_error(logits.offset_shift, targets.offset_shift, targets.offset * releases)
        ),
        "velocity": lambda: _velocity_error(logits.velocity, targets.velocity, loud),
        "velocity_relative": lambda: _relative_velocity_error(
            logits.velocity, targets.velocity, struck
        ),
        "pedal": lambda: _pedal_cross_entropy(
            logits.pedal, targets.pedal, pedal_mask[:, None], edge=config.pedal_edge
        ),
    }
    return {
        name: getattr(config, name) * term()
        for name, term in terms.items()
        if getattr(config, name) > 0
    }


def _cross_entropy(logit: Tensor, target: Tensor, mask: Tensor, positive: float = 1.0) -> Tensor:
    """A mean over frames of the sum over keys; what is there counts ``positive`` times."""
    weight = None if positive == 1 else 1 + (positive - 1) * target
    loss = functional.binary_cross_entropy_with_logits(
        logit.float(), target, weight=weight, reduction="none"
    )
    n_frames = target.shape[0] * target.shape[1]
    return (loss * mask).sum() / n_frames


def _shift_error(logit: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    error = (logit.float().tanh() - target).abs()
    return (error * mask).sum() / mask.sum().clamp(min=1)


def _velocity_error(logit: Tensor, target: Tensor, struck: Tensor) -> Tensor:
    error = (logit.float().sigmoid() - target) * struck
    return error.abs().sum() / struck.sum().clamp(min=1)


def _relative_velocity_error(logit: Tensor, target: Tensor, struck: Tensor) -> Tensor:
    """As `_velocity_error`, with the mean error of each window taken off."""
    error = (logit.float().sigmoid() - target) * struck
    n_struck = struck.sum((1, 2), keepdim=True).clamp(min=1)
    mean = error.sum((1, 2), keepdim=True) / n_struck
    return (error - mean * struck).abs().sum() / struck.sum().clamp(min=1)


def _pedal_cross_entropy(logit: Tensor, target: Tensor, mask: Tensor, *, edge: float) -> Tensor:
    """A mean over frames; those within two of a movement count ``edge`` times."""
    moves = (target[:, 1:] != target[:, :-1]).float()
    near = functional.max_pool1d(functional.pad(moves, (2, 2)), kernel_size=4, stride=1)
    loss = functional.binary_cross_entropy_with_logits(
        logit.float(), target, weight=1 + (edge - 1) * near, reduction="none"
    )
    return (loss * mask).sum() / target.numel()


def total(terms: dict[str, Tensor]) -> Tensor:
    """The sum of the weighted terms."""
    return torch.stack(list(terms.values())).sum()
