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
from dataclasses import dataclass, replace

import numpy as np

from transcribe.decode.events import CandidateReader, Candidates, Thresholds
from transcribe.decode.peaks import AGREEMENT, KEY_END, KEY_FALL, ONSET, Floats, crossing
from transcribe.decode.releases import LEVELS, likeliest_release
from transcribe.frames import FrameGrid
from transcribe.notes import (
    KEY,
    LOWEST_PITCH,
    N_PITCHES,
    SUSTAINED,
    Note,
    PedalPress,
    Performance,
)
from transcribe.rolls import Rolls

_CLEAR = 2.0
"""Frames; where the frame plane falls from its first level to its last within this, the key's
release is heard, and the votes of the offset plane are finer than what lies between."""
_RELEASE_TOLERANCE = 0.05
"""Seconds that a release may be early or late at least."""
_RELEASE_DELAY = 0.5
"""Frames after an onset before which nothing is that note's own release."""
_SHORTEST = 0.001
"""Seconds; the length of a note when `DecodeConfig.prolong_to` is zero."""
_AFTER_PEDAL = 0.01
"""Seconds from a pedal press to the release of a key it must catch."""

_SUREST = 1e-6
"""Probabilities are held so far from 0 and 1 where their odds are taken."""
_CLOSED_WIDTH = 8
_EVENTS_AT_ONCE = 50_000


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
    release_tolerance: float = 0.0
    """Key releases are placed where they are most probably right, if they may be early or late by
    this part of a note's length (and by 50 ms); 0: where the frame plane crosses its threshold."""
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
    confidence_slope: float = 1.0
    """A note's confidence is its onset's probability with its log odds multiplied by this ..."""
    confidence_shift: float = 0.0
    """... and this added, so that of notes which say 0.8, eight in ten are right."""

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
        if not 0 <= self.release_tolerance < 1:
            raise ValueError(
                "decode.release_tolerance is a part of a note's length, 0 to below 1; found "
                f"{self.release_tolerance}"
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
        if not (math.isfinite(self.confidence_slope) and self.confidence_slope > 0):
            raise ValueError(f"decode.confidence_slope is above 0; found {self.confidence_slope}")
        if not math.isfinite(self.confidence_shift):
            raise ValueError(f"decode.confidence_shift is a number; found {self.confidence_shift}")
        if self.bridge_frames < 0:
            raise ValueError(f"decode.bridge_frames is 0 or more; found {self.bridge_frames}")
        for name, most in (("prolong_to", 60), ("bridge_frames", 1000)):
            if getattr(self, name) > most:
                raise ValueError(f"decode.{name} is at most {most}; found {getattr(self, name)}")

    def thresholds(self) -> Thresholds:
        """The part of these settings that decides what counts as an event."""
        return Thresholds(
            onset=self.onset_threshold,
            offset=self.offset_threshold,
            frame=self.frame_threshold,
            sounding=self.sounding_threshold,
            bridge_frames=self.bridge_frames,
            falls=self.release_tolerance > 0,
        )


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
        overlap. A note's confidence is its highest onset probability, `calibrated`.

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


def calibrated(probability: float, config: DecodeConfig) -> float:
    """The confidence of a note from its onset's probability, both 0 to 1.

    Log odds are scaled and shifted [1]_, which keeps the order of the notes.

    References
    ----------
    .. [1] J. Platt, "Probabilistic Outputs for Support Vector Machines", 1999.
    """
    if config.confidence_slope == 1 and config.confidence_shift == 0:
        return probability
    bounded = min(max(probability, _SUREST), 1 - _SUREST)
    odds = math.log(bounded / (1 - bounded))
    return 1 / (1 + math.exp(-config.confidence_slope * odds - config.confidence_shift))


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


class Decoder:
    """Rolls in pieces of any length to one `Performance`: what `decode` makes of them joined.

    Holds a few frames, two strikes a key, and the notes found. Candidates that were read off
    the rolls, at these thresholds or a lower one for onsets, do in place of them.
    """

    def __init__(self, grid: FrameGrid, config: DecodeConfig) -> None:
        config.check()
        self._grid = grid
        self._config = replace(config)
        self._reader = CandidateReader(config.thresholds())
        self._apart = max(grid.position(config.minimum_repeat), AGREEMENT)
        self._n_frames = 0
        self._latest: list[_Strike | None] = [None] * N_PITCHES
        self._previous: list[_Strike | None] = [None] * N_PITCHES
        self._closed = array("d")  # rows as `_row` writes them, a tenth of a Note's size
        self._pedal_before = np.zeros(1)
        self._pressed: float | None = None
        self._pedal_fell = 0.0
        self._presses: list[tuple[float, float]] = []
        self._finished = False

    @property
    def n_notes(self) -> int:
        """How many notes were found so far."""
        strikes = (*self._latest, *self._previous)
        return self.n_settled + sum(strike is not None for strike in strikes)

    def push(self, rolls: Rolls) -> None:
        """Take the next frames, any number of them."""
        if self._finished:
            raise ValueError("this Decoder has finished; make a new one for more rolls")
        self.take(self._reader.push(rolls))

    def finish(self, offsets: str | None = None) -> Performance:
        """End the recording and return what was played.

        May be called again, also with the other of ``"key"`` and ``"sustained"``; without
        either, notes end as ``DecodeConfig.offsets`` says.
        """
        if not self._finished:
            self.take(self._reader.finish())
            self._finished = True
            for row in self._open():
                self._closed.extend(row)
            self._latest = [None] * N_PITCHES
            self._previous = [None] * N_PITCHES
            if self._pressed is not None:
                self._presses.append((self._pressed, float(self._n_frames)))
        notes = tuple(note for _, note in self.struck(offsets=offsets))
        return Performance(notes, tuple(self._pedal()))

    @property
    def n_settled(self) -> int:
        """How many of `struck` no later frame can change, but for a pedal press to come."""
        return len(self._closed) // _CLOSED_WIDTH

    def struck(self, start: int = 0, *, offsets: str | None = None) -> list[tuple[int, Note]]:
        """Notes as far as they are known, each with the frame in which its onset peaks.

        Frame and pitch together name a note, whatever the onset threshold: another one adds
        or removes notes but keeps the names of those that stay.

        Parameters
        ----------
        start : int
            Leaves out so many of the first ones, which are sorted by when they settled.
        offsets : str, optional
            ``"key"`` or ``"sustained"``; as `DecodeConfig.offsets` if left out.

        Returns
        -------
        list of (int, Note)
            First what is settled; then, before `finish`, what may still change. There, a
            note whose end has not been heard lasts until the last frame.
        """
        offsets = self._config.offsets if offsets is None else offsets
        if offsets not in (KEY, SUSTAINED):
            raise ValueError(f"offsets is 'key' or 'sustained'; found {offsets!r}")
        rows = np.array(self._closed[start * _CLOSED_WIDTH :]).reshape(-1, _CLOSED_WIDTH).tolist()
        return list(self._notes([*rows, *self._open()], tuple(self._pedal()), offsets))

    @property
    def pedal(self) -> tuple[PedalPress, ...]:
        """The pedal presses that have ended so far."""
        return tuple(self._pedal())

    def take(self, candidates: Candidates) -> None:
        """Take candidates in place of the rolls they were read from, in pieces or whole."""
        if self._finished:
            raise ValueError("this Decoder has finished; make a new one for more candidates")
        self._read_pedal(candidates.pedal.astype(np.float64))
        events = candidates.above(self._config.onset_threshold)
        for start in range(0, len(events), _EVENTS_AT_ONCE):
            part = events[start : start + _EVENTS_AT_ONCE]
            rows = (part[name].tolist() for name in ("frame", "kind", "column", "values"))
            for frame, kind, column, values in zip(*rows, strict=True):
                if kind == ONSET:
                    self._strike(column, frame, *values)
                elif kind == KEY_FALL:
                    self._fall(column, frame, values)
                else:
                    self._end(column, frame, kind - KEY_END, *values[:3])

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
            self._closed.extend(self._row(column, previous, latest))
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

    def _open(self) -> Iterator[list[float]]:
        """Rows of the strikes that may still change."""
        for column in range(N_PITCHES):
            latest, previous = self._latest[column], self._previous[column]
            if previous is not None:
                yield self._row(column, previous, latest)
            if latest is not None:
                yield self._row(column, latest, None)

    def _row(self, column: int, strike: _Strike, following: _Strike | None) -> list[float]:
        """A note with its ends settled, as `_closed` keeps it; empty if it is too short."""
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
        elif self._config.release_tolerance:
            key = min(self._likeliest(strike, key, last), latest_end)
        told = sounding if self._config.offsets == SUSTAINED else key
        if self._grid.seconds(told - strike.position) < self._config.minimum_duration:
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

    def _notes(
        self, rows: list[list[float]], pedal: tuple[PedalPress, ...], offsets: str
    ) -> Iterator[tuple[int, Note]]:
        presses = [press.onset for press in pedal]
        for row in rows:
            if not row:
                continue
            peak, pitch, *positions, velocity, confidence = row
            onset, release, sound_end, following = map(self._grid.seconds, positions)
            if offsets == SUSTAINED:
                offset = sound_end
            else:
                offset = self._extend_into_pedal(release, sound_end, following, presses)
            note = Note(
                onset=onset,
                pitch=int(pitch),
                offset=offset,
                velocity=min(max(round(velocity * 127), 1), 127),
                confidence=calibrated(min(confidence, 1.0), self._config),
            )
            yield int(peak), note

    def _extend_into_pedal(
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
        """Find presses in the pedal's next frames."""
        if not len(probability):
            return
        before, after = np.concatenate([self._pedal_before, probability[:-1]]), probability
        down = self._config.pedal_threshold
        up = down - self._config.pedal_hysteresis
        rises = (before < down) & (after >= down)
        falls = (before >= down) & (after < down)
        lifts = (before >= up) & (after < up)
        rows = np.flatnonzero(rises | falls | lifts)
        crossings = crossing(before[rows], after[rows], down)
        for row, within in zip(rows.tolist(), crossings.tolist(), strict=True):
            frame = self._n_frames + row
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
        self._pedal_before = probability[-1:]
        self._n_frames += len(probability)

    def _pedal(self) -> Iterator[PedalPress]:
        for press in self._presses:
            onset, offset = map(self._grid.seconds, press)
            if offset - onset >= max(self._config.minimum_press, _SHORTEST):
                yield PedalPress(onset=onset, offset=offset)
