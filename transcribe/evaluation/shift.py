"""An estimate that is early or late throughout, so that nothing of it matches."""

from __future__ import annotations

import numpy as np

from transcribe.evaluation.matching import ONSET_TOLERANCE, Events, match
from transcribe.notes import Performance

_FURTHEST = 60.0
"""Seconds; an estimate is not looked for further away."""
_FEWEST_NOTES = 5
"""That match once it is moved; fewer may do so by chance."""


def shift_of(ref: Performance, est: Performance, *, n_matched: int) -> float | None:
    """Seconds by which an estimate is late, if moving it back makes it a far better one.

    Of all differences between onsets of one pitch, those that most notes share are taken.

    Parameters
    ----------
    ref, est : Performance
    n_matched : int
        Notes that match by onset anyway, the median deviation taken off.

    Returns
    -------
    float or None
        None where the notes match as they are, or wherever they are moved to do not.
    """
    played, heard = Events.of_notes(ref), Events.of_notes(est)
    fewest = min(len(played.pitches), len(heard.pitches))
    if 2 * n_matched >= fewest:
        return None
    found = [np.zeros(0)]
    for pitch in np.intersect1d(played.pitches, heard.pitches):
        onsets = np.sort(played.intervals[played.pitches == pitch, 0])
        others = np.sort(heard.intervals[heard.pitches == pitch, 0])
        first = np.searchsorted(others, onsets - _FURTHEST)
        last = np.searchsorted(others, onsets + _FURTHEST)
        found += [
            others[start:stop] - onset
            for onset, start, stop in zip(onsets, first, last, strict=True)
        ]
    late = np.sort(np.concatenate(found))
    if not len(late):
        return None
    n_near = np.searchsorted(late, late + 2 * ONSET_TOLERANCE, side="right") - np.arange(len(late))
    best = int(n_near.argmax())
    shift = float(np.median(late[best : best + n_near[best]]))
    n_moved = len(match(played, heard.moved(-shift)))
    is_shifted = n_moved >= max(_FEWEST_NOTES, 2 * n_matched, fewest / 2)
    return shift if is_shifted else None
