"""What is kept of the events that were read: for attention, and for figures that come again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transcribe.generate.config import MOST_ALIKE, N_INTERVALS
from transcribe.generate.event_network import Array
from transcribe.generate.events import KEY, PEDAL, SIZES, Events

Angles = tuple[Array, Array]
"""Cosines and sines of where an event lies, by which keys and queries are turned."""
_FIRST_ROOM = 256
"""Events; it is doubled whenever it is full."""


class AttentionMemory:
    """Keys and values of the events read, for one attention of some heads."""

    def __init__(self, n_heads: int) -> None:
        self.n_heads = n_heads
        self.n = 0
        self._keys: Array | None = None
        self._values: Array | None = None

    def add(self, key: Array, place: Angles, value: Array) -> None:
        """Take in one event more."""
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

    def weights(self, query: Array, place: Angles, more: Array | float = 0.0) -> Array:
        """Shape (n_heads, n_events), each head's sum 1."""
        assert self._keys is not None
        rotated = self._rotated(query, place)
        scores = (self._keys[:, : self.n] @ rotated[:, :, None])[..., 0]
        scores = scores * np.float32((2 * len(place[0])) ** -0.5) + more
        weights: Array = np.exp(scores - scores.max(1, keepdims=True))
        return weights / weights.sum(1, keepdims=True)

    def attend(self, query: Array, place: Angles) -> Array:
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

    def _rotated(self, x: Array, place: Angles) -> Array:
        cos, sin = place
        one, other = np.split(x.reshape(self.n_heads, -1), 2, axis=1)
        return np.concatenate((one * cos - other * sin, one * sin + other * cos), 1)


class FigureMemory:
    """The events read, and how long each has been like what was read last.

    Two events are alike by so many intervals as lead to both of them and are the same.
    """

    def __init__(self) -> None:
        self.events: Events = np.zeros((0, len(SIZES)), np.int64)
        self.intervals: NDArray[np.int64] = np.zeros(0, np.int64)
        """To each event from the note before it, up from 0 for 87 semitones down; `N_INTERVALS`
        where there is none."""
        self.last_note = -1
        """Its key; -1 before the first."""
        self._places: NDArray[np.int64] = np.zeros(0, np.int64)
        """Of each event the place of the last note at or before it, or -1."""
        self._alike: NDArray[np.int64] = np.zeros(0, np.int64)
        """How many of the last intervals up to each event are those up to now."""

    @property
    def likeness(self) -> Array:
        """By how many intervals what came before each event is what was read last."""
        return np.append(0, self._alike[:-1]).astype(np.float32)

    def add(self, event: NDArray[np.int64]) -> int:
        """Take in one event more; the interval that leads to it."""
        key = int(event[KEY])
        is_note = key != PEDAL
        interval = N_INTERVALS
        if is_note:
            if self.last_note >= 0:
                interval = key - self.last_note + PEDAL - 1
            self.last_note = key
        n_before = len(self._places)
        before = self._places[-1] if n_before else -1
        self.events = np.concatenate((self.events, event[None]))
        self.intervals = np.append(self.intervals, interval)
        self._places = np.append(self._places, n_before if is_note else before)
        self._alike = np.append(self._alike, 0)
        if is_note:
            same = (self.intervals == interval) & (interval < N_INTERVALS)
            longer = np.minimum(np.append(0, self._alike[:-1]) + 1, MOST_ALIKE) * same
            self._alike = longer[np.maximum(self._places, 0)] * (self._places >= 0)
        else:
            self._alike[-1] = self._alike[before] if before >= 0 else 0
        return interval

    def forget(self, reach: int) -> None:
        """Keep the last few events."""
        self._places = np.maximum(self._places[-reach:] - (len(self._places) - reach), -1)
        self.events, self.intervals = self.events[-reach:], self.intervals[-reach:]
        self._alike = self._alike[-reach:]
