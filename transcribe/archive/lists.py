"""Lists of recordings: a text file with one a line, or a column of a CSV file."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import dataclass, field
from pathlib import Path

from transcribe.archive.storage.base import StoreError, Trouble
from transcribe.files.names import decode_text

COLUMNS = ("recording", "path", "file", "filename", "file_name", "audio", "audio_filename", "name")
"""Titles of the column with the recordings, the first of them that there is."""


@dataclass(slots=True)
class NamedRecordings:
    """The names in a list, and the lines of it that name nothing."""

    names: list[str] = field(default_factory=list)
    source: str = ""
    """What the list itself is called."""
    troubles: list[Trouble] = field(default_factory=list)

    def leave_out(self, n: int, what: str) -> None:
        """Count lines that are left out on purpose."""
        if n:
            self.troubles.append(Trouble(self.source, f"{what}: {n:,}", is_loss=False))


def read_lines(content: bytes, folder: Path, source: str) -> NamedRecordings:
    """One a line, or zero bytes between; empty lines and a playlist's remarks are none."""
    named = NamedRecordings(source=source)
    text = decode_text(content, keep_bytes=True)
    if "\0" in text:
        named.names = [item for item in text.split("\0") if item]
        return named
    n_remarks = 0
    for line in text.split("\n"):
        line = line.removesuffix("\r")
        if line.startswith("#") and not os.path.exists(folder / line):
            n_remarks += not line.startswith("#EXT")  # which playlists are full of
        elif line.strip():
            named.names.append(line)
    named.leave_out(n_remarks, "lines that begin with # and name no file, taken for remarks")
    return named


def read_csv(content: bytes, source: str) -> NamedRecordings:
    named = NamedRecordings(source=Path(source).name)
    text = decode_text(content, keep_bytes=True)
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    if delimiter not in head:
        delimiter = "\x1f"  # of one column, in which commas divide nothing
    try:
        table = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
        titles = {_plain(title): title for title in table.fieldnames or ()}
        column = next((titles[name] for name in COLUMNS if name in titles), None)
        if column is None:
            raise StoreError(
                f"{source}: expected a column named {', '.join(COLUMNS[:-1])} or {COLUMNS[-1]}; "
                f"found {', '.join(titles) or 'none'}"
            )
        same = [title for title in table.fieldnames or () if _plain(title) == _plain(column)]
        if len(same) > 1:
            raise StoreError(
                f"{source}: expected one column named {_plain(column)}, found {len(same)}; give "
                "the others another title"
            )
        for line in table:
            beyond, name = line.pop(None, None), line.get(column)
            where = f"{named.source}, line {table.line_num}"
            if any(beyond or ()):
                why = f"more cells than column names; put a name with {delimiter!r} in it in quotes"
                named.troubles.append(Trouble(where, why))
            elif name:
                named.names.append(name)
            elif any(line.values()):
                named.troubles.append(Trouble(where, f"nothing in the column {column}"))
    except csv.Error as error:
        raise StoreError(f"{source}: this CSV can't be read: {error}") from error
    return named


def _plain(title: str | None) -> str:
    return (title or "").strip().lower()
