"""Weights and every setting that inference needs, in one versioned file.

The file is safetensors: half-precision weights, and in its header the settings as
JSON, a licence, and a SHA-256 of the weights, so that a damaged or truncated file is
refused instead of transcribing nonsense. Loading one runs no code from it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from transcribe.decode.decoder import DecodeConfig
from transcribe.errors import CheckpointError
from transcribe.features import FeatureConfig
from transcribe.files.atomic import atomic_path
from transcribe.files.json_text import parse_settings
from transcribe.model.config import ModelConfig
from transcribe.model.onsets_and_frames import OnsetsAndFrames
from transcribe.weights_file import PACKAGED
from transcribe.windows import WindowConfig

FORMAT = "transcribe-1"
_Settings = TypeVar("_Settings", FeatureConfig, ModelConfig, WindowConfig, DecodeConfig)


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
        If the folder can't be written.
    """
    tensors = {
        name: tensor.half().contiguous() if tensor.is_floating_point() else tensor.contiguous()
        for name, tensor in checkpoint.model.cpu().state_dict().items()
    }
    header = {
        **checkpoint.metadata,
        "format": FORMAT,
        "sha256": checksum(tensors),
        "features": json.dumps(dataclasses.asdict(checkpoint.features)),
        "model": json.dumps(dataclasses.asdict(checkpoint.model.config)),
        "windows": json.dumps(dataclasses.asdict(checkpoint.windows)),
        "decode": json.dumps(dataclasses.asdict(checkpoint.decode)),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            save_file(tensors, temporary, metadata=header)
    except OSError as error:
        raise CheckpointError(f"{path}: the weights could not be written: {error}") from error


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
        If the file is missing, damaged, or of another format or network.
    """
    path = PACKAGED if path is None else Path(path)
    if not path.is_file():
        advice = "reinstall transcribe" if path == PACKAGED else "check the path"
        raise CheckpointError(f"{path}: no such weights file; {advice}")
    try:
        with safe_open(path, framework="pt") as file:
            header: dict[str, str] = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path}: not a readable weights file (safetensors): {error}; get it again"
        ) from error
    if header.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: expected weights of format {FORMAT!r}, found "
            f"{header.get('format', 'none')!r}; this file was made for another program"
        )
    if header.get("sha256") != checksum(tensors):
        raise CheckpointError(
            f"{path}: the weights do not match their checksum; the file is damaged, get it again"
        )
    features = _settings(FeatureConfig, header, "features", path)
    config = _settings(ModelConfig, header, "model", path)
    model = _built(config, features, tensors, path)
    windows = _settings(WindowConfig, header, "windows", path)
    decode = _settings(DecodeConfig, header, "decode", path)
    settings = ("format", "features", "model", "windows", "decode")
    metadata = {key: value for key, value in header.items() if key not in settings}
    return Checkpoint(model.eval().to(torch.device(device)), features, windows, decode, metadata)


def _built(
    config: ModelConfig, features: FeatureConfig, tensors: dict[str, Tensor], path: Path
) -> OnsetsAndFrames:
    """The network with its weights; its sizes take no memory before they are known to fit."""
    try:
        with torch.device("meta"):
            OnsetsAndFrames(config, features).load_state_dict(tensors, assign=True)
        model = OnsetsAndFrames(config, features)
        model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    except (RuntimeError, ValueError, TypeError, ArithmeticError, LookupError) as error:
        raise CheckpointError(
            f"{path}: the weights do not fit their settings: {error}; get the file again, or write "
            "it with this version of transcribe"
        ) from error
    return model


def _settings(kind: type[_Settings], header: dict[str, str], key: str, path: Path) -> _Settings:
    try:
        settings = parse_settings(kind, header[key])
        settings.check()
    except KeyError as error:
        raise CheckpointError(
            f"{path}: expected {key} settings in the file's header, found none; the file was "
            "written by another version of transcribe"
        ) from error
    except ValueError as error:
        raise CheckpointError(
            f"{path}: its {key} settings can't be used ({error}); the file is damaged or was "
            "written by another version of transcribe"
        ) from error
    return settings


def checksum(tensors: dict[str, Tensor]) -> str:
    """SHA-256 of names and bytes, by which a damaged file is told."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
