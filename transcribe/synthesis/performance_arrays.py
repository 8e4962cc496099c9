"""A performance as arrays, from which any part can be rendered quickly."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcribe.notes import Note, PedalPress, Performance, sustained, without_overlaps
from transcribe.synthesis.dampers import PedalTravel


@dataclass(frozen=True, slots=True)
class PerformanceArrays:
    """Notes and pedal of a performance as arrays, so that any part is found quickly.

    All of shape (n_notes,), sorted by onset, except the pedal's (n_presses,).
    """

    onset: NDArray[np.float64]
    released: NDArray[np.float64]
    """When the key comes up."""
    damped: NDArray[np.float64]
    """When the damper falls: key up and pedal up."""
    restruck: NDArray[np.float64]
    """When the same pitch is struck again; infinity for never."""
    pitch: NDArray[np.int16]
    velocity: NDArray[np.int16]
    pedal_onset: NDArray[np.float64]
    pedal_offset: NDArray[np.float64]
    travel: PedalTravel = field(default_factory=lambda: PedalTravel.of_presses(()))
    """How far down the pedal is; only `RenderConfig.dampers_touch` asks for it."""

    @classmethod
    def of(
        cls, performance: Performance | PerformanceArrays, travel: PedalTravel | None = None
    ) -> PerformanceArrays:
        """Apply the sustain pedal and lay out the notes; arrays stay as they are.

        Without ``travel`` the pedal is all the way down or up.
        """
        if isinstance(performance, PerformanceArrays):
            return performance
        prolonged = sustained(performance).notes
        notes = performance.notes
        return cls.of_columns(
            onset=np.array([note.onset for note in notes], np.float64),
            released=np.array([note.offset for note in notes], np.float64),
            damped=np.array([note.offset for note in prolonged], np.float64),
            pitch=np.array([note.pitch for note in notes], np.int16),
            velocity=np.array([note.velocity for note in notes], np.int16),
            pedal_onset=np.array([press.onset for press in performance.pedal], np.float64),
            pedal_offset=np.array([press.offset for press in performance.pedal], np.float64),
            travel=PedalTravel.of_presses(performance.pedal) if travel is None else travel,
        )

    @classmethod
    def of_columns(
        cls,
        *,
        onset: NDArray[np.float64],
        pitch: NDArray[np.int16],
        **columns: Any,
    ) -> PerformanceArrays:
        """From all columns but ``restruck``, sorted by onset."""
        restruck = np.full(len(onset), np.inf)
        for key in np.unique(pitch):
            index = np.flatnonzero(pitch == key)
            following = np.append(onset[index][1:], np.inf)
            restruck[index] = np.where(following > onset[index], following, np.inf)
        return cls(onset=onset, pitch=pitch, restruck=restruck, **columns)

    def excerpt(self, start: float, stop: float, stretch: float = 1.0) -> Performance:
        """The notes and presses that touch [start, stop), their times multiplied by stretch."""
        until = np.maximum(self.released, self.damped)
        chosen = np.flatnonzero((self.onset < stop) & (until > start))
        notes = [
            Note(
                onset=float(self.onset[i]) * stretch,
                pitch=int(self.pitch[i]),
                offset=float(self.released[i]) * stretch,
                velocity=int(self.velocity[i]),
            )
            for i in chosen
        ]
        pressed = np.flatnonzero((self.pedal_onset < stop) & (self.pedal_offset > start))
        presses = [
            PedalPress(
                onset=float(self.pedal_onset[i]) * stretch,
                offset=float(self.pedal_offset[i]) * stretch,
            )
            for i in pressed
        ]
        return Performance(notes=without_overlaps(notes), pedal=tuple(presses))
