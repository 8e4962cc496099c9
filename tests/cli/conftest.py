"""The command run in this process, with a stand-in that hears plain tones as its network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from transcribe import cli
from transcribe.notes import Note, PedalPress, Performance

from .running import Ran


@pytest.fixture
def run(monkeypatch, capsys, tone_checkpoint) -> Callable[..., Ran]:
    """Run the command in this process."""

    def load_checkpoint(path: Path | None = None, *, device: str, threads: int | None):
        return tone_checkpoint

    monkeypatch.setattr("transcribe.transcriber.load_checkpoint", load_checkpoint)

    def call(*words: str | Path) -> Ran:
        capsys.readouterr()
        try:
            code = cli.main([str(word) for word in words])
        except SystemExit as leaving:
            code = leaving.code
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return call


@pytest.fixture
def played() -> Performance:
    notes = [
        Note(onset=0.5 * i, pitch=60 + i, offset=0.5 * i + 0.4, velocity=30 + 9 * i)
        for i in range(8)
    ]
    return Performance(tuple(notes), (PedalPress(onset=0.2, offset=1.1),))
