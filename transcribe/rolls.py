"""Rolls: what the network predicts for every frame and key, and what it is trained to predict.

Conventions
-----------
Positions are measured in frames: a time ``t`` lies at ``x = t * frame_rate``.

- An *onset* at ``x`` marks the (one or two) frames less than one frame away from it,
  and each of them gives by its *shift*, ``x - frame`` in (-1, 1), where the onset
  really lies. So times are finer than the frame, and two strikes of a key two frames
  apart stay two. Offsets (key releases) likewise.
- A note *sounds* or its key is *down* (plane ``frame``) on the frames
  ``round(onset) <= frame < round(offset)``, at least one.
- ``frame`` ends with the key, ``sounding`` with the sustain pedal (`notes.sustained`).
- Velocities are MIDI velocity / 127, and mean something where the onset plane is high.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transcribe.frames import FrameGrid
from transcribe.notes import LOWEST_PITCH, N_PITCHES, Performance, sustained

FloatArray = NDArray[np.float32]

PITCH_PLANES = (
    "onset",
    "onset_shift",
    "offset",
    "offset_shift",
    "frame",
    "sounding",
    "velocity",
)
"""The planes with a column per key, in the order in which `Rolls.stack` puts them."""
SHIFT_PLANES = ("onset_shift", "offset_shift")
PLANES = (*PITCH_PLANES, "pedal")
"""All of them, in that order."""
N_ACTIVATIONS = len(PITCH_PLANES) * N_PITCHES + 1


@dataclass(frozen=True, slots=True)
class Rolls:
    """Seven planes of shape (n_frames, 88), float32, and the pedal of shape (n_frames,).

    Column 0 is A0 (pitch 21). All values lie in [0, 1] but the shifts, which are
    frames in [-1, 1].
    """

    onset: FloatArray
    onset_shift: FloatArray
    offset: FloatArray
    offset_shift: FloatArray
    frame: FloatArray
    sounding: FloatArray
    velocity: FloatArray
    pedal: FloatArray

    def __post_init__(self) -> None:
        n_frames = len(self.pedal)
        for name in PLANES:
            expected = (n_frames,) if name == "pedal" else (n_frames, N_PITCHES)
            found = getattr(self, name).shape
            if found != expected:
                raise ValueError(f"plane {name}: expected shape {expected}, found {found}")

    def __len__(self) -> int:
        return len(self.pedal)

    @classmethod
    def empty(cls, n_frames: int) -> Rolls:
        """Silence: all zeros."""
        return cls.unstack(np.zeros((n_frames, N_ACTIVATIONS), np.float32))

    @classmethod
    def unstack(cls, activations: FloatArray) -> Rolls:
        """View an array of shape (n_frames, N_ACTIVATIONS), made by `stack` or a network."""
        if activations.ndim != 2 or activations.shape[1] != N_ACTIVATIONS:
            raise ValueError(
                f"expected activations of shape (n_frames, {N_ACTIVATIONS}), found "
                f"{activations.shape}"
            )
        planes = {
            name: activations[:, index * N_PITCHES : (index + 1) * N_PITCHES]
            for index, name in enumerate(PITCH_PLANES)
        }
        return cls(**planes, pedal=activations[:, -1])

    def stack(self) -> FloatArray:
        """All planes side by side, shape (n_frames, N_ACTIVATIONS)."""
        planes = [getattr(self, name) for name in PITCH_PLANES]
        return np.concatenate([*planes, self.pedal[:, None]], axis=1)


def encode(
    performance: Performance, grid: FrameGrid, n_frames: int, *, start_frame: int = 0
) -> Rolls:
    """Write a performance onto rolls: the training targets.

    Parameters
    ----------
    performance : Performance
        Offsets are key releases.
    grid : FrameGrid
        Turns seconds into frames.
    n_frames : int
        Length of the rolls; what lies beyond is left out.
    start_frame : int
        The frame of the performance that becomes row 0.

    Returns
    -------
    Rolls
        Ones and zeros, but for shifts and velocities. Where two onsets (or two
        offsets) of one pitch claim a frame, the nearer has it.
    """
    rolls = Rolls.empty(n_frames)
    for note, long_note in zip(performance.notes, sustained(performance).notes, strict=True):
        column = note.pitch - LOWEST_PITCH
        onset = grid.position(note.onset) - start_frame
        offset = grid.position(note.offset) - start_frame
        long_offset = grid.position(long_note.offset) - start_frame
        if onset >= n_frames or max(offset, long_offset) < -1:
            continue
        _mark(rolls.onset, rolls.onset_shift, column, onset, rolls.velocity, note.velocity / 127)
        _mark(rolls.offset, rolls.offset_shift, column, offset)
        _fill(rolls.frame[:, column], onset, offset, start_frame)
        _fill(rolls.sounding[:, column], onset, long_offset, start_frame)
    for press in performance.pedal:
        _fill(
            rolls.pedal,
            grid.position(press.onset) - start_frame,
            grid.position(press.offset) - start_frame,
            start_frame,
        )
    return rolls


def _mark(
    plane: FloatArray,
    shift: FloatArray,
    column: int,
    position: float,
    values: FloatArray | None = None,
    value: float = 0.0,
) -> None:
    """Mark the frames less than one away from a position, unless another is nearer."""
    first = int(np.floor(position))
    for frame in (first, first + 1):
        distance = position - frame
        if not 0 <= frame < len(plane) or abs(distance) >= 1:
            continue
        if plane[frame, column] and abs(shift[frame, column]) <= abs(distance):
            continue
        plane[frame, column] = 1
        shift[frame, column] = distance
        if values is not None:
            values[frame, column] = value


def _fill(column: FloatArray, onset: float, offset: float, start_frame: int) -> None:
    # Halves are rounded to even frames of the recording, not of this excerpt.
    start = round(onset + start_frame) - start_frame
    stop = max(round(offset + start_frame) - start_frame, start + 1)
    column[max(start, 0) : max(stop, 0)] = 1
