"""How the two networks of a score learn and are validated: that of beats, that of notes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from transcribe.model.parameters import parameters_of
from transcribe.score.networks import BEATS_FORMAT, NOTES_FORMAT
from transcribe.train.beat_network import LOSS_WEIGHTS as BEAT_WEIGHTS
from transcribe.train.beat_network import BeatNetwork, beat_losses
from transcribe.train.beat_windows import BeatWindows
from transcribe.train.config import ScoreTrainConfig
from transcribe.train.data_module import TrainingData
from transcribe.train.ema import MovingAverage
from transcribe.train.lit_module import LitNetwork
from transcribe.train.note_network import LOSS_WEIGHTS as NOTE_WEIGHTS
from transcribe.train.note_network import NoteNetwork, note_losses
from transcribe.train.note_windows import NoteWindows
from transcribe.train.played_differently import AS_PLAYED
from transcribe.train.score_data import AnnotatedPiece
from transcribe.weights_file import write_weights

BEATS, NOTES = "beats", "notes"


class LitScore(LitNetwork):
    """One of the networks and how it learns; what is kept is the average of its weights."""

    config: ScoreTrainConfig

    def __init__(self, config: ScoreTrainConfig) -> None:
        is_beats = config.network == BEATS
        super().__init__(
            config, BeatNetwork(config.beats) if is_beats else NoteNetwork(config.notes)
        )
        self.losses: Any = beat_losses if is_beats else note_losses
        self.weights = BEAT_WEIGHTS if is_beats else NOTE_WEIGHTS
        self.average = MovingAverage(self.model, config.optimizer.ema_decay)

    def training_step(self, batch: dict[str, Tensor], _: int) -> Tensor:
        """One batch of windows."""
        losses = self.losses(self.model, batch)
        self.log_dict({f"loss/{name}": loss.detach() for name, loss in losses.items()})
        total: Tensor = sum(self.weights[name] * loss for name, loss in losses.items())
        return total

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Average the weights."""
        self.average.update(self.model)
        super().on_train_batch_end(outputs, batch, batch_idx)

    def validation_step(self, batch: dict[str, Tensor], _: int) -> None:
        """Nats by head of the averaged network."""
        losses = self.losses(self.average.module.eval(), batch)
        self.log_dict({f"val/{name}": loss for name, loss in losses.items()})

    def export(self, path: Path) -> None:
        """Write the averaged weights with their sizes."""
        network = self.average.module
        is_beats = self.config.network == BEATS
        write_weights(
            path,
            BEATS_FORMAT if is_beats else NOTES_FORMAT,
            parameters_of(network),
            {"network": network.config},
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
        data = dataclasses.replace(self.config.data, played=AS_PLAYED)
        windows = self._windows(
            data.pieces("validation"), 1, data.validation_windows, played=AS_PLAYED
        )
        return DataLoader([windows[i] for i in range(len(windows))], batch_size=data.batch_size)  # type: ignore[arg-type]

    def _windows(
        self, pieces: list[AnnotatedPiece], seed: int, n_windows: int, played: Any = None
    ) -> Dataset[dict[str, Tensor]]:
        make: Any = BeatWindows if self.config.network == BEATS else NoteWindows
        windows: Dataset[dict[str, Tensor]] = make(
            pieces,
            played or self.config.data.played,
            size=self.config.data.size,
            n_windows=n_windows,
            seed=seed,
        )
        return windows
