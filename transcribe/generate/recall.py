"""The packaged network that continues music, in numpy: one event a step, no torch.

It computes what `model.EventModel` does, which is where it is described, and trained.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcribe.generate.config import (
    DECAYS,
    N_AROUND,
    N_CANDIDATE,
    N_INTERVALS,
    N_PITCH_CLASSES,
    PEDAL_PITCH,
    REACH,
)
from transcribe.generate.event_network import Array, EventNetwork, normed
from transcribe.generate.events import KEY, PEDAL, SHIFT, STEP, TIMES, Events
from transcribe.generate.memory import Angles, AttentionMemory, FigureMemory
from transcribe.generate.sampling import Logits

_SHIFT_RECALL = 0.5
"""Of the recall of keys; more of it and the pulse becomes mechanical."""
_TURN = (np.arange(N_PITCH_CLASSES)[:, None] + np.arange(N_PITCH_CLASSES)) % N_PITCH_CLASSES


class EventListener:
    """Has read some events and says what may come next; see `sampling.Listener`."""

    def __init__(self, network: EventNetwork) -> None:
        self.network = network
        width, n_heads = network.config.width, network.config.n_heads
        zeros = np.zeros(width, np.float32)
        self._state = [(zeros, zeros) for _ in network.layers]
        self._look = AttentionMemory(n_heads)
        self._near = AttentionMemory(n_heads)
        self._pointers = [AttentionMemory(1), AttentionMemory(1)]
        self._figures = FigureMemory()
        self._heard = np.zeros((len(DECAYS), PEDAL), np.float32)
        """How much of each key was struck lately."""
        self._n_read, self._clock = 0, 0.0
        self._calm = [zeros, zeros]
        """Before the look back, and after: of the event read last."""
        self._x: Array | None = None
        """What the network makes of everything read."""
        self._pointer_place = (zeros, zeros)

    def read(self, events: Events) -> None:
        """Take in events, shape (n_events, 4); of many only the last that are in reach."""
        for event in np.asarray(events)[-self.network.config.context :]:
            self._read(event)

    def _read(self, event: NDArray[np.int64]) -> None:
        network = self.network
        key = int(event[KEY])
        self._let_pass(float(TIMES[event[SHIFT]]) * STEP)
        if key != PEDAL:
            self._heard[:, key] += 1
        x = self._step(event, self._figures.add(event))
        place = self._place(network.rates, key, self._n_read, self._clock)
        x = self._look_back(x, place)
        after = normed(x, network.pointer_norm)
        self._pointer_place = self._place(network.pointer_rates, key, self._n_read, self._clock)
        keys = np.concatenate((after, self._calm[1])) @ network.pointer_key
        for pointer, each in zip(self._pointers, np.split(keys, 2), strict=True):
            pointer.add(each, self._pointer_place, np.zeros(0, np.float32))
        self._near.add(after @ network.near.key, place, after @ network.near.value)
        self._calm[1] = after
        self._x = x
        self._n_read += 1
        reach = network.config.context
        if self._n_read >= 2 * reach and self._n_read % reach == 0:
            for memory in (self._look, self._near, *self._pointers):
                memory.forget(reach)
            self._figures.forget(reach)

    def _let_pass(self, seconds: float) -> None:
        """What was heard fades."""
        if self._n_read:
            self._heard *= np.exp(-seconds / np.array(DECAYS, np.float32))[:, None]
        self._clock += seconds

    def _step(self, event: NDArray[np.int64], interval: int) -> Array:
        """An event through the layers that go on from event to event."""
        network = self.network
        key = int(event[KEY])
        pitch_class = N_PITCH_CLASSES if key == PEDAL else key % N_PITCH_CLASSES
        x: Array = network.pitch_classes[pitch_class] + network.intervals[interval]
        for column, table in enumerate(network.events):
            x = x + table[event[column]]
        for number, layer in enumerate(network.layers):
            x, cell = layer.step(x, *self._state[number])
            self._state[number] = x, cell
        return x

    def _look_back(self, x: Array, place: Angles) -> Array:
        """With what is like it among the events read; it is one of them from now on."""
        network, look = self.network, self.network.look
        calm = normed(x, look.norm)
        key = np.concatenate((calm, self._calm[0])) @ look.key
        self._look.add(key, place, calm @ look.value)
        self._calm[0] = calm
        x = x + self._look.attend(calm @ look.query, place) @ look.out
        wide = np.maximum(normed(x, network.norm) @ network.wide, 0)
        found: Array = x + (wide * wide) @ network.narrow
        return found

    @staticmethod
    def _place(rates: Array, key: int, index: int, clock: float) -> Angles:
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
        head = network.heads[column]
        feel = head.feel(x)
        logits: Array = head.output(feel)
        if column == SHIFT:
            return self._with_copied_shifts(logits, feel, recall)
        if column == KEY:
            return self._with_copied_keys(logits, feel, normed(x, network.pointer_norm), recall)
        return logits

    def _with_copied_shifts(self, logits: Array, feel: Array, recall: float) -> Logits:
        weights, odds = self._pointed(0, self._calm[1], recall * _SHIFT_RECALL)
        copied = np.bincount(self._figures.events[:, SHIFT], weights, len(logits))
        return self._mixed(logits, feel, 0, [copied], odds)

    def _with_copied_keys(self, logits: Array, feel: Array, calm: Array, recall: float) -> Logits:
        """With keys as they were heard, and as far from the last note as they were then."""
        figures, last_note = self._figures, self._figures.last_note
        logits[:PEDAL] += self._judged(feel)
        if last_note >= 0:
            first = PEDAL - 1 - last_note
            logits[:PEDAL] += (feel @ self.network.interval_head)[first : first + PEDAL]
        weights, odds = self._pointed(1, calm, recall)
        keys = figures.events[:, KEY]
        copied = np.bincount(keys, weights, len(logits))
        target = figures.intervals - (PEDAL - 1) + last_note
        possible = (figures.intervals < N_INTERVALS) & (last_note >= 0)
        possible &= (target >= 0) & (target < PEDAL)
        target = np.where(keys == PEDAL, PEDAL, target)
        possible |= keys == PEDAL
        moved = np.bincount(target[possible], weights[possible], len(logits))
        return self._mixed(logits, feel, 1, [copied, moved], odds)

    def _pointed(self, which: int, calm: Array, recall: float) -> tuple[NDArray[np.float64], float]:
        """How much each event read is copied, and what the odds of copying are multiplied by.

        Where nothing is alike, ``recall`` changes nothing; within a figure that was heard before
        the more, the longer it has been the same.
        """
        query = calm @ self.network.pointer_queries[which]
        alike = self._figures.likeness
        # A press of the pedal changes no likeness: recalled, it would be so again and again.
        so_far = alike * (self._figures.events[:, KEY] != PEDAL)
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
        gates = np.exp(_log_softmax(self.network.gates[which](feel).astype(np.float64)))
        gates[1:] *= odds
        gates /= gates.sum()
        own = np.exp(_log_softmax(logits.astype(np.float64)))
        lost = sum(gate * (1 - copy.sum()) for gate, copy in zip(gates[1:], copies, strict=True))
        found = (gates[0] + lost) * own
        for gate, copy in zip(gates[1:], copies, strict=True):
            found += gate * copy
        return np.log(np.maximum(found, 1e-12))

    def _judged(self, feel: Array) -> Array:
        """How well each key fits, to be added to its logit."""
        judge = self.network.judge
        felt = np.pad(np.log1p(self._heard[:N_AROUND]), ((0, 0), (REACH, REACH)))
        around = np.lib.stride_tricks.sliding_window_view(felt, 2 * REACH + 1, axis=1)
        judged = judge.around(around.transpose(1, 0, 2).reshape(PEDAL, -1))
        folded = np.pad(self._heard[1:], ((0, 0), (0, 96 - PEDAL))).reshape(-1, 8, 12).sum(1)
        share = folded / (folded.sum(-1, keepdims=True) + 1.0)
        turned = share[:, _TURN].transpose(1, 0, 2).reshape(N_PITCH_CLASSES, -1)
        classes = np.tile(turned @ judge.classes, (8, 1))[:PEDAL]
        judged = np.maximum(judged + classes + judge.register, 0)
        found: Array = judged @ judge.weights(feel)
        return found * np.float32(N_CANDIDATE**-0.5)

    def _with_neighbours(self, x: Array, known: Sequence[int]) -> Array:
        """With what notes near the next one were like."""
        network, near = self.network, self.network.near
        clock = self._clock + float(TIMES[known[SHIFT]]) * STEP
        place = self._place(network.rates, known[KEY], self._n_read, clock)
        query = normed(x, near.norm) @ near.query
        found: Array = x + self._near.attend(query, place) @ near.out
        return found


def _log_softmax(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = x - x.max()
    return x - np.log(np.exp(x).sum())
