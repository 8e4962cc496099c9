"""Export the networks of a score for the base runtime.

    python -m transcribe.train.score_export outputs/score-beats/last.safetensors -o score-beats.onnx

Which of the three it is, the weights say.
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
from torch import nn

from transcribe.errors import CheckpointError, TranscribeError
from transcribe.model.parameters import network_with
from transcribe.score import length_features, note_features, onset_features
from transcribe.score.networks import BEATS_FORMAT, LENGTHS_FORMAT, NOTES_FORMAT
from transcribe.train.beat_network import BeatNetwork, BeatNetworkConfig
from transcribe.train.length_network import LengthNetwork, LengthNetworkConfig
from transcribe.train.note_network import NoteNetwork, NoteNetworkConfig
from transcribe.weights_file import checksum, read_weights, write_graph

KINDS: dict[str, tuple[Any, Callable[[Any], nn.Module], int]] = {
    BEATS_FORMAT: (BeatNetworkConfig, BeatNetwork, onset_features.N_FEATURES),
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


def convert(weights: Path, path: Path) -> None:
    """Read what a run left, and export it.

    Raises
    ------
    CheckpointError
        The file is missing, damaged, or holds none of the networks of a score.
    """
    faults = []
    for format_name, (settings, make, _) in KINDS.items():
        try:
            read = read_weights(weights, format_name)
        except CheckpointError as error:
            faults.append(str(error))
            continue
        config = read.settings(settings, "network")
        network = network_with(read, lambda make=make, config=config: make(config))  # type: ignore[misc]
        export(network, format_name, read.metadata("network", "sha256"), path)
        return
    raise CheckpointError(faults[0])


def main(arguments: Sequence[str] | None = None) -> int:
    """Export as the arguments say; 1 if it could not be done."""
    parser = argparse.ArgumentParser(
        prog="python -m transcribe.train.score_export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("weights", type=Path, help="what a run left (.safetensors)")
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
