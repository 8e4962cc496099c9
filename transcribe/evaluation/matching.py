"""Which estimated note is which reference note: mir_eval's matching [1]_, and nothing of our own.

This is the only module that calls mir_eval, which wants pitches in hertz. They are made from
MIDI numbers here, `Events.hertz`, and everything outside speaks of a `Performance`; besides,
only notes of one MIDI number are shown to mir_eval together. So numbers that are taken for
hertz, which make a semitone's error count as right, can't reach it.

References
----------
.. [1] C. Raffel et al., "mir_eval: A Transparent Implementation of Common MIR Metrics",
   ISMIR 2014.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from mir_eval import transcription
from numpy.typing import NDArray

from transcribe.notes import LOWEST_PITCH, Performance

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

ONSET_TOLERANCE = 0.05
"""Seconds by which an onset may be early or late, unless a name says otherwise."""
_A4_HERTZ = 440.0
_ROUNDING = 1e-3
"""Seconds, more than mir_eval rounds distances by."""
_BLOCK = 100
"""About how many notes mir_eval compares with each other, all with all."""


class Events(NamedTuple):
    """Notes, or pedal presses as notes of one pitch, as arrays of n rows."""

    intervals: FloatArray
    """Shape (n, 2): onset and offset in seconds."""
    pitches: IntArray
    """MIDI numbers."""
    velocities: FloatArray

    @classmethod
    def of_notes(cls, performance: Performance) -> Events:
        """The notes in their order."""
        notes = performance.notes
        return cls(
            np.array([(note.onset, note.offset) for note in notes], float).reshape(-1, 2),
            np.array([note.pitch for note in notes], np.int64),
            np.array([note.velocity for note in notes], float),
        )

    @classmethod
    def of_pedal(cls, performance: Performance) -> Events:
        """The pedal presses in their order."""
        presses = performance.pedal
        return cls(
            np.array([(press.onset, press.offset) for press in presses], float).reshape(-1, 2),
            np.full(len(presses), LOWEST_PITCH, np.int64),
            np.ones(len(presses)),
        )

    def moved(self, seconds: float) -> Events:
        """The same, later."""
        return self._replace(intervals=self.intervals + seconds)

    @property
    def hertz(self) -> FloatArray:
        """Frequencies of the pitches, equal temperament, A4 at 440 Hz."""
        return _A4_HERTZ * 2.0 ** ((self.pitches - 69) / 12)


def match(
    ref: Events,
    est: Events,
    *,
    onset_tolerance: float = ONSET_TOLERANCE,
    offset_ratio: float | None = None,
) -> IntArray:
    """Pair notes of one pitch, as many as possible, each with one at most.

    The notes go to `mir_eval.transcription.match_notes` a pitch and a passage at a time:
    no note of one passage is within the tolerance of one of another, so the pairs are the
    same, and its tables of all distances stay small in a recording of tens of thousands of
    notes.

    Parameters
    ----------
    ref, est : Events
        What was played and what was transcribed.
    onset_tolerance : float
        Seconds, end included.
    offset_ratio : float, optional
        Offsets must lie within this part of the reference's duration, or 50 ms if that is
        more. None: offsets don't matter.

    Returns
    -------
    array
        Row numbers (ref, est), shape (n, 2), in the order of the first.
    """
    pairs = [np.zeros((0, 2), np.int64)]
    ref_hertz, est_hertz = ref.hertz, est.hertz
    for ref_rows, est_rows in _passages(ref, est, onset_tolerance + _ROUNDING):
        found = transcription.match_notes(
            ref.intervals[ref_rows],
            ref_hertz[ref_rows],
            est.intervals[est_rows],
            est_hertz[est_rows],
            onset_tolerance=onset_tolerance,
            offset_ratio=offset_ratio,
        )
        rows = np.array(found, np.int64).reshape(-1, 2)
        pairs.append(np.stack([ref_rows[rows[:, 0]], est_rows[rows[:, 1]]], axis=1))
    matched = np.concatenate(pairs)
    return matched[np.argsort(matched[:, 0])]


def _passages(ref: Events, est: Events, gap: float) -> Iterator[tuple[IntArray, IntArray]]:
    """Rows of ref and est, some of each, of one pitch, further from all others than a gap."""
    for pitch in np.intersect1d(ref.pitches, est.pitches):
        ref_rows = np.flatnonzero(ref.pitches == pitch)
        est_rows = np.flatnonzero(est.pitches == pitch)
        ref_onsets, est_onsets = ref.intervals[ref_rows, 0], est.intervals[est_rows, 0]
        onsets = np.sort(np.concatenate([ref_onsets, est_onsets]))
        cuts, last = [-np.inf], 0
        for index in (np.flatnonzero(np.diff(onsets) > gap) + 1).tolist():
            if index - last >= _BLOCK:
                cuts.append((onsets[index - 1] + onsets[index]) / 2)
                last = index
        for start, stop in zip(cuts, [*cuts[1:], np.inf], strict=True):
            some_ref = ref_rows[(ref_onsets > start) & (ref_onsets < stop)]
            some_est = est_rows[(est_onsets > start) & (est_onsets < stop)]
            if len(some_ref) and len(some_est):
                yield some_ref, some_est


def onset_deviations(ref: Events, est: Events) -> FloatArray:
    """Estimated minus reference onset of matched notes, in seconds.

    In two passes: notes matched at 50 ms, then, with the median of those taken off, notes
    matched again, because the first 50 ms cut off one side of the deviations more than
    the other.
    """
    first = _differences(ref, est, match(ref, est))
    if not len(first):
        return first
    return _differences(ref, est, match(ref, est.moved(-float(np.median(first)))))


def onset_deviation(ref: Performance, est: Performance) -> float:
    """Seconds by which the estimated onsets are late, in the median; 0 if none match.

    `onset_deviations` says how notes are matched for it.
    """
    deviations = onset_deviations(Events.of_notes(ref), Events.of_notes(est))
    return float(np.median(deviations)) if len(deviations) else 0.0


class Matching(NamedTuple):
    """Which estimated note is which reference note."""

    pairs: IntArray
    """Numbers of (ref, est) notes, shape (n, 2), in the order of the first."""
    deviation: float
    """Seconds that the estimate was late in the median, and that were taken off."""


def match_aligned(ref: Performance, est: Performance) -> Matching:
    """Pair notes of one pitch within 50 ms, the median onset deviation taken off."""
    deviation = onset_deviation(ref, est)
    return Matching(match(Events.of_notes(ref), Events.of_notes(est).moved(-deviation)), deviation)


def _differences(ref: Events, est: Events, matched: IntArray) -> FloatArray:
    return est.intervals[matched[:, 1], 0] - ref.intervals[matched[:, 0], 0]
