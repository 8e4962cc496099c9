"""Into which split a piece goes: by its content, and for good.

A piece's recordings share one split, decided by the smallest of their checksums and the
seed. **No recording ever changes its split**: what an earlier run or the user decided stays.
Where a piece has recordings in several splits nevertheless (a new recording showed that two
pieces are one), the most held out of them has it, and its other recordings are left out.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from transcribe.corpus.config import SPLITS, CorpusConfig
from transcribe.errors import DatasetError

_HELD_OUT = ("test", "validation", "train")
"""The most held out first."""
_FILE_COLUMNS = ("midi_filename", "file", "path")


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of the recordings of a piece."""

    split: str
    left_out: tuple[str, ...]
    """Checksums of recordings that were promised to another split."""


def decide(members: Sequence[str], promised: Mapping[str, str], config: CorpusConfig) -> Decision:
    """The split of a piece.

    Parameters
    ----------
    members : sequence of str
        SHA-256 of each recording's MIDI file, in hexadecimal.
    promised : mapping
        Splits that some of them, or others, have already.
    """
    said = {promised[member] for member in members if member in promised}
    split = next((each for each in _HELD_OUT if each in said), None) or drawn(min(members), config)
    left_out = [member for member in members if promised.get(member, split) != split]
    return Decision(split, tuple(left_out))


def drawn(checksum: str, config: CorpusConfig) -> str:
    """The split that chance gives a piece; equal for equal checksums, seeds and shares."""
    digest = hashlib.sha256(f"{config.seed} {checksum}".encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    if share < config.test:
        return "test"
    return "validation" if share < config.test + config.validation else "train"


def read_splits(path: Path) -> dict[str, str]:
    """Splits that the user decides, by name of file below the folder of transcriptions.

    Parameters
    ----------
    path : Path
        A CSV file with the columns ``midi_filename`` (or ``file``) and ``split``, such as
        MAESTRO's own.

    Raises
    ------
    DatasetError
        The file, a column or a split is not as described.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            columns = reader.fieldnames or ()
            name = next((each for each in _FILE_COLUMNS if each in columns), None)
            if name is None or "split" not in columns:
                raise DatasetError(
                    f"{path}: expected the columns midi_filename and split; found "
                    f"{', '.join(columns) or 'none'}"
                )
            rows = [(reader.line_num, row[name], row["split"]) for row in reader]
    except OSError as error:
        raise DatasetError(f"{path}: can't be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: expected a CSV file in UTF-8: {error}") from error
    for line, _, split in rows:
        if split not in SPLITS:
            raise DatasetError(
                f"{path}, line {line}: expected the split {', '.join(SPLITS)}; found {split!r}"
            )
    return {Path(file).as_posix(): split for _, file, split in rows}
