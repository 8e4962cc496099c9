"""What the network of bars sees, once the beats are found: a row of numbers for each beat.

How alike beats are to those 1 to 12 before and after, in harmony and rhythm, and how low their
basses are beside one another, whatever the tempo: that is what a bar shows itself by.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transcribe.notes import LOWEST_PITCH, N_PITCHES
from transcribe.score.onset_features import NoteArrays

Array = NDArray[np.float64]

N_LAGS = 12
"""Beats before and after."""
N_BINS = 12
"""Places in a beat at which onsets are counted."""
N_NUMBERS = 19
N_FEATURES = N_BINS + 6 * N_LAGS + N_NUMBERS
_SHORTEST = 0.05
"""Seconds a beat."""
_STRUCK_WITH = 0.05
"""Seconds from a beat within which what is struck belongs to it, from 4 % to 20 % of a beat."""
_AROUND = 4
"""Beats before and after, of what is usual here."""
_NO_BASS = 60.0
"""Keys from the lowest: where nothing is struck."""


def bar_features(notes: NoteArrays, beats: Array) -> NDArray[np.float32]:
    """A row a beat, shape (m, N_FEATURES); beats in seconds, rising, two or more of them."""
    m = len(beats)
    gap = np.maximum(np.diff(beats), _SHORTEST)
    gap = np.append(gap, gap[-1])
    beat, place, is_on = _places(notes.onset, beats, gap)
    inside = (beat >= 0) & (beat < m)
    beat, place, on = beat[inside], place[inside], is_on[inside]
    pitch = notes.pitch[inside]
    key = np.clip(pitch - LOWEST_PITCH, 0, N_PITCHES - 1).astype(float)
    held = np.clip((notes.offset - notes.onset)[inside] / gap[beat], 0.02, 8)

    bins = np.round(place * N_BINS).astype(int)
    rhythm, chroma = np.zeros((m, N_BINS)), np.zeros((m, 12))
    np.add.at(rhythm, (np.minimum(beat + (bins == N_BINS), m - 1), bins % N_BINS), 1.0)
    np.add.at(chroma, (beat, pitch % 12), np.minimum(held, 2))
    harmony, pattern = _unit(chroma), _unit(np.minimum(rhythm, 2))

    struck = beat[on]
    loudest, longest, highest = np.zeros(m), np.full(m, -2.0), np.zeros(m)
    lowest, lowest_of_all = np.full(m, float(N_PITCHES)), np.full(m, float(N_PITCHES))
    np.maximum.at(loudest, struck, notes.velocity[inside][on] / 127)
    np.maximum.at(longest, struck, np.log(held[on]))
    np.maximum.at(highest, struck, key[on])
    np.minimum.at(lowest, struck, key[on])
    np.minimum.at(lowest_of_all, beat, key)
    n_struck = np.log1p(np.bincount(struck, minlength=m))
    lowest = np.where(n_struck > 0, lowest, _NO_BASS)
    bass = np.clip(-_beside_usual(lowest) / 12, -1.5, 1.5)
    new = 1 - np.append(0, (harmony[1:] * harmony[:-1]).sum(axis=1))
    tempo = np.log(gap)
    numbers = [
        n_struck > 0,
        n_struck,
        _beside_usual(n_struck),
        np.log1p(np.bincount(beat, minlength=m)),
        loudest,
        4 * _beside_usual(loudest),
        longest,
        _beside_usual(longest),
        lowest / 44 - 1,
        bass,
        highest / 44 - 1,
        _beside_usual(highest) / 12,
        lowest_of_all / 44 - 1,
        new,
        _beside_usual(new),
        tempo,
        4 * np.append(np.diff(tempo), 0),
        4 * np.append(0, np.diff(tempo)),
        _pedal_changes(beats, notes.pedal),
    ]
    lagged = [
        *_alike(harmony),
        *_alike(pattern),
        *(column for lag in range(1, N_LAGS + 1) for column in _moved(bass, lag)),
    ]
    rows = np.concatenate([np.log1p(rhythm), np.stack([*lagged, *numbers], axis=1)], axis=1)
    return rows.astype(np.float32)


def _places(
    onset: Array, beats: Array, gap: Array
) -> tuple[NDArray[np.int64], Array, NDArray[np.bool_]]:
    """Of each note the beat that it is in, how far, and whether it is struck with the beat."""
    m = len(beats)
    rising = np.maximum.accumulate(beats + 1e-7 * np.arange(m))
    at = np.interp(onset, rising, np.arange(m))
    at = np.where(onset < rising[0], (onset - rising[0]) / gap[0], at)
    at = np.where(onset > rising[-1], m - 1 + (onset - rising[-1]) / gap[-1], at)
    nearest = np.round(at).astype(int)
    near = np.clip(_STRUCK_WITH / gap[np.clip(nearest, 0, m - 1)], 0.04, 0.2)
    is_on = np.abs(at - nearest) < near
    beat = np.where(is_on, nearest, np.floor(at).astype(int))
    return beat, np.where(is_on, 0.0, at - beat), is_on


def _unit(rows: Array) -> Array:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6))


def _beside_usual(values: Array) -> Array:
    """Less the mean of the beats around."""
    m = len(values)
    total = np.concatenate([[0.0], np.cumsum(values)])
    first = np.maximum(np.arange(m) - _AROUND, 0)
    last = np.minimum(np.arange(m) + _AROUND + 1, m)
    return np.asarray(values - (total[last] - total[first]) / (last - first))


def _moved(values: Array, lag: int) -> tuple[Array, Array]:
    """What they are so many beats before, and after; 0 beyond the ends."""
    before, after = np.zeros(len(values)), np.zeros(len(values))
    before[lag:], after[:-lag] = values[:-lag], values[lag:]
    return before, after


def _alike(unit: Array) -> list[Array]:
    """How alike each beat is to that each lag before and after, shape (m,) twice a lag."""
    columns = []
    for lag in range(1, N_LAGS + 1):
        before, after = np.zeros(len(unit)), np.zeros(len(unit))
        if lag < len(unit):
            before[lag:] = (unit[lag:] * unit[:-lag]).sum(axis=1)
            after[:-lag] = before[lag:]
        columns += [before, after]
    return columns


def _pedal_changes(beats: Array, pedal: Array) -> Array:
    """How near to each beat the pedal goes down, 1 for at once."""
    if not len(pedal):
        return np.zeros(len(beats))
    down = pedal[:, 0]
    index = np.searchsorted(down, beats - 0.05)
    wait = np.where(index < len(down), down[np.minimum(index, len(down) - 1)] - beats, 9.0)
    return np.asarray(np.exp(-np.abs(wait) / 0.15))
