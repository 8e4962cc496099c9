"""A network that continues music and its sizes in one weights file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from transcribe.generate.model import EventModel, GeneratorConfig
from transcribe.model.parameters import network_with, parameters_of
from transcribe.weights_file import FOLDER, read_weights, write_weights

FORMAT = "transcribe-generator-1"
PACKAGED = FOLDER / "generator.safetensors"


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
        The file can't be written.
    """
    network = weights.model
    write_weights(path, FORMAT, parameters_of(network), {"model": network.config}, weights.metadata)


def load_generator(path: Path | None = None) -> GeneratorWeights:
    """Read weights written by `save_generator`; the packaged ones if ``path`` is left out.

    Raises
    ------
    CheckpointError
        The file is missing, damaged, or made for something else.
    """
    weights = read_weights(PACKAGED if path is None else path, FORMAT)
    config = weights.settings(GeneratorConfig, "model")
    model = network_with(weights, lambda: EventModel(config))
    return GeneratorWeights(model.requires_grad_(False), weights.metadata("model"))
