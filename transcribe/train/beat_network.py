"""The networks that hear beats and bars: onsets in, or beats, for each what it is in its bar."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from transcribe.score import bar_features
from transcribe.score.beat_targets import BEAT_OUTPUTS, ONSET_OUTPUTS
from transcribe.score.onset_features import N_FEATURES, N_NUMBERS

LOSS_WEIGHTS = {"beat": 1.0, "down": 1.5, "period": 0.25, "place": 0.5}
"""Of the heads of the network of onsets."""
BAR_LOSS_WEIGHTS = {"down": 1.0, "metre": 0.15}
"""Of the heads of the network of beats."""
_SMOOTHING = 0.1
"""Of the metres that are learnt, so that the network is not sure of pieces that it remembers."""


@dataclass
class BeatNetworkConfig:
    """Sizes."""

    width: int = 96
    n_convolutions: int = 2
    n_layers: int = 2
    dropout: float = 0.3

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


class Sequence(nn.Module):
    """What is seen both ways along time, and what it comes to."""

    def __init__(self, width: int, n_layers: int, n_logits: int, dropout: float) -> None:
        super().__init__()
        self.gru = nn.GRU(
            width,
            width,
            n_layers,
            batch_first=True,
            bidirectional=True,
            dropout=dropout if n_layers > 1 else 0.0,
        )
        self.final = nn.LayerNorm(2 * width)
        self.drop = nn.Dropout(dropout)
        self.heads = nn.Linear(2 * width, n_logits)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, width) to (B, T, n_logits)."""
        logits: Tensor = self.heads(self.drop(self.final(self.gru(x)[0])))
        return logits


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
        self.sequence = Sequence(
            width, config.n_layers, sum(ONSET_OUTPUTS.values()), config.dropout
        )

    def forward(self, rows: Tensor) -> Tensor:
        """The heads' logits one after the other, in the order of `ONSET_OUTPUTS`."""
        x = self.lags(rows[..., :-N_NUMBERS]) + self.numbers(rows[..., -N_NUMBERS:])
        x = self.drop(x)
        for convolution in self.convolutions:
            x = convolution(x)
        logits: Tensor = self.sequence(x)
        return logits


@dataclass
class BarNetworkConfig(BeatNetworkConfig):
    """Sizes."""

    width: int = 48
    n_layers: int = 1
    dropout: float = 0.4


class BarNetwork(nn.Module):
    """Rows of beats, shape (B, T, bar_features.N_FEATURES), to logits, shape (B, T, n_logits)."""

    def __init__(self, config: BarNetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.rows = nn.Linear(bar_features.N_FEATURES, config.width)
        self.drop = nn.Dropout(config.dropout)
        self.convolutions = nn.ModuleList(
            Neighbours(config.width, config.dropout) for _ in range(config.n_convolutions)
        )
        self.sequence = Sequence(
            config.width, config.n_layers, sum(BEAT_OUTPUTS.values()), config.dropout
        )

    def forward(self, rows: Tensor) -> Tensor:
        """The heads' logits one after the other, in the order of `BEAT_OUTPUTS`."""
        x = self.drop(self.rows(rows))
        for convolution in self.convolutions:
            x = convolution(x)
        logits: Tensor = self.sequence(x)
        return logits


def beat_losses(network: BeatNetwork, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Nats by head, of a batch of `beat_windows.BeatWindows`."""
    said = _by_head(network(batch["rows"]), ONSET_OUTPUTS)
    return {
        "beat": _binary(said["beat"], batch["beat"], batch["weight"]),
        "down": _binary(said["down"], batch["down"], batch["down_weight"]),
        "period": _of_classes(said["period"], batch["period"]),
        "place": _of_classes(said["place"], batch["place"]),
    }


def bar_losses(network: BarNetwork, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Nats by head, of a batch of `bar_windows.BarWindows`."""
    said = _by_head(network(batch["rows"]), BEAT_OUTPUTS)
    smoothing = _SMOOTHING if network.training else 0.0
    return {
        "down": _binary(said["down"], batch["down"], batch["weight"]),
        "metre": _of_classes(said["metre"], batch["metre"], smoothing),
    }


def _by_head(logits: Tensor, heads: dict[str, int]) -> dict[str, Tensor]:
    return dict(zip(heads, logits.split(list(heads.values()), dim=-1), strict=True))


def _binary(logits: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    total = nn.functional.binary_cross_entropy_with_logits(
        logits[..., 0], truth, weight, reduction="sum"
    )
    return total / weight.sum().clamp(min=1)


def _of_classes(logits: Tensor, truth: Tensor, smoothing: float = 0.0) -> Tensor:
    total = nn.functional.cross_entropy(
        logits.flatten(0, 1),
        truth.flatten(),
        ignore_index=-1,
        reduction="sum",
        label_smoothing=smoothing,
    )
    return total / (truth >= 0).sum().clamp(min=1)
