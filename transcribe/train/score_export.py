"""Export the networks of a score for the base runtime."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import torch
from torch import nn

from transcribe.weights_file import checksum, write_graph


class _Rows(nn.Module):
    """A network of rows alone, which the ones without attention are."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(rows)
        return logits


def export(
    network: nn.Module, n_features: int, format_name: str, metadata: dict[str, str], path: Path
) -> None:
    """Write a network of rows to an ONNX file; it takes any number of them."""
    network.eval()
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Rows(network).eval(),
            (torch.zeros(1, 96, n_features),),
            buffer,  # type: ignore[arg-type]
            input_names=["rows"],
            output_names=["logits"],
            dynamic_axes={"rows": {1: "n"}, "logits": {1: "n"}},
            opset_version=17,
            dynamo=False,
        )
    arrays = {name: value.numpy() for name, value in network.state_dict().items()}
    details = metadata | {"sha256": checksum(arrays)}
    write_graph(path, format_name, buffer.getvalue(), {}, details)
