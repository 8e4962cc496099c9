"""``python -m transcribe.train.generator``: the network that continues music, trained.

As `transcribe.train`, a run goes on from what it finds in its output folder. It leaves
``last.safetensors`` and Lightning's logs.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hydra
import pytorch_lightning as pl
import torch
from hydra.core.config_store import ConfigStore
from torch import Tensor
from torch.utils.data import DataLoader

from transcribe import __version__
from transcribe.errors import SettingsError
from transcribe.generate.events import KEY, PEDAL, SIZES
from transcribe.generate.model import EventModel, GeneratorConfig
from transcribe.generate.weights import GeneratorWeights, save_generator
from transcribe.train.conf import CONF
from transcribe.train.config import OptimizerConfig, TrainerConfig
from transcribe.train.generator_data import (
    EventDataConfig,
    EventLibrary,
    EventWindows,
    load_event_libraries,
    validation_windows,
)
from transcribe.train.held_out import LeftOut, write_left_out
from transcribe.train.lit_transcriber import WindowSampler, steps_of_epoch
from transcribe.train.muon import MuonAdamW
from transcribe.train.trainer import WEIGHTS, Jobs, fit


@dataclass
class GeneratorTrainConfig:
    """A run of ``python -m transcribe.train.generator``."""

    name: str = "generator"
    output: str = "outputs/${name}"
    seed: int = 0
    resume: bool = True
    licence: str = "CC BY-NC-SA 4.0"
    """Of the weights; MAESTRO and what derives from it allow no freer one."""
    model: GeneratorConfig = field(default_factory=GeneratorConfig)
    data: EventDataConfig = field(default_factory=EventDataConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)


ConfigStore.instance().store(name="generator_schema", node=GeneratorTrainConfig)


class LitGenerator(pl.LightningModule):
    """The network and how it learns."""

    def __init__(self, config: GeneratorTrainConfig) -> None:
        super().__init__()
        if config.trainer.max_minutes:
            raise SettingsError(
                "the generator trains for trainer.max_steps, not by the clock; found "
                f"trainer.max_minutes={config.trainer.max_minutes:g}"
            )
        self.config = config
        self.model = EventModel(config.model)
        self.n_events_seen = 0
        self.cpu_seconds = 0.0
        self._cpu_clock = time.process_time()

    def on_train_start(self) -> None:
        """Learning begins."""
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

    def on_validation_epoch_end(self) -> None:
        """Keep the weights as a file that continues music."""
        if self.trainer.is_global_zero and not self.trainer.sanity_checking:
            self.export(Path(self.config.output) / WEIGHTS)

    def export(self, path: Path) -> None:
        """Write the weights with their sizes."""
        metadata = {
            "name": self.config.name,
            "version": __version__,
            "licence": self.config.licence,
            "steps": str(self.global_step),
            "events_seen": str(self.n_events_seen),
            "cpu_seconds": f"{self.cpu_seconds:.0f}",
            "seed": str(self.config.seed),
        }
        save_generator(GeneratorWeights(self.model, metadata), path)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the counts."""
        checkpoint["counts"] = (self.n_events_seen, self.cpu_seconds)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on counting."""
        self.n_events_seen, self.cpu_seconds = checkpoint["counts"]

    def configure_optimizers(self) -> Any:
        """The optimizer, with a rate that warms up, stays, and falls."""
        settings = self.config.optimizer
        rate, decay = settings.learning_rate, settings.weight_decay
        optimizer: torch.optim.Optimizer
        if settings.muon:
            optimizer = MuonAdamW(self.model, lr=rate, weight_decay=decay)
        else:
            optimizer = torch.optim.AdamW(self.model.parameters(), lr=rate, weight_decay=decay)
        factor = settings.schedule(self.config.trainer.max_steps)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


class EventData(pl.LightningDataModule):
    """Training and validation windows."""

    def __init__(self, config: GeneratorTrainConfig) -> None:
        super().__init__()
        self.config = config
        self._loaded: tuple[list[EventLibrary], list[LeftOut]] | None = None

    def prepare_data(self) -> None:
        """Let one process read the music and find what tells it apart; the others read that."""
        self.config.data.check()
        self._loaded = load_event_libraries(self.config.data)

    def setup(self, stage: str) -> None:
        """Read the music, or what is kept of it."""
        data = self.config.data
        data.check()
        self.libraries, left_out = self._loaded or load_event_libraries(data)
        self.validation = EventLibrary(data.validation, Path(data.cache))
        trainer = self.trainer
        if left_out and trainer is not None and trainer.is_global_zero:
            write_left_out(left_out, Path(self.config.output) / "left-out.csv")

    def train_dataloader(self) -> DataLoader[Tensor]:
        """Batches for this process."""
        config, data, trainer = self.config, self.config.data, self.trainer
        assert trainer is not None
        n_steps = steps_of_epoch(data.windows_per_epoch, data.batch_size, trainer.world_size)
        return DataLoader(
            EventWindows(data, self.libraries, context=config.model.context, seed=config.seed),
            batch_size=data.batch_size,
            sampler=WindowSampler(
                data.windows_per_epoch,
                trainer.global_rank,
                trainer.world_size,
                epoch=lambda: trainer.global_step // n_steps,
            ),
            drop_last=True,
        )

    def val_dataloader(self) -> DataLoader[Any]:
        """The same windows every time."""
        config = self.config
        windows = validation_windows(
            self.validation,
            context=config.model.context,
            n_windows=config.data.validation_windows,
        )
        return DataLoader(windows, batch_size=config.data.batch_size)  # type: ignore[arg-type]


def train(config: GeneratorTrainConfig) -> Path:
    """Train from settings; returns the path of the weights."""
    return fit(config, LitGenerator, EventData)


def main() -> None:
    """Read the command line, train, and exit with 1 if a run could not be trained."""
    jobs = Jobs(GeneratorTrainConfig, train)
    hydra.main(version_base="1.3", config_path=str(CONF), config_name="continue")(jobs.run)()
    jobs.end()


if __name__ == "__main__":
    main()
