"""The network that writes lengths: each note by itself, with what comes after it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from transcribe.score.length_features import N_FEATURES
from transcribe.score.note_features import LENGTHS

LOSS_WEIGHTS = {"length": 1.0}
"""Of the heads."""


@dataclass
class LengthNetworkConfig:
    """Sizes."""

    width: int = 96
    dropout: float = 0.2

    def check(self) -> None:
        """Raise ValueError for sizes of no network."""
        if self.width < 1:
            raise ValueError(f"width is 1 or more; found {self.width}")


class LengthNetwork(nn.Module):
    """Rows of notes, shape (B, T, N_FEATURES), to logits, shape (B, T, len(LENGTHS))."""

    def __init__(self, config: LengthNetworkConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.layers = nn.Sequential(
            nn.Linear(N_FEATURES, width),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(width, width),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(width, len(LENGTHS)),
        )

    def forward(self, rows: Tensor) -> Tensor:
        """Logits of each length."""
        logits: Tensor = self.layers(rows)
        return logits


def length_losses(network: LengthNetwork, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Nats, of a batch of `length_windows.LengthWindows`."""
    known = batch["length"] >= 0
    nats = nn.functional.cross_entropy(
        network(batch["rows"])[known], batch["length"][known], reduction="sum"
    )
    return {"length": nats / known.sum().clamp(min=1)}
