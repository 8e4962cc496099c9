"""Rolls to notes and pedal presses, whole or as they come, with equal results.

Conventions
-----------
Positions are measured in frames, as in `rolls`; seconds appear in `DecodeConfig` and in
the `Performance` that comes out.

Whatever is read off the rolls at a frame depends on a few frames around it. So the
decoder holds the last few frames and, for each key, the last two strikes: the latest
may still give way to a stronger one a moment later, and the one before it may still
sound.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np

from transcribe.features import FrameGrid
from transcribe.notes import LOWEST_PITCH, N_PITCHES, Note, PedalPress, Performance
from transcribe.peaks import AGREEMENT, KEY_END, ONSET, REACH, Event, Floats, crossing, ends, onsets
from transcribe.rolls import Rolls

KEY = "key"
SUSTAINED = "sustained"

_RELEASE_DELAY = 0.5
"""Frames after an onset before which nothing is that note's own release."""
_SHORTEST = 0.001
"""Seconds; the length of a note when `DecodeConfig.prolong_to` is zero."""
_AFTER_PEDAL = 0.01
"""Seconds from a pedal press to the release of a key it must catch."""

_CLOSED_WIDTH = 7


@dataclass
class DecodeConfig:
    """What counts as a note, its end, and a pedal press."""

    onset_threshold: float = 0.5
    """Probability from which an onset is one."""
    offset_threshold: float = 0.5
    """Probability from which a key release refines the end of a note."""
    frame_threshold: float = 0.5
    """Probability below which a key is up."""
    sounding_threshold: float = 0.5
    """Probability below which a note no longer sounds."""
    pedal_threshold: float = 0.5
    """Probability from which the pedal is down."""
    pedal_hysteresis: float = 0.1
    """How far below its threshold the pedal's probability falls before it is up."""
    offsets: str = KEY
    """``"key"``: notes end with the key; ``"sustained"``: where they cease to sound."""
    minimum_repeat: float = 0.045
    """Seconds; of onsets of a pitch closer than this only the most probable counts."""
    minimum_duration: float = 0.0
    """Seconds; notes shorter than this are left out."""
    prolong_to: float = 0.03
    """Seconds; notes that are shorter, and stay, are prolonged to it."""
    bridge_frames: int = 1
    """So many frames below the threshold do not end a note that comes back."""
    minimum_press: float = 0.05
    """Seconds; shorter pedal presses are left out."""
    minimum_lift: float = 0.03
    """Seconds; pedal presses with less between them are one."""
    pedal_grace: float = 0.05
    """Seconds; a key released so shortly before the pedal goes down, of a note that
    sounds on, is released just after it: the pedal was meant to catch it."""

    def check(self) -> None:
        """Raise ValueError for settings that decode nothing sensible."""
        for name in ("onset", "offset", "frame", "sounding", "pedal"):
            value = getattr(self, f"{name}_threshold")
            if not 0 < value < 1:
                raise ValueError(
                    f"decode.{name}_threshold is a probability between 0 and 1; found {value}"
                )
        if not 0 <= self.pedal_hysteresis < self.pedal_threshold:
            raise ValueError(
                "decode.pedal_hysteresis is at least 0 and less than pedal_threshold "
                f"({self.pedal_threshold}); found {self.pedal_hysteresis}"
            )
        if self.offsets not in (KEY, SUSTAINED):
            raise ValueError(f"decode.offsets is 'key' or 'sustained'; found {self.offsets!r}")
        for name in (
            "minimum_repeat",
            "minimum_duration",
            "prolong_to",
            "minimum_press",
            "minimum_lift",
            "pedal_grace",
        ):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"decode.{name} is 0 or more seconds; found {value}")
        if self.bridge_frames < 0:
            raise ValueError(f"decode.bridge_frames is 0 or more; found {self.bridge_frames}")


def decode(rolls: Rolls, grid: FrameGrid, config: DecodeConfig) -> Performance:
    """Read notes and pedal presses off the rolls.

    A note starts where the onset plane has a peak above its threshold [1]_, at the time
    for which that frame and its neighbours vote by their shifts. It ends where the frame
    plane falls below its own threshold, at the time for which the offset plane votes
    there, or else where the frame plane crosses the threshold; at the latest with the
    next onset of its pitch.

    Parameters
    ----------
    rolls : Rolls
        Probabilities in [0, 1] and shifts in frames, shape (n_frames, 88); column 0 is
        A0 (pitch 21).
    grid : FrameGrid
        Turns frame numbers into seconds.
    config : DecodeConfig
        Thresholds in (0, 1), the rest in seconds.

    Returns
    -------
    Performance
        Sorted by onset, then pitch; offsets are key releases, or where the notes cease
        to sound if ``config.offsets`` is ``"sustained"``. Notes of a pitch do not
        overlap. A note's confidence is its highest onset probability.

    Raises
    ------
    ValueError
        If `DecodeConfig.check` does.

    References
    ----------
    .. [1] C. Hawthorne et al., "Onsets and Frames: Dual-Objective Piano
       Transcription", ISMIR 2018.
    """
    decoder = Decoder(grid, config)
    decoder.push(rolls)
    return decoder.finish()


@dataclass(slots=True)
class _Strike:
    """A note in the making; positions in frames from the start of the recording."""

    position: float
    frame: int
    """The first on which the key is down, if the frame plane is right."""
    confidence: float
    velocity: float
    earlier_release: float
    """Vote for a key release just before this strike, hence of the note before; or NaN."""
    ends: list[float | None]
    """Of the key and of the sound, as far as known."""


class Decoder:
    """Rolls in pieces of any length to one `Performance`: what `decode` makes of them joined.

    Holds a few frames, two strikes a key, and the notes found.
    """

    def __init__(self, grid: FrameGrid, config: DecodeConfig) -> None:
        config.check()
        self._grid = grid
        self._config = replace(config)
        self._ahead = max(REACH, config.bridge_frames)
        self._apart = max(grid.position(config.minimum_repeat), AGREEMENT)
        self._held = Rolls.empty(REACH)
        self._held_start = -REACH
        self._n_frames = 0
        self._latest: list[_Strike | None] = [None] * N_PITCHES
        self._previous: list[_Strike | None] = [None] * N_PITCHES
        self._closed = array("d")  # rows as `_close` writes them, a tenth of a Note's size
        self._pressed: float | None = None
        self._pedal_fell = 0.0
        self._presses: list[tuple[float, float]] = []
        self._finished = False

    @property
    def n_notes(self) -> int:
        """How many notes were found so far."""
        strikes = (*self._latest, *self._previous)
        return len(self._closed) // _CLOSED_WIDTH + sum(strike is not None for strike in strikes)

    def push(self, rolls: Rolls) -> None:
        """Take the next frames, any number of them."""
        if self._finished:
            raise ValueError("this Decoder has finished; make a new one for more rolls")
        self._n_frames += len(rolls)
        self._advance(rolls)

    def finish(self, offsets: str | None = None) -> Performance:
        """End the recording and return what was played.

        May be called again, also with the other of ``"key"`` and ``"sustained"``; without
        either, notes end as ``DecodeConfig.offsets`` says.
        """
        if not self._finished:
            self._finished = True
            self._advance(Rolls.empty(self._ahead))
            for column in range(N_PITCHES):
                latest, previous = self._latest[column], self._previous[column]
                if previous is not None:
                    self._close(column, previous, latest)
                if latest is not None:
                    self._close(column, latest, None)
            self._latest = [None] * N_PITCHES
            self._previous = [None] * N_PITCHES
            if self._pressed is not None:
                self._presses.append((self._pressed, float(self._n_frames)))
        offsets = self._config.offsets if offsets is None else offsets
        if offsets not in (KEY, SUSTAINED):
            raise ValueError(f"offsets is 'key' or 'sustained'; found {offsets!r}")
        pedal = tuple(self._pedal())
        return Performance(tuple(self._notes(pedal, offsets)), pedal)

    def _advance(self, rolls: Rolls) -> None:
        """Read the frames whose surroundings are now known, and forget what is behind."""
        held = _joined(self._held, rolls)
        stop = len(held) - self._ahead
        if stop > REACH:
            self._read_pedal(held.pedal[REACH - 1 : stop].astype(np.float64))
            events = [*self._onsets(held, stop), *self._ends(held, stop)]
            for row, kind, column, values in sorted(events):
                if kind == ONSET:
                    self._strike(column, self._held_start + row, *values)
                else:
                    self._end(column, self._held_start + row, kind - KEY_END, *values)
            held = _copied(held, stop - REACH)
            self._held_start += stop - REACH
        self._held = held

    def _onsets(self, held: Rolls, stop: int) -> Iterator[Event]:
        config = self._config
        return onsets(
            held,
            REACH,
            stop,
            onset_threshold=config.onset_threshold,
            offset_threshold=config.offset_threshold,
            frame_threshold=config.frame_threshold,
            sounding_threshold=config.sounding_threshold,
        )

    def _ends(self, held: Rolls, stop: int) -> Iterator[Event]:
        config = self._config
        for sounding in (False, True):
            yield from ends(
                held,
                REACH,
                stop,
                sounding=sounding,
                threshold=config.sounding_threshold if sounding else config.frame_threshold,
                offset_threshold=config.offset_threshold,
                bridge_frames=config.bridge_frames,
            )

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
            frame=frame + round(shift),
            confidence=confidence,
            velocity=velocity,
            earlier_release=frame + earlier_release,
            ends=[None if key_shows else position, None if sounding_shows else position],
        )
        latest, previous = self._latest[column], self._previous[column]
        if latest is not None and position - latest.position < self._apart:
            fits = previous is None or position - previous.position >= self._apart
            if fits and confidence > latest.confidence:
                self._latest[column] = strike
            return
        if previous is not None:
            self._close(column, previous, latest)
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

    def _close(self, column: int, strike: _Strike, following: _Strike | None) -> None:
        """Nothing more can change this note: settle its ends and keep it."""
        last = math.inf if following is None else following.position
        latest_end = float(self._n_frames) if following is None else last
        shortest = self._grid.position(max(self._config.prolong_to, _SHORTEST))
        key, sounding = (latest_end if end is None else min(end, last) for end in strike.ends)
        if (
            following is not None
            and key == last
            and strike.position + _RELEASE_DELAY < following.earlier_release < last
        ):
            key = following.earlier_release
        told = sounding if self._config.offsets == SUSTAINED else key
        if self._grid.seconds(told - strike.position) < self._config.minimum_duration:
            return
        self._closed.extend(
            [
                column + LOWEST_PITCH,
                strike.position,
                min(max(key, strike.position + shortest), last),
                min(max(sounding, strike.position + shortest), last),
                last,
                strike.velocity,
                strike.confidence,
            ]
        )

    def _notes(self, pedal: tuple[PedalPress, ...], offsets: str) -> Iterator[Note]:
        presses = [press.onset for press in pedal]
        for row in np.array(self._closed).reshape(-1, _CLOSED_WIDTH).tolist():
            pitch, *positions, velocity, confidence = row
            onset, release, sound_end, following = map(self._grid.seconds, positions)
            if offsets == SUSTAINED:
                offset = sound_end
            else:
                offset = self._caught(release, sound_end, following, presses)
            yield Note(
                onset=onset,
                pitch=int(pitch),
                offset=offset,
                velocity=min(max(round(velocity * 127), 1), 127),
                confidence=min(confidence, 1.0),
            )

    def _caught(
        self, release: float, sound_end: float, following: float, presses: list[float]
    ) -> float:
        """A key release, moved past the pedal press that must have caught the note."""
        grace = self._config.pedal_grace
        index = bisect_left(presses, release)
        if index == len(presses) or presses[index] - release > grace:
            return release
        if sound_end <= presses[index] + grace:
            return release
        return min(presses[index] + _AFTER_PEDAL, following)

    def _read_pedal(self, probability: Floats) -> None:
        """Find presses in the pedal's next frames, which come after one already read."""
        before, after = probability[:-1], probability[1:]
        down = self._config.pedal_threshold
        up = down - self._config.pedal_hysteresis
        rises = (before < down) & (after >= down)
        falls = (before >= down) & (after < down)
        lifts = (before >= up) & (after < up)
        rows = np.flatnonzero(rises | falls | lifts)
        crossings = crossing(before[rows], after[rows], down)
        for row, within in zip(rows.tolist(), crossings.tolist(), strict=True):
            frame = self._held_start + REACH + row
            position = frame + within
            if rises[row] and self._pressed is None:
                self._pressed = position if frame else 0.0
                lift = position - self._presses[-1][1] if self._presses else math.inf
                if self._grid.seconds(lift) < self._config.minimum_lift:
                    self._pressed = self._presses.pop()[0]
            if falls[row]:
                self._pedal_fell = position
            if lifts[row] and self._pressed is not None:
                self._presses.append((self._pressed, self._pedal_fell))
                self._pressed = None

    def _pedal(self) -> Iterator[PedalPress]:
        for press in self._presses:
            onset, offset = map(self._grid.seconds, press)
            if offset - onset >= max(self._config.minimum_press, _SHORTEST):
                yield PedalPress(onset=onset, offset=offset)


def _joined(first: Rolls, second: Rolls) -> Rolls:
    return Rolls(
        **{
            plane.name: np.concatenate([getattr(first, plane.name), getattr(second, plane.name)])
            for plane in fields(Rolls)
        }
    )


def _copied(rolls: Rolls, start: int) -> Rolls:
    """The rows from ``start``, which keep nothing else alive."""
    return Rolls(
        **{plane.name: getattr(rolls, plane.name)[start:].copy() for plane in fields(Rolls)}
    )
