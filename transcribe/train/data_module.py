"""What the data of every training run shares: sources read once, windows that never repeat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from torch.utils.data import DataLoader, Dataset, Sampler

from transcribe.errors import SettingsError
from transcribe.train.config import RunConfig
from transcribe.train.held_out import LeftOut, write_left_out


def steps_of_epoch(n_windows: int, batch_size: int, world_size: int) -> int:
    """Steps in an epoch of so many windows over all processes.

    Raises
    ------
    SettingsError
        There would be none.
    """
    n_steps = n_windows // world_size // batch_size
    if n_steps < 1:
        raise SettingsError(
            f"an epoch of data.windows_per_epoch={n_windows} windows has no step of {batch_size} "
            f"windows in each of {world_size} processes; expected "
            f"{batch_size * world_size} windows or more"
        )
    return n_steps


class WindowSampler(Sampler[int]):
    """Numbers that never repeat: epoch ``e`` of ``n`` windows draws ``e * n + i``.

    Parameters
    ----------
    n_windows : int
        Of an epoch, over all processes.
    rank, world_size : int
        This process, and how many there are.
    epoch : callable
        Returns the current epoch; called when one begins. (The epoch that Lightning
        gives a sampler by ``set_epoch`` is one too many in a run that goes on.)
    """

    def __init__(
        self, n_windows: int, rank: int = 0, world_size: int = 1, *, epoch: Callable[[], int]
    ) -> None:
        self.n_windows, self.rank, self.world_size = n_windows, rank, world_size
        self.epoch = epoch

    def __len__(self) -> int:
        return self.n_windows // self.world_size

    def __iter__(self) -> Iterator[int]:
        first = self.epoch() * self.n_windows + self.rank
        return iter(range(first, first + len(self) * self.world_size, self.world_size))


class TrainingData(pl.LightningDataModule):
    """Sources and windows of a run; a child makes the windows.

    ``config.data`` has ``load_sources``, which returns the sources and what was left out of them.
    """

    config: RunConfig

    def __init__(self, config: RunConfig) -> None:
        super().__init__()
        self.config = config
        self.sources: list[Any] = []
        self._loaded: tuple[list[Any], list[LeftOut]] | None = None

    def prepare_data(self) -> None:
        """Let one process read the sources and write the caches that the others then use."""
        self._loaded = self.config.data.load_sources()

    def setup(self, stage: str) -> None:
        """Read the sources; the first process lists what was left out of them."""
        self.sources, left_out = self._loaded or self.config.data.load_sources()
        trainer = self.trainer
        if left_out and trainer is not None and trainer.is_global_zero:
            write_left_out(left_out, Path(self.config.output) / "left-out.csv")

    def loader(self, windows: Dataset[Any], batch_size: int, **options: Any) -> DataLoader[Any]:
        """Batches of new windows for this process; options are those of a `DataLoader`."""
        trainer, n_windows = self.trainer, self.config.data.windows_per_epoch
        assert trainer is not None
        n_steps = steps_of_epoch(n_windows, batch_size, trainer.world_size)
        sampler = WindowSampler(
            n_windows,
            trainer.global_rank,
            trainer.world_size,
            epoch=lambda: trainer.global_step // n_steps,
        )
        return DataLoader(
            windows, batch_size=batch_size, sampler=sampler, drop_last=True, **options
        )
