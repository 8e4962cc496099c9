"""Windows that the transcriber is trained on and passages that it is validated on."""

from __future__ import annotations

import math
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from transcribe.train.config import TrainConfig
from transcribe.train.data_module import TrainingData
from transcribe.train.training_windows import TrainingWindows
from transcribe.train.validation_pieces import ValidationPiece, ValidationPieces


class TranscriberData(TrainingData):
    """Training windows and validation passages."""

    config: TrainConfig

    def train_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        """Batches for this process."""
        config, data, trainer = self.config, self.config.data, self.trainer
        assert trainer is not None
        windows = TrainingWindows(
            data, config.augment, config.features, seed=config.seed, sources=self.sources
        )
        return self.loader(
            windows,
            data.new_windows,
            num_workers=data.n_workers,
            persistent_workers=data.n_workers > 0,
            prefetch_factor=4 if data.n_workers else None,
            worker_init_fn=_one_thread,
            pin_memory=trainer.accelerator.__class__.__name__ == "CUDAAccelerator",
        )

    def val_dataloader(self) -> DataLoader[ValidationPiece | NoPiece]:
        """Passages, one by one, shared out over processes."""
        trainer = self.trainer
        assert trainer is not None
        pieces = ValidationPieces(self.config.data, self.config.features)
        share = ProcessShare(pieces, trainer.global_rank, trainer.world_size)
        return DataLoader(share, batch_size=None, collate_fn=lambda piece: piece)

    def transfer_batch_to_device(
        self, batch: Any, device: torch.device, dataloader_idx: int
    ) -> Any:
        """Move windows; a validation passage stays, the network's narrow call moves it."""
        if isinstance(batch, (ValidationPiece, NoPiece)):
            return batch
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Have the module hear windows where they have been moved to."""
        if isinstance(batch, (ValidationPiece, NoPiece)):
            return batch
        assert self.trainer is not None
        return cast(HearingModule, self.trainer.lightning_module).as_heard(batch)


class HearingModule(Protocol):
    """What these data ask of the Lightning module."""

    def as_heard(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """A batch of `TrainingWindows` as the network takes it."""


class NoPiece:
    """Stands for a passage in a process that has none left, while others have."""


class ProcessShare(Dataset[ValidationPiece | NoPiece]):
    """Every ``world_size``-th passage, from ``rank`` on; as many for every process.

    A process without any would skip validation, and the others would wait for it.
    """

    def __init__(self, pieces: Dataset[ValidationPiece], rank: int, world_size: int) -> None:
        self.pieces, self.rank, self.world_size = pieces, rank, world_size
        self.n_pieces = len(pieces)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return math.ceil(self.n_pieces / self.world_size)

    def __getitem__(self, index: int) -> ValidationPiece | NoPiece:
        if not 0 <= index < len(self):
            raise IndexError(index)
        place = index * self.world_size + self.rank
        return self.pieces[place] if place < self.n_pieces else NoPiece()


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)
    np.seterr(all="ignore")
