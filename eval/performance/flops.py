"""What the network costs: the time of each of its stacks, its arithmetic, the machine's peak.

Counted are the multiplications and additions of convolutions, linear layers and LSTMs, each
as one operation; what else a network does (norms, sigmoids, copies) counts as none, and so
shows as distance from the peak. The peak is measured, in the same process and with the same
threads, as the best of several products of square matrices.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest import mock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from transcribe.model.layers import BiLstm
from transcribe.model.onsets_and_frames import OnsetsAndFrames

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
MATRIX_SIZES = {"cpu": 2048, "cuda": 8192, "mps": 4096}
"""Rows of the square matrices for the peak, large enough to fill the machine."""
OTHER = "other"


@contextmanager
def precision(name: str) -> Iterator[None]:
    """Within it networks compute in this precision, whichever is faster here."""
    with mock.patch(
        "transcribe.model.onsets_and_frames.fast_bfloat16", return_value=name == "bfloat16"
    ):
        yield


def peak_gflops(
    device: torch.device, name: str, *, size: int | None = None, repeats: int = 5
) -> float:
    """Billions of operations a second in a product of square matrices, the best of several."""
    n = size or MATRIX_SIZES.get(device.type, 2048)
    matrix = torch.full((n, n), 0.5, dtype=PRECISIONS[name], device=device)
    torch.mm(matrix, matrix)
    best = float("inf")
    for _ in range(repeats):
        synchronize(device)
        started = time.perf_counter()
        torch.mm(matrix, matrix)
        synchronize(device)
        best = min(best, time.perf_counter() - started)
    return 2 * n**3 / best / 1e9


def network_cost(
    model: OnsetsAndFrames, window: NDArray[np.float32], *, repeats: int = 3
) -> dict[str, Any]:
    """Seconds and operations of each part of the network, on one window.

    Parameters
    ----------
    model : OnsetsAndFrames
        On the device to measure; its prepared copy for inference is made anew.
    window : array
        Shape (n_frames, n_channels, n_bins), of the length that ships.
    repeats : int
        The fastest of so many runs counts, after one that does not.

    Returns
    -------
    dict
        ``wall_seconds``, ``gflop`` and ``gflops``; and under ``parts`` the same for each,
        `OTHER` being what lies between them.
    """
    device = next(model.parameters()).device
    best: dict[str, float] = {}
    fastest = float("inf")
    with _measured(model, device) as (wall, operations):
        model.activations(window)
        for _ in range(repeats):
            wall.clear()
            operations.clear()
            synchronize(device)
            begun = time.perf_counter()
            model.activations(window)
            whole = time.perf_counter() - begun
            if whole < fastest:
                fastest, best = whole, dict(wall)
    best[OTHER] = max(fastest - sum(best.values()), 0.0)
    gflop = sum(operations.values()) / 1e9
    return {
        "n_frames": len(window),
        "wall_seconds": fastest,
        "gflop": gflop,
        "gflops": gflop / fastest,
        "parts": {
            name: {
                "wall_seconds": seconds,
                "share": seconds / fastest,
                "gflop": operations[name] / 1e9,
                "gflops": operations[name] / 1e9 / seconds if seconds else 0.0,
            }
            for name, seconds in best.items()
        },
    }


@contextmanager
def _measured(
    model: OnsetsAndFrames, device: torch.device
) -> Iterator[tuple[defaultdict[str, float], defaultdict[str, int]]]:
    """Within it, seconds and operations of each part are added up."""
    started: dict[str, float] = {}
    wall: defaultdict[str, float] = defaultdict(float)
    operations: defaultdict[str, int] = defaultdict(int)

    def begin(name: str, *_: Any) -> None:
        synchronize(device)
        started[name] = time.perf_counter()

    def end(name: str, *_: Any) -> None:
        synchronize(device)
        wall[name] += time.perf_counter() - started[name]

    def count(name: str, layer: nn.Module, given: Sequence[Tensor], made: Any) -> None:
        operations[name] += n_operations(layer, given[0], made)

    handles = []
    for name, part in _parts(model.network):
        handles.append(part.register_forward_pre_hook(partial(begin, name)))
        handles.append(part.register_forward_hook(partial(end, name)))
        handles += [
            module.register_forward_hook(partial(count, name))
            for module in part.modules()
            if isinstance(module, (nn.Conv2d, nn.Linear, nn.LSTM))
        ]
    # The copy for inference takes the hooks along; `eval` drops the one there was.
    model.eval()
    try:
        yield wall, operations
    finally:
        for handle in handles:
            handle.remove()
        model.eval()


def n_operations(layer: nn.Module, given: Tensor, made: Any) -> int:
    """Multiplications and additions of one call; biases are not counted."""
    if isinstance(layer, nn.Conv2d):
        taps = layer.in_channels // layer.groups * layer.kernel_size[0] * layer.kernel_size[1]
        return 2 * int(made.numel()) * taps
    if isinstance(layer, nn.Linear):
        return 2 * int(made.numel()) * layer.in_features
    if isinstance(layer, nn.LSTM):
        steps = given.shape[0] * given.shape[1]
        directions = 2 if layer.bidirectional else 1
        weights = 4 * layer.hidden_size * (layer.input_size + layer.hidden_size)
        return 2 * steps * directions * weights
    raise ValueError(f"expected a convolution, a linear layer or an LSTM; found {layer}")


def synchronize(device: torch.device) -> None:
    """Wait until a device has done what it was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _parts(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The stacks, sequences and heads; of a sequence the LSTM itself, which is always called."""
    for name, part in network.named_children():
        yield name, part.lstm if isinstance(part, BiLstm) else part
