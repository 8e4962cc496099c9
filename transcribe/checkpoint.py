"""A network that transcribes and every setting that inference needs, in one weights file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch

from transcribe.decode.decoder import DecodeConfig
from transcribe.features import FeatureConfig
from transcribe.model.config import ModelConfig
from transcribe.model.onsets_and_frames import OnsetsAndFrames
from transcribe.model.parameters import network_with, parameters_of
from transcribe.weights_file import PACKAGED, read_weights, write_weights
from transcribe.windows import WindowConfig

FORMAT = "transcribe-1"


@dataclass
class Checkpoint:
    """A network with all that was decided about its use."""

    model: OnsetsAndFrames
    features: FeatureConfig
    windows: WindowConfig
    decode: DecodeConfig
    metadata: dict[str, str] = field(default_factory=dict)
    """Name, version, licence and provenance, for people; ``sha256`` of the weights."""

    @property
    def name(self) -> str:
        """What to call these weights in a MIDI file or a table."""
        return self.metadata.get("name", "unnamed")


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write weights in half precision with their settings.

    Raises
    ------
    CheckpointError
        The file can't be written.
    """
    settings = {
        "features": checkpoint.features,
        "model": checkpoint.model.config,
        "windows": checkpoint.windows,
        "decode": checkpoint.decode,
    }
    write_weights(path, FORMAT, parameters_of(checkpoint.model), settings, checkpoint.metadata)


def load_checkpoint(path: Path | None = None, *, device: str = "cpu") -> Checkpoint:
    """Read weights and settings.

    Parameters
    ----------
    path : Path, optional
        A file written by `save_checkpoint`; the packaged weights if left out.
    device : str
        Where the network goes, as in torch.

    Raises
    ------
    CheckpointError
        The file is missing, damaged, or of another format or network.
    """
    weights = read_weights(PACKAGED if path is None else path, FORMAT)
    features = weights.settings(FeatureConfig, "features")
    config = weights.settings(ModelConfig, "model")
    model = network_with(weights, lambda: OnsetsAndFrames(config, features))
    return Checkpoint(
        model.to(torch.device(device)),
        features,
        weights.settings(WindowConfig, "windows"),
        weights.settings(DecodeConfig, "decode"),
        weights.metadata("features", "model", "windows", "decode"),
    )
