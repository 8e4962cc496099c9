"""The line a listener would sing: one voice out of many, found by register, touch and flow.

Each note is weighed by what makes a note heard as melody: that it lies above the others,
near where the top line has been, that it is struck harder and held longer. The melody is
the path through the notes with the greatest sum of weights less what leaps and gaps cost,
found by dynamic programming. Weights were fitted on the MELODY tracks of POP909 [1]_; the
plain skyline (the highest note of each onset) is `skyline`.

References
----------
.. [1] Z. Wang et al., "POP909: A Pop-song Dataset for Music Arrangement Generation",
   ISMIR 2020.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from transcribe.notes import Note, Performance

Array = NDArray[np.float64]

CHORD_SECONDS = 0.05
"""Onsets within this are one chord."""
N_FEATURES = 12
N_LINE_FEATURES = 4
_LINE_SECONDS = 6.0
"""Over so much to either side the register of the top line is taken."""
_NEAR_SECONDS = 5.0
"""Over so much the weight of a neighbour falls to a third."""
_BACK_SECONDS = 8.0
"""A melody may rest for so long before it counts as begun anew."""


FIRST = (
    *(0.82, 0.4, -1.17, -0.61, 0.46, 0.9, -1.63),
    *(0.76, 0.54, -0.5, -0.85, -3.38, -0.35),
)
SECOND = (
    *(0.95, 0.68, -0.5, -0.05, 0.48, -0.43),
    *(0.86, 0.02, 0.37, -0.55, 0.57, -0.52),
    *(-1.25, -3.35, -4.35, 0.92, 0.36),
)
"""Printed by ``python -m eval.downstream.melodies --fit``."""


@dataclass(frozen=True, slots=True)
class MelodyWeights:
    """What a note is worth as melody, and what going on to the next one costs."""

    first: tuple[float, ...] = FIRST
    """Of `note_features` in their order, and 1."""
    second: tuple[float, ...] = SECOND
    """Of `note_features`, then `line_features`, and 1."""
    leap: float = 0.1
    """Cost of a semitone beyond the third."""
    overlap: float = 0.5
    """Cost where the next note begins long before this one ends, a second of it."""
    rest: float = 0.6
    """Cost of a rest, a second of it."""


def find_melody(performance: Performance, weights: MelodyWeights | None = None) -> tuple[Note, ...]:
    """The notes of the melody, in order; no two sound together.

    A first path shows in which register the melody moves, a second one is drawn to it.

    Parameters
    ----------
    performance : Performance
        Notes with key releases.
    weights : MelodyWeights, optional
        Those fitted on POP909 if left out.

    Returns
    -------
    tuple of Note
        Notes of the performance; one that lasts into the next is cut there.
    """
    notes = performance.notes
    if not notes:
        return ()
    weights = weights or MelodyWeights()
    features = note_features(notes)
    path = best_path(notes, _worth(features, weights.first), weights)
    features = np.concatenate([features, line_features(notes, path)], axis=1)
    path = best_path(notes, _worth(features, weights.second), weights)
    return in_one_voice([notes[index] for index in path])


def _worth(features: Array, weights: Sequence[float]) -> Array:
    return np.asarray(features @ np.array(weights[:-1]) + weights[-1])


def best_path(notes: Sequence[Note], worth: Array, weights: MelodyWeights) -> list[int]:
    """Indices of the notes whose worths less the costs between them have the greatest sum."""
    onset = np.array([note.onset for note in notes])
    offset = np.array([note.offset for note in notes])
    pitch = np.array([note.pitch for note in notes], float)
    best = worth.copy()
    before = np.full(len(notes), -1)
    earliest = np.searchsorted(onset, onset - _BACK_SECONDS)
    latest = np.searchsorted(onset, onset - CHORD_SECONDS)
    leader = np.zeros(len(notes), int)  # where the best path up to here ends
    for index in range(len(notes)):
        first, last = int(earliest[index]), int(latest[index])
        if first > 0:
            anew = int(leader[first - 1])
            gain = best[anew] - weights.rest * _BACK_SECONDS
            if gain > 0:
                best[index], before[index] = worth[index] + gain, anew
        if first < last:
            leap = np.maximum(np.abs(pitch[first:last] - pitch[index]) - 3, 0)
            gap = onset[index] - offset[first:last]
            cost = (
                weights.leap * leap
                + weights.overlap * np.clip(-gap, 0, 1)
                + weights.rest * np.maximum(gap, 0)
            )
            gains = best[first:last] - cost
            chosen = int(gains.argmax())
            if worth[index] + gains[chosen] > best[index]:
                best[index], before[index] = worth[index] + gains[chosen], first + chosen
        ahead = int(leader[index - 1]) if index else 0
        leader[index] = index if best[index] > best[ahead] else ahead
    index = int(best.argmax())
    path = []
    while index >= 0:
        path.append(index)
        index = int(before[index])
    return path[::-1]


def skyline(performance: Performance) -> tuple[Note, ...]:
    """The highest note of each onset, unless a higher one still sounds."""
    line: list[Note] = []
    for chord in _chords(performance.notes):
        top = max(chord, key=lambda note: note.pitch)
        if not line or line[-1].offset <= top.onset + CHORD_SECONDS or line[-1].pitch < top.pitch:
            line.append(top)
    return in_one_voice(line)


def in_one_voice(line: Sequence[Note]) -> tuple[Note, ...]:
    """The notes with each cut at the next one's onset."""
    return tuple(
        replace(note, offset=min(note.offset, following.onset))
        for note, following in itertools.pairwise(line)
    ) + tuple(line[-1:])


def note_features(notes: Sequence[Note]) -> Array:
    """What makes a note heard as melody, shape (n_notes, N_FEATURES)."""
    onset = np.array([note.onset for note in notes])
    offset = np.array([note.offset for note in notes])
    pitch = np.array([note.pitch for note in notes], float)
    velocity = np.array([note.velocity for note in notes], float)
    tops = np.array([max(chord, key=lambda note: note.pitch).onset for chord in _chords(notes)])
    top_pitch = np.array([max(n.pitch for n in chord) for chord in _chords(notes)], float)
    duration = np.log(np.clip(offset - onset, 0.05, 4))
    sums = np.concatenate([[0.0], np.cumsum(velocity)])
    lengths = np.concatenate([[0.0], np.cumsum(duration)])
    top_sums = np.concatenate([[0.0], np.cumsum(top_pitch)])
    features = np.empty((len(notes), N_FEATURES))
    longest = float((offset - onset).max())
    for index in range(len(notes)):
        now = onset[index]
        first, last = np.searchsorted(onset, [now - CHORD_SECONDS, now + CHORD_SECONDS])
        early = int(np.searchsorted(onset, now - min(longest, 4.0)))
        together = slice(int(first), max(int(last), index + 1))
        held = np.flatnonzero(offset[early:first] > now + CHORD_SECONDS) + early
        others = np.concatenate([pitch[together], pitch[held]])
        above = others[others > pitch[index]]
        below = others[others < pitch[index]]
        a, b = np.searchsorted(onset, [now - _LINE_SECONDS, now + _LINE_SECONDS])
        c, d = np.searchsorted(tops, [now - _LINE_SECONDS, now + _LINE_SECONDS])
        line = (top_sums[d] - top_sums[c]) / max(d - c, 1)
        features[index] = (
            pitch[index] >= pitch[together].max(),
            not len(above),
            min(len(above), 4) / 4,
            (above.min() - pitch[index] if len(above) else 0) / 12,
            (pitch[index] - below.max() if len(below) else 12) / 12,
            (pitch[index] - line) / 12,
            abs(pitch[index] - line) / 12,
            (velocity[index] - (sums[b] - sums[a]) / max(b - a, 1)) / 16,
            (velocity[index] - velocity[together].max()) / 16,
            duration[index] - (lengths[b] - lengths[a]) / max(b - a, 1),
            max(pitch[index] - 76, 0) / 12,
            max(57 - pitch[index], 0) / 12,
        )
    return features


def line_features(notes: Sequence[Note], path: Sequence[int]) -> Array:
    """How each note lies to a melody that was found, shape (n_notes, N_LINE_FEATURES).

    A note of the melody is compared with the rest of it.
    """
    onset = np.array([notes[index].onset for index in path])
    pitch = np.array([notes[index].pitch for index in path], float)
    velocity = np.array([notes[index].velocity for index in path], float)
    features = np.zeros((len(notes), N_LINE_FEATURES))
    for index, note in enumerate(notes):
        near = np.exp(-np.abs(onset - note.onset) / _NEAR_SECONDS)
        near[onset == note.onset] = 0
        if not near.sum() > 0:
            continue  # a melody of this note alone
        near /= near.sum()
        above = (note.pitch - near @ pitch) / 12
        features[index] = (
            above,
            abs(above),
            max(abs(above) - 0.75, 0),
            (note.velocity - near @ velocity) / 16,
        )
    return features


def _chords(notes: Sequence[Note]) -> list[list[Note]]:
    chords: list[list[Note]] = []
    for note in notes:
        if chords and note.onset - chords[-1][0].onset <= CHORD_SECONDS:
            chords[-1].append(note)
        else:
            chords.append([note])
    return chords
