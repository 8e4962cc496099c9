"""An estimate that is early or late throughout, so that nothing of it matches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from transcribe.evaluation.matching import ONSET_TOLERANCE, Events, FloatArray, IntArray, match
from transcribe.notes import Performance

_FURTHEST = 60.0
"""Seconds; an estimate is not looked for further away."""
_FEWEST_NOTES = 5
"""That match once it is moved; fewer may do so by chance."""
_BIN = 0.005
"""Seconds by which differences are told apart before they are looked at one by one."""
_N_BINS = round(_FURTHEST / _BIN)
"""Of the furthest difference."""
_N_NEAR = round(2 * ONSET_TOLERANCE / _BIN) + 1
"""Bins that notes which match may lie in."""
_MOST_PAIRS = 200_000
"""Of notes, that are counted one by one: beyond, a Fourier transform is faster."""


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
    late = _shared_differences(played, heard)
    if not len(late):
        return None
    n_near = np.searchsorted(late, late + 2 * ONSET_TOLERANCE, side="right") - np.arange(len(late))
    best = int(n_near.argmax())
    shift = float(np.median(late[best : best + n_near[best]]))
    n_moved = len(match(played, heard.moved(-shift)))
    is_shifted = n_moved >= max(_FEWEST_NOTES, 2 * n_matched, fewest / 2)
    return shift if is_shifted else None


def _shared_differences(played: Events, heard: Events) -> FloatArray:
    """Differences between onsets of one pitch, sorted; only those about where most are.

    They are counted first: all of a key that is struck thousands of times are too many to keep.
    """
    counts = sum(
        (_counts(some, near) for some, near in _passages(played, heard)),
        start=np.zeros(2 * _N_BINS + 1, np.int64),
    )
    best = int(np.convolve(counts, np.ones(_N_NEAR, np.int64), mode="valid").argmax())
    lowest = (best - _N_BINS - _N_NEAR) * _BIN
    highest = (best - _N_BINS + 2 * _N_NEAR) * _BIN
    found = [np.zeros(0)]
    for some, near in _passages(played, heard):
        first = np.searchsorted(near, some + lowest)
        last = np.searchsorted(near, some + highest)
        found += [
            near[start:stop] - onset for onset, start, stop in zip(some, first, last, strict=True)
        ]
    return np.sort(np.concatenate(found))


def _passages(played: Events, heard: Events) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Onsets of one pitch within a minute, and those that they may have become."""
    for pitch in np.intersect1d(played.pitches, heard.pitches):
        onsets = np.sort(played.intervals[played.pitches == pitch, 0])
        others = np.sort(heard.intervals[heard.pitches == pitch, 0])
        for some in np.split(onsets, np.flatnonzero(np.diff(onsets // _FURTHEST)) + 1):
            reach = [some[0] - _FURTHEST, some[-1] + _FURTHEST]
            yield some, others[slice(*np.searchsorted(others, reach))]


def _counts(some: FloatArray, near: FloatArray) -> IntArray:
    """How many differences are in each bin, from the furthest early to the furthest late."""
    ref = ((some - some[0]) / _BIN).astype(np.int64)
    est = ((near - some[0] + _FURTHEST) / _BIN).astype(np.int64)
    n_bins = 2 * _N_BINS + 1
    if len(ref) * len(est) <= _MOST_PAIRS:
        late = np.subtract.outer(est, ref)
        return np.bincount(late[(late >= 0) & (late < n_bins)], minlength=n_bins)
    size = 1 << (3 * _N_BINS).bit_length()
    played, heard = (np.fft.rfft(np.bincount(each, minlength=size)) for each in (ref, est))
    return np.rint(np.fft.irfft(heard * played.conj())[:n_bins]).astype(np.int64)
