"""How the four networks of a score learn and are validated: of beats, bars, notes, lengths."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from transcribe.errors import SettingsError
from transcribe.model.parameters import parameters_of
from transcribe.score.networks import BARS_FORMAT, BEATS_FORMAT, LENGTHS_FORMAT, NOTES_FORMAT
from transcribe.train import beat_network, length_network, note_network
from transcribe.train.bar_windows import BarWindows
from transcribe.train.beat_network import BarNetwork, BeatNetwork, bar_losses, beat_losses
from transcribe.train.beat_windows import BeatWindows
from transcribe.train.config import ScoreTrainConfig
from transcribe.train.data_module import TrainingData
from transcribe.train.ema import MovingAverage
from transcribe.train.length_network import LengthNetwork, length_losses
from transcribe.train.length_windows import LengthWindows
from transcribe.train.lit_module import LitNetwork
from transcribe.train.note_network import NoteNetwork, note_losses
from transcribe.train.note_windows import NoteWindows
from transcribe.train.played_differently import AS_PLAYED
from transcribe.train.score_data import AnnotatedPiece
from transcribe.weights_file import write_weights


@dataclasses.dataclass(frozen=True)
class Kind:
    """One of the networks: how it is made, what it learns from, and by which losses."""

    format: str
    settings: Callable[[ScoreTrainConfig], Any]
    make: Callable[[Any], nn.Module]
    windows: Callable[..., Dataset[dict[str, Tensor]]]
    losses: Callable[[Any, dict[str, Tensor]], dict[str, Tensor]]
    weights: Mapping[str, float]


KINDS = {
    "beats": Kind(
        BEATS_FORMAT,
        lambda config: config.beats,
        BeatNetwork,
        BeatWindows,
        beat_losses,
        beat_network.LOSS_WEIGHTS,
    ),
    "bars": Kind(
        BARS_FORMAT,
        lambda config: config.bars,
        BarNetwork,
        BarWindows,
        bar_losses,
        beat_network.BAR_LOSS_WEIGHTS,
    ),
    "notes": Kind(
        NOTES_FORMAT,
        lambda config: config.notes,
        NoteNetwork,
        NoteWindows,
        note_losses,
        note_network.LOSS_WEIGHTS,
    ),
    "lengths": Kind(
        LENGTHS_FORMAT,
        lambda config: config.lengths,
        LengthNetwork,
        LengthWindows,
        length_losses,
        length_network.LOSS_WEIGHTS,
    ),
}
"""By their names in the settings."""


def kind_of(config: ScoreTrainConfig) -> Kind:
    """The network that the settings are for.

    Raises
    ------
    SettingsError
        There is none of that name.
    """
    if config.network not in KINDS:
        raise SettingsError(f"network is one of {', '.join(KINDS)}; found {config.network!r}")
    return KINDS[config.network]


class LitScore(LitNetwork):
    """One of the networks and how it learns; what is kept is the average of its weights."""

    config: ScoreTrainConfig

    def __init__(self, config: ScoreTrainConfig) -> None:
        kind = kind_of(config)
        super().__init__(config, kind.make(kind.settings(config)))
        self.kind = kind
        self.average = MovingAverage(self.model, config.optimizer.ema_decay)

    def training_step(self, batch: dict[str, Tensor], _: int) -> Tensor:
        """One batch of windows."""
        losses = self.kind.losses(self.model, batch)
        self.log_dict({f"loss/{name}": loss.detach() for name, loss in losses.items()})
        return torch.stack([self.kind.weights[name] * loss for name, loss in losses.items()]).sum()

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Average the weights."""
        self.average.update(self.model)
        super().on_train_batch_end(outputs, batch, batch_idx)

    def validation_step(self, batch: dict[str, Tensor], _: int) -> None:
        """Nats by head of the averaged network."""
        losses = self.kind.losses(self.average.module.eval(), batch)
        self.log_dict({f"val/{name}": loss for name, loss in losses.items()})

    def export(self, path: Path) -> None:
        """Write the averaged weights with their sizes."""
        write_weights(
            path,
            self.kind.format,
            parameters_of(self.average.module),
            {"network": self.kind.settings(self.config)},
            {**self.provenance(), "seed": str(self.config.seed)},
        )


class ScoreData(TrainingData):
    """Training and validation windows."""

    config: ScoreTrainConfig

    def train_dataloader(self) -> DataLoader[Any]:
        """Batches for this process."""
        config = self.config
        return self.loader(
            self._windows(self.sources, config.seed, config.data.windows_per_epoch),
            config.data.batch_size,
        )

    def val_dataloader(self) -> DataLoader[Any]:
        """The same windows every time, as they were played."""
        data = self.config.data
        windows = self._windows(
            data.pieces("validation"), 1, data.validation_windows, played=AS_PLAYED
        )
        return DataLoader([windows[i] for i in range(len(windows))], batch_size=data.batch_size)  # type: ignore[arg-type]

    def _windows(
        self, pieces: list[AnnotatedPiece], seed: int, n_windows: int, played: Any = None
    ) -> Dataset[dict[str, Tensor]]:
        return kind_of(self.config).windows(
            pieces,
            played or self.config.data.played,
            size=self.config.data.size,
            n_windows=n_windows,
            seed=seed,
        )
