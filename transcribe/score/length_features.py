"""What the network of lengths sees, once hands and places are known: a row for each note.

A written length mostly reaches to the next note of the same hand, or to one after it; what
was played says which. So distances in the score are told as they are written, and beside
them how long the key was held in terms of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from transcribe.score.note_features import LENGTHS, PLACES

Array = NDArray[np.float64]

_LENGTHS = np.array(LENGTHS, float)
_PLACES = np.array(PLACES, float)
_FARTHEST = 8.0
"""Quarters; what comes later is as far."""
_NEAR = (2, 5, 9)
"""Semitones within which the next note of the same hand is looked for."""
_AHEAD = 16
"""Notes ahead among which it is looked for."""
_N_GAPS = 4
N_FEATURES = _N_GAPS * (len(LENGTHS) + 4) + len(PLACES) + 2 * len(_NEAR) + 12


def length_features(
    position: Array,
    is_right: NDArray[np.bool_],
    pitch: NDArray[np.int64],
    held: Array,
    sounding: Array,
    place: NDArray[np.int64],
    quarters: Array,
) -> NDArray[np.float32]:
    """A row a note, shape (n, N_FEATURES).

    Parameters
    ----------
    position : array
        Quarters from any one place to where each note is written, shape (n,).
    is_right : array
        Whether each note is in the right hand.
    pitch : array
    held, sounding : array
        Quarters for which the key was held, and for which the note sounded with the pedal.
    place : array
        Index of each note's place in its beat in `note_features.PLACES`.
    quarters : array
        Quarters of the beat that each note is in.
    """
    held, sounding = np.clip(held, 0.02, 16), np.clip(sounding, 0.02, 16)
    surroundings = _surroundings(position, is_right, pitch)
    near = np.clip(surroundings.near, 0.02, _FARTHEST)
    to_beat = np.clip((1 - _PLACES[place]) * quarters, 0.02, _FARTHEST)
    parts = [
        *(_gap_features(gap, held, sounding) for gap in surroundings.gaps),
        _one_hot(place, len(PLACES)),
        np.log(near).T,
        np.log(held / near).T,
        np.stack(
            [
                np.log(held),
                np.log(sounding),
                np.log(np.clip(surroundings.before, 0.02, _FARTHEST)),
                np.log(quarters),
                (quarters == 1.5) * 1.0,
                np.log(np.maximum(surroundings.size, 1)),
                np.clip(surroundings.above / 12, 0, 2),
                (surroundings.above == 0) * 1.0,
                is_right * 1.0,
                np.log(to_beat),
                np.log(held / to_beat),
                (pitch - 60) / 24,
            ],
            axis=1,
        ),
    ]
    return np.clip(np.concatenate(parts, axis=1), -8, 8).astype(np.float32)


class _Surroundings(NamedTuple):
    """What is written around each note; every array is of shape (n,) but where it says so."""

    gaps: list[Array]
    """Quarters to the next three moments of the same hand, and to the next of either."""
    before: Array
    """Quarters since the moment before, in the same hand."""
    size: Array
    """How many notes its hand strikes with it, itself included."""
    above: Array
    """Semitones to the highest of them."""
    near: Array
    """Quarters to the next note of the same hand within `_NEAR`, shape (len(_NEAR), n)."""


def _surroundings(
    position: Array, is_right: NDArray[np.bool_], pitch: NDArray[np.int64]
) -> _Surroundings:
    n = len(position)
    gaps = [np.zeros(n), np.zeros(n), np.zeros(n)]
    before, size, above = np.zeros(n), np.zeros(n), np.zeros(n)
    near = np.full((len(_NEAR), n), _FARTHEST)
    for side in (False, True):
        mine = np.flatnonzero(is_right == side)
        if not len(mine):
            continue
        here = np.round(position[mine], 4)
        own, chord, count = np.unique(here, return_inverse=True, return_counts=True)
        for step, gap in enumerate(gaps, 1):
            gap[mine] = _next(own, here, step)
        before[mine] = np.where(chord > 0, here - own[np.maximum(chord - 1, 0)], _FARTHEST)
        size[mine] = count[chord]
        top = np.full(len(own), -1)
        np.maximum.at(top, chord, pitch[mine])
        above[mine] = top[chord] - pitch[mine]
        for ahead in range(1, min(_AHEAD, len(mine))):
            distance = here[ahead:] - here[:-ahead]
            moved = np.abs(pitch[mine][ahead:] - pitch[mine][:-ahead])
            for number, most in enumerate(_NEAR):
                at = mine[:-ahead]
                closer = (distance > 0.01) & (moved <= most) & (distance < near[number][at])
                near[number][at[closer]] = distance[closer]
    gap_any = _next(np.unique(np.round(position, 4)), position, 1)
    return _Surroundings([*gaps, gap_any], before, size, above, near)


def _gap_features(gap: Array, held: Array, sounding: Array) -> Array:
    """A gap as the written length nearest to it, and what was played in terms of it."""
    clipped = np.clip(gap, 0.02, _FARTHEST)
    return np.column_stack(
        [
            _one_hot(np.abs(np.log(clipped[:, None] / _LENGTHS)).argmin(axis=1), len(LENGTHS)),
            np.log(clipped),
            np.log(held / clipped),
            np.log(sounding / clipped),
            gap >= _FARTHEST,
        ]
    )


def _one_hot(index: NDArray[np.int64], n_kinds: int) -> Array:
    """Shape (n, n_kinds)."""
    found = np.zeros((len(index), n_kinds))
    found[np.arange(len(index)), index] = 1
    return found


def _next(positions: Array, here: Array, steps: int) -> Array:
    """Quarters from each place to the so-manieth of the positions after it."""
    index = np.searchsorted(positions, here + 0.01) + steps - 1
    inside = index < len(positions)
    later = positions[np.minimum(index, len(positions) - 1)]
    return np.where(inside, np.minimum(later - here, _FARTHEST), _FARTHEST)
