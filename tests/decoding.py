"""Rolls that tests write by hand or draw, and what is decoded from them."""

from __future__ import annotations

from collections.abc import Iterable

from transcribe.decode.config import DecodeConfig
from transcribe.decode.decoder import decode
from transcribe.features import FrameGrid
from transcribe.notes import Note, PedalPress, Performance
from transcribe.rolls import Rolls, encode

GRID = FrameGrid(16000, 512)

FRAME = 512 / 16000

CONFIG = DecodeConfig()

C4 = 60 - 21


def note(onset: float, offset: float, pitch: int = 60, velocity: int = 64) -> Note:
    return Note(onset=onset, offset=offset, pitch=pitch, velocity=velocity)


def play(*events: Note | PedalPress, n_frames: int = 100) -> Rolls:
    """Rolls of some notes and presses, whose times are given in seconds."""
    notes = [event for event in events if isinstance(event, Note)]
    pedal = [event for event in events if isinstance(event, PedalPress)]
    return encode(Performance(notes, pedal), GRID, n_frames)


def blank(n_frames: int = 40) -> Rolls:
    """Silent rolls to write on."""
    return Rolls.empty(n_frames)


def strike(rolls: Rolls, frame: int, shift: float = 0.0, probability: float = 1.0) -> None:
    rolls.onset[frame, C4] = probability
    rolls.onset_shift[frame, C4] = shift
    rolls.velocity[frame, C4] = 0.5


def frames_of(notes: Iterable[Note]) -> list[tuple[float, float]]:
    """Onsets and offsets in frames, to a thousandth."""
    return [(round(n.onset / FRAME, 3), round(n.offset / FRAME, 3)) for n in notes]


def onset_frames(rolls: Rolls, config: DecodeConfig = CONFIG) -> list[float]:
    return [onset for onset, _ in frames_of(decode(rolls, GRID, config).notes)]


def by_key(notes: Iterable[Note]) -> list[Note]:
    return sorted(notes, key=lambda n: (n.pitch, n.onset))


def held(first: int, stop: int, onset_shift: float = 0.0) -> Rolls:
    """A key down from one frame up to another, struck at the first, without offset votes."""
    rolls = blank()
    strike(rolls, first, onset_shift)
    rolls.frame[first:stop, C4] = 1
    rolls.sounding[first:stop, C4] = 1
    return rolls
