"""A network that continues music and its sizes in one weights file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from transcribe.errors import CheckpointError
from transcribe.extras import needing
from transcribe.generate.config import GeneratorConfig
from transcribe.generate.event_network import EventNetwork
from transcribe.weights_file import FOLDER, read_weights, write_weights

if TYPE_CHECKING:
    from transcribe.generate.model import EventModel

FORMAT = "transcribe-generator-2"
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
    from transcribe.model.parameters import parameters_of

    network = weights.model
    write_weights(path, FORMAT, parameters_of(network), {"model": network.config}, weights.metadata)


def load_generator(path: Path | None = None) -> GeneratorWeights:
    """Read weights written by `save_generator` for torch; the packaged ones if left out.

    Raises
    ------
    CheckpointError
        The file is missing, damaged, or made for something else.
    """
    with needing("gpu", "torch"):
        from transcribe.generate.model import EventModel
        from transcribe.model.parameters import network_with
    weights = read_weights(PACKAGED if path is None else path, FORMAT)
    config = weights.settings(GeneratorConfig, "model")
    model = network_with(weights, lambda: EventModel(config))
    return GeneratorWeights(model.requires_grad_(False), weights.metadata("model"))


def load_network(path: Path | None = None) -> tuple[EventNetwork, str]:
    """Read a network and its name without torch; the packaged one if left out.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, or made for something else.
    """
    weights = read_weights(PACKAGED if path is None else path, FORMAT)
    config = weights.settings(GeneratorConfig, "model")
    try:
        network = EventNetwork(weights.arrays, config)
    except ValueError as error:
        raise CheckpointError(
            f"{weights.path}: the weights do not fit their settings: {error}; get the file again, "
            "or write it with this version of transcribe"
        ) from error
    return network, weights.header.get("name", "unnamed")
