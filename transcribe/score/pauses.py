"""Long pauses, such as between two pieces of one recording: nobody counts beats through them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from transcribe.music.tempo_map import LONGEST_BEAT

Array = NDArray[np.float64]

PAUSE = 40.0
"""Seconds without an onset that part two pieces."""
MOST_BEATS = 800
"""In a pause, an hour of slow ones; of a longer pause they are slower."""
_STRUCK_WITH = 0.03
"""Seconds from an onset within which it is no pause yet, or no more."""


def beats_in_pause(seconds: float, beat: float) -> int:
    """How many beats a pause gets.

    Parameters
    ----------
    seconds : float
        How long the pause is, above 0.
    beat : float
        Seconds of a beat, of at most `MOST_BEATS`; more are as long as a MIDI file can say.
    """
    fewest = math.ceil(seconds / LONGEST_BEAT)
    return max(min(math.ceil(seconds / beat), MOST_BEATS), fewest)


def in_pauses(times: Array, onsets: Array) -> NDArray[np.bool_]:
    """Which of some times lie in a pause between onsets (seconds, rising), shape as ``times``.

    >>> in_pauses(np.array([0.5, 1.0, 30.0]), np.array([0.0, 1.0, 60.0])).tolist()
    [False, False, True]
    """
    after = np.searchsorted(onsets, times, side="right")
    before = np.append(-np.inf, onsets)[after] + _STRUCK_WITH
    until = np.append(onsets, np.inf)[after] - _STRUCK_WITH
    inside = (after > 0) & (after < len(onsets)) & (until - before > PAUSE - 2 * _STRUCK_WITH)
    return np.asarray(inside & (before < times) & (times < until))


def played_gaps(beats: Array, onsets: Array) -> Array:
    """Seconds from each beat to the next, without those of pauses; all, where it is all a pause."""
    gaps = np.diff(beats)
    played = gaps[~in_pauses((beats[:-1] + beats[1:]) / 2, onsets)]
    return played if len(played) else gaps
