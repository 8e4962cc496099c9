"""Pedal presses from the pedal's probability, frame by frame."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from transcribe.decode.config import DecodeConfig
from transcribe.decode.peaks import Floats, crossing
from transcribe.frames import FrameGrid
from transcribe.notes import PedalPress

_SHORTEST = 0.001
"""Seconds; the shortest press when `DecodeConfig.minimum_press` is zero."""


class PedalReader:
    """Probabilities in pieces of any length to the presses of all of them joined."""

    def __init__(self, grid: FrameGrid, config: DecodeConfig) -> None:
        self._grid = grid
        self._config = config
        self._last = np.zeros(1)
        self._pressed: float | None = None
        self._fell = 0.0
        self._presses: list[tuple[float, float]] = []
        self.n_frames = 0
        """How many frames were read so far."""

    def read(self, probability: Floats) -> None:
        """Read the next frames: probabilities that the pedal is down, shape (n_frames,)."""
        if not len(probability):
            return
        before, after = np.concatenate([self._last, probability[:-1]]), probability
        down = self._config.pedal_threshold
        up = down - self._config.pedal_hysteresis
        rises = (before < down) & (after >= down)
        falls = (before >= down) & (after < down)
        lifts = (before >= up) & (after < up)
        rows = np.flatnonzero(rises | falls | lifts)
        crossings = crossing(before[rows], after[rows], down)
        for row, within in zip(rows.tolist(), crossings.tolist(), strict=True):
            frame = self.n_frames + row
            position = frame + within
            if rises[row] and self._pressed is None:
                self._pressed = position if frame else 0.0
                lift = position - self._presses[-1][1] if self._presses else math.inf
                if self._grid.seconds(lift) < self._config.minimum_lift:
                    self._pressed = self._presses.pop()[0]
            if falls[row]:
                self._fell = position
            if lifts[row] and self._pressed is not None:
                self._presses.append((self._pressed, self._fell))
                self._pressed = None
        self._last = probability[-1:]
        self.n_frames += len(probability)

    def finish(self) -> None:
        """End the recording, and with it a press that is still held."""
        if self._pressed is not None:
            self._presses.append((self._pressed, float(self.n_frames)))
            self._pressed = None

    def presses(self) -> Iterator[PedalPress]:
        """The presses that have ended so far, in seconds; those too short are left out."""
        for press in self._presses:
            onset, offset = map(self._grid.seconds, press)
            if offset - onset >= max(self._config.minimum_press, _SHORTEST):
                yield PedalPress(onset=onset, offset=offset)
