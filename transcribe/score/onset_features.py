"""What the network of beats sees: a row of numbers for each onset, notes struck together as one.

Which keys they are is not told: a network that is told remembers the pieces that it has seen,
and hears beats no better in others. Transposed music has nearly the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from transcribe.notes import HIGHEST_PITCH, LOWEST_PITCH, N_PITCHES, Performance

Array = NDArray[np.float64]

CHORD_SECONDS = 0.04
"""Notes within this of the first of them are struck together."""
N_NUMBERS = 18
"""Features beside the lags."""
N_LAGS = 40
LAGS = np.geomspace(0.15, 6.0, N_LAGS)
"""Seconds before and after an onset at which others are looked for."""
N_KINDS = 3
"""What of them is looked for: that there is one, that it is low, that it is alike."""
N_FEATURES = 2 * N_KINDS * N_LAGS + N_NUMBERS
_FARTHEST = 64
"""Onsets away."""
_AROUND_SECONDS = 2.0
_RECENT_SECONDS = 1.0
_LONGEST = 4.0
"""Seconds; longer waits and notes are as long."""


@dataclass(frozen=True)
class NoteArrays:
    """Notes as columns, for arithmetic: n of them by onset, then pitch."""

    onset: Array
    offset: Array
    pitch: NDArray[np.int64]
    velocity: Array
    pedal: Array
    """Seconds at which the sustain pedal goes down and up, shape (n_presses, 2), in order."""

    @classmethod
    def of(cls, performance: Performance) -> NoteArrays:
        """The columns of a performance."""
        notes = performance.notes
        return cls(
            onset=np.array([note.onset for note in notes], float),
            offset=np.array([note.offset for note in notes], float),
            pitch=np.array([note.pitch for note in notes], np.int64),
            velocity=np.array([note.velocity for note in notes], float),
            pedal=np.array([(p.onset, p.offset) for p in performance.pedal], float).reshape(-1, 2),
        )

    def some(self, index: NDArray[np.bool_] | NDArray[np.int64]) -> NoteArrays:
        """These notes alone: which ones, or their places in the order that is wanted."""
        return replace(
            self,
            onset=self.onset[index],
            offset=self.offset[index],
            pitch=self.pitch[index],
            velocity=self.velocity[index],
        )

    def upside_down(self) -> NoteArrays:
        """As on a keyboard turned round: the highest key is the lowest."""
        return replace(self, pitch=LOWEST_PITCH + HIGHEST_PITCH - self.pitch)

    def stretched(self, factor: float) -> NoteArrays:
        """So many times as long."""
        return replace(
            self,
            onset=self.onset * factor,
            offset=self.offset * factor,
            pedal=self.pedal * factor,
        )


@dataclass(frozen=True)
class OnsetFeatures:
    """What is struck together, in the order of time: n onsets."""

    times: Array
    """Seconds, shape (n,): the mean of the notes'."""
    group: NDArray[np.int64]
    """The onset that each note belongs to, shape (n_notes,)."""
    rows: NDArray[np.float32]
    """Shape (n, N_FEATURES): what is struck `LAGS` before and after, and `N_NUMBERS` more."""


def sounding_until(notes: NoteArrays) -> Array:
    """Seconds at which the notes end, the pedal counted in."""
    if not len(notes.pedal):
        return notes.offset
    index = np.searchsorted(notes.pedal[:, 0], notes.offset, side="right") - 1
    held = np.where(index >= 0, notes.pedal[np.maximum(index, 0), 1], 0.0)
    return np.maximum(notes.offset, held)


def onset_groups(onset: Array) -> NDArray[np.int64]:
    """The number of the onset that each note belongs to; notes in the order of time."""
    group = np.zeros(len(onset), np.int64)
    number, first = -1, -np.inf
    for index, time in enumerate(onset.tolist()):
        if time - first > CHORD_SECONDS:
            number, first = number + 1, time
        group[index] = number
    return group


def onset_features(notes: NoteArrays, pace: float = 1.0) -> OnsetFeatures:
    """The onsets of notes, and what the network sees of them, played so many times as slowly.

    What is struck together does not depend on the pace.
    """
    group = onset_groups(notes.onset)
    notes = notes.stretched(pace)
    n = int(group[-1]) + 1 if len(group) else 0
    if not n:
        return OnsetFeatures(np.zeros(0), group, np.zeros((0, N_FEATURES), np.float32))
    size = np.bincount(group, minlength=n).astype(float)
    times = np.bincount(group, notes.onset, minlength=n) / size
    held = np.clip(notes.offset - notes.onset, 0.02, _LONGEST)
    key = np.clip(notes.pitch - LOWEST_PITCH, 0, N_PITCHES - 1)

    loudest, longest, highest = np.zeros(n), np.zeros(n), np.zeros(n)
    lowest = np.full(n, float(N_PITCHES))
    np.maximum.at(loudest, group, notes.velocity / 127)
    np.maximum.at(longest, group, np.log(held))
    np.maximum.at(highest, group, key)
    np.minimum.at(lowest, group, key)
    wait = np.log(np.clip(np.diff(times, append=times[-1] + _LONGEST), 0.03, _LONGEST))
    since = np.log(np.clip(np.diff(times, prepend=times[0] - _LONGEST), 0.03, _LONGEST))
    before = np.searchsorted(times, times - _AROUND_SECONDS)
    after = np.searchsorted(times, times + _AROUND_SECONDS, side="right")

    def beside_mean(values: Array) -> Array:
        total = np.concatenate([[0.0], np.cumsum(values)])
        return np.asarray(values - (total[after] - total[before]) / (after - before))

    chroma = np.zeros((n, 12))
    chroma[group, notes.pitch % 12] = 1
    total = np.concatenate([np.zeros((1, 12)), np.cumsum(chroma, axis=0)])
    recent = np.searchsorted(times, times - _RECENT_SECONDS)
    heard = (total[np.arange(n)] - total[recent]) > 0
    new = (chroma * ~heard).sum(axis=1) / chroma.sum(axis=1)
    rows = np.concatenate(
        [
            _lagged(times, beside_mean(lowest), chroma),
            np.stack(
                [
                    wait,
                    since,
                    beside_mean(wait),
                    beside_mean(since),
                    np.log(size),
                    loudest,
                    4 * beside_mean(loudest),
                    longest,
                    beside_mean(longest),
                    lowest / 44 - 1,
                    highest / 44 - 1,
                    beside_mean(lowest) / 12,
                    beside_mean(highest) / 12,
                    new,
                    np.log(after - before) - 3,
                    *_pedal(times, notes.pedal),
                ],
                axis=1,
            ),
        ],
        axis=1,
    )
    return OnsetFeatures(times, group, rows.astype(np.float32))


def _lagged(times: Array, low: Array, chroma: Array) -> NDArray[np.float32]:
    """What is struck so long before and after each onset, shape (n, 2 * N_KINDS * N_LAGS).

    This is what a pulse shows itself by: an onset, a low one, or one of the same notes, as
    far ahead as there is one behind.
    """
    n = len(times)
    bass = np.clip(-low / 12, 0, 1)
    norm = chroma / np.linalg.norm(chroma, axis=1, keepdims=True)
    first = np.searchsorted(times, times + LAGS[0], side="right")
    last = np.minimum(np.searchsorted(times, times + LAGS[-1]), np.arange(n) + _FARTHEST)
    count = np.maximum(last - first, 0)
    early = np.repeat(np.arange(n), count)
    late = np.arange(len(early)) - np.repeat(np.cumsum(count) - count, count) + first[early]
    place = np.log((times[late] - times[early]) / LAGS[0]) / np.log(LAGS[1] / LAGS[0])
    low_bin = np.clip(place.astype(int), 0, N_LAGS - 2)
    part = place - low_bin
    alike = np.einsum("ij,ij->i", norm[early], norm[late])
    found = np.empty((n, 2, N_KINDS, N_LAGS), np.float32)
    for side, here, there in ((0, early, late), (1, late, early)):
        cell = here * N_LAGS + low_bin
        for kind, weight in enumerate((np.ones(len(cell)), bass[there], alike)):
            both = np.bincount(cell, weight * (1 - part), n * N_LAGS)
            both[1:] += np.bincount(cell, weight * part, n * N_LAGS)[:-1]
            found[:, side, kind] = both.reshape(n, N_LAGS)
    return np.log1p(found).reshape(n, -1)


def _pedal(times: Array, pedal: Array) -> tuple[Array, Array, Array]:
    """Whether the pedal is down, how lately it went down, how soon it will."""
    if not len(pedal):
        return np.zeros(len(times)), np.zeros(len(times)), np.zeros(len(times))
    down = pedal[:, 0]
    index = np.searchsorted(down, times + 0.02, side="right") - 1
    last = np.where(index >= 0, times - down[np.maximum(index, 0)], np.inf)
    is_down = (index >= 0) & (times < pedal[np.maximum(index, 0), 1])
    following = np.minimum(index + 1, len(down) - 1)
    wait = np.where(index + 1 < len(down), down[following] - times, np.inf)
    return (
        is_down.astype(float),
        np.exp(-np.maximum(last, 0) / 0.15),
        np.exp(-np.maximum(wait, 0) / 0.15),
    )
