"""How the transcriber learns and is validated."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from transcribe.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from transcribe.decode.decoder import Decoder
from transcribe.errors import CheckpointError
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
from transcribe.train.lit_module import LitNetwork
from transcribe.train.losses import total, transcription_loss
from transcribe.train.replay_buffer import WindowPool
from transcribe.train.transcriber_data import NoPiece
from transcribe.train.validation_pieces import ValidationPiece
from transcribe.windows import apply_in_windows


def start_from(network: OnsetsAndFrames, weights: Path) -> None:
    """Give a network the weights of a file of the same sizes; one with fewer blocks takes the
    first ones.

    Raises
    ------
    CheckpointError
        The file can't be read, or is of another network.
    """
    known = load_checkpoint(weights).trainable
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


class LitTranscriber(LitNetwork):
    """The network, the average of its weights, and how they learn."""

    config: TrainConfig
    model: OnsetsAndFrames

    def __init__(self, config: TrainConfig) -> None:
        network = OnsetsAndFrames(config.model, config.features)
        if config.initial_weights:
            start_from(network, Path(config.initial_weights))
        super().__init__(config, network.to(memory_format=torch.channels_last))  # type: ignore[call-overload]
        self.average = MovingAverage(self.model, config.optimizer.ema_decay)
        self.features = TorchFeatures(config.features)
        self.augmenter: Augmenter | None = None
        self.pool = WindowPool(config.data.pool_windows, config.seed)
        self.n_windows_seen = 0
        self.figures: list[dict[str, float]] = []

    def setup(self, stage: str) -> None:
        """What rooms and recorders do, if it is to be done here."""
        data = self.config.data
        if data.on_device and self.augmenter is None:
            rooms, noises = data.rooms_and_noises(self.config.features.sample_rate)
            self.augmenter = Augmenter(
                self.config.augment, rooms, noises, sample_rate=self.config.features.sample_rate
            )

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

    def as_heard(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Windows as they were played: draw older ones to them, augment, take features."""
        if self.augmenter is None:
            return batch
        data = self.config.data
        if data.reuse > 1:
            batch = self.pool.batch(batch, data.batch_size)
        samples = self.augmenter(batch.pop("samples"))
        return {**batch, "targets": batch["targets"].float(), "frames": self.features(samples)}

    def on_train_batch_end(self, outputs: Any, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Take the new weights into the average, and count the music."""
        self.average.update(self.model)
        self.n_windows_seen += self.config.data.new_windows * self.trainer.world_size
        super().on_train_batch_end(outputs, batch, batch_idx)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the counts."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["n_windows_seen"] = self.n_windows_seen

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on counting."""
        super().on_load_checkpoint(checkpoint)
        self.n_windows_seen = checkpoint.get("n_windows_seen", 0)

    def on_validation_epoch_start(self) -> None:
        """Nothing is scored yet."""
        self.figures = []

    def validation_step(self, piece: ValidationPiece | NoPiece, _: int) -> dict[str, Any] | None:
        """Transcribe a passage with the windows and the decoder that ship, and score it.

        Returns what was played, the rolls and the transcription, for
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
        super().on_validation_epoch_end()

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
            **self.provenance(),
            "hours_of_music": f"{seconds / 3600:.2f}",
            "minutes": f"{self.seconds_trained / 60:.1f}",
            "seed": str(config.seed),
        }
        save_checkpoint(
            Checkpoint(network, config.features, config.windows, config.decode, metadata), path
        )


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
