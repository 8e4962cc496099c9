"""Rolls to notes and pedal presses, whole or as they come, with equal results.

Positions are measured in frames, as in `rolls`; seconds appear in `DecodeConfig` and in the
`Performance` that comes out. Whatever is read off the rolls at a frame depends on a few frames
around it, so the decoder holds the last few frames, and the last two strikes of each key.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from transcribe.decode.config import DecodeConfig
from transcribe.decode.events import CandidateReader, Candidates
from transcribe.decode.pedal import PedalReader
from transcribe.decode.strikes import Row, Strikes
from transcribe.frames import FrameGrid
from transcribe.notes import KEY, SUSTAINED, Note, PedalPress, Performance
from transcribe.rolls import Rolls

_AFTER_PEDAL = 0.01
"""Seconds from a pedal press to the release of a key that the pedal must hold."""
_TILT_AROUND = 64
"""MIDI number, E4, about the mean of the notes of piano music."""
_SUREST = 1e-6
"""Probabilities are held so far from 0 and 1 where their odds are taken."""


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


def midi_velocity(share: float, pitch: int, config: DecodeConfig) -> int:
    """The velocity of a note, 1 to 127, from what the velocity plane says of it, 0 to 1.

    It is higher for treble keys and lower for bass keys by `DecodeConfig.velocity_tilt`.
    """
    tilt = config.velocity_tilt * (pitch - _TILT_AROUND) / 12
    return min(max(round(share * 127 + tilt), 1), 127)


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
        self._strikes = Strikes(grid, self._config)
        self._pedal = PedalReader(grid, self._config)
        self._finished = False

    @property
    def n_notes(self) -> int:
        """How many notes were found so far."""
        return self._strikes.n_settled + self._strikes.n_open

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
            self._strikes.finish(self._pedal.n_frames)
            self._pedal.finish()
        notes = tuple(note for _, note in self.struck(offsets=offsets))
        return Performance(notes, self.pedal)

    @property
    def n_settled(self) -> int:
        """How many of `struck` no later frame can change, but for a pedal press to come."""
        return self._strikes.n_settled

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
            note whose end has not come yet lasts until the last frame.
        """
        offsets = self._config.offsets if offsets is None else offsets
        if offsets not in (KEY, SUSTAINED):
            raise ValueError(f"offsets is 'key' or 'sustained'; found {offsets!r}")
        return list(self._notes(self._strikes.rows(self._pedal.n_frames, start), offsets))

    @property
    def pedal(self) -> tuple[PedalPress, ...]:
        """The pedal presses that have ended so far."""
        return tuple(self._pedal.presses())

    def take(self, candidates: Candidates) -> None:
        """Take candidates in place of the rolls they were read from, in pieces or whole."""
        if self._finished:
            raise ValueError("this Decoder has finished; make a new one for more candidates")
        self._pedal.read(candidates.pedal.astype(np.float64))
        self._strikes.take(candidates.above(self._config.onset_threshold))

    def _notes(self, rows: list[Row], offsets: str) -> Iterator[tuple[int, Note]]:
        presses = [press.onset for press in self.pedal]
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
                velocity=midi_velocity(velocity, int(pitch), self._config),
                confidence=calibrated(min(confidence, 1.0), self._config),
            )
            yield int(peak), note

    def _extend_into_pedal(
        self, release: float, sound_end: float, following: float, presses: list[float]
    ) -> float:
        """A key release, moved past the pedal press that must have held the note."""
        grace = self._config.pedal_grace
        index = bisect_left(presses, release)
        if index == len(presses) or presses[index] - release > grace:
            return release
        if sound_end <= presses[index] + grace:
            return release
        return min(presses[index] + _AFTER_PEDAL, following)
