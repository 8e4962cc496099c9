"""What every network's training shares as Lightning sees it: optimizer, clock, seeds, export."""

from __future__ import annotations

import contextlib
import time
from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import nn

from transcribe.errors import SettingsError
from transcribe.train.config import RunConfig
from transcribe.train.muon import MuonAdamW
from transcribe.train.trainer import WEIGHTS
from transcribe.version import __version__


class LitNetwork(pl.LightningModule):
    """A network and how it learns; a child says what it learns from and how it is written.

    Parameters
    ----------
    config : RunConfig
        The settings of the run.
    model : nn.Module
        The network that is trained.
    """

    config: RunConfig

    def __init__(self, config: RunConfig, model: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.model = model
        self.frozen = [self._part(name) for name in config.optimizer.frozen]
        for part in self.frozen:
            part.requires_grad_(False)
        self.seconds_trained = 0.0
        self._started = time.monotonic()

    @abstractmethod
    def export(self, path: Path) -> None:
        """Write the weights with their settings and `provenance`."""

    def provenance(self) -> dict[str, str]:
        """Which run the weights come from, for people; the start of their metadata."""
        return {
            "name": self.config.name,
            "version": __version__,
            "licence": self.config.licence,
            "steps": str(self.global_step),
        }

    def _part(self, name: str) -> nn.Module | nn.Parameter:
        for find in (self.model.get_submodule, self.model.get_parameter):
            with contextlib.suppress(AttributeError):
                return find(name)
        names = [name for name, _ in self.model.named_modules() if name and name.count(".") <= 1]
        whole = {each.split(".")[0] for each in names if "." in each}
        known = ", ".join(each for each in names if each not in whole)
        raise SettingsError(
            f"optimizer.frozen names {name!r}, which the network does not have; it has {known}"
        )

    def on_train_start(self) -> None:
        """The clock runs from here."""
        self._started = time.monotonic() - self.seconds_trained
        if self._is_over():
            self.trainer.should_stop = True

    def share_done(self) -> float:
        """Of a run that ends by the clock, how much of it was over after the last step, 0 to 1
        and more; the same in every process."""
        return self.seconds_trained / (60 * self.config.trainer.max_minutes)

    def on_train_epoch_start(self) -> None:
        """What is random in the network depends on the epoch, not on how it was reached.

        So a run that was stopped and goes on ends in the same weights as one that was not.
        """
        for part in self.frozen:
            if isinstance(part, nn.Module):
                part.eval()
        place = [self.config.seed, self.current_epoch, self.global_rank]
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1)[0]))

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Look at the clock."""
        seconds = time.monotonic() - self._started
        # Each process has a clock of its own; were they to differ, so would the weights.
        self.seconds_trained = self.trainer.strategy.broadcast(seconds)
        if self._is_over():
            self.trainer.should_stop = True

    def _is_over(self) -> bool:
        return self.config.trainer.max_minutes > 0 and self.share_done() >= 1

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the time."""
        checkpoint["seconds_trained"] = self.seconds_trained

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on counting."""
        self.seconds_trained = checkpoint.get("seconds_trained", 0.0)

    def on_validation_epoch_end(self) -> None:
        """Write the weights as they are now."""
        if self.trainer.is_global_zero and not self.trainer.sanity_checking:
            self.export(Path(self.config.output) / WEIGHTS)

    def configure_optimizers(self) -> Any:
        """The optimizer, with a rate that warms up, stays, and falls."""
        settings = self.config.optimizer
        rate, decay = settings.learning_rate, settings.weight_decay
        optimizer: torch.optim.Optimizer
        if settings.muon:
            optimizer = MuonAdamW(self.model, lr=rate, weight_decay=decay)
        else:
            optimizer = torch.optim.AdamW(self.model.parameters(), lr=rate, weight_decay=decay)
        if self.config.trainer.max_minutes > 0:
            factor = settings.timed_schedule(self.share_done)
        else:
            factor = settings.schedule(self.config.trainer.max_steps)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }
