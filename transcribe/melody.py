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

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from transcribe.notes import Note, Performance

Array = NDArray[np.float64]

CHORD_SECONDS = 0.05
"""Onsets within this are one chord."""
N_FEATURES = 12
_LINE_SECONDS = 6.0
"""Over so much to either side the register of the top line is taken."""
_BACK_SECONDS = 8.0
"""A melody may rest for so long before it counts as begun anew."""


@dataclass(frozen=True, slots=True)
class MelodyWeights:
    """What a note is worth as melody, and what going on to the next one costs."""

    features: tuple[float, ...] = (0.0,) * N_FEATURES
    """Of `note_features`, in their order."""
    bias: float = 0.0
    leap: float = 0.05
    """Cost of a semitone beyond the third."""
    overlap: float = 1.0
    """Cost where the next note begins long before this one ends, a second of it."""
    rest: float = 0.3
    """Cost of a rest, a second of it."""


def find_melody(performance: Performance, weights: MelodyWeights | None = None) -> tuple[Note, ...]:
    """The notes of the melody, in order; no two sound together.

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
    worth = note_features(notes) @ np.array(weights.features) + weights.bias
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
        path.append(notes[index])
        index = int(before[index])
    return in_one_voice(path[::-1])


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
        for note, following in zip(line, line[1:], strict=False)
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


def _chords(notes: Sequence[Note]) -> list[list[Note]]:
    chords: list[list[Note]] = []
    for note in notes:
        if chords and note.onset - chords[-1][0].onset <= CHORD_SECONDS:
            chords[-1].append(note)
        else:
            chords.append([note])
    return chords
