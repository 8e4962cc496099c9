"""The network that reads notes: with the beats known, each note's hand, place and length."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from transcribe.score.note_features import N_FEATURES, OUTPUTS
from transcribe.train.beat_network import Neighbours

LOSS_WEIGHTS = {"hand": 1.0, "grace": 0.5, "place": 1.0, "length": 1.0}
"""Of the heads."""


@dataclass
class NoteNetworkConfig:
    """Sizes."""

    width: int = 64
    n_convolutions: int = 2
    n_layers: int = 1
    dropout: float = 0.1

    def check(self) -> None:
        """Raise ValueError for sizes of no network."""
        if min(self.width, self.n_layers) < 1:
            raise ValueError(f"width and n_layers are 1 or more; found {self}")


class NoteNetwork(nn.Module):
    """Rows of notes, shape (B, T, N_FEATURES), to logits, shape (B, T, n_logits)."""

    def __init__(self, config: NoteNetworkConfig) -> None:
        super().__init__()
        width = config.width
        self.config = config
        self.first = nn.Sequential(
            nn.Linear(N_FEATURES, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.convolutions = nn.ModuleList(
            Neighbours(width, config.dropout) for _ in range(config.n_convolutions)
        )
        self.sequence = nn.GRU(width, width, config.n_layers, batch_first=True, bidirectional=True)
        self.last = nn.Sequential(
            nn.LayerNorm(3 * width),
            nn.Linear(3 * width, 2 * width),
            nn.GELU(),
            nn.Dropout(config.dropout),
        )
        self.heads = nn.Linear(2 * width, sum(OUTPUTS.values()))

    def forward(self, rows: Tensor) -> Tensor:
        """The heads' logits one after the other, in the order of `note_features.OUTPUTS`."""
        x = self.first(rows)
        for convolution in self.convolutions:
            x = convolution(x)
        logits: Tensor = self.heads(self.last(torch.cat([x, self.sequence(x)[0]], dim=-1)))
        return logits


def note_losses(network: NoteNetwork, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Nats by head, of a batch of `note_windows.NoteWindows`."""
    parts = network(batch["rows"]).split(list(OUTPUTS.values()), dim=-1)
    losses = {}
    for logits, (name, n_classes) in zip(parts, OUTPUTS.items(), strict=True):
        known = batch[name] >= 0
        if n_classes == 1:
            nats = nn.functional.binary_cross_entropy_with_logits(
                logits[..., 0][known], batch[name][known].float(), reduction="sum"
            )
        else:
            nats = nn.functional.cross_entropy(logits[known], batch[name][known], reduction="sum")
        losses[name] = nats / known.sum().clamp(min=1)
    return losses
