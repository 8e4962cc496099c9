"""How the generator, the network that continues music, learns and is validated."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader

from transcribe.errors import SettingsError
from transcribe.generate.events import KEY, PEDAL, SIZES
from transcribe.generate.model import EventModel
from transcribe.generate.weights import GeneratorWeights, load_generator, save_generator
from transcribe.train.config import GeneratorTrainConfig
from transcribe.train.data_module import TrainingData
from transcribe.train.event_windows import EventWindows, SourceEvents, validation_windows
from transcribe.train.lit_module import LitNetwork


class LitGenerator(LitNetwork):
    """The network and how it learns."""

    config: GeneratorTrainConfig
    model: EventModel

    def __init__(self, config: GeneratorTrainConfig) -> None:
        super().__init__(config, EventModel(config.model))
        if config.initial_weights:
            start = load_generator(Path(config.initial_weights))
            if start.model.config != config.model:
                raise SettingsError(
                    f"initial_weights are of a network with {start.model.config}; found "
                    f"{config.model}. Set model.* as it was for initial_weights"
                )
            self.model.load_state_dict(start.model.state_dict())
        self.n_events_seen = 0
        self.cpu_seconds = 0.0
        self._cpu_clock = time.process_time()

    def on_train_start(self) -> None:
        """Learning begins."""
        super().on_train_start()
        self._cpu_clock = time.process_time()

    def training_step(self, events: Tensor, _: int) -> Tensor:
        """One batch of `EventWindows`."""
        loss = self.model.nats(events).sum(-1).mean()
        self.log("loss", loss, prog_bar=True)
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Tensor, batch_idx: int) -> None:
        """Count the music and what it cost; reading and validating cost nothing."""
        self.n_events_seen += batch[:, 1:, 0].numel() * self.trainer.world_size
        now = time.process_time()
        self.cpu_seconds += now - self._cpu_clock
        self._cpu_clock = now
        super().on_train_batch_end(outputs, batch, batch_idx)

    def on_validation_end(self) -> None:
        """Learning goes on."""
        self._cpu_clock = time.process_time()

    def validation_step(self, events: Tensor, _: int) -> None:
        """Bits for each note; the pedal's are counted as the notes' around it."""
        nats = self.model.nats(events)
        n_notes = int((events[:, 1:, KEY] != PEDAL).sum())
        bits = nats.sum((0, 1)) / n_notes / math.log(2)
        figures = dict(zip((f"val/{name}_bits" for name in SIZES), bits, strict=True))
        self.log_dict(
            {**figures, "val/bits_per_note": bits.sum(), "cpu_seconds": self.cpu_seconds},
            batch_size=n_notes,
        )

    def export(self, path: Path) -> None:
        """Write the weights with their sizes."""
        metadata = {
            **self.provenance(),
            "events_seen": str(self.n_events_seen),
            "cpu_seconds": f"{self.cpu_seconds:.0f}",
            "seed": str(self.config.seed),
        }
        save_generator(GeneratorWeights(self.model, metadata), path)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the counts."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["counts"] = (self.n_events_seen, self.cpu_seconds)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on counting."""
        super().on_load_checkpoint(checkpoint)
        self.n_events_seen, self.cpu_seconds = checkpoint["counts"]


class GeneratorData(TrainingData):
    """Training and validation windows."""

    config: GeneratorTrainConfig

    def train_dataloader(self) -> DataLoader[Tensor]:
        """Batches for this process."""
        config, data = self.config, self.config.data
        windows = EventWindows(data, self.sources, context=config.model.context, seed=config.seed)
        return self.loader(windows, data.batch_size)

    def val_dataloader(self) -> DataLoader[Any]:
        """The same windows every time."""
        config = self.config
        windows = validation_windows(
            SourceEvents(config.data.validation, Path(config.data.cache)),
            context=config.model.context,
            n_windows=config.data.validation_windows,
        )
        return DataLoader(windows, batch_size=config.data.batch_size)  # type: ignore[arg-type]
