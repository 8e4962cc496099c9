"""Notes doubled in octaves: what a network that reads harmonics finds hardest.

The partials of a note an octave above another all lie on partials of the lower one, so it is
missed, or found where it is not. Music has few enough of them for habit to decide; a window in
which every third note may or may not have an octave leaves nothing but the sound to go by.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from transcribe.notes import HIGHEST_PITCH, LOWEST_PITCH
from transcribe.synthesis.performance_arrays import PerformanceArrays

_INTERVALS = np.array([12, -12, 19, 24])
_INTERVAL_SHARE = np.array([0.45, 0.25, 0.15, 0.15])
_SPREAD = 0.012
"""Standard deviation of the doubling's onset from the note's, in seconds."""
_SOFTER, _VELOCITY_SPREAD = 8, 16
_CLEARANCE = 0.1
"""Seconds in which nobody holds a key before and after what is added."""


def with_octaves(
    table: PerformanceArrays, start: float, stop: float, share: float, rng: np.random.Generator
) -> PerformanceArrays:
    """A performance in which some of the notes struck in [start, stop) are doubled.

    What is added is an octave above or below, a twelfth or two octaves above; struck within
    some hundredths of a second, mostly softer, and held as long. In half of the calls every
    note has its chance by itself, in the others every key has, and all that is struck on it is
    doubled at the same interval, as in a melody or repeated chords in octaves. Nothing is added
    on a key that is held or is about to be struck; a string that rings by the pedal may be
    struck again.

    Parameters
    ----------
    table : PerformanceArrays
    start, stop : float
        In seconds.
    share : float
        Of the notes, 0 to 1.
    rng : numpy.random.Generator

    Returns
    -------
    PerformanceArrays
        Sorted by onset; the same table where nothing is added.
    """
    first, last = np.searchsorted(table.onset, (start, stop))
    if rng.random() < 0.5:
        chosen = first + np.flatnonzero(rng.random(last - first) < share)
        interval = rng.choice(_INTERVALS, len(chosen), p=_INTERVAL_SHARE)
    else:
        keys = np.flatnonzero(rng.random(HIGHEST_PITCH + 1) < share)
        chosen = first + np.flatnonzero(np.isin(table.pitch[first:last], keys))
        of_key = rng.choice(_INTERVALS, HIGHEST_PITCH + 1, p=_INTERVAL_SHARE)
        interval = of_key[table.pitch[chosen]]
    if not len(chosen):
        return table
    shift = np.clip(rng.normal(0, _SPREAD, len(chosen)), -3 * _SPREAD, 3 * _SPREAD)
    onset = np.clip(table.onset[chosen] + shift, 0, table.released[chosen] - 0.02)
    pitch = table.pitch[chosen] + interval
    louder = np.round(rng.normal(-_SOFTER, _VELOCITY_SPREAD, len(chosen))).astype(np.int16)
    velocity = np.clip(table.velocity[chosen] + louder, 1, 127)
    free = (pitch >= LOWEST_PITCH) & (pitch <= HIGHEST_PITCH) & (onset >= 0)
    begin, end = onset - _CLEARANCE, table.released[chosen] + _CLEARANCE
    for key in np.unique(pitch[free]).tolist():
        same = table.pitch == key
        taken_from, taken_until = table.onset[same], table.released[same]
        for i in np.flatnonzero(free & (pitch == key)).tolist():
            free[i] = not np.any((taken_from < end[i]) & (taken_until > begin[i]))
            taken_from = np.append(taken_from, onset[i])
            taken_until = np.append(taken_until, table.released[chosen[i]] if free[i] else onset[i])
    added = chosen[free]
    onsets = np.concatenate([table.onset, onset[free]])
    pitches = np.concatenate([table.pitch, pitch[free].astype(table.pitch.dtype)])
    velocities = np.concatenate([table.velocity, velocity[free].astype(table.velocity.dtype)])
    source = np.concatenate([np.arange(len(table.onset)), added])
    order = np.lexsort((pitches, onsets))
    doubled = PerformanceArrays.of_columns(
        onset=onsets[order],
        pitch=pitches[order],
        velocity=velocities[order],
        released=table.released[source][order],
        damped=table.damped[source][order],
        pedal_onset=table.pedal_onset,
        pedal_offset=table.pedal_offset,
        travel=table.travel,
    )
    return replace(doubled, damped=np.minimum(doubled.damped, doubled.restruck))
