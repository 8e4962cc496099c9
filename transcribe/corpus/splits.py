"""Into which split a piece goes: by its content, and for good.

A piece's recordings share one split, decided by the smallest of their checksums and the
seed. **No recording ever changes its split**: what an earlier run or the user decided stays.
Where a piece has recordings in several splits nevertheless (a new recording showed that two
pieces are one), the most held out of them has it, and its other recordings are left out.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from transcribe.corpus.config import SPLITS, CorpusConfig
from transcribe.errors import DatasetError
from transcribe.files.names import decode_text, match_names
from transcribe.wording import reason

_HELD_OUT = ("test", "validation", "train")
"""The most held out first."""
_FILE_COLUMNS = (
    *("midi_filename", "midi", "file", "filename", "file_name", "path", "name", "recording"),
    *("audio_filename", "audio"),
)


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of the recordings of a piece."""

    split: str
    left_out: tuple[str, ...]
    """Checksums of recordings that an earlier run gave to another split."""


def decide(
    members: Sequence[str], assigned_before: Mapping[str, str], config: CorpusConfig
) -> Decision:
    """The split of a piece.

    Parameters
    ----------
    members : sequence of str
        SHA-256 of each recording's MIDI file, in hexadecimal.
    assigned_before : mapping
        Splits that some of them, or others, have already.
    """
    values = {assigned_before[member] for member in members if member in assigned_before}
    split = next((each for each in _HELD_OUT if each in values), None) or drawn(
        min(members), config
    )
    left_out = [member for member in members if assigned_before.get(member, split) != split]
    return Decision(split, tuple(left_out))


def drawn(checksum: str, config: CorpusConfig) -> str:
    """The split that chance gives a piece; equal for equal checksums, seeds and shares."""
    digest = hashlib.sha256(f"{config.seed} {checksum}".encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    if share < config.test:
        return "test"
    return "validation" if share < config.test + config.validation else "train"


def read_splits(path: Path) -> dict[str, str]:
    """Splits that the user decides, by name of file as the user wrote it (`assign`).

    Parameters
    ----------
    path : Path
        A CSV file with the columns ``midi_filename`` (or another of `_FILE_COLUMNS`) and
        ``split``, such as MAESTRO's own; in UTF-8, UTF-16 or cp1252.

    Raises
    ------
    DatasetError
        The file, a column or a split is not as described.
    """
    try:
        text = decode_text(path.read_bytes())
        delimiter = max(",;\t", key=text.partition("\n")[0].count)
        reader = csv.DictReader(io.StringIO(text, newline=""), restval="", delimiter=delimiter)
        columns = {(title or "").strip().lower(): title for title in reader.fieldnames or ()}
        name = next((columns[each] for each in _FILE_COLUMNS if each in columns), None)
        if name is None or "split" not in columns:
            raise DatasetError(
                f"{path}: expected the columns midi_filename and split; found "
                f"{', '.join(columns) or 'none'}"
            )
        rows = [(reader.line_num, row[name].strip(), row[columns["split"]]) for row in reader]
    except OSError as error:
        raise DatasetError(f"{path}: can't be read: {reason(error, about=path)}") from error
    except csv.Error as error:
        raise DatasetError(f"{path}: expected a CSV file: {error}") from error
    if not rows:
        raise DatasetError(f"{path}: expected a line for each piece; found only the columns' names")
    values: dict[str, str] = {}
    for line, file, given in rows:
        split = given.strip().lower()
        if split not in SPLITS:
            raise DatasetError(
                f"{path}, line {line}: expected the split {', '.join(SPLITS)}; found {given!r}"
            )
        if values.setdefault(file, split) != split:
            raise DatasetError(
                f"{path}, line {line}: {file} was in {values[file]} on an earlier line, and is in "
                f"{split} here"
            )
    return values


@dataclass(frozen=True, slots=True)
class Assigned:
    """Splits that the user decided, for the transcriptions that are there."""

    splits: Mapping[str, str]
    """By name of transcription."""
    unmatched: tuple[str, ...] = ()
    """Names for which there is no transcription."""


def assign(values: Mapping[str, str], names: Sequence[str]) -> Assigned:
    """Find out which transcriptions the user means, by the rule of `transcribe.files.names`.

    Raises
    ------
    DatasetError
        None is meant, or a name could mean several.
    """
    wanted = list(values)
    found = match_names(wanted, names)
    if found.ambiguous:
        raise DatasetError(
            "expected to know which transcription each split is for; found that "
            f"{'; '.join(found.ambiguous[:3])}. Name them with their folders"
        )
    if values and not found.pairs:
        raise DatasetError(
            f"expected splits of transcriptions such as {names[0]}; found none of these among "
            f"{len(wanted)} names, such as {wanted[0]}"
        )
    matched = {i for i, _ in found.pairs}
    return Assigned(
        {names[j]: values[wanted[i]] for i, j in found.pairs},
        tuple(name for i, name in enumerate(wanted) if i not in matched),
    )
