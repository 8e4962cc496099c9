"""Rolls, frame by frame and each once, to keys struck and released and the pedal's moves.

What `transcribe.decode` weighs at leisure is decided here when its frame is due, by what the
network says of that frame and its neighbours in that run. A later run may say otherwise of them;
what was sent stays. Positions are frames from the start of the sound, as in `transcribe.rolls`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transcribe.decode.config import DecodeConfig
from transcribe.decode.decoder import calibrated, midi_velocity
from transcribe.decode.peaks import (
    AGREEMENT,
    LAG,
    REACH,
    RELEASE_REACH,
    crossing,
    onsets,
    release_votes,
)
from transcribe.frames import FrameGrid
from transcribe.live.events import KeyDown, KeyUp, LiveEvent, PedalMove
from transcribe.notes import LOWEST_PITCH, N_PITCHES, Note, PedalPress, Performance
from transcribe.rolls import N_ACTIVATIONS, Rolls

_RELEASE_DELAY = 0.5
"""Frames after an onset before which nothing is that note's own release."""
_SHORTEST = 0.001
"""Seconds; the length of a note or press when the settings ask for none."""


@dataclass(slots=True)
class _Open:
    """A key that is down."""

    position: float
    frame: int
    """The first on which it is down, if the frame plane is right."""
    velocity: int
    confidence: float
    shown: bool = False
    """Whether the frame plane has shown it."""


class LiveDecoder:
    """Decides frame after frame.

    Parameters
    ----------
    grid : FrameGrid
        Turns frame numbers into seconds.
    config : DecodeConfig
        Of these the thresholds, ``minimum_repeat``, ``minimum_press``, ``bridge_frames``,
        ``prolong_to`` and the scale of confidences count; the rest needs more of the future than
        there is.
    """

    def __init__(self, grid: FrameGrid, config: DecodeConfig) -> None:
        config.check()
        self._grid, self._config = grid, config
        self._apart = max(grid.position(config.minimum_repeat), AGREEMENT)
        self._shortest = grid.position(max(config.prolong_to, _SHORTEST))
        self._shortest_press = grid.position(config.minimum_press)
        self._open: dict[int, _Open] = {}
        self._last = np.full(N_PITCHES, -np.inf)  # positions of the last strikes
        self._notes: list[Note] = []
        self._presses: list[PedalPress] = []
        self._pedal = 0.0
        self._rose: float | None = None
        """Where the pedal went down, if it may be no press yet."""
        self._pressed: float | None = None
        self._fell = 0.0
        self.n_decided = 0
        """Frames that are settled."""

    @property
    def performance(self) -> Performance:
        """What was played so far, as it was sent; keys still down are left out."""
        return Performance(tuple(self._notes), tuple(self._presses))

    @property
    def n_notes(self) -> int:
        """How many keys were struck so far."""
        return len(self._notes) + len(self._open)

    def take(self, activations: NDArray[np.float32], first: int, stop: int) -> list[LiveEvent]:
        """Decide the frames up to ``stop`` that are not decided yet.

        Parameters
        ----------
        activations : array
            One run of the network, shape (n_frames, N_ACTIVATIONS), as `Rolls.stack` orders
            them; frames from ``stop`` on are what it thinks of those so far.
        first : int
            The frame of its first row.
        stop : int
            Frames before it are decided.

        Returns
        -------
        list of LiveEvent
            In the order of their frames.
        """
        start = self.n_decided
        if stop <= start:
            return []
        beyond = np.zeros((REACH, N_ACTIVATIONS), np.float32)
        kept = max(start - REACH - first, 0)
        rolls = Rolls.unstack(np.concatenate([beyond, activations[kept:], beyond]))
        at = first + kept - REACH  # the frame of the first row
        strikes: dict[int, list[tuple[int, tuple[float, ...]]]] = {}
        config = self._config
        for row, _, column, values in onsets(
            rolls,
            start - at,
            stop - at,
            onset_threshold=config.onset_threshold,
            offset_threshold=config.offset_threshold,
            frame_threshold=config.frame_threshold,
            sounding_threshold=config.sounding_threshold,
            looks_back=False,
        ):
            strikes.setdefault(row, []).append((column, values))
        events: list[LiveEvent] = []
        for frame in range(start, stop):
            row = frame - at
            events += self._releases(rolls, row, frame)
            for column, values in strikes.get(row, []):
                events += self._strike(rolls, row, frame, column, *values)
            events += self._move_pedal(rolls.pedal[row : len(rolls.pedal) - REACH], frame)
        self.n_decided = stop
        return events

    def finish(self) -> list[LiveEvent]:
        """End the sound after the frames that were decided: keys and pedal come up."""
        end = float(self.n_decided)
        events = [self._release(column, end) for column in sorted(self._open)]
        if self._rose is not None and end - self._rose >= self._shortest_press:
            self._pressed = self._rose
            events.append(PedalMove(time=self._grid.seconds(self._pressed), down=True))
        if self._pressed is not None:
            events.append(self._lift(end))
        return events

    def _strike(
        self,
        rolls: Rolls,
        row: int,
        frame: int,
        column: int,
        shift: float,
        confidence: float,
        velocity: float,
        _key_shows: float,
        _sounding_shows: float,
        earlier_release: float,
    ) -> list[LiveEvent]:
        position = max(frame + shift, 0.0)
        if position - self._last[column] < self._apart:
            return []
        events: list[LiveEvent] = []
        before = self._open.get(column)
        if before is not None:
            release = frame + earlier_release
            is_own = before.position + _RELEASE_DELAY < release < position
            events.append(self._release(column, release if is_own else position))
        attack = frame + round(shift)
        shown = rolls.frame[max(attack - frame + row, 0) : row + 1, column]
        self._last[column] = position
        self._open[column] = _Open(
            position=position,
            frame=attack,
            velocity=midi_velocity(velocity, column + LOWEST_PITCH, self._config),
            confidence=calibrated(min(confidence, 1.0), self._config),
            shown=bool((shown >= self._config.frame_threshold).any()),
        )
        struck = self._open[column]
        events.append(
            KeyDown(
                time=self._grid.seconds(position),
                pitch=column + LOWEST_PITCH,
                velocity=struck.velocity,
                confidence=struck.confidence,
            )
        )
        return events

    def _releases(self, rolls: Rolls, row: int, frame: int) -> list[LiveEvent]:
        """Keys whose frame plane is below its threshold, and is not back in a moment."""
        threshold = self._config.frame_threshold
        ended: list[int] = []
        for column, key in self._open.items():
            if frame <= key.frame:
                key.shown = key.shown or bool(rolls.frame[row, column] >= threshold)
            elif rolls.frame[row, column] >= threshold:
                key.shown = True
            elif key.shown or frame >= key.frame + LAG:
                soon = rolls.frame[row + 1 : row + 1 + self._config.bridge_frames, column]
                if not (soon >= threshold).any():
                    ended.append(column)
        if not ended:
            return []
        columns = np.array(sorted(ended), np.intp)
        rows = np.full(len(columns), row, np.intp)
        votes = release_votes(
            rolls,
            rows,
            columns,
            np.zeros(len(columns)),
            RELEASE_REACH,
            self._config.offset_threshold,
        )
        before = rolls.frame[row - 1, columns].astype(np.float64)
        after = rolls.frame[row, columns].astype(np.float64)
        crossings = np.where(
            before >= threshold, crossing(np.maximum(before, threshold), after, threshold), -0.5
        )
        events: list[LiveEvent] = []
        for column, vote, crossed in zip(
            columns.tolist(), votes.tolist(), crossings.tolist(), strict=True
        ):
            key = self._open[column]
            voted = frame + vote > key.position + _RELEASE_DELAY  # false of NaN
            end = frame + (vote if voted else crossed)
            events.append(self._release(column, end if key.shown else key.position))
        return events

    def _release(self, column: int, position: float) -> LiveEvent:
        """The key comes up there, or as soon after its strike as a note may be short."""
        key = self._open.pop(column)
        end = max(position, key.position + self._shortest)
        onset, offset = self._grid.seconds(key.position), self._grid.seconds(end)
        pitch = column + LOWEST_PITCH
        self._notes.append(
            Note(
                onset=onset,
                pitch=pitch,
                offset=offset,
                velocity=key.velocity,
                confidence=key.confidence,
            )
        )
        return KeyUp(time=offset, pitch=pitch)

    def _move_pedal(self, probability: NDArray[np.float32], frame: int) -> list[LiveEvent]:
        """What the pedal does on a frame, by its probability there and on all that are known.

        It is down once it stays so for the shortest press, as far as those frames show it.
        """
        down = self._config.pedal_threshold
        up = down - self._config.pedal_hysteresis
        before, now = self._pedal, float(probability[0])
        self._pedal = now
        if before < down <= now or before >= down > now:
            within = (down - before) / (now - before) - 0.5
            position = max(frame + within, 0.0)
            if now >= down and self._pressed is None and self._rose is None:
                earliest = self._grid.position(self._presses[-1].offset) if self._presses else 0.0
                self._rose = max(position, earliest)
            elif now < down:
                self._fell = position
        if now < up:
            self._rose = None
            return [] if self._pressed is None else [self._lift(self._fell)]
        if self._rose is not None:
            lasting = self._rose + self._shortest_press - frame
            n_frames = max(math.ceil(lasting), 0) + 1
            if len(probability) >= n_frames and (probability[:n_frames] >= up).all():
                self._pressed, self._rose = self._rose, None
                return [PedalMove(time=self._grid.seconds(self._pressed), down=True)]
        return []

    def _lift(self, position: float) -> LiveEvent:
        assert self._pressed is not None
        shortest = self._grid.position(_SHORTEST)
        onset = self._grid.seconds(self._pressed)
        offset = self._grid.seconds(max(position, self._pressed + shortest))
        self._presses.append(PedalPress(onset=onset, offset=offset))
        self._pressed = None
        return PedalMove(time=offset, down=False)
