"""What decoding needs of the rolls: the few events on them, and the pedal's probability.

Conventions
-----------
An *event* is a peak of the onset plane, or a place where a key comes up or a sound ends
(`peaks`). Whatever the onset threshold, the events above it are the same ones: a higher
threshold leaves some out and changes none. So events read at a low threshold hold the
candidates for every higher one, in a hundredth of the space of the rolls, and `decode`
makes of them exactly what it makes of the rolls themselves.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transcribe.decode.peaks import ONSET, REACH, Event, ends, falls, onsets
from transcribe.rolls import PLANES, Rolls

N_VALUES = 6
EVENT = np.dtype(
    [("frame", "<i4"), ("kind", "u1"), ("column", "u1"), ("values", "<f8", (N_VALUES,))]
)
"""One event: its frame from the start of the recording, its kind and column, and the
values that `peaks` gives to its kind (an end has three, and zeros)."""
_CONFIDENCE = 1
"""Where an onset's values hold its probability."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Events in order of frame, kind and column, and the pedal of the frames they cover."""

    events: NDArray[np.void]
    """Of type `EVENT`, shape (n_events,)."""
    pedal: NDArray[np.float32]
    """Probability that the pedal is down, shape (n_frames,)."""

    @classmethod
    def none(cls, n_frames: int = 0) -> Candidates:
        """Of so many frames in which nothing is played."""
        return cls(np.zeros(0, EVENT), np.zeros(n_frames, np.float32))

    def above(self, onset_threshold: float) -> NDArray[np.void]:
        """The events that count at an onset threshold no lower than they were read at."""
        is_onset = self.events["kind"] == ONSET
        # The onset plane is compared in single precision, and so must its peaks be.
        weak = self.events["values"][:, _CONFIDENCE] < np.float32(onset_threshold)
        kept: NDArray[np.void] = self.events[~(is_onset & weak)]
        return kept


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where events begin to count; as in `decode.DecodeConfig`."""

    onset: float
    offset: float
    frame: float
    sounding: float
    bridge_frames: int
    falls: bool = False
    """Whether to read how the frame plane falls, too (`peaks.falls`)."""


class CandidateReader:
    """Rolls in pieces of any length to candidates in pieces.

    Holds the last few frames, because an event depends on `peaks.REACH` frames around it.

    Parameters
    ----------
    thresholds : Thresholds
    first_frame : int
        The frame of the recording that the first row is.
    between : (float, float)
        Positions in frames: onsets before the first are left out, and the recording ends
        at the second.
    """

    def __init__(
        self,
        thresholds: Thresholds,
        *,
        first_frame: int = 0,
        between: tuple[float, float] = (0.0, math.inf),
    ) -> None:
        self._thresholds = thresholds
        self._between = between
        self._ahead = max(REACH, thresholds.bridge_frames)
        self._held = Rolls.empty(REACH)
        self._held_start = first_frame - REACH

    @property
    def held(self) -> Rolls:
        """The frames whose candidates depend on frames to come, and those around them."""
        return self._held

    def resume(self, held: Rolls, n_frames: int) -> None:
        """Go on where another reader had `held` this after ``n_frames`` frames were pushed."""
        self._held = held
        self._held_start += REACH + n_frames - len(held)

    def push(self, rolls: Rolls) -> Candidates:
        """Take the next frames; the candidates of those whose surroundings are now known."""
        held = _joined(self._held, rolls)
        stop = len(held) - self._ahead
        candidates = Candidates.none()
        if stop > REACH:
            found = [*self._onsets(held, stop), *self._ends(held, stop)]
            if self._thresholds.falls:
                found += falls(held, REACH, stop)
            events = sorted(found)
            candidates = self._within(
                _as_array(events, self._held_start), held.pedal[REACH:stop].astype(np.float32)
            )
            held = _copied(held, stop - REACH)
            self._held_start += stop - REACH
        self._held = held
        return candidates

    def finish(self) -> Candidates:
        """The candidates of the last frames; beyond them is silence."""
        return self.push(Rolls.empty(self._ahead))

    def _within(self, events: NDArray[np.void], pedal: NDArray[np.float32]) -> Candidates:
        """What lies between the bounds; before the first the pedal is up."""
        start, stop = self._between
        if start == 0 and stop == math.inf:
            return Candidates(events, pedal)
        first = self._held_start + REACH
        end = pedal.size if stop == math.inf else max(0, math.ceil(stop) - first)
        pedal = pedal[:end].copy()
        pedal[: max(0, math.ceil(start) - first)] = 0
        events = events[events["frame"] < first + end]
        onsets = events["frame"] + events["values"][:, 0]
        # An onset in the first frame may be a little before it, as in a whole recording.
        early = (events["kind"] == ONSET) & (onsets < (start or -math.inf))
        late = (events["kind"] == ONSET) & (onsets >= stop)
        return Candidates(events[~(early | late)], pedal)

    def _onsets(self, held: Rolls, stop: int) -> Iterable[Event]:
        levels = self._thresholds
        return onsets(
            held,
            REACH,
            stop,
            onset_threshold=levels.onset,
            offset_threshold=levels.offset,
            frame_threshold=levels.frame,
            sounding_threshold=levels.sounding,
        )

    def _ends(self, held: Rolls, stop: int) -> Iterable[Event]:
        levels = self._thresholds
        for sounding in (False, True):
            yield from ends(
                held,
                REACH,
                stop,
                sounding=sounding,
                threshold=levels.sounding if sounding else levels.frame,
                offset_threshold=levels.offset,
                bridge_frames=levels.bridge_frames,
            )


def _as_array(events: list[Event], first_frame: int) -> NDArray[np.void]:
    array = np.zeros(len(events), EVENT)
    if events:
        array["frame"] = [first_frame + row for row, _, _, _ in events]
        array["kind"] = [kind for _, kind, _, _ in events]
        array["column"] = [column for _, _, column, _ in events]
        array["values"] = [[*value, *[0.0] * (N_VALUES - len(value))] for *_, value in events]
    return array


def _joined(first: Rolls, second: Rolls) -> Rolls:
    return Rolls(
        **{name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in PLANES}
    )


def _copied(rolls: Rolls, start: int) -> Rolls:
    """The rows from ``start``, which keep nothing else alive."""
    return Rolls(**{name: getattr(rolls, name)[start:].copy() for name in PLANES})
