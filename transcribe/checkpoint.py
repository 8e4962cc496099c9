"""A network that transcribes and every setting that inference needs, in one weights file.

There are two kinds of file: what training writes, safetensors that torch runs on any
device, and what is exported from it for the CPU (`transcribe.train.export`), an ONNX file
that needs no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transcribe.decode.config import DecodeConfig
from transcribe.errors import CheckpointError
from transcribe.extras import needing
from transcribe.features import FeatureConfig
from transcribe.hardware import n_cores
from transcribe.model.config import ModelConfig
from transcribe.model.network import Network
from transcribe.weights_file import (
    ONNX_ENDING,
    PACKAGED,
    PACKAGED_CHECKPOINT,
    Weights,
    read_graph,
    read_weights,
    write_graph,
    write_weights,
)
from transcribe.windows import WindowConfig

if TYPE_CHECKING:
    from transcribe.model.onsets_and_frames import OnsetsAndFrames

FORMAT = "transcribe-1"
ONNX_FORMAT = "transcribe-onnx-1"
_SETTINGS = {"features": FeatureConfig, "windows": WindowConfig, "decode": DecodeConfig}


@dataclass
class Checkpoint:
    """A network with all that was decided about its use."""

    model: Network
    features: FeatureConfig
    windows: WindowConfig
    decode: DecodeConfig
    metadata: dict[str, str] = field(default_factory=dict)
    """Name, version, licence and provenance, for people; ``sha256`` of the weights."""

    @property
    def name(self) -> str:
        """What to call these weights in a MIDI file or a table."""
        return self.metadata.get("name", "unnamed")

    @property
    def n_parameters(self) -> int:
        """How many numbers the network has learnt."""
        if "n_parameters" in self.metadata:
            return int(self.metadata["n_parameters"])
        return sum(each.numel() for each in self.trainable.parameters())

    @property
    def precision(self) -> str:
        """What the network computes in: ``"float32"``, ``"bfloat16"`` or ``"int8"``."""
        if "precision" in self.metadata:
            return self.metadata["precision"]
        import torch

        from transcribe.model.onsets_and_frames import fast_bfloat16

        return "bfloat16" if fast_bfloat16(torch.device(self.model.device_name)) else "float32"

    @property
    def trainable(self) -> OnsetsAndFrames:
        """The network as a module of torch.

        Raises
        ------
        CheckpointError
            It was exported, and can't be trained or exported again.
        """
        from transcribe.model.onsets_and_frames import OnsetsAndFrames

        if not isinstance(self.model, OnsetsAndFrames):
            raise CheckpointError(
                f"{self.name}: expected weights as training writes them (.safetensors), found an "
                "exported network"
            )
        return self.model

    @property
    def settings(self) -> dict[str, Any]:
        """What a weights file has beside the network, by name."""
        return {name: getattr(self, name) for name in _SETTINGS}


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write weights in half precision with their settings.

    Raises
    ------
    CheckpointError
        The file can't be written.
    """
    from transcribe.model.parameters import parameters_of

    network = checkpoint.trainable
    settings = {**checkpoint.settings, "model": network.config}
    write_weights(path, FORMAT, parameters_of(network), settings, checkpoint.metadata)


def save_exported(checkpoint: Checkpoint, graph: bytes, path: Path) -> None:
    """Write the graph that was made of a checkpoint's network, with the checkpoint's settings.

    Raises
    ------
    CheckpointError
        The file can't be written.
    """
    write_graph(path, ONNX_FORMAT, graph, checkpoint.settings, checkpoint.metadata)


def load_checkpoint(
    path: Path | None = None, *, device: str = "cpu", threads: int | None = None
) -> Checkpoint:
    """Read weights and settings, ready to run.

    Parameters
    ----------
    path : Path, optional
        A file written by `save_checkpoint` or `save_exported`; the packaged weights if left
        out, exported for the CPU and otherwise for torch.
    device : str
        Where the network goes, as in torch; for exported networks ``"cpu"``.
    threads : int, optional
        How many cores it may take; as many as the runtime sees fit if left out.

    Raises
    ------
    CheckpointError
        The file is missing, damaged, or of another format, network or device.
    TranscribeError
        Torch is needed and not installed.
    """
    if path is None:
        path = PACKAGED if device == "cpu" else PACKAGED_CHECKPOINT
    if Path(path).suffix != ONNX_ENDING:
        return _load_for_torch(path, device, threads)
    if device != "cpu":
        raise CheckpointError(
            f"{path}: an exported network runs on the CPU only, not on {device!r}; give the "
            ".safetensors file that it was exported from"
        )
    weights, graph = read_graph(path, ONNX_FORMAT)
    from transcribe.model.onnx_network import OnnxNetwork

    settings = _settings_of(weights)
    try:
        network = OnnxNetwork(graph, threads=threads)
    except ValueError as error:
        raise CheckpointError(
            f"{path}: the network could not be loaded: {error}; install a newer onnxruntime, or "
            "get the file again"
        ) from error
    return Checkpoint(network, **settings, metadata=weights.metadata(*settings))


def _load_for_torch(path: Path, device: str, threads: int | None) -> Checkpoint:
    weights = read_weights(path, FORMAT)
    with needing("gpu", "torch"):
        import torch

        from transcribe.model.onsets_and_frames import OnsetsAndFrames
        from transcribe.model.parameters import network_with

    if threads:
        torch.set_num_threads(min(threads, n_cores()))
    settings = _settings_of(weights)
    config = weights.settings(ModelConfig, "model")
    network = network_with(weights, lambda: OnsetsAndFrames(config, settings["features"]))
    metadata = weights.metadata("model", *settings)
    return Checkpoint(network.to(torch.device(device)), **settings, metadata=metadata)


def _settings_of(weights: Weights) -> Mapping[str, Any]:
    return {name: weights.settings(kind, name) for name, kind in _SETTINGS.items()}
