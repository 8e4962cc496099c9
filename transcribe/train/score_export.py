"""Export the networks of a score for the base runtime.

    python -m transcribe.train.score_export outputs/score-beats/last.safetensors -o score-beats.onnx

Which of the four it is, the weights say. Of several, which are of one kind, the file says the mean.
"""

from __future__ import annotations

import argparse
import io
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from transcribe.errors import CheckpointError, TranscribeError
from transcribe.model.parameters import network_with
from transcribe.score import bar_features, length_features, note_features, onset_features
from transcribe.score.networks import BARS_FORMAT, BEATS_FORMAT, LENGTHS_FORMAT, NOTES_FORMAT
from transcribe.train.beat_network import (
    BarNetwork,
    BarNetworkConfig,
    BeatNetwork,
    BeatNetworkConfig,
)
from transcribe.train.length_network import LengthNetwork, LengthNetworkConfig
from transcribe.train.note_network import NoteNetwork, NoteNetworkConfig
from transcribe.weights_file import checksum, read_weights, write_graph

KINDS: dict[str, tuple[Any, Callable[[Any], nn.Module], int]] = {
    BEATS_FORMAT: (BeatNetworkConfig, BeatNetwork, onset_features.N_FEATURES),
    BARS_FORMAT: (BarNetworkConfig, BarNetwork, bar_features.N_FEATURES),
    NOTES_FORMAT: (NoteNetworkConfig, NoteNetwork, note_features.N_FEATURES),
    LENGTHS_FORMAT: (LengthNetworkConfig, LengthNetwork, length_features.N_FEATURES),
}
"""Settings, network and features a row, by the format of weights."""


def export(network: nn.Module, format_name: str, metadata: dict[str, str], path: Path) -> None:
    """Write a network of rows to an ONNX file; it takes any number of them."""
    network.eval()
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of batches, of which there is always one
        torch.onnx.export(
            network,
            (torch.zeros(1, 96, KINDS[format_name][2]),),
            buffer,  # type: ignore[arg-type]
            input_names=["rows"],
            output_names=["logits"],
            dynamic_axes={"rows": {1: "n"}, "logits": {1: "n"}},
            opset_version=17,
            dynamo=False,
        )
    arrays = {name: value.numpy() for name, value in network.state_dict().items()}
    write_graph(path, format_name, buffer.getvalue(), {}, metadata | {"sha256": checksum(arrays)})


class MeanOfNetworks(nn.Module):
    """What networks of one kind say on the average."""

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, rows: Tensor) -> Tensor:
        """The mean of their logits."""
        return torch.stack([network(rows) for network in self.networks]).mean(dim=0)


def convert(weights: Sequence[Path], path: Path) -> None:
    """Read what runs left, and export it.

    Raises
    ------
    CheckpointError
        A file is missing, damaged, holds none of the networks of a score, or another than the
        first.
    """
    format_name, network, metadata = _read(weights[0])
    networks = [network]
    for each in weights[1:]:
        other, network, _ = _read(each)
        if other != format_name:
            raise CheckpointError(f"{each}: expected {format_name!r}, as before; found {other!r}")
        networks.append(network)
    export(
        networks[0] if len(networks) == 1 else MeanOfNetworks(networks), format_name, metadata, path
    )


def _read(weights: Path) -> tuple[str, nn.Module, dict[str, str]]:
    """Which network it is, the network, and what is written of it."""
    faults = []
    for format_name, (settings, make, _) in KINDS.items():
        try:
            read = read_weights(weights, format_name)
        except CheckpointError as error:
            faults.append(str(error))
            continue
        config = read.settings(settings, "network")
        network = network_with(read, lambda make=make, config=config: make(config))  # type: ignore[misc]
        return format_name, network, read.metadata("network", "sha256")
    raise CheckpointError(faults[0])


def main(arguments: Sequence[str] | None = None) -> int:
    """Export as the arguments say; 1 if it could not be done."""
    parser = argparse.ArgumentParser(
        prog="python -m transcribe.train.score_export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "weights", type=Path, nargs="+", help="what a run left (.safetensors), or several"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="file to write (.onnx)")
    options = parser.parse_args(arguments)
    try:
        convert(options.weights, options.output)
    except TranscribeError as error:
        print(f"transcribe.train.score_export: {error}", file=sys.stderr)
        return 1
    print(f"{options.output}: {options.output.stat().st_size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
