"""A performance as a sequence of events, and back: what the generator reads and writes.

An event is one struck key or one press of the sustain pedal, as four whole numbers:

========  ================================================================
shift     from the event before; an index of `TIMES`
key       0 (A0) to 87 (C8), or `PEDAL`
velocity  0 to 31, in bins of four MIDI velocities; 0 for the pedal
duration  until the key or the pedal is up; an index of `TIMES`, 1 or more
========  ================================================================

An event says itself when it ends, so whatever is generated has no note and no pedal press
without an end. Onsets are rounded to 10 ms; events of one onset come pedal first, then
upwards. Longer times are told in steps of five per cent, up to ten seconds.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from transcribe.notes import (
    LOWEST_PITCH,
    N_PITCHES,
    Note,
    PedalPress,
    Performance,
    without_overlaps,
)

STEP = 0.01
"""Seconds; every time is a whole number of these."""
_LAST_STEP_OF_ONE = 25
"""Up to so many steps, times are a step apart."""
_RATIO = 1.05
"""Of a longer time to the one before."""
_LONGEST = 1000
"""Steps."""


def _times() -> NDArray[np.int64]:
    steps = list(range(_LAST_STEP_OF_ONE + 1))
    exact = float(steps[-1])
    while steps[-1] < _LONGEST:
        exact *= _RATIO
        steps.append(min(_LONGEST, max(steps[-1] + 1, round(exact))))
    return np.array(steps)


TIMES: NDArray[np.int64] = _times()
"""What a shift or a duration can be, in steps of `STEP`; from 0 upwards."""
PEDAL = N_PITCHES
"""The key of a pedal press."""
VELOCITY_BIN = 4
"""MIDI velocities that are one for the network."""
SIZES = {
    "shift": len(TIMES),
    "key": PEDAL + 1,
    "velocity": 128 // VELOCITY_BIN,
    "duration": len(TIMES),
}
"""How many values each of an event's numbers has, in the order in which they are told."""
SHIFT, KEY, VELOCITY, DURATION = range(4)

_NEAREST: NDArray[np.int64] = np.searchsorted(
    (TIMES[1:] + TIMES[:-1]) / 2, np.arange(_LONGEST + 1), side="right"
)
"""From steps to the index of the nearest of `TIMES`."""

Events = NDArray[np.int64]
"""Shape (n_events, 4); columns as in `SIZES`."""
Table = NDArray[np.float32]
"""Shape (n_events, 4): onset and duration in seconds, key, velocity 1 to 127 (pedal: 0)."""


def table_of(performance: Performance) -> Table:
    """Notes and pedal presses as rows, sorted by onset; not rounded yet."""
    rows = [
        (note.onset, note.offset - note.onset, note.pitch - LOWEST_PITCH, note.velocity)
        for note in performance.notes
    ]
    rows += [(press.onset, press.offset - press.onset, PEDAL, 0) for press in performance.pedal]
    table = np.array(rows, np.float32).reshape(-1, 4)
    return table[np.argsort(table[:, 0], kind="stable")]


def events_of(table: Table) -> Events:
    """Round a table to events. The first has shift 0: when it begins is not told."""
    if not len(table):
        return np.zeros((0, 4), np.int64)
    onset = np.round(table[:, 0].astype(np.float64) / STEP).astype(np.int64)
    key = table[:, 2].astype(np.int64)
    order = np.lexsort((np.where(key == PEDAL, -1, key), onset))
    onset, key, rows = onset[order], key[order], table[order]
    gaps = np.diff(onset, prepend=onset[0])
    durations = np.round(rows[:, 1].astype(np.float64) / STEP).astype(np.int64)
    return np.stack(
        (
            _NEAREST[np.minimum(gaps, _LONGEST)],
            key,
            np.where(key == PEDAL, 0, rows[:, 3].astype(np.int64) // VELOCITY_BIN),
            _NEAREST[np.clip(durations, 1, _LONGEST)],
        ),
        axis=1,
    )


def encode(performance: Performance) -> Events:
    """The events of a performance."""
    return events_of(table_of(performance))


def onsets_of(events: Events, start: float = 0.0) -> NDArray[np.float64]:
    """When each event begins, in seconds, if the one before the first was at ``start``."""
    return (start + np.cumsum(TIMES[events[:, SHIFT]]) * STEP).astype(np.float64)


def decode(events: Events | Iterable[Iterable[int]], *, start: float = 0.0) -> Performance:
    """The performance that events tell.

    Keys that are struck while they are down are released first, and so is the pedal.

    Parameters
    ----------
    events : Events
        Shape (n_events, 4).
    start : float
        Seconds; when the event before the first one was.
    """
    events = np.asarray(events, np.int64).reshape(-1, 4)
    notes: list[Note] = []
    presses: list[PedalPress] = []
    for onset, (_, key, velocity, duration) in zip(
        onsets_of(events, start).tolist(), events.tolist(), strict=True
    ):
        offset = onset + max(1, int(TIMES[duration])) * STEP
        if key != PEDAL:
            touch = velocity * VELOCITY_BIN + VELOCITY_BIN // 2
            notes.append(Note(onset=onset, pitch=key + LOWEST_PITCH, offset=offset, velocity=touch))
            continue
        if presses and presses[-1].onset == onset:
            continue
        if presses and presses[-1].offset > onset:
            presses[-1] = PedalPress(onset=presses[-1].onset, offset=onset)
        presses.append(PedalPress(onset=onset, offset=offset))
    return Performance(notes=without_overlaps(notes), pedal=tuple(presses))
