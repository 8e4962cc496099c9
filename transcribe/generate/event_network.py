"""The weights of the network that continues music, as numpy arrays, and the sums it is made of.

What they are for is described in `model.EventModel`, which trains them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from transcribe.generate.config import (
    DECAYS,
    N_AROUND,
    N_CANDIDATE,
    N_INTERVALS,
    N_PITCH_CLASSES,
    POINTER,
    REACH,
    GeneratorConfig,
    angle_rates,
)
from transcribe.generate.events import PEDAL, SIZES

Array = NDArray[np.float32]
_EPSILON = float(np.finfo(np.float32).eps)
"""Keeps a root mean square above 0, as in torch."""


class Linear(NamedTuple):
    """A linear layer with a bias."""

    weight: Array
    """Shape (in, out)."""
    bias: Array

    def __call__(self, x: Array) -> Array:
        """From shape (..., in) to (..., out)."""
        return x @ self.weight + self.bias


class LSTMLayer(NamedTuple):
    """A layer of the LSTM; its four gates stand side by side."""

    weight_in: Array
    weight_hidden: Array
    bias: Array

    def step(self, x: Array, hidden: Array, cell: Array) -> tuple[Array, Array]:
        """The hidden state and the cell after one more event."""
        i, f, g, o = np.split(x @ self.weight_in + self.bias + hidden @ self.weight_hidden, 4)
        cell = _sigmoid(f) * cell + _sigmoid(i) * np.tanh(g)
        return _sigmoid(o) * np.tanh(cell), cell


class NumberHead(NamedTuple):
    """Logits of one number of an event."""

    norm: Array
    hidden: Linear
    output: Linear

    def feel(self, x: Array) -> Array:
        """What the logits are read off, shape (width,)."""
        return _gelu(self.hidden(normed(x, self.norm)))


class Attention(NamedTuple):
    """The projections of an attention, each of shape (in, out)."""

    norm: Array
    query: Array
    key: Array
    value: Array
    out: Array


class Judge(NamedTuple):
    """What says how well each key fits to what was heard lately."""

    around: Linear
    """From how much was struck of each key within `REACH`, at `N_AROUND` decays."""
    classes: Array
    """From the pitch classes heard, seen from the key's own."""
    register: Array
    """By the key alone, shape (n_keys, N_CANDIDATE)."""
    weights: Linear
    """Of the candidates' features, from what the network makes of the music."""


class EventNetwork:
    """Weights of a `model.EventModel`.

    Parameters
    ----------
    arrays : mapping
        By the names of the module's parameters, floating point.

    Raises
    ------
    ValueError
        An array is missing or has another shape than the sizes say.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]], config: GeneratorConfig) -> None:
        self.config = config
        of = _Parameters(arrays)
        width, sizes = config.width, list(SIZES.values())
        self.events = [
            of.array(f"embed_head.{name}.weight", size, width) for name, size in SIZES.items()
        ]
        self.pitch_classes = of.array("embed_head.pitch_class.weight", N_PITCH_CLASSES + 1, width)
        self.intervals = of.array("embed_head.interval.weight", N_INTERVALS + 1, width)
        self.known = [
            of.array(f"known_head.{column}.weight", size, width)
            for column, size in enumerate(sizes[:-1])
        ]
        self.layers = [of.lstm_layer(number, width) for number in range(config.n_layers)]
        self.look = of.attention("look", width, keys_of=2 * width)
        self.near = of.attention("near", width, keys_of=width)
        self.norm = of.array("norm.weight", width)
        self.wide = of.matrix("wide", width, 4 * width)
        self.narrow = of.matrix("narrow", 4 * width, width)
        self.pointer_norm = of.array("pointer_norm.weight", width)
        self.pointer_key = of.matrix("pointer_key", 2 * width, 2 * POINTER)
        self.pointer_queries = [
            of.matrix(f"pointer_{name}", width, POINTER) for name in ("shift", "pitch")
        ]
        self.gates = [of.linear("shift_gate_head", width, 2), of.linear("key_gate_head", width, 3)]
        self.alike = of.array("alike_head", 2)
        self.interval_head = of.matrix("interval_head", width, N_INTERVALS)
        self.judge = of.judge(width)
        self.heads = [
            of.number_head(f"heads.{column}", width, size) for column, size in enumerate(sizes)
        ]
        self.rates = angle_rates(width // config.n_heads // 2)
        self.pointer_rates = angle_rates(POINTER // 2)


class _Parameters:
    """The parts of a network from its parameters; each is checked for its shape."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._arrays = arrays

    def array(self, name: str, *shape: int) -> Array:
        arrays = self._arrays
        if name not in arrays or arrays[name].shape != shape:
            found = arrays[name].shape if name in arrays else "none"
            raise ValueError(f"expected {name} of shape {shape}, found {found}")
        return np.ascontiguousarray(arrays[name], np.float32)

    def matrix(self, name: str, n_in: int, n_out: int, part: str = "weight") -> Array:
        """Shape (n_in, n_out); torch has it the other way round."""
        return np.ascontiguousarray(self.array(f"{name}.{part}", n_out, n_in).T)

    def linear(self, name: str, n_in: int, n_out: int) -> Linear:
        return Linear(self.matrix(name, n_in, n_out), self.array(f"{name}.bias", n_out))

    def lstm_layer(self, number: int, width: int) -> LSTMLayer:
        biases = [self.array(f"lstm.bias_{part}_l{number}", 4 * width) for part in ("ih", "hh")]
        return LSTMLayer(
            self.matrix("lstm", width, 4 * width, f"weight_ih_l{number}"),
            self.matrix("lstm", width, 4 * width, f"weight_hh_l{number}"),
            biases[0] + biases[1],
        )

    def attention(self, name: str, width: int, *, keys_of: int) -> Attention:
        return Attention(
            norm=self.array(f"{name}_norm.weight", width),
            query=self.matrix(f"{name}_query", width, width),
            key=self.matrix(f"{name}_key", keys_of, width),
            value=self.matrix(f"{name}_value", width, width),
            out=self.matrix(f"{name}_out", width, width),
        )

    def judge(self, width: int) -> Judge:
        return Judge(
            around=self.linear("around_head", N_AROUND * (2 * REACH + 1), N_CANDIDATE),
            classes=self.matrix("classes_head", N_PITCH_CLASSES * (len(DECAYS) - 1), N_CANDIDATE),
            register=self.array("register_head.weight", PEDAL, N_CANDIDATE),
            weights=self.linear("judge_head", width, N_CANDIDATE),
        )

    def number_head(self, name: str, width: int, size: int) -> NumberHead:
        return NumberHead(
            self.array(f"{name}.norm.weight", width),
            self.linear(f"{name}.hidden", width, width),
            self.linear(f"{name}.output_head", width, size),
        )


def normed(x: Array, gain: Array) -> Array:
    """Divided by its root mean square, times a gain."""
    found: Array = x / np.sqrt(np.mean(x * x) + _EPSILON) * gain
    return found


def _sigmoid(x: Array) -> Array:
    return np.tanh(x * np.float32(0.5)) * np.float32(0.5) + np.float32(0.5)


def _gelu(x: Array) -> Array:
    """A value times the normal distribution function of it."""
    share = [0.5 * (1 + math.erf(value * math.sqrt(0.5))) for value in x.tolist()]
    return x * np.array(share, np.float32)
