"""ONNX operators one after the other, and the layers of networks made of them.

Quantisation
------------
Convolutions may run on unsigned 8-bit activations and signed 8-bit weights
(`transcribe.model.quantisation`). How far the activations spread is measured beforehand on
the float graph (`Graph.measured`). LSTMs have 8-bit weights too then; their activations are
quantised as they come. Linear layers that are not marked as ``quantised``, those of the heads
and of velocities above all, stay float32.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from transcribe.features import FeatureConfig
from transcribe.model.layers import BiLstm, Heads
from transcribe.model.quantisation import Spreads, rounded
from transcribe.notes import N_PITCHES
from transcribe.rolls import N_ACTIVATIONS, PITCH_PLANES, SHIFT_PLANES

INPUT, OUTPUT = "frames", "activations"
OPSET = 17
IR_VERSION = 8
_MICROSOFT = "com.microsoft"
_GATES = [0, 3, 1, 2]
"""Torch orders an LSTM's gates input, forget, cell, output; ONNX input, output, forget, cell."""


class Graph:
    """Operators one after the other; a method returns the name of what it computes.

    Parameters
    ----------
    spreads : mapping, optional
        Of each tensor named in `measured`. With them convolutions, LSTMs and the linear
        layers that are marked as ``quantised`` are 8-bit, without them all is float32.
    """

    def __init__(self, spreads: Spreads | None = None) -> None:
        self.spreads = spreads
        self.measured: dict[str, str] = {}
        """Tensors of the float graph, (B, D, T, columns), whose spread its quantised version
        needs, by names."""
        self.nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[bytes, str, tuple[int, ...]], str] = {}
        self.initializers: list[TensorProto] = []
        """The constants."""

    def op(self, kind: str, *inputs: str, domain: str = "", n_outputs: int = 1, **how: Any) -> str:
        """Any operator; the name of its first output."""
        name = f"{kind}_{len(self.nodes)}"
        outputs = [name, *(f"{name}.{index}" for index in range(1, n_outputs))]
        self.nodes.append(helper.make_node(kind, inputs, outputs, name=name, domain=domain, **how))
        return name

    def constant(self, value: Any, dtype: Any = None) -> str:
        """A tensor of the file; the same one twice is kept once."""
        array = np.asarray(value.detach().numpy() if isinstance(value, Tensor) else value, dtype)
        key = (array.tobytes(), array.dtype.str, array.shape)
        if key not in self._constants:
            self._constants[key] = f"constant_{len(self._constants)}"
            self.initializers.append(
                numpy_helper.from_array(array.copy(order="C"), self._constants[key])
            )
        return self._constants[key]

    def ints(self, *values: int) -> str:
        """A list of integers, such as a shape."""
        return self.constant(values, np.int64)

    def model(self, features: FeatureConfig, output: str) -> onnx.ModelProto:
        """The whole: from frames to activations of shape (n_windows, n_frames, ...)."""
        self.nodes.append(helper.make_node("Identity", [output], [OUTPUT], name=OUTPUT))
        shape = ["n_windows", "n_frames"]
        graph = helper.make_graph(
            self.nodes,
            "onsets_and_frames",
            [
                helper.make_tensor_value_info(
                    INPUT, TensorProto.FLOAT, [*shape, features.n_channels, features.n_bins]
                )
            ],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [*shape, N_ACTIVATIONS])],
            self.initializers,
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(_MICROSOFT, 1)]
        return helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="transcribe"
        )

    # --- layers ---

    def linear(
        self,
        x: str,
        weight: Tensor,
        bias: Tensor | None = None,
        *,
        plus: str = "",
        quantised: bool = False,
    ) -> str:
        """As torch's; any number of dimensions before the last.

        ``plus`` is what another such layer made, and is added instead of a bias.
        """
        if quantised and self.spreads is not None:
            small = rounded(weight.T.numpy(), pairs=0, summed=(0,))
            zero = self.constant(np.zeros(small.scale.size), np.int8)
            inputs = [self.constant(small.values), self.constant(small.scale.ravel()), zero]
            inputs += [] if bias is None else [self.constant(bias)]
            return self.op("DynamicQuantizeMatMul", x, *inputs, domain=_MICROSOFT)
        # A Gemm adds in the same go, but wants matrices; reshaping costs nothing.
        n_out, n_in = weight.shape
        added = [] if bias is None else [self.constant(bias)]
        added = [self.op("Reshape", plus, self.ints(-1, n_out))] if plus else added
        y = self.op(
            "Gemm", self.op("Reshape", x, self.ints(-1, n_in)), self.constant(weight.T), *added
        )
        shape = self.op("Shape", x, end=-1)
        return self.op("Reshape", y, self.op("Concat", shape, self.ints(n_out), axis=0))

    def heads(self, x: str, heads: Heads) -> dict[str, str]:
        """Planes of shape (n_windows, n_frames, 88) by their names."""
        logits = self.linear(x, heads.linear.weight, heads.linear.bias)
        n_keys = heads.linear.out_features // len(heads.names)
        if n_keys == 1:
            return {
                name: self.op("Gather", logits, self.constant(index, np.int64), axis=-1)
                for index, name in enumerate(heads.names)
            }
        return {
            name: self.op(
                "Slice", logits, self.ints(index * n_keys), self.ints((index + 1) * n_keys),
                self.ints(-1),
            )
            for index, name in enumerate(heads.names)
        }  # fmt: skip

    def convolution(self, x: str, *convs: nn.Conv2d) -> str:
        """The rectified sum of convolutions of one input, (B, D, T, columns)."""
        total = ""
        for conv in convs:
            bias = [] if conv.bias is None else [self.constant(conv.bias)]
            padding = [int(each) for each in conv.padding]
            part = self.op(
                "Conv",
                x,
                self.constant(conv.weight),
                *bias,
                kernel_shape=list(conv.kernel_size),
                strides=list(conv.stride),
                dilations=list(conv.dilation),
                pads=padding + padding,
            )
            total = self.op("Add", total, part) if total else part
        return self.op("Relu", total)

    # --- more frames, and fewer: x is (B, T, ...) ---

    def with_frames(self, x: str, n_more: str, *, n_dimensions: int, of_x: str = "") -> str:
        """With frames of 0 after the last ones; 8 bits have the range of the name ``of_x``."""
        before = self.ints(*[0] * (n_dimensions + 1))
        after = self.ints(*[0] * (n_dimensions - 2))
        zero = [self._of(of_x)[1]] if of_x else []
        return self.op("Pad", x, self.op("Concat", before, n_more, after, axis=0), *zero)

    def first_frames(self, x: str, n_frames: str) -> str:
        """So many frames from the first on."""
        return self.op("Slice", x, self.ints(0), n_frames, self.ints(1))

    # --- a few rows of many: x is (..., D) with as many rows as there are numbers before D ---

    def rows_above(self, x: str, least: float) -> str:
        """Which numbers of ``x``, counted through all its dimensions, are at least so great."""
        flat = self.op("Reshape", x, self.ints(-1))
        is_above = self.op("GreaterOrEqual", flat, self.constant(least, np.float32))
        return self.op("Reshape", self.op("NonZero", is_above), self.ints(-1))

    def only_rows(self, x: str, rows: str) -> str:
        """These rows of ``x``, shape (n_rows, D)."""
        size = self.op("Shape", x, start=-1)
        matrix = self.op("Reshape", x, self.op("Concat", self.ints(-1), size, axis=0))
        return self.op("Gather", matrix, rows, axis=0)

    def in_rows(self, values: str, rows: str, *, like: str, elsewhere: float) -> str:
        """One number for each row, in the shape of ``like``, which has that of all rows."""
        shape = self.op("Shape", like)
        value = numpy_helper.from_array(np.array([elsewhere], np.float32))
        n_rows = self.op("Shape", self.op("Reshape", like, self.ints(-1)))
        none = self.op("ConstantOfShape", n_rows, value=value)
        flat = self.op("Reshape", values, self.ints(-1))
        return self.op("Reshape", self.op("ScatterElements", none, rows, flat), shape)

    def activations(self, planes: Mapping[str, str], pedal: str) -> str:
        """Logits to probabilities, shifts and velocities, shape (B, T, N_ACTIVATIONS)."""
        parts = [
            self.op("Tanh" if name in SHIFT_PLANES else "Sigmoid", planes[name])
            for name in PITCH_PLANES
        ]
        return self.op("Concat", *parts, self.op("Sigmoid", pedal), axis=-1)

    def lstm(self, x: str, layer: BiLstm) -> str:
        """(T, B, D) to (T, B, 2 * hidden_size); in 8 bits wherever convolutions are."""
        torch_lstm, size = layer.lstm, layer.lstm.hidden_size
        parts: dict[str, list[Tensor]] = {}
        for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            both = [getattr(torch_lstm, f"{kind}_l0{way}") for way in ("", "_reverse")]
            parts[kind] = [torch.cat([each.chunk(4)[gate] for gate in _GATES]) for each in both]
        biases = [torch.cat(pair) for pair in zip(parts["bias_ih"], parts["bias_hh"], strict=True)]
        how: dict[str, Any] = {"hidden_size": size, "direction": "bidirectional"}
        weights = [torch.stack(parts[kind]) for kind in ("weight_ih", "weight_hh")]
        bias = self.constant(torch.stack(biases))
        if self.spreads is not None:
            small = [
                rounded(weight.transpose(1, 2).numpy(), pairs=1, summed=(1,)) for weight in weights
            ]
            scales = []
            for each in small:
                scale = each.scale[:, 0]
                scales += [self.constant(scale), self.constant(np.zeros(scale.shape), np.int8)]
            values = [self.constant(each.values) for each in small]
            inputs = [x, *values, bias, "", "", "", ""]
            y = self.op("DynamicQuantizeLSTM", *inputs, *scales, domain=_MICROSOFT, **how)
        else:
            y = self.op("LSTM", x, *(self.constant(each) for each in weights), bias, **how)
        y = self.op("Transpose", y, perm=[0, 2, 1, 3])  # (T, 2, B, D) to (T, B, 2, D)
        return self.op("Reshape", y, self.ints(0, 0, 2 * size))

    def along_time(self, x: str, layer: BiLstm) -> str:
        """`lstm` of shape (B, T, D)."""
        y = self.lstm(self.op("Transpose", x, perm=[1, 0, 2]), layer)
        return self.op("Transpose", y, perm=[1, 0, 2])

    # --- 8 bits: a tensor is a name with its scale and zero point ---

    def measure(self, name: str, tensor: str) -> None:
        """Have the spread of a tensor measured, under a name of its own."""
        self.measured[name] = tensor

    def _of(self, name: str) -> tuple[str, str]:
        assert self.spreads is not None
        spread = self.spreads[name]
        return self.constant(spread.scale), self.constant(spread.zero_point, np.uint8)

    def quantised(self, x: str, name: str) -> str:
        """Float to 8 bits over the range of that name."""
        return self.op("QuantizeLinear", x, *self._of(name))

    def dequantised(self, x: str, name: str) -> str:
        """And back."""
        return self.op("DequantizeLinear", x, *self._of(name))

    def sum_in_8_bits(self, x: str, of_x: str, y: str, of_y: str, out: str) -> str:
        """The sum of two, each with the range of its name."""
        inputs = [x, *self._of(of_x), y, *self._of(of_y), *self._of(out)]
        return self.op("QLinearAdd", *inputs, domain=_MICROSOFT)

    def convolution_in_8_bits(
        self, x: str, of_x: str, out: str, *convs: nn.Conv2d, n_unused: int = 0
    ) -> str:
        """`convolution` with channels last, (B, T, columns, D).

        Several convolutions along one axis become one over the shifted inputs side by side,
        so that their sum is exact. The last ``n_unused`` channels of ``x`` are left out.
        """
        assert self.spreads is not None
        conv, weight = convs[0], convs[0].weight.detach().numpy()
        padding = [int(each) for each in conv.padding]
        kernel, dilation = list(conv.kernel_size), list(conv.dilation)
        if len(convs) > 1:
            x, weight = self._side_by_side(x, of_x, convs)
            padding, kernel, dilation = [0, 0], [1, 1], [1, 1]
        weight = np.pad(weight, ((0, 0), (0, n_unused), (0, 0), (0, 0)))
        small = rounded(weight, pairs=1, summed=(1, 2, 3))
        (x_scale, x_zero), (y_scale, y_zero) = self._of(of_x), self._of(out)
        means = np.resize(self.spreads[of_x].means, weight.shape[1])
        assert conv.bias is not None
        bias = conv.bias.detach().numpy() + small.missing.sum((2, 3)) @ means
        scale = small.scale.ravel()
        steps = np.rint(bias / (self.spreads[of_x].scale * scale)).astype(np.int32)
        return self.op(
            "QLinearConv",
            x, x_scale, x_zero,
            self.constant(small.values), self.constant(scale),
            self.constant(np.zeros(len(scale)), np.int8),
            y_scale, y_zero, self.constant(steps),
            domain=_MICROSOFT, channels_last=1, kernel_shape=kernel, dilations=dilation,
            pads=padding + padding, strides=list(conv.stride),
        )  # fmt: skip

    def _side_by_side(
        self, x: str, of_x: str, convs: Sequence[nn.Conv2d]
    ) -> tuple[str, NDArray[np.float32]]:
        """Inputs shifted along the columns as the kernels reach, and the kernels to match."""
        taps: dict[int, NDArray[np.float32]] = {}
        for conv in convs:
            for index in range(conv.kernel_size[1]):
                shift = index * conv.dilation[1] - int(conv.padding[1])
                taps[shift] = (
                    taps.get(shift, 0) + conv.weight.detach().numpy()[..., index : index + 1]
                )
        reach = max(map(abs, taps))
        zero = self._of(of_x)[1]
        padded = self.op("Pad", x, self.ints(0, 0, reach, 0, 0, 0, reach, 0), zero)
        columns = np.arange(N_PITCHES)[:, None] + reach + np.array(list(taps))
        shifted = self.op("Gather", padded, self.constant(columns, np.int64), axis=2)
        joined = self.op("Reshape", shifted, self.ints(0, 0, N_PITCHES, -1))
        return joined, np.concatenate(list(taps.values()), axis=1)
