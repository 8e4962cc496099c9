"""What is known of one recording of an archive: a row of the manifest."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from transcribe.archive.escaping import cell, escaped, unescaped
from transcribe.archive.jobs import DONE, FAILED, Outcome, Result
from transcribe.files.relative import fault_of

WAITING, WORKING, QUARANTINED = "waiting", "working", "quarantined"
STATES = (WAITING, WORKING, DONE, FAILED, QUARANTINED)


@dataclass(slots=True, kw_only=True)
class Row(Result):
    """One recording: the result of its last attempt, and what the archive keeps beside that."""

    state: str = WAITING
    """One of `STATES`."""
    number: int = 0
    name: str
    """Its path in the source; outputs keep the folders of it."""
    place: str
    """Where it is read: a path in the source, or anywhere for recordings of a list."""
    present: bool = True
    """False for a recording that was there in an earlier run and is gone."""
    attempts: int = 0
    """How many times its transcription was begun."""
    deaths: int = 0
    """How many workers died of it."""
    stem: str = ""
    """Its outputs are named this and their endings."""
    guarded: bool = False
    """Whether a file that this archive did not write is in the place of an output."""
    size: int = 0
    """Bytes of the recording."""
    modified: float | None = None
    """Of the recording, seconds since 1970."""
    settings: str = ""
    """That bear on the outputs, as JSON."""
    finished: str = ""
    """UTC, as ISO 8601."""

    @property
    def is_finished(self) -> bool:
        """Whether no more is to be done with it in this run."""
        return self.state in (DONE, FAILED, QUARANTINED)

    def take(self, outcome: Outcome) -> None:
        """Replace what was known by the result of an attempt."""
        for name in _RESULT:
            setattr(self, name, getattr(outcome, name))
        if outcome.recording is not None:
            self.size, self.modified = outcome.recording.size, outcome.recording.modified

    def as_columns(self) -> dict[str, Any]:
        """What SQLite keeps, by `COLUMNS`: names escaped, warnings one a line."""
        values = {name: getattr(self, name) for name in COLUMNS}
        values |= {name: escaped(values[name]) for name in _ESCAPED}
        return values | {"warnings": "\n".join(self.warnings)}

    @classmethod
    def from_columns(cls, values: Mapping[str, Any]) -> Row:
        """Read what `as_columns` made; TypeError or ValueError for anything else."""
        row = cls(**values)
        for name in _ESCAPED:
            setattr(row, name, unescaped(getattr(row, name)))
        for name in _FLAGS:
            setattr(row, name, bool(getattr(row, name)))
        row.warnings = tuple(filter(None, str.split(values["warnings"], "\n")))
        if row.stem:
            check_output(f"{row.stem}.mid")  # the stem of "..wav" is a dot
        return row


_RESULT = tuple(field.name for field in fields(Result))
_NAMES = ("number", "name")
COLUMNS = (*_NAMES, *(field.name for field in fields(Row) if field.name not in _NAMES))
"""Of the manifest, and of the table that is made of it."""
_ESCAPED = ("name", "place", "stem")
_FLAGS = tuple(field.name for field in fields(Row) if field.type == "bool")


def check_output(name: str) -> None:
    """Raise ValueError for an output that lies elsewhere: others may write to a bucket."""
    fault = fault_of(name)
    if fault:
        raise ValueError(f"an output would lie outside the destination: {fault}: {name!r}")


def export_csv(rows: Iterable[Row]) -> bytes:
    """The rows as a table with `COLUMNS`, names escaped; spreadsheets read it."""
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        values = row.as_columns() | {"warnings": "; ".join(row.warnings)}
        writer.writerow(map(cell, values.values()))
    return table.getvalue().encode("utf-8")
