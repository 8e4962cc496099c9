"""A data set of random pieces."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from eval.data.synthetic_bank import write_synthetic_bank
from transcribe.datasets.index import COLUMNS
from transcribe.midi import write_midi

from .training import SECONDS, random_piece


@pytest.fixture(scope="session")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder: two MIDI files, their index, and one instrument."""
    folder = tmp_path_factory.mktemp("pieces")
    write_synthetic_bank(folder / "instruments" / "synthetic")
    with (folder / "pieces.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for seed in (1, 2):
            write_midi(random_piece(seed), folder / f"{seed}.mid")
            table.writerow(["Test", f"Study {seed}", "train", 2026, f"{seed}.mid", "", SECONDS])
    return folder
