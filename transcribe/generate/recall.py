"""The packaged network that continues music, in numpy: one event a step, no torch.

It computes what `model.EventModel` does, which is where it is described, and trained.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcribe.generate.config import (
    DECAYS,
    MOST_ALIKE,
    N_AROUND,
    N_CANDIDATE,
    N_INTERVALS,
    N_PITCH_CLASSES,
    PEDAL_PITCH,
    POINTER,
    REACH,
    GeneratorConfig,
    angle_rates,
)
from transcribe.generate.events import KEY, PEDAL, SHIFT, SIZES, STEP, TIMES, Events
from transcribe.generate.sampling import Logits

Array = NDArray[np.float32]
_EPSILON = float(np.finfo(np.float32).eps)
"""Keeps a root mean square above 0, as in torch."""
_FIRST_ROOM = 256
_SHIFT_RECALL = 0.5
"""Of the recall of keys; more of it and the pulse becomes mechanical."""


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
        width = config.width

        def get(name: str, *shape: int) -> Array:
            if name not in arrays or arrays[name].shape != shape:
                found = arrays[name].shape if name in arrays else "none"
                raise ValueError(f"expected {name} of shape {shape}, found {found}")
            return np.ascontiguousarray(arrays[name], np.float32)

        def linear(name: str, out: int, width: int = width) -> Array:
            """Shape (in, out)."""
            return np.ascontiguousarray(get(f"{name}.weight", out, width).T)

        sizes = list(SIZES.values())
        self.events = [
            get(f"embed_head.{name}.weight", size, width) for name, size in SIZES.items()
        ]
        self.pitch_classes = get("embed_head.pitch_class.weight", N_PITCH_CLASSES + 1, width)
        self.intervals = get("embed_head.interval.weight", N_INTERVALS + 1, width)
        self.known = [
            get(f"known_head.{column}.weight", size, width)
            for column, size in enumerate(sizes[:-1])
        ]
        self.layers = [
            (
                np.ascontiguousarray(get(f"lstm.weight_ih_l{layer}", 4 * width, width).T),
                np.ascontiguousarray(get(f"lstm.weight_hh_l{layer}", 4 * width, width).T),
                get(f"lstm.bias_ih_l{layer}", 4 * width) + get(f"lstm.bias_hh_l{layer}", 4 * width),
            )
            for layer in range(config.n_layers)
        ]
        self.look_norm, self.norm, self.pointer_norm, self.near_norm = (
            get(f"{name}.weight", width)
            for name in ("look_norm", "norm", "pointer_norm", "near_norm")
        )
        self.look_query, self.look_value, self.look_out = (
            linear(f"look_{name}", width) for name in ("query", "value", "out")
        )
        self.look_key = linear("look_key", width, 2 * width)
        self.wide, self.narrow = linear("wide", 4 * width), linear("narrow", width, 4 * width)
        self.pointer_key = linear("pointer_key", 2 * POINTER, 2 * width)
        self.pointer_queries = linear("pointer_shift", POINTER), linear("pointer_pitch", POINTER)
        self.gates = [
            (linear(f"{name}_gate_head", size), get(f"{name}_gate_head.bias", size))
            for name, size in (("shift", 2), ("key", 3))
        ]
        self.alike = get("alike_head", 2)
        self.interval_head = linear("interval_head", N_INTERVALS)
        around = N_AROUND * (2 * REACH + 1)
        self.around = (
            linear("around_head", N_CANDIDATE, around),
            get("around_head.bias", N_CANDIDATE),
        )
        self.classes = linear("classes_head", N_CANDIDATE, N_PITCH_CLASSES * (len(DECAYS) - 1))
        self.register = get("register_head.weight", PEDAL, N_CANDIDATE)
        self.judge = linear("judge_head", N_CANDIDATE), get("judge_head.bias", N_CANDIDATE)
        self.near_query, self.near_key, self.near_value, self.near_out = (
            linear(f"near_{name}", width) for name in ("query", "key", "value", "out")
        )
        self.heads = [
            (
                get(f"heads.{column}.norm.weight", width),
                linear(f"heads.{column}.hidden", width),
                get(f"heads.{column}.hidden.bias", width),
                linear(f"heads.{column}.output_head", size),
                get(f"heads.{column}.output_head.bias", size),
            )
            for column, size in enumerate(sizes)
        ]
        self.rates = angle_rates(width // config.n_heads // 2)
        self.pointer_rates = angle_rates(POINTER // 2)


class EventListener:
    """Has read some events and says what may come next; see `sampling.Listener`."""

    def __init__(self, network: EventNetwork) -> None:
        self.network = network
        width, n_heads = network.config.width, network.config.n_heads
        zeros = np.zeros(width, np.float32)
        self._state = [(zeros, zeros) for _ in network.layers]
        self._look = _Past(n_heads)
        self._near = _Past(n_heads)
        self._pointers = [_Past(1), _Past(1)]
        self._events: Events = np.zeros((0, len(SIZES)), np.int64)
        self._intervals = np.zeros(0, np.int64)
        self._places = np.zeros(0, np.int64)
        """Of each event the place of the last note at or before it, or -1."""
        self._alike = np.zeros(0, np.int64)
        """How many of the last intervals up to each event are those up to now."""
        self._heard = np.zeros((len(DECAYS), PEDAL), np.float32)
        self._n_read, self._clock, self._last_note = 0, 0.0, -1
        self._calm = [zeros, zeros]
        """Before the look back, and after: of the event read last."""
        self._x: Array | None = None
        """What the network makes of everything read."""
        self._pointer_place = (zeros, zeros)

    def read(self, events: Events) -> None:
        """Take in events, shape (n_events, 4); of many only the last that are in reach."""
        network = self.network
        for event in np.asarray(events)[-network.config.context :]:
            self._read(event)

    def _read(self, event: NDArray[np.int64]) -> None:
        network = self.network
        shift, key = int(event[SHIFT]), int(event[KEY])
        if self._n_read:
            gap = float(TIMES[shift]) * STEP
            self._heard *= np.exp(-gap / np.array(DECAYS, np.float32))[:, None]
        self._clock += float(TIMES[shift]) * STEP
        interval = N_INTERVALS
        if key != PEDAL:
            if self._last_note >= 0:
                interval = key - self._last_note + PEDAL - 1
            self._last_note = key
            self._heard[:, key] += 1
        pitch_class = N_PITCH_CLASSES if key == PEDAL else key % N_PITCH_CLASSES
        x = network.pitch_classes[pitch_class] + network.intervals[interval]
        for column, table in enumerate(network.events):
            x = x + table[event[column]]
        for layer, (weight_in, weight_hidden, bias) in enumerate(network.layers):
            hidden, cell = self._state[layer]
            i, f, g, o = np.split(x @ weight_in + bias + hidden @ weight_hidden, 4)
            cell = _sigmoid(f) * cell + _sigmoid(i) * np.tanh(g)
            x = _sigmoid(o) * np.tanh(cell)
            self._state[layer] = x, cell

        place = self._place(network.rates, key, self._n_read, self._clock)
        calm = _normed(x, network.look_norm)
        key_of = np.concatenate((calm, self._calm[0])) @ network.look_key
        self._look.add(key_of, place, calm @ network.look_value)
        x = x + self._look.attend(calm @ network.look_query, place) @ network.look_out
        wide = np.maximum(_normed(x, network.norm) @ network.wide, 0)
        x = x + (wide * wide) @ network.narrow
        after = _normed(x, network.pointer_norm)

        pointer_place = self._place(network.pointer_rates, key, self._n_read, self._clock)
        keys = np.concatenate((after, self._calm[1])) @ network.pointer_key
        for pointer, each in zip(self._pointers, np.split(keys, 2), strict=True):
            pointer.add(each, pointer_place, np.zeros(0, np.float32))
        self._near.add(after @ network.near_key, place, after @ network.near_value)

        self._calm = [calm, after]
        self._pointer_place = pointer_place
        self._events = np.concatenate((self._events, event[None]))
        self._intervals = np.append(self._intervals, interval)
        before = self._places[-1] if len(self._places) else -1
        place_here = before if key == PEDAL else len(self._places)
        self._places = np.append(self._places, place_here)
        self._alike = np.append(self._alike, 0)
        if key != PEDAL:
            same = (self._intervals == interval) & (interval < N_INTERVALS)
            longer = np.minimum(np.append(0, self._alike[:-1]) + 1, MOST_ALIKE) * same
            self._alike = longer[np.maximum(self._places, 0)] * (self._places >= 0)
        else:
            self._alike[-1] = self._alike[before] if before >= 0 else 0
        self._n_read += 1
        self._x = x
        reach = network.config.context
        if self._n_read >= 2 * reach and self._n_read % reach == 0:
            for past in (self._look, self._near, *self._pointers):
                past.forget(reach)
            self._events, self._intervals = self._events[-reach:], self._intervals[-reach:]
            self._alike = self._alike[-reach:]
            self._places = np.maximum(self._places[-reach:] - (len(self._places) - reach), -1)

    @staticmethod
    def _place(rates: Array, key: int, index: int, clock: float) -> tuple[Array, Array]:
        pitch = PEDAL_PITCH if key == PEDAL else key
        angles = np.array((pitch, index, clock), np.float32) @ rates
        return np.cos(angles), np.sin(angles)

    def logits(self, known: Sequence[int], *, recall: float = 0.0) -> Logits:
        """Of the next event's number ``len(known)``, given its numbers before that."""
        if self._x is None:
            raise ValueError("nothing was read yet")
        network, column = self.network, len(known)
        x = self._x
        for earlier, number in enumerate(known[: min(column, 2)]):
            x = x + network.known[earlier][number]
        if column >= 2:
            x = self._with_neighbours(x, known)
        if column == 3:
            x = x + network.known[2][known[2]]
        norm, hidden, hidden_bias, out, out_bias = network.heads[column]
        feel = _gelu(_normed(x, norm) @ hidden + hidden_bias)
        logits: Array = feel @ out + out_bias
        if column == SHIFT:
            weights, odds = self._pointed(0, self._calm[1], recall * _SHIFT_RECALL)
            copied = np.bincount(self._events[:, SHIFT], weights, len(logits))
            return self._mixed(logits, feel, 0, [copied], odds)
        if column == KEY:
            logits[:PEDAL] += self._judged(feel)
            if self._last_note >= 0:
                first = PEDAL - 1 - self._last_note
                logits[:PEDAL] += (feel @ network.interval_head)[first : first + PEDAL]
            calm = _normed(x, network.pointer_norm)
            weights, odds = self._pointed(1, calm, recall)
            keys = self._events[:, KEY]
            copied = np.bincount(keys, weights, len(logits))
            target = self._intervals - (PEDAL - 1) + self._last_note
            possible = (self._intervals < N_INTERVALS) & (self._last_note >= 0)
            possible &= (target >= 0) & (target < PEDAL)
            target = np.where(keys == PEDAL, PEDAL, target)
            possible |= keys == PEDAL
            moved = np.bincount(target[possible], weights[possible], len(logits))
            return self._mixed(logits, feel, 1, [copied, moved], odds)
        return logits

    def _pointed(self, which: int, calm: Array, recall: float) -> tuple[NDArray[np.float64], float]:
        """How much each event read is copied, and what the odds of copying are multiplied by.

        Where nothing is alike, ``recall`` changes nothing; within a figure that was heard before
        the more, the longer it has been the same.
        """
        query = calm @ self.network.pointer_queries[which]
        alike = np.append(0, self._alike[:-1]).astype(np.float32)
        # A press of the pedal changes no likeness: recalled, it would be so again and again.
        so_far = alike * (self._events[:, KEY] != PEDAL)
        likeness = alike * self.network.alike[which] + so_far * np.float32(recall)
        weights = self._pointers[which].weights(query, self._pointer_place, likeness)[0]
        return weights.astype(np.float64), math.exp(recall * float(weights @ so_far))

    def _mixed(
        self,
        logits: Array,
        feel: Array,
        which: int,
        copies: Sequence[NDArray[Any]],
        odds: float,
    ) -> Logits:
        """Logarithms of the network's own probabilities and those of what is copied."""
        weight, bias = self.network.gates[which]
        gates = np.exp(_log_softmax((feel @ weight + bias).astype(np.float64)))
        gates[1:] *= odds
        gates /= gates.sum()
        own = np.exp(_log_softmax(logits.astype(np.float64)))
        lost = sum(gate * (1 - copy.sum()) for gate, copy in zip(gates[1:], copies, strict=True))
        found = (gates[0] + lost) * own
        for gate, copy in zip(gates[1:], copies, strict=True):
            found += gate * copy
        return np.log(np.maximum(found, 1e-12))

    def _judged(self, feel: Array) -> Array:
        network = self.network
        felt = np.pad(np.log1p(self._heard[:N_AROUND]), ((0, 0), (REACH, REACH)))
        around = np.lib.stride_tricks.sliding_window_view(felt, 2 * REACH + 1, axis=1)
        judged = (
            around.transpose(1, 0, 2).reshape(PEDAL, -1) @ network.around[0] + network.around[1]
        )
        folded = np.pad(self._heard[1:], ((0, 0), (0, 96 - PEDAL))).reshape(-1, 8, 12).sum(1)
        share = folded / (folded.sum(-1, keepdims=True) + 1.0)
        turned = share[:, _TURN].transpose(1, 0, 2).reshape(N_PITCH_CLASSES, -1)
        classes = np.tile(turned @ network.classes, (8, 1))[:PEDAL]
        judged = np.maximum(judged + classes + network.register, 0)
        found: Array = judged @ (feel @ network.judge[0] + network.judge[1])
        return found * np.float32(N_CANDIDATE**-0.5)

    def _with_neighbours(self, x: Array, known: Sequence[int]) -> Array:
        """With what notes near the next one were like."""
        network = self.network
        clock = self._clock + float(TIMES[known[SHIFT]]) * STEP
        place = self._place(network.rates, known[KEY], self._n_read, clock)
        query = _normed(x, network.near_norm) @ network.near_query
        found: Array = x + self._near.attend(query, place) @ network.near_out
        return found


class _Past:
    """Keys and values of the events read, for one attention of some heads."""

    def __init__(self, n_heads: int) -> None:
        self.n_heads = n_heads
        self.n = 0
        self._keys: Array | None = None
        self._values: Array | None = None

    def add(self, key: Array, place: tuple[Array, Array], value: Array) -> None:
        rotated = self._rotated(key, place)
        if self._keys is None or self._values is None:
            self._keys = np.zeros((self.n_heads, _FIRST_ROOM, rotated.shape[1]), np.float32)
            self._values = np.zeros(
                (self.n_heads, _FIRST_ROOM, len(value) // self.n_heads), np.float32
            )
        if self.n == self._keys.shape[1]:
            self._keys = np.concatenate((self._keys, np.zeros_like(self._keys)), 1)
            self._values = np.concatenate((self._values, np.zeros_like(self._values)), 1)
        self._keys[:, self.n] = rotated
        self._values[:, self.n] = value.reshape(self.n_heads, -1)
        self.n += 1

    def weights(self, query: Array, place: tuple[Array, Array], more: Array | float = 0.0) -> Array:
        """Shape (n_heads, n_events), each head's sum 1."""
        assert self._keys is not None
        rotated = self._rotated(query, place)
        scores = (self._keys[:, : self.n] @ rotated[:, :, None])[..., 0]
        scores = scores * np.float32((2 * len(place[0])) ** -0.5) + more
        weights: Array = np.exp(scores - scores.max(1, keepdims=True))
        return weights / weights.sum(1, keepdims=True)

    def attend(self, query: Array, place: tuple[Array, Array]) -> Array:
        """Shape (width,)."""
        assert self._values is not None
        found: Array = self.weights(query, place)[:, None] @ self._values[:, : self.n]
        return found.reshape(-1)

    def forget(self, reach: int) -> None:
        """Keep the last few events."""
        assert self._keys is not None
        assert self._values is not None
        self._keys = self._keys[:, self.n - reach : self.n].copy()
        self._values = self._values[:, self.n - reach : self.n].copy()
        self.n = reach

    def _rotated(self, x: Array, place: tuple[Array, Array]) -> Array:
        cos, sin = place
        one, other = np.split(x.reshape(self.n_heads, -1), 2, axis=1)
        return np.concatenate((one * cos - other * sin, one * sin + other * cos), 1)


_TURN = (np.arange(N_PITCH_CLASSES)[:, None] + np.arange(N_PITCH_CLASSES)) % N_PITCH_CLASSES


def _normed(x: Array, gain: Array) -> Array:
    found: Array = x / np.sqrt(np.mean(x * x) + _EPSILON) * gain
    return found


def _log_softmax(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = x - x.max()
    return x - np.log(np.exp(x).sum())


def _sigmoid(x: Array) -> Array:
    return np.tanh(x * np.float32(0.5)) * np.float32(0.5) + np.float32(0.5)


def _gelu(x: Array) -> Array:
    """A value times the normal distribution function of it."""
    share = [0.5 * (1 + math.erf(value * math.sqrt(0.5))) for value in x.tolist()]
    return x * np.array(share, np.float32)
