"""Notes and presses in a line each, and the MIDI file of a performance."""

from __future__ import annotations

from pathlib import Path

from transcribe.midi import write_midi
from transcribe.notes import Note, PedalPress, Performance


def note(onset: float, offset: float, pitch: int = 60, velocity: int = 64) -> Note:
    return Note(onset=onset, pitch=pitch, offset=offset, velocity=velocity)


def press(onset: float, offset: float) -> PedalPress:
    return PedalPress(onset=onset, offset=offset)


def written(performance: Performance, folder: Path) -> Path:
    path = folder / "performance.mid"
    write_midi(performance, path)
    return path
