"""Strikes of the keys, each a note in the making: their events collected, their ends settled.

Positions are measured in frames from the start of the recording.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transcribe.decode.config import DecodeConfig
from transcribe.decode.peaks import AGREEMENT, KEY_END, KEY_FALL, ONSET
from transcribe.decode.releases import LEVELS, likeliest_release
from transcribe.frames import FrameGrid
from transcribe.notes import LOWEST_PITCH, N_PITCHES, SUSTAINED

Row = list[float]
"""A settled note: peak frame, pitch, onset, key release, end of the sound, next onset of the
pitch, velocity, confidence; empty for a note that is too short."""

_CLEAR = 2.0
"""Frames; where the frame plane falls from its first level to its last within this, the key's
release is clear, and the votes of the offset plane are finer than what lies between."""
_RELEASE_TOLERANCE = 0.05
"""Seconds that a release may be early or late at least."""
_RELEASE_DELAY = 0.5
"""Frames after an onset before which nothing is that note's own release."""
_SHORTEST = 0.001
"""Seconds; the length of a note when `DecodeConfig.prolong_to` is zero."""
_ROW_WIDTH = 8
"""Numbers of a `Row`."""
_EVENTS_AT_ONCE = 50_000
"""That are Python objects at a time; all of a long recording would need much memory."""


@dataclass(slots=True)
class _Strike:
    """A note in the making; positions in frames from the start of the recording."""

    position: float
    peak: int
    """The frame of its onset's peak, which no threshold moves."""
    frame: int
    """The first on which the key is down, if the frame plane is right."""
    confidence: float
    velocity: float
    earlier_release: float
    """Vote for a key release just before this strike, hence of the note before; or NaN."""
    ends: list[float | None]
    """Of the key and of the sound, as far as known."""
    falls: list[float]
    """Where the frame plane first falls below each of `LEVELS`; infinity: not yet, or never."""


class Strikes:
    """The strikes of all keys, from their events in order to rows of notes.

    Holds the last two strikes of each key: the latest may still give way to a stronger one a
    moment later, and the one before it may still sound. Earlier ones are settled.
    """

    def __init__(self, grid: FrameGrid, config: DecodeConfig) -> None:
        self._grid = grid
        self._config = config
        self._apart = max(grid.position(config.minimum_repeat), AGREEMENT)
        self._latest: list[_Strike | None] = [None] * N_PITCHES
        self._previous: list[_Strike | None] = [None] * N_PITCHES
        self._settled = array("d")  # rows one after the other, a tenth of a Note's size

    @property
    def n_settled(self) -> int:
        """How many rows no later event can change."""
        return len(self._settled) // _ROW_WIDTH

    @property
    def n_open(self) -> int:
        """How many strikes may still change."""
        return sum(strike is not None for strike in (*self._latest, *self._previous))

    def take(self, events: NDArray[np.void]) -> None:
        """Take the next events, of type `events.EVENT`."""
        for start in range(0, len(events), _EVENTS_AT_ONCE):
            part = events[start : start + _EVENTS_AT_ONCE]
            fields = (part[name].tolist() for name in ("frame", "kind", "column", "values"))
            for frame, kind, column, values in zip(*fields, strict=True):
                if kind == ONSET:
                    self._strike(column, frame, *values)
                elif kind == KEY_FALL:
                    self._fall(column, frame, values)
                else:
                    self._end(column, frame, kind - KEY_END, *values[:3])

    def rows(self, n_frames: int, start: int = 0) -> list[Row]:
        """Settled rows from number ``start`` on, then those that may still change.

        A strike whose end is not known yet lasts until frame ``n_frames``.
        """
        settled = np.array(self._settled[start * _ROW_WIDTH :]).reshape(-1, _ROW_WIDTH).tolist()
        return [*settled, *self._open(n_frames)]

    def finish(self, n_frames: int) -> None:
        """Settle everything: the recording ends after ``n_frames`` frames."""
        for row in self._open(n_frames):
            self._settled.extend(row)
        self._latest = [None] * N_PITCHES
        self._previous = [None] * N_PITCHES

    def _strike(
        self,
        column: int,
        frame: int,
        shift: float,
        confidence: float,
        velocity: float,
        key_shows: float,
        sounding_shows: float,
        earlier_release: float,
    ) -> None:
        position = max(frame + shift, 0.0)
        strike = _Strike(
            position=position,
            peak=frame,
            frame=frame + round(shift),
            confidence=confidence,
            velocity=velocity,
            earlier_release=frame + earlier_release,
            ends=[None if key_shows else position, None if sounding_shows else position],
            falls=[math.inf] * len(LEVELS),
        )
        latest, previous = self._latest[column], self._previous[column]
        if latest is not None and position - latest.position < self._apart:
            fits = previous is None or position - previous.position >= self._apart
            if fits and confidence > latest.confidence:
                self._latest[column] = strike
            return
        if previous is not None:
            self._settled.extend(self._row(column, previous, latest))
        self._previous[column], self._latest[column] = latest, strike

    def _end(
        self, column: int, frame: int, plane: int, crossing: float, vote: float, brief: float
    ) -> None:
        """A key comes up, or a sound ends: it does for the strikes still without an end."""
        for strike in (self._previous[column], self._latest[column]):
            if strike is None or strike.ends[plane] is not None or frame <= strike.frame:
                continue
            if frame + vote > strike.position + _RELEASE_DELAY:
                strike.ends[plane] = frame + vote
            elif not brief:
                strike.ends[plane] = frame + crossing

    def _fall(self, column: int, frame: int, crossings: list[float]) -> None:
        """The frame plane falls below some levels: for strikes of which it had not yet."""
        for strike in (self._previous[column], self._latest[column]):
            if strike is None or frame <= strike.frame:
                continue
            for index, place in enumerate(crossings):
                if not math.isnan(place):
                    strike.falls[index] = min(strike.falls[index], frame + place)

    def _likeliest(self, strike: _Strike, end: float, last: float) -> float:
        """Where the key came up: ``end``, where that is clear, or else where it most probably did.

        Positions in frames; ``last`` is the next onset of the pitch, or infinity.
        """
        known = [place for place in strike.falls if place < last]
        all_known = strike.falls[-1] < last
        if not known or (all_known and known[-1] - known[0] < _CLEAR):
            return end
        seconds = [self._grid.seconds(place - strike.position) for place in strike.falls]
        found = likeliest_release(
            seconds,
            self._grid.seconds(last - strike.position),
            self._config.release_tolerance,
            _RELEASE_TOLERANCE,
        )
        return end if found is None else strike.position + self._grid.position(found)

    def _open(self, n_frames: int) -> Iterator[Row]:
        for column in range(N_PITCHES):
            latest, previous = self._latest[column], self._previous[column]
            if previous is not None:
                yield self._row(column, previous, latest, n_frames)
            if latest is not None:
                yield self._row(column, latest, None, n_frames)

    def _row(
        self, column: int, strike: _Strike, following: _Strike | None, n_frames: float = math.inf
    ) -> Row:
        last = math.inf if following is None else following.position
        latest_end = float(n_frames) if following is None else last
        shortest = self._grid.position(max(self._config.prolong_to, _SHORTEST))
        key, sounding = (latest_end if end is None else min(end, last) for end in strike.ends)
        if (
            following is not None
            and key == last
            and strike.position + _RELEASE_DELAY < following.earlier_release < last
        ):
            key = following.earlier_release
        elif self._config.release_tolerance:
            key = min(self._likeliest(strike, key, last), latest_end)
        end = sounding if self._config.offsets == SUSTAINED else key
        if self._grid.seconds(end - strike.position) < self._config.minimum_duration:
            return []
        return [
            strike.peak,
            column + LOWEST_PITCH,
            strike.position,
            min(max(key, strike.position + shortest), last),
            min(max(sounding, strike.position + shortest), last),
            last,
            strike.velocity,
            strike.confidence,
        ]
