"""What the network of notes sees, once the beats are known: a row of numbers for each note."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from transcribe.score.onset_features import NoteArrays, onset_groups, sounding_until

Array = NDArray[np.float64]

PLACES = tuple(
    sorted({Fraction(k, d) for d in (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16) for k in range(d)})
)
"""Places in a beat that are told apart, in beats from its start."""
LENGTHS = tuple(
    Fraction(*each)
    for each in (
        *((1, 24), (1, 16), (3, 32), (1, 12), (1, 10), (1, 8), (1, 7), (1, 6), (3, 16), (1, 5)),
        *((2, 9), (1, 4), (2, 7), (1, 3), (3, 8), (2, 5), (1, 2), (2, 3), (3, 4), (7, 8), (1, 1)),
        *((5, 4), (4, 3), (3, 2), (7, 4), (2, 1), (5, 2), (3, 1), (7, 2), (4, 1), (9, 2), (5, 1)),
        *((6, 1), (7, 1), (8, 1)),
    )
)
"""Written lengths that are told apart, in quarters."""
OUTPUTS = {"hand": 1, "grace": 1, "place": len(PLACES), "length": len(LENGTHS)}
"""Heads and how many logits each has. That of lengths only helps to learn the others; lengths are
read once hands and places are decided (`length_features`)."""
_TURNS = (1, 2, 3, 4, 6, 8)
_NEIGHBOURS = (0, 2, 7, 12, 127)
"""Semitones within which the next and the last note are looked for."""
_AHEAD = 24
"""Notes ahead, and back, among which they are looked for."""
_AROUND_SECONDS = 1.5
"""Before and after an onset, of the lowest and highest notes around it."""
N_FEATURES = 17 + 2 * len(_TURNS) + 4 * len(_NEIGHBOURS) + 8 + 24


@dataclass(frozen=True)
class BeatArrays:
    """Beats as columns: m of them."""

    times: Array
    """Seconds, rising; two or more."""
    in_bar: NDArray[np.int64]
    """0 on a downbeat, 1 for the beat after it, ..."""
    per_bar: NDArray[np.int64]
    """Beats of the bar."""
    quarters: Array
    """Quarters a beat."""

    def position(self, seconds: Array) -> Array:
        """Beats from the first; beyond first and last, the tempo goes on."""
        times = self.times
        index = np.clip(np.searchsorted(times, seconds, side="right") - 1, 0, len(times) - 2)
        return np.asarray(index + (seconds - times[index]) / (times[index + 1] - times[index]))


class _Onsets(NamedTuple):
    """What is struck together, n of them in the order of time."""

    size: NDArray[np.int64]
    """Notes."""
    seconds: Array
    place: Array
    """In beats from the first."""
    lowest: Array
    highest: Array
    """Pitches."""


def note_features(notes: NoteArrays, beats: BeatArrays) -> NDArray[np.float32]:
    """A row a note, shape (n_notes, N_FEATURES)."""
    n = len(notes.onset)
    group = onset_groups(notes.onset)
    at, until = beats.position(notes.onset), beats.position(notes.offset)
    beat = np.clip(np.floor(at), 0, len(beats.times) - 1).astype(int)
    quarters = beats.quarters[beat]
    pitch = notes.pitch.astype(float)
    size = np.bincount(group)
    first = np.concatenate([[0], np.cumsum(size)[:-1]])
    onsets = _Onsets(
        size=size,
        seconds=np.bincount(group, notes.onset) / size,
        place=np.bincount(group, at) / size,
        lowest=np.minimum.reduceat(pitch, first),
        highest=np.maximum.reduceat(pitch, first),
    )
    columns = [
        (pitch - 60) / 24,
        notes.velocity / 64 - 1,
        np.log(np.maximum(notes.offset - notes.onset, 0.02)),
        np.log(np.maximum(until - at, 0.01) * quarters),
        np.log(np.maximum(sounding_until(notes) - notes.onset, 0.02)),
        *_of_beats(at, beat, beats),
        np.log(size[group]),
        (pitch - onsets.lowest[group]) / 12,
        (onsets.highest[group] - pitch) / 12,
        (at - onsets.place[group]) * 4,
        (until - at) * quarters / 4,
        *((pitch - each[group]) / 12 for each in _envelope(onsets)),
        *_next_onsets(pitch, quarters, group, onsets),
        *_neighbours(notes, onsets.place[group] * quarters, group),
        *_places_around(group, onsets.place),
    ]
    rows = np.stack([np.broadcast_to(column, n) for column in columns], axis=1)
    return np.clip(rows, -8, 8).astype(np.float32)


def _of_beats(at: Array, beat: NDArray[np.int64], beats: BeatArrays) -> list[Array]:
    """The beat that each note is in, and where in it the note is."""
    gap = np.diff(beats.times)[np.minimum(beat, len(beats.times) - 2)]
    quarters, phase = beats.quarters[beat], at - np.floor(at)
    return [
        np.log(gap),
        np.log(quarters),
        (quarters == 1.5) * 1.0,
        (beats.in_bar[beat] == 0) * 1.0,
        beats.in_bar[beat] / np.maximum(beats.per_bar[beat], 1),
        beats.per_bar[beat] / 4,
        *(turn(2 * np.pi * k * phase) for k in _TURNS for turn in (np.sin, np.cos)),
    ]


def _envelope(onsets: _Onsets) -> tuple[Array, Array, Array]:
    """The means of the lowest and of the highest notes around each onset, and between them."""
    seconds = onsets.seconds
    before = np.searchsorted(seconds, seconds - _AROUND_SECONDS)
    after = np.searchsorted(seconds, seconds + _AROUND_SECONDS, side="right")
    low = np.concatenate([[0.0], np.cumsum(onsets.lowest)])
    high = np.concatenate([[0.0], np.cumsum(onsets.highest)])
    count = after - before
    low, high = (low[after] - low[before]) / count, (high[after] - high[before]) / count
    return low, high, (low + high) / 2


def _next_onsets(
    pitch: Array, quarters: Array, group: NDArray[np.int64], onsets: _Onsets
) -> list[Array]:
    """How far off the next and the last onset are, and the pitches of their outer notes."""
    columns = []
    for near in (group + 1, group - 1):
        inside = np.clip(near, 0, len(onsets.size) - 1)
        away = np.abs(onsets.place[inside] - onsets.place[group]) * quarters
        distance = np.where((near >= 0) & (near < len(onsets.size)), away, 8.0)
        columns += [
            np.log(np.clip(distance, 0.02, 8)),
            (onsets.lowest[inside] - pitch) / 12,
            (onsets.highest[inside] - pitch) / 12,
        ]
    return columns


def _places_around(group: NDArray[np.int64], place: Array) -> list[Array]:
    """Where in their beats the next two and the last two onsets are."""
    columns = []
    for near in (group + 1, group - 1, group + 2, group - 2):
        there = place[np.clip(near, 0, len(place) - 1)]
        columns += [turn(2 * np.pi * k * there) for turn in (np.sin, np.cos) for k in (1, 2, 3)]
    return columns


def _neighbours(notes: NoteArrays, place: Array, group: NDArray[np.int64]) -> list[Array]:
    """How far off, in quarters, the next and the last note near each pitch are, and their
    distance in pitch."""
    n = len(place)
    pitch = notes.pitch
    columns = []
    for direction in (1, -1):
        found = [np.full(n, 8.0) for _ in _NEIGHBOURS]
        interval = [np.zeros(n) for _ in _NEIGHBOURS]
        done = [np.zeros(n, bool) for _ in _NEIGHBOURS]
        for step in range(1, min(_AHEAD + 1, n)):
            here = slice(0, n - step) if direction > 0 else slice(step, n)
            there = slice(step, n) if direction > 0 else slice(0, n - step)
            apart = group[here] != group[there]
            distance = np.abs(place[there] - place[here])
            moved = pitch[there] - pitch[here]
            for number, most in enumerate(_NEIGHBOURS):
                new = apart & (np.abs(moved) <= most) & ~done[number][here]
                found[number][here][new] = distance[new]
                interval[number][here][new] = moved[new]
                done[number][here] |= new
        columns += [np.log(np.clip(each, 0.02, 8)) for each in found]
        columns += [each / 12 for each in interval]
    return columns
