"""What the network of lengths sees, once hands and places are known: a row for each note.

A written length mostly reaches to the next note of the same hand, or to one after it; what
was played says which. So distances in the score are told as they are written, and beside
them how long the key was held in terms of them.
"""

from __future__ import annotations

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
    n = len(position)
    everyone = np.unique(np.round(position, 4))
    gap_any = _next(everyone, position, 1)
    gaps = [np.zeros(n), np.zeros(n), np.zeros(n)]
    before = np.zeros(n)
    size, above = np.zeros(n), np.zeros(n)
    near = np.full((len(_NEAR), n), _FARTHEST)
    for side in (False, True):
        mine = np.flatnonzero(is_right == side)
        if not len(mine):
            continue
        here = np.round(position[mine], 4)
        own, chord, count = np.unique(here, return_inverse=True, return_counts=True)
        for step in range(3):
            gaps[step][mine] = _next(own, here, step + 1)
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
    held, sounding = np.clip(held, 0.02, 16), np.clip(sounding, 0.02, 16)
    parts = []
    for gap in (*gaps, gap_any):
        clipped = np.clip(gap, 0.02, _FARTHEST)
        which = np.abs(np.log(clipped[:, None] / _LENGTHS)).argmin(axis=1)
        one_hot = np.zeros((n, len(LENGTHS)))
        one_hot[np.arange(n), which] = 1
        parts += [
            one_hot,
            np.log(clipped)[:, None],
            np.log(held / clipped)[:, None],
            np.log(sounding / clipped)[:, None],
            (gap >= _FARTHEST)[:, None],
        ]
    at_place = np.zeros((n, len(PLACES)))
    at_place[np.arange(n), place] = 1
    to_beat = (1 - _PLACES[place]) * quarters
    parts += [
        at_place,
        np.log(np.clip(near, 0.02, _FARTHEST)).T,
        np.log(held / np.clip(near, 0.02, _FARTHEST)).T,
        np.stack(
            [
                np.log(held),
                np.log(sounding),
                np.log(np.clip(before, 0.02, _FARTHEST)),
                np.log(quarters),
                (quarters == 1.5) * 1.0,
                np.log(np.maximum(size, 1)),
                np.clip(above / 12, 0, 2),
                (above == 0) * 1.0,
                is_right * 1.0,
                np.log(np.clip(to_beat, 0.02, _FARTHEST)),
                np.log(held / np.clip(to_beat, 0.02, _FARTHEST)),
                (pitch - 60) / 24,
            ],
            axis=1,
        ),
    ]
    return np.clip(np.concatenate(parts, axis=1), -8, 8).astype(np.float32)


def _next(positions: Array, here: Array, steps: int) -> Array:
    """Quarters from each place to the so-manieth of the positions after it."""
    index = np.searchsorted(positions, here + 0.01) + steps - 1
    inside = index < len(positions)
    later = positions[np.minimum(index, len(positions) - 1)]
    return np.where(inside, np.minimum(later - here, _FARTHEST), _FARTHEST)
