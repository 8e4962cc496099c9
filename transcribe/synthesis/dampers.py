"""Where the sustain pedal is at every moment, and how hard the dampers lie on the strings.

A pedal "is down" from CC64 = 64 on, in labels and in scores. In a piano it travels: from some
depth on dampers begin to leave the strings, from another they are free, and between them they
brush the strings and damp them slowly (half pedal). What a pianist's pedal does there is in the
performances of a Disklavier, whose CC64 says how far down it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from transcribe.errors import MidiError
from transcribe.midi_file import CONTROL, DRUM_CHANNEL, SUSTAIN_CONTROLLER, DamagedError
from transcribe.midi_parser import parse_midi
from transcribe.notes import PedalPress
from transcribe.wording import reason

FloatArray = NDArray[np.float64]

DEEPEST = 127
_STEP = 0.004
"""Seconds between moments at which dampers are looked at."""
_NOTICED = 1e-4
"""Seconds of full damping that count as the damper's touch."""


@dataclass(frozen=True, slots=True)
class PedalTravel:
    """How far down the pedal is: from each time on the value beside it, before the first 0."""

    time: FloatArray
    """Seconds, rising, shape (n,)."""
    depth: FloatArray
    """CC64, 0 to 127, shape (n,)."""

    @classmethod
    def of_presses(cls, pedal: tuple[PedalPress, ...]) -> PedalTravel:
        """A pedal that is all the way down or up."""
        moves = [(press.onset, DEEPEST) for press in pedal] + [(p.offset, 0) for p in pedal]
        moves.sort()
        return cls(
            np.array([time for time, _ in moves], np.float64),
            np.array([depth for _, depth in moves], np.float64),
        )


def read_pedal_travel(path: Path) -> PedalTravel:
    """All values of CC64 in a MIDI file; where channels differ, the deepest pedal counts.

    Raises
    ------
    MidiError
        The file is missing, unreadable or not MIDI.
    """
    try:
        file = parse_midi(path.read_bytes())
    except (OSError, DamagedError) as error:
        raise MidiError(f"{path}: {reason(error, about=path)}") from error
    moves = []
    for track in file.tracks:
        seconds = file.clock(track if file.kind == 2 else None)
        for tick, status, controller, value in track.messages:
            channel = status & 0x0F
            is_pedal = status & 0xF0 == CONTROL and controller == SUSTAIN_CONTROLLER
            if is_pedal and channel != DRUM_CHANNEL:
                moves.append((seconds(tick), channel, value))
    moves.sort(key=lambda move: move[0])
    depth_of: dict[int, int] = {}
    deepest = np.empty(len(moves))
    for index, (_, channel, value) in enumerate(moves):
        depth_of[channel] = value
        deepest[index] = max(depth_of.values())
    return PedalTravel(np.array([time for time, *_ in moves], np.float64), deepest)


class Dampers:
    """How hard the dampers lie on the strings of keys that are up, and for how long.

    Parameters
    ----------
    travel : PedalTravel
    touch, rest : float
        Depths of the pedal, CC64: above ``touch`` dampers are off the strings, below ``rest``
        they lie on them, between them they press the harder the less deep it is.
    travel_time : float
        Seconds over which depths are averaged: in such a time a pedal goes down that, as its
        MIDI says, is down at once; it passes a half when it is said to be down.
    stop : float
        Seconds, the end of the performance; later, dampers lie on the strings.
    """

    def __init__(
        self, travel: PedalTravel, *, touch: float, rest: float, travel_time: float, stop: float
    ) -> None:
        half = round(travel_time / _STEP / 2)
        moments = _STEP * np.arange(-half, int(np.ceil(stop / _STEP)) + half + 2)
        index = np.searchsorted(travel.time, moments, side="right") - 1
        depth = np.concatenate([travel.depth, [0.0]])[index]
        summed = np.concatenate([[0.0], np.cumsum(depth)])
        width = 2 * half + 1
        averaged = (summed[width:] - summed[:-width]) / width
        self._pressing = np.clip((touch - averaged) / (touch - rest), 0.0, 1.0)
        self._damped = np.concatenate([[0.0], np.cumsum(self._pressing)]) * _STEP
        self._moments = _STEP * np.arange(len(self._damped))

    def damped(self, moments: FloatArray) -> FloatArray:
        """For how long, in seconds of dampers that lie on the strings, until each moment.

        A string that is free loses nothing; half pedal takes twice as long as none.
        """
        beyond = np.maximum(moments - self._moments[-1], 0.0)
        return np.interp(moments, self._moments, self._damped) + beyond

    def reached(self, damped: FloatArray) -> FloatArray:
        """When as much damping is first reached, in seconds; the inverse of `damped`."""
        index = np.clip(np.searchsorted(self._damped, damped), 1, len(self._damped) - 1)
        before, after = self._damped[index - 1], self._damped[index]
        rise = np.where(after > before, after - before, 1.0)
        within = np.clip((damped - before) / rise, 0.0, 1.0)
        beyond = np.maximum(damped - self._damped[-1], 0.0)
        found: FloatArray = self._moments[index - 1] + _STEP * within + beyond
        return found

    def touched(self, moments: FloatArray) -> FloatArray:
        """When dampers first touch the strings of keys that come up at the moments."""
        return np.maximum(self.reached(self.damped(moments) + _NOTICED), moments)

    def lifted(self) -> tuple[FloatArray, FloatArray]:
        """When all dampers are more off the strings than on them: onsets and offsets, seconds."""
        free = np.concatenate([[False], self._pressing < 0.5, [False]])
        changes = np.flatnonzero(free[1:] != free[:-1])
        return _STEP * changes[::2].astype(float), _STEP * changes[1::2].astype(float)
