"""The packaged network that continues music, in numpy: one event a step, no torch.

It computes what `model.EventModel` does with an LSTM for its body; that is where it is
described, and trained.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcribe.generate.config import N_PITCH_CLASSES, GeneratorConfig
from transcribe.generate.events import KEY, PEDAL, SIZES, Events
from transcribe.generate.sampling import Logits

Array = NDArray[np.float32]
_EPSILON = np.finfo(np.float32).eps
"""Keeps a root mean square above 0, as in torch."""


class LstmNetwork:
    """Weights of an `EventModel` with an LSTM for its body.

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
        width = config.width

        def get(name: str, *shape: int) -> Array:
            if name not in arrays or arrays[name].shape != shape:
                found = arrays[name].shape if name in arrays else "none"
                raise ValueError(f"expected {name} of shape {shape}, found {found}")
            return np.asarray(arrays[name], np.float32)

        sizes = list(SIZES.values())
        self.events = [
            get(f"embed_head.{name}.weight", size, width) for name, size in SIZES.items()
        ]
        self.pitch_classes = get("embed_head.pitch_class.weight", N_PITCH_CLASSES + 1, width)
        self.known = [
            get(f"known_head.{column}.weight", size, width)
            for column, size in enumerate(sizes[:-1])
        ]
        self.layers = [
            (
                get(f"lstm.weight_ih_l{layer}", 4 * width, width).T,
                np.ascontiguousarray(get(f"lstm.weight_hh_l{layer}", 4 * width, width).T),
                get(f"lstm.bias_ih_l{layer}", 4 * width) + get(f"lstm.bias_hh_l{layer}", 4 * width),
            )
            for layer in range(config.n_layers)
        ]
        self.heads = [
            (
                get(f"heads.{column}.norm.weight", width),
                get(f"heads.{column}.hidden.weight", width, width),
                get(f"heads.{column}.hidden.bias", width),
                get(f"heads.{column}.output_head.weight", size, width),
                get(f"heads.{column}.output_head.bias", size),
            )
            for column, size in enumerate(sizes)
        ]


class LstmListener:
    """Has read some events and says what may come next; see `sampling.Listener`."""

    def __init__(self, network: LstmNetwork) -> None:
        self.network = network
        zeros = np.zeros(network.config.width, np.float32)
        self._state = [(zeros, zeros) for _ in network.layers]
        self._last: Array | None = None

    def read(self, events: Events) -> None:
        """Take in events, shape (n_events, 4); of many only the last that are in reach."""
        network = self.network
        recent = np.asarray(events)[-network.config.context :]
        key = recent[:, KEY]
        pitch_class = np.where(key == PEDAL, N_PITCH_CLASSES, key % N_PITCH_CLASSES)
        x = network.pitch_classes[pitch_class]
        for column, table in enumerate(network.events):
            x = x + table[recent[:, column]]
        for layer, (weight_in, weight_hidden, bias) in enumerate(network.layers):
            hidden, cell = self._state[layer]
            outputs = np.empty_like(x)
            for index, gates in enumerate(x @ weight_in + bias):
                i, f, g, o = np.split(gates + hidden @ weight_hidden, 4)
                cell = _sigmoid(f) * cell + _sigmoid(i) * np.tanh(g)
                outputs[index] = hidden = _sigmoid(o) * np.tanh(cell)
            self._state[layer] = hidden, cell
            x = outputs
        self._last = x[-1]

    def logits(self, known: Sequence[int]) -> Logits:
        """Of the next event's number ``len(known)``, given its numbers before that."""
        if self._last is None:
            raise ValueError("nothing was read yet")
        x = self._last
        for column, number in enumerate(known):
            x = x + self.network.known[column][number]
        norm, hidden, hidden_bias, out, out_bias = self.network.heads[len(known)]
        x = x / np.sqrt(np.mean(x * x) + _EPSILON) * norm
        logits: Array = out @ _gelu(hidden @ x + hidden_bias) + out_bias
        return logits


def _sigmoid(x: Array) -> Array:
    return np.tanh(x * np.float32(0.5)) * np.float32(0.5) + np.float32(0.5)


def _gelu(x: Array) -> Array:
    """A value times the normal distribution function of it."""
    share = [0.5 * (1 + math.erf(value * math.sqrt(0.5))) for value in x.tolist()]
    return x * np.array(share, np.float32)
