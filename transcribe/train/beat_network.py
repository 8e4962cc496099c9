"""The network that hears beats: onsets in, for each what it is in its bar."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from transcribe.score.beat_targets import OUTPUTS
from transcribe.score.onset_features import N_FEATURES, N_NUMBERS

LOSS_WEIGHTS = {"beat": 1.0, "down": 1.5, "period": 0.25, "metre": 0.2, "key": 0.02}
"""Of the heads."""


@dataclass
class BeatNetworkConfig:
    """Sizes."""

    width: int = 64
    n_convolutions: int = 2
    n_layers: int = 2
    dropout: float = 0.25

    def check(self) -> None:
        """Raise ValueError for sizes of no network."""
        if min(self.width, self.n_layers) < 1:
            raise ValueError(f"width and n_layers are 1 or more; found {self}")


class Neighbours(nn.Module):
    """A residual convolution over what comes just before and after."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.conv = nn.Conv1d(width, width, 5, padding=2)
        self.out = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, width) to the same."""
        y = self.conv(self.norm(x).transpose(1, 2)).transpose(1, 2)
        added: Tensor = self.dropout(self.out(nn.functional.gelu(y)))
        return x + added


class BeatNetwork(nn.Module):
    """Rows of onsets, shape (B, T, N_FEATURES), to logits, shape (B, T, n_logits)."""

    def __init__(self, config: BeatNetworkConfig) -> None:
        super().__init__()
        width = config.width
        self.config = config
        self.lags = nn.Linear(N_FEATURES - N_NUMBERS, width)
        self.numbers = nn.Linear(N_NUMBERS, width)
        self.drop = nn.Dropout(config.dropout)
        self.convolutions = nn.ModuleList(
            Neighbours(width, config.dropout) for _ in range(config.n_convolutions)
        )
        self.sequence = nn.GRU(
            width,
            width,
            config.n_layers,
            batch_first=True,
            bidirectional=True,
            dropout=config.dropout if config.n_layers > 1 else 0.0,
        )
        self.final = nn.LayerNorm(2 * width)
        self.heads = nn.Linear(2 * width, sum(OUTPUTS.values()))

    def forward(self, rows: Tensor) -> Tensor:
        """The heads' logits one after the other, in the order of `beat_targets.OUTPUTS`."""
        x = self.lags(rows[..., :-N_NUMBERS]) + self.numbers(rows[..., -N_NUMBERS:])
        x = self.drop(x)
        for convolution in self.convolutions:
            x = convolution(x)
        logits: Tensor = self.heads(self.final(self.sequence(x)[0]))
        return logits


def beat_losses(network: BeatNetwork, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Nats by head, of a batch of `beat_windows.BeatWindows`."""
    parts = network(batch["rows"]).split(list(OUTPUTS.values()), dim=-1)
    said = dict(zip(OUTPUTS, parts, strict=True))
    weight = batch["weight"]
    losses = {
        name: nn.functional.binary_cross_entropy_with_logits(
            said[name][..., 0], batch[name], weight, reduction="sum"
        )
        / weight.sum().clamp(min=1)
        for name in ("beat", "down")
    }
    for name in ("period", "metre", "key"):
        known = batch[name] >= 0
        losses[name] = nn.functional.cross_entropy(
            said[name].flatten(0, 1), batch[name].flatten(), ignore_index=-1, reduction="sum"
        ) / known.sum().clamp(min=1)
    return losses
