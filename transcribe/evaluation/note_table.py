"""Many notes at once: as columns, which of them sound when, and when a key was struck last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from transcribe.evaluation.matching import ONSET_TOLERANCE, Events, FloatArray, IntArray
from transcribe.notes import Performance

BoolArray = NDArray[np.bool_]


class NoteTable(NamedTuple):
    """Notes as columns; every array has shape (n_notes,)."""

    onset: FloatArray
    release: FloatArray
    sound_end: FloatArray
    pitch: IntArray
    velocity: IntArray

    @classmethod
    def of(cls, performance: Performance, long: Performance, shift: float = 0.0) -> NoteTable:
        """Notes with their key releases and, from the second, the ends of their sound.

        Raises ValueError if the second has another number of notes.
        """
        rows = performance.notes
        if len(rows) != len(long.notes):
            raise ValueError(
                f"expected as many notes with key releases as with ends of sound; found "
                f"{len(rows)} and {len(long.notes)}"
            )
        return cls(
            np.array([note.onset for note in rows], float) + shift,
            np.array([note.offset for note in rows], float) + shift,
            np.array([note.offset for note in long.notes], float) + shift,
            np.array([note.pitch for note in rows], np.int64),
            np.array([note.velocity for note in rows], np.int64),
        )

    def rows(self, chosen: IntArray) -> NoteTable:
        """Some of the notes."""
        return NoteTable(
            self.onset[chosen],
            self.release[chosen],
            self.sound_end[chosen],
            self.pitch[chosen],
            self.velocity[chosen],
        )

    def events(self, chosen: BoolArray) -> Events:
        """Some of the notes, to be matched by pitch and onset."""
        intervals = np.stack([self.onset[chosen], self.release[chosen]], axis=1)
        return Events(intervals, self.pitch[chosen], self.velocity[chosen].astype(float))


class Sounding:
    """When notes sound: ``onset - 50 ms <= moment < end``.

    Parameters
    ----------
    onset, end : array
        Seconds, shape (n_notes,), each end after its onset.
    pitch : array
        MIDI numbers, shape (n_notes,).
    """

    def __init__(self, onset: FloatArray, end: FloatArray, pitch: IntArray) -> None:
        begin = onset - ONSET_TOLERANCE
        self._all = (np.sort(begin), np.sort(end))
        self._of_pitch = {
            each: (np.sort(begin[pitch == each]), np.sort(end[pitch == each]))
            for each in np.unique(pitch).tolist()
        }

    def number_at(self, moments: FloatArray) -> IntArray:
        """How many notes sound, shape of ``moments`` (seconds)."""
        return _n_sounding(*self._all, moments)

    def at(self, moments: FloatArray, pitches: IntArray) -> BoolArray:
        """Whether a note of the pitch sounds at the moment; all of shape (n,)."""
        found = np.zeros(len(moments), bool)
        for pitch in np.unique(pitches).tolist():
            if pitch in self._of_pitch:
                rows = pitches == pitch
                found[rows] = _n_sounding(*self._of_pitch[pitch], moments[rows]) > 0
        return found

    def at_intervals(
        self, moments: FloatArray, pitches: IntArray, intervals: Sequence[int]
    ) -> BoolArray:
        """Whether a note sounds that is one of the intervals (semitones) higher."""
        found = np.zeros(len(moments), bool)
        for interval in intervals:
            found |= self.at(moments, pitches + interval)
        return found


def _n_sounding(begin: FloatArray, end: FloatArray, moments: FloatArray) -> IntArray:
    """Those that began less those that ended; both sorted."""
    begun = np.searchsorted(begin, moments, side="right")
    return (begun - np.searchsorted(end, moments, side="right")).astype(np.int64)


def since_last_stroke(notes: NoteTable, played: NoteTable) -> FloatArray:
    """Seconds since the key was struck last in the reference; inf where it was not.

    A note that is in the reference is not its own last stroke.
    """
    found = np.full(len(notes.onset), np.inf)
    for pitch in np.unique(notes.pitch):
        rows = np.flatnonzero(notes.pitch == pitch)
        strokes = np.sort(played.onset[played.pitch == pitch])
        if notes is played:
            found[rows[1:]] = np.diff(strokes)
            continue
        last = np.searchsorted(strokes, notes.onset[rows], side="right") - 1
        known = last >= 0
        found[rows[known]] = notes.onset[rows[known]] - strokes[last[known]]
    return found
