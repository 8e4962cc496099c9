"""Training as Lightning sees it: one step, one validation, one schedule."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from transcribe import __version__
from transcribe.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from transcribe.decode.decoder import Decoder
from transcribe.errors import CheckpointError, SettingsError
from transcribe.evaluation.metrics import score
from transcribe.features import Features
from transcribe.model.onsets_and_frames import OnsetsAndFrames
from transcribe.model.planes import Planes
from transcribe.notes import KEY, SUSTAINED, Performance
from transcribe.rolls import Rolls
from transcribe.train.augment.augmenter import Augmenter
from transcribe.train.config import TrainConfig
from transcribe.train.ema import MovingAverage
from transcribe.train.features import TorchFeatures
from transcribe.train.held_out import LeftOut, write_left_out
from transcribe.train.losses import total, transcription_loss
from transcribe.train.muon import MuonAdamW
from transcribe.train.replay_buffer import WindowPool
from transcribe.train.sources import TrainingSource
from transcribe.train.trainer import WEIGHTS
from transcribe.train.training_windows import TrainingWindows
from transcribe.train.validation_pieces import ValidationPiece, ValidationPieces
from transcribe.windows import apply_in_windows


def start_from(network: OnsetsAndFrames, weights: Path) -> None:
    """Give a network the weights of a file of the same sizes; one with fewer blocks takes the
    first ones.

    Raises
    ------
    CheckpointError
        The file can't be read, or is of another network.
    """
    known = load_checkpoint(weights).model
    found = dataclasses.asdict(known.config)
    for name, wanted in dataclasses.asdict(network.config).items():
        fewer_blocks = name == "n_blocks" and wanted < found[name]
        if wanted != found[name] and not fewer_blocks and name != "dropout":
            raise CheckpointError(
                f"{weights}: expected weights of a network with model.{name} = {wanted}; found "
                f"{found[name]}. Set model.* as it was for initial_weights"
            )
    state = known.state_dict()
    network.load_state_dict({name: state[name] for name in network.state_dict()})


class LitTranscriber(pl.LightningModule):
    """The network, the average of its weights, and how they learn."""

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        config.loss.check()
        self.config = config
        self.model = OnsetsAndFrames(config.model, config.features)
        if config.initial_weights:
            start_from(self.model, Path(config.initial_weights))
        self.model = self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.frozen = [self._part(name) for name in config.optimizer.frozen]
        for part in self.frozen:
            part.requires_grad_(False)
        self.average = MovingAverage(self.model, config.optimizer.ema_decay)
        self.features = TorchFeatures(config.features)
        self.augmenter: Augmenter | None = None
        self.pool = WindowPool(config.data.pool_windows, config.seed)
        self.n_windows_seen = 0
        self.seconds_trained = 0.0
        self.figures: list[dict[str, float]] = []
        self._started = time.monotonic()

    def _part(self, name: str) -> torch.nn.Module | torch.nn.Parameter:
        for find in (self.model.get_submodule, self.model.get_parameter):
            with contextlib.suppress(AttributeError):
                return find(name)
        known = ", ".join(f"network.{part}" for part, _ in self.model.network.named_children())
        raise SettingsError(
            f"optimizer.frozen names {name!r}, which the network does not have; it has {known}"
        )

    def setup(self, stage: str) -> None:
        """What rooms and recorders do, if it is to be done here."""
        data = self.config.data
        if data.on_device and self.augmenter is None:
            rooms, noises = data.rooms_and_noises(self.config.features.sample_rate)
            self.augmenter = Augmenter(
                self.config.augment, rooms, noises, sample_rate=self.config.features.sample_rate
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
            if isinstance(part, torch.nn.Module):
                part.eval()
        place = [self.config.seed, self.current_epoch, self.global_rank]
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1)[0]))

    def training_step(self, batch: dict[str, Tensor], _: int) -> Tensor:
        """One batch of `TrainingWindows`."""
        terms = transcription_loss(
            self.model(batch["frames"]),
            Planes.unstack(batch["targets"]),
            self.config.loss,
            pedal_mask=batch["pedal_known"],
            velocity_mask=batch["velocity_known"],
            loudness_mask=batch["loudness_known"],
            note_mask=batch["notes_known"],
            release_mask=batch["releases_known"],
        )
        loss = total(terms)
        self.log("loss", loss, prog_bar=True, on_step=True, on_epoch=False)
        self.log_dict({f"loss/{name}": term.detach() for name, term in terms.items()})
        return loss

    def transfer_batch_to_device(
        self, batch: Any, device: torch.device, dataloader_idx: int
    ) -> Any:
        """Move windows; a validation passage stays, the network's narrow call moves it."""
        if isinstance(batch, _PASSAGE):
            return batch
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Windows as they were played: draw older ones to them, augment, take features."""
        if isinstance(batch, _PASSAGE) or self.augmenter is None:
            return batch
        data = self.config.data
        if data.reuse > 1:
            batch = self.pool.batch(batch, data.batch_size)
        samples = self.augmenter(batch.pop("samples"))
        return {**batch, "targets": batch["targets"].float(), "frames": self.features(samples)}

    def on_train_batch_end(self, outputs: Any, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Take the new weights into the average, count the music, and look at the clock."""
        self.average.update(self.model)
        self.n_windows_seen += self.config.data.new_windows * self.trainer.world_size
        seconds = time.monotonic() - self._started
        # Each process has a clock of its own; were they to differ, so would the weights.
        self.seconds_trained = self.trainer.strategy.broadcast(seconds)
        if self._is_over():
            self.trainer.should_stop = True

    def _is_over(self) -> bool:
        return self.config.trainer.max_minutes > 0 and self.share_done() >= 1

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the counts."""
        checkpoint["n_windows_seen"] = self.n_windows_seen
        checkpoint["seconds_trained"] = self.seconds_trained

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on counting."""
        self.n_windows_seen = checkpoint.get("n_windows_seen", 0)
        self.seconds_trained = checkpoint.get("seconds_trained", 0.0)

    def on_validation_epoch_start(self) -> None:
        """Nothing is scored yet."""
        self.figures = []

    def validation_step(self, piece: ValidationPiece | NoPiece, _: int) -> dict[str, Any] | None:
        """Transcribe a passage with the windows and the decoder that ship, and score it.

        Returns what was played, what the network said and what was read off it, for
        `report.Report`; None where this process has no passage.
        """
        if isinstance(piece, NoPiece):
            return None
        config = self.config
        network = self.averaged()
        frames = Features(config.features).whole(piece.samples)
        activations = apply_in_windows(
            network.activations, frames, **dataclasses.asdict(config.windows)
        )
        decoder = Decoder(config.features.grid, config.decode)
        rolls = Rolls.unstack(activations)
        decoder.push(rolls)
        est = decoder.finish(KEY)
        figures = validation_figures(piece, est, decoder.finish(SUSTAINED))
        self.figures.append(figures)
        return {"piece": piece, "rolls": rolls, "est": est, "figures": figures}

    def on_validation_epoch_end(self) -> None:
        """Log means over the passages of all processes; keep the averaged weights as a file.

        Which figures a passage has depends on its labels. So sums and counts of all are
        exchanged at once: were each figure averaged by itself, a process whose passages have
        no pedal labels would let the others wait for ever.
        """
        names = [_logged(name) for name in VALIDATED]
        rows = [[each.get(name, math.nan) for name in names] for each in self.figures]
        values = torch.tensor(rows, dtype=torch.float64).reshape(-1, len(names))
        exchanged = torch.stack([values.nansum(0), (~values.isnan()).double().sum(0)])
        sums, counts = self.trainer.strategy.reduce(
            exchanged.float().to(self.device), reduce_op="sum"
        ).cpu()
        for name, value, count in zip(names, sums, counts, strict=True):
            if count > 0:
                self.log(name, value / count)
        if self.trainer.is_global_zero and not self.trainer.sanity_checking:
            self.export(Path(self.config.output) / WEIGHTS)

    def averaged(self) -> OnsetsAndFrames:
        """The network with averaged weights, ready to transcribe."""
        network: OnsetsAndFrames = self.average.module  # type: ignore[assignment]
        network.train(False)
        return network

    def export(self, path: Path) -> None:
        """Write the averaged weights with all settings."""
        config = self.config
        network = OnsetsAndFrames(config.model, config.features)
        network.load_state_dict(self.averaged().state_dict())
        window = config.features.grid.seconds(config.data.window_frames)
        seconds = self.n_windows_seen * window
        metadata = {
            "name": config.name,
            "version": __version__,
            "licence": config.licence,
            "steps": str(self.global_step),
            "hours_of_music": f"{seconds / 3600:.2f}",
            "minutes": f"{self.seconds_trained / 60:.1f}",
            "seed": str(config.seed),
        }
        save_checkpoint(
            Checkpoint(network, config.features, config.windows, config.decode, metadata), path
        )

    def configure_optimizers(self) -> Any:
        """The optimizer, with a rate that warms up, stays, and falls."""
        settings = self.config.optimizer
        rate, decay = settings.learning_rate, settings.weight_decay
        optimizer: torch.optim.Optimizer
        if settings.muon:
            optimizer = MuonAdamW(self.model, lr=rate, weight_decay=decay)
        else:
            optimizer = torch.optim.AdamW(self.model.parameters(), lr=rate, weight_decay=decay)
        if self.config.trainer.max_minutes:
            factor = settings.timed_schedule(self.share_done)
        else:
            factor = settings.schedule(self.config.trainer.max_steps)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


VALIDATED = (
    "onset",
    "onset_20ms",
    "key/onset_offset",
    "sustained/onset_offset_velocity",
    "key/frame",
    "pedal/onset_offset",
)
"""Which of the metrics are watched while training, after removing the median deviation."""


def validation_figures(
    piece: ValidationPiece, est: Performance, est_sustained: Performance
) -> dict[str, float]:
    """F1 of a passage, as fractions, under names that sort together in a log."""
    scores = score(
        piece.performance, est, est_sustained=est_sustained, ref_has_pedal=piece.has_pedal
    )
    ratios = scores.ratios
    return {
        _logged(name): ratios[f"aligned/{name}"].f1
        for name in VALIDATED
        if f"aligned/{name}" in ratios
    }


def _logged(name: str) -> str:
    return f"val/{name.replace('/', '_')}"


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
        Says which epoch it is, and is asked when one begins. (The epoch that Lightning
        tells a sampler by ``set_epoch`` is one too many in a run that goes on.)
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


class LitData(pl.LightningDataModule):
    """Training windows and validation passages."""

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        self.config = config
        self._loaded: tuple[list[TrainingSource], list[LeftOut]] | None = None

    def prepare_data(self) -> None:
        """Let one process find what tells the music apart; the others read it."""
        self.config.data.check()
        self._loaded = self.config.data.load_libraries()

    def setup(self, stage: str) -> None:
        """Read the indexes; the music is read when first drawn."""
        data = self.config.data
        data.check()
        self.libraries, left_out = self._loaded or data.load_libraries()
        trainer = self.trainer
        if left_out and trainer is not None and trainer.is_global_zero:
            write_left_out(left_out, Path(self.config.output) / "left-out.csv")

    def train_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        """Batches for this process."""
        config, data = self.config, self.config.data
        trainer = self.trainer
        assert trainer is not None
        windows = TrainingWindows(
            data,
            config.augment,
            config.features,
            seed=config.seed,
            libraries=self.libraries,
        )
        n_steps = steps_of_epoch(data.windows_per_epoch, data.new_windows, trainer.world_size)
        return DataLoader(
            windows,
            batch_size=data.new_windows,
            sampler=WindowSampler(
                data.windows_per_epoch,
                trainer.global_rank,
                trainer.world_size,
                epoch=lambda: trainer.global_step // n_steps,
            ),
            num_workers=data.n_workers,
            persistent_workers=data.n_workers > 0,
            prefetch_factor=4 if data.n_workers else None,
            worker_init_fn=_one_thread,
            drop_last=True,
            pin_memory=trainer.accelerator.__class__.__name__ == "CUDAAccelerator",
        )

    def val_dataloader(self) -> DataLoader[ValidationPiece | NoPiece]:
        """Passages, one by one, shared out over processes."""
        trainer = self.trainer
        assert trainer is not None
        pieces = ValidationPieces(self.config.data, self.config.features)
        share = Share(pieces, trainer.global_rank, trainer.world_size)
        return DataLoader(share, batch_size=None, collate_fn=lambda piece: piece)


class NoPiece:
    """Stands for a passage in a process that has none left, while others have."""


_PASSAGE = (ValidationPiece, NoPiece)


class Share(Dataset[ValidationPiece | NoPiece]):
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
