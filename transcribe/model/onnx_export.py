"""A network as an ONNX graph, in float32 or, where it costs little, in 8 bits.

The graph is written out operator by operator, because tracing a network freezes lengths
that differ from window to window. It takes any number of windows of any number of frames,
and what is computed agrees with `OnsetsAndFrames` to some 1e-5 in float32.

Shapes: B windows, T frames, 88 keys, D features a key. Convolutions have their channels
second in float32, (B, D, T, 88), and last in 8 bits, (B, T, 88, D).
"""

from __future__ import annotations

import math
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from transcribe.model.harmonic import HarmonicNetwork, HarmonicStack, VelocityHead
from transcribe.model.layers import ConvNorm
from transcribe.model.onnx_graph import INPUT, Graph
from transcribe.model.onsets_and_frames import OnsetsAndFrames
from transcribe.model.paper import MelStack, PaperNetwork
from transcribe.model.quantisation import Spreads
from transcribe.notes import N_PITCHES

_CHANNELS = 4
"""The fastest 8-bit convolutions take so many channels, or a multiple."""

LIKELY_ONSET = 0.01
"""Velocities are computed where an onset is at least as probable, and are 0 elsewhere: a
hundredth of the keys and frames of a recording, of which nobody reads the others."""

_NO_VELOCITY = -30.0
"""The logit of 0."""

_KEYS_AT_ONCE = 22
"""Keys that go through their LSTM together, a fourth of them: what ONNX Runtime holds of all
inputs and gates at once is the most memory that a window takes, and does not fit the cache."""


def as_onnx(
    network: OnsetsAndFrames, spreads: Spreads | None = None
) -> tuple[onnx.ModelProto, dict[str, str]]:
    """A network, and which of its tensors to measure for its quantised version."""
    fused = network.fused()
    graph = Graph(spreads)
    with torch.no_grad():
        inner = fused.network
        output = (
            _paper(graph, inner) if isinstance(inner, PaperNetwork) else _harmonic(graph, inner)
        )
    return graph.model(network.features, output), graph.measured


def _paper(g: Graph, network: PaperNetwork) -> str:
    """Frames to activations."""
    frames = g.op("Transpose", INPUT, perm=[0, 2, 1, 3])
    planes = g.heads(
        g.along_time(_mel_stack(g, network.onset_stack, frames), network.onset_sequence),
        network.onset_head,
    )
    planes |= g.heads(
        g.along_time(_mel_stack(g, network.offset_stack, frames), network.offset_sequence),
        network.offset_head,
    )
    planes |= g.heads(_mel_stack(g, network.velocity_stack, frames), network.velocity_head)
    projected = _mel_stack(g, network.frame_stack, frames)
    hint = g.linear(projected, network.frame_hint.weight, network.frame_hint.bias)
    hints = [g.op("Sigmoid", each) for each in (planes["onset"], planes["offset"], hint)]
    sequence = g.along_time(g.op("Concat", *hints, axis=-1), network.frame_sequence)
    planes |= g.heads(sequence, network.frame_head)
    both = g.op("Concat", projected, sequence, axis=-1)
    pedal = g.along_time(both, network.pedal_sequence)
    return g.activations(
        planes, g.linear(pedal, network.pedal_head.weight, network.pedal_head.bias)
    )


def _mel_stack(g: Graph, stack: MelStack, x: str) -> str:
    """(B, n_channels, T, n_bins) to (B, T, width)."""
    for layer in stack.layers:
        if isinstance(layer, ConvNorm):
            x = g.convolution(x, layer.conv)
        elif isinstance(layer, nn.MaxPool2d):
            x = g.op("MaxPool", x, kernel_shape=[1, 2], strides=[1, 2])
    x = g.op("Reshape", g.op("Transpose", x, perm=[0, 2, 1, 3]), g.ints(0, 0, -1))
    return g.linear(x, stack.project.weight, stack.project.bias)


def _harmonic(g: Graph, network: HarmonicNetwork) -> str:
    """Frames to activations."""
    in_8_bits = g.spreads is not None
    attacks = (_attacks_in_8_bits if in_8_bits else _attacks)(g, network.stack)
    # What follows the convolutions sees as many frames as the stride divides; those that are
    # added to the last ones are 0, and go when nothing is left but planes.
    n_frames = g.op("Gather", g.op("Shape", INPUT), g.ints(1))
    n_missing = g.op("Mod", g.op("Neg", n_frames), g.ints(network.stride))
    blocks = _blocks_in_8_bits if in_8_bits else _blocks
    keys, padded = blocks(g, network.stack, attacks, n_missing)
    whole = [
        g.op("ReduceMean", keys, axes=[2], keepdims=0),
        g.op("ReduceMax", keys, axes=[2], keepdims=0),
    ]
    if network.context is not None and network.spread is not None:
        context = g.along_time(g.op("Concat", *whole, axis=-1), network.context)
        spread = g.linear(context, network.spread.weight, network.spread.bias)
        spread = g.with_frames(spread, n_missing, n_dimensions=3)
        padded = g.op("Add", padded, g.op("Unsqueeze", spread, g.ints(2)))
        whole.append(context)
    tracked = g.op(
        "Add",
        _along_time(g, network, padded),
        g.linear(padded, network.local.weight, network.local.bias, quantised=True),
    )
    tracked = g.op("Relu", tracked)
    planes = g.heads(tracked, network.head)
    if network.touch is not None:
        struck = _struck(g, network.touch, attacks, n_missing)
        planes["velocity"] = _velocity(g, network.touch, struck, padded, tracked, planes["onset"])
    planes = {name: g.first_frames(plane, n_frames) for name, plane in planes.items()}
    mean = g.op("ReduceMean", tracked, axes=[2], keepdims=0)
    whole.append(g.first_frames(mean, n_frames))
    pedal = g.along_time(g.op("Concat", *whole, axis=-1), network.pedal_sequence)
    return g.activations(
        planes, g.linear(pedal, network.pedal_head.weight, network.pedal_head.bias)
    )


def _spectra(g: Graph, stack: HarmonicStack) -> str:
    """Normalised frames, and silence as far beyond them as harmonics reach."""
    norm = stack.norm
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = (norm.running_var + norm.eps).rsqrt()
    x = g.op("Mul", INPUT, g.constant(scale[:, None]))
    x = g.op("Add", x, g.constant((-norm.running_mean * scale)[:, None]))
    return g.op("Pad", x, g.ints(0, 0, 0, stack.below, 0, 0, 0, stack.above))


def _attacks(g: Graph, stack: HarmonicStack) -> str:
    """Frames to features of each key, (B, D, T, 88)."""
    spectra = g.op("Transpose", _spectra(g, stack), perm=[0, 2, 1, 3])
    columns = [
        g.op(
            "Slice",
            g.op("Slice", spectra, g.ints(channel), g.ints(channel + 1), g.ints(1)),
            g.ints(stack.below + shift),
            g.ints(stack.below + shift + stack.n_columns),
            g.ints(3),
        )
        for channel, shift in stack.taps
    ]
    stacked = g.op("Concat", *columns, axis=1)
    attack = g.convolution(stacked, stack.attack.conv)
    fold = g.convolution(attack, stack.fold.conv)
    attacks = g.op("Add", fold, g.constant(stack.key_bias))
    names = ("stacked", "attack", "fold", "attacks")
    for name, tensor in zip(names, (stacked, attack, fold, attacks), strict=True):
        g.measure(name, tensor)
    return attacks


def _attacks_in_8_bits(g: Graph, stack: HarmonicStack) -> str:
    """The same with channels last, (B, T, 88, D), and in 8 bits."""
    x = g.quantised(_spectra(g, stack), "stacked")
    n_padded = stack.below + stack.n_bins + stack.above
    x = g.op("Reshape", x, g.ints(0, 0, -1))
    columns = []
    n_unused = -len(stack.taps) % _CHANNELS
    for channel, shift in [*stack.taps, *stack.taps[:1] * n_unused]:
        start = channel * n_padded + stack.below + shift
        columns.append(g.op("Slice", x, g.ints(start), g.ints(start + stack.n_columns), g.ints(2)))
    joined = g.op("Reshape", g.op("Concat", *columns, axis=2), g.ints(0, 0, -1, stack.n_columns))
    stacked = g.op("Transpose", joined, perm=[0, 1, 3, 2])
    attack = g.convolution_in_8_bits(
        stacked, "stacked", "attack", stack.attack.conv, n_unused=n_unused
    )
    fold = g.convolution_in_8_bits(attack, "attack", "fold", stack.fold.conv)
    bias = g.constant(stack.key_bias[:, 0].T)
    return g.quantised(g.op("Add", g.dequantised(fold, "fold"), bias), "attacks")


def _blocks(g: Graph, stack: HarmonicStack, x: str, n_missing: str) -> tuple[str, str]:
    """(B, D, T, 88) to (B, T, 88, D), and the same with so many more frames."""
    blocks: Any = stack.blocks
    for index, block in enumerate(blocks):
        near = g.convolution(x, block.near.conv)
        middle = g.op("Add", near, x)
        far = g.convolution(middle, block.far.own, *block.far.convs)
        x = g.op("Add", far, middle)
        for name, tensor in (("near", near), ("middle", middle), ("far", far), ("end", x)):
            g.measure(f"{index}.{name}", tensor)
    keys = g.op("Transpose", x, perm=[0, 2, 3, 1])
    return keys, g.with_frames(keys, n_missing, n_dimensions=4)


def _blocks_in_8_bits(g: Graph, stack: HarmonicStack, x: str, n_missing: str) -> tuple[str, str]:
    """The same from 8 bits and with channels last throughout."""
    at = "attacks"
    blocks: Any = stack.blocks
    for index, block in enumerate(blocks):
        near, middle, far, end = (f"{index}.{each}" for each in ("near", "middle", "far", "end"))
        y = g.convolution_in_8_bits(x, at, near, block.near.conv)
        x = g.sum_in_8_bits(x, at, y, near, middle)
        y = g.convolution_in_8_bits(x, middle, far, block.far.own, *block.far.convs)
        x, at = g.sum_in_8_bits(x, middle, y, far, end), end
    padded = g.with_frames(x, n_missing, n_dimensions=4, of_x=at)
    return g.dequantised(x, at), g.dequantised(padded, at)


def _along_time(g: Graph, network: HarmonicNetwork, keys: str) -> str:
    """A BiLSTM over each key, ``stride`` frames a step: (B, T, 88, D) to the same shape."""
    groups = []
    for start in range(0, N_PITCHES, _KEYS_AT_ONCE):
        some = g.op("Slice", keys, g.ints(start), g.ints(start + _KEYS_AT_ONCE), g.ints(2))
        groups.append(_group_along_time(g, network, some))
    return g.op("Concat", *groups, axis=2)


def _group_along_time(g: Graph, network: HarmonicNetwork, keys: str) -> str:
    """The same for some of the keys."""
    stride, width, n_keys = network.stride, network.local.in_features, _KEYS_AT_ONCE
    n_windows = g.op("Gather", g.op("Shape", keys), g.ints(0))
    steps = g.op(
        "Reshape", keys, g.op("Concat", n_windows, g.ints(-1, stride, n_keys, width), axis=0)
    )
    steps = g.op("Transpose", steps, perm=[1, 0, 3, 2, 4])
    n_rows = g.op("Mul", n_windows, g.ints(n_keys))
    steps = g.op(
        "Reshape", steps, g.op("Concat", g.ints(-1), n_rows, g.ints(stride * width), axis=0)
    )
    y = g.lstm(steps, network.sequence)
    y = g.linear(y, network.unfold.weight, network.unfold.bias, quantised=True)
    shape = g.op("Concat", g.ints(-1), n_windows, g.ints(n_keys, stride, width), axis=0)
    y = g.op("Transpose", g.op("Reshape", y, shape), perm=[1, 0, 3, 2, 4])
    return g.op("Reshape", y, g.op("Concat", n_windows, g.ints(-1, n_keys, width), axis=0))


def _struck(g: Graph, head: VelocityHead, attacks: str, n_missing: str) -> str:
    """What a velocity is heard by beside the features, (B, T, 88, D), with so many more frames."""
    if g.spreads is None:
        struck = g.op("Transpose", g.convolution(attacks, head.attack.conv), perm=[0, 2, 3, 1])
        g.measure("struck", struck)
        return g.with_frames(struck, n_missing, n_dimensions=4)
    struck = g.convolution_in_8_bits(attacks, "attacks", "struck", head.attack.conv)
    return g.with_frames(struck, n_missing, n_dimensions=4, of_x="struck")


def _velocity(
    g: Graph, head: VelocityHead, struck: str, keys: str, tracked: str, onset: str
) -> str:
    """Logits of velocities, (B, T, 88), where those of onsets say `LIKELY_ONSET`."""
    rows = g.rows_above(onset, math.log(LIKELY_ONSET / (1 - LIKELY_ONSET)))
    struck, keys, tracked = (g.only_rows(each, rows) for each in (struck, keys, tracked))
    if g.spreads is not None:
        struck = g.dequantised(struck, "struck")
    first: Any = head.head[0]
    last: Any = head.head[2]
    bias: Tensor | None = first.bias
    total = ""
    for part, weight in zip(
        (struck, keys, tracked), first.weight.split(head.parts, dim=1), strict=True
    ):
        total, bias = g.linear(part, weight, bias, plus=total), None
    y = g.linear(g.op("Relu", total), last.weight, last.bias)
    return g.in_rows(y, rows, like=onset, elsewhere=_NO_VELOCITY)
