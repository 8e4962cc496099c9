"""A command that was run: its exit code, what it said, and the files it left."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from conftest import MELODY

from transcribe.midi import read_midi

PITCHES = sorted(pitch for _, pitch, _ in MELODY)


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def complaints(self) -> list[str]:
        return self.err.splitlines()


def pitches(path: Path) -> list[int]:
    return sorted(note.pitch for note in read_midi(path).notes)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}
