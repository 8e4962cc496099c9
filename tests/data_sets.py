"""Data sets of a few silent recordings, for tests of what is done with every recording."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from transcribe.audio.wav import write_wav
from transcribe.datasets.index import COLUMNS
from transcribe.midi import write_midi
from transcribe.notes import Performance

SAMPLE_RATE = 8000


def write_data_set(
    folder: Path,
    played: Mapping[str, Performance],
    *,
    seconds: float,
    without_audio: frozenset[str] = frozenset(),
) -> Path:
    """An index with a MIDI file and silence of a length for each name; returns the folder."""
    folder.mkdir()
    rows = []
    for name, performance in played.items():
        write_midi(performance, folder / f"{name}.mid")
        audio = "" if name in without_audio else f"{name}.wav"
        if audio:
            silence = np.zeros(round(SAMPLE_RATE * seconds), np.float32)
            write_wav(folder / audio, silence, SAMPLE_RATE)
        title, duration = f"Waltz {name}", f"{seconds:.1f}"
        values = ["Anna Bon", title, "test", "2018", f"{name}.mid", audio, duration]
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    with (folder / "index.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return folder
