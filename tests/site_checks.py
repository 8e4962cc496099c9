"""The site beside the command: the same recording through both."""

from __future__ import annotations

import csv
import functools
from pathlib import Path

from transcribe.cli import main

PRELUDE = Path(__file__).parent / "data" / "prelude.mp3"


@functools.cache
def by_command(recording: Path, out: Path) -> list[list[str]]:
    """Rows of the table of notes that the command writes; other files are beside it in ``out``."""
    assert main([str(recording), "-o", f"{out}/", "--csv", "--json", "--overwrite", "--quiet"]) == 0
    return rows_of((out / recording.name).with_suffix(".csv"))


def rows_of(path: Path) -> list[list[str]]:
    """Rows of a table of notes, without its head."""
    with path.open(newline="") as file:
        return list(csv.reader(file))[1:]


def assert_as_the_command(rows: list[list[str]], expected: list[list[str]]) -> None:
    """Nearly all notes the same: pitch, onset within 5 ms, velocity within a step."""

    def agree(row: list[str], other: list[str]) -> bool:
        near = abs(float(row[0]) - float(other[0])) <= 0.005
        return near and row[2] == other[2] and abs(int(row[4]) - int(other[4])) <= 1

    found = sum(any(agree(row, other) for other in expected) for row in rows)
    assert 2 * found / (len(rows) + len(expected)) >= 0.995
