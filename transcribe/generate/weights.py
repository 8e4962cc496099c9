"""The generator's weights and sizes in one file, as `checkpoint` keeps the transcriber's.

Half precision safetensors, with the settings as JSON, a licence and a SHA-256 of the
weights in its header.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from transcribe.checkpoint import checksum
from transcribe.errors import CheckpointError
from transcribe.files.atomic import atomic_path
from transcribe.files.json_text import parse_settings
from transcribe.generate.model import EventModel, GeneratorConfig

FORMAT = "transcribe-generator-1"
PACKAGED = Path(__file__).parents[1] / "weights" / "generator.safetensors"


@dataclass
class GeneratorWeights:
    """A network that continues music, and where it comes from."""

    model: EventModel
    metadata: dict[str, str] = field(default_factory=dict)
    """Name, version, licence and provenance, for people; ``sha256`` of the weights."""

    @property
    def name(self) -> str:
        """What to call these weights in a MIDI file or a table."""
        return self.metadata.get("name", "unnamed")


def save_generator(weights: GeneratorWeights, path: Path) -> None:
    """Write weights in half precision with their sizes.

    Raises
    ------
    CheckpointError
        If the folder can't be written.
    """
    tensors = {
        name: tensor.detach().cpu().half().contiguous()
        for name, tensor in weights.model.state_dict().items()
    }
    header = {
        **weights.metadata,
        "format": FORMAT,
        "sha256": checksum(tensors),
        "model": json.dumps(dataclasses.asdict(weights.model.config)),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            save_file(tensors, temporary, metadata=header)
    except OSError as error:
        raise CheckpointError(f"{path}: the weights could not be written: {error}") from error


def load_generator(path: Path | None = None) -> GeneratorWeights:
    """Read weights written by `save_generator`; the packaged ones if ``path`` is left out.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, or made for something else.
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
            f"{header.get('format', 'none')!r}; this file does not continue music"
        )
    if header.get("sha256") != checksum(tensors):
        raise CheckpointError(
            f"{path}: the weights do not match their checksum; the file is damaged, get it again"
        )
    try:
        config = parse_settings(GeneratorConfig, header["model"])
        config.check()
        with torch.device("meta"):  # sizes that do not fit take no memory
            EventModel(config).load_state_dict(tensors, assign=True)
        model = EventModel(config)
        model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    except (LookupError, TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        raise CheckpointError(f"{path}: the weights do not fit their settings: {error}") from error
    metadata = {key: value for key, value in header.items() if key not in ("format", "model")}
    return GeneratorWeights(model.eval().requires_grad_(False), metadata)
