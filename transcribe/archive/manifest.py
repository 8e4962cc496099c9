"""What is known of every recording of an archive: an SQLite file with a row for each.

The rows are for people too (``sqlite3 manifest.sqlite``, DB Browser, `export_csv`). A name is
written with what can't be printed escaped (`escaped`), so that every name a disk can hold
is text, and can be had back.
"""

from __future__ import annotations

import csv
import errno
import io
import re
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from transcribe.archive.work import Output
from transcribe.errors import TranscribeError
from transcribe.export import no_formula
from transcribe.files.relative import fault_of

WAITING, WORKING, DONE, FAILED, QUARANTINED = "waiting", "working", "done", "failed", "quarantined"
STATES = (WAITING, WORKING, DONE, FAILED, QUARANTINED)
_VERSION = 1
_ROWS = "recordings"
_TYPES = {int: "INTEGER", float: "REAL", str: "TEXT"}
_BUSY_SECONDS = 30.0


class ManifestError(TranscribeError):
    """The manifest is damaged, or of another version."""


@dataclass(slots=True, kw_only=True)
class Row:
    """One recording. What is not known is None; times are seconds, memory is bytes."""

    number: int = 0
    name: str
    """Its path in the source; outputs keep the folders of it."""
    place: str
    """Where it is read: a path in the source, or anywhere for recordings of a list."""
    present: int = 1
    """0 for a recording that was there in an earlier run and is no more."""
    state: str = WAITING
    attempts: int = 0
    """How many times its transcription was begun."""
    deaths: int = 0
    """How many workers died of it."""
    cause: str = ""
    error: str = ""
    may_pass: int = 0
    """1 for a failure that is not the recording's own; the next run tries again."""
    stem: str = ""
    """Its outputs are named this and their endings."""
    guarded: int = 0
    """1 where a file that this archive did not write is in the place of an output."""
    size: int = 0
    modified: float | None = None
    sha256: str | None = None
    duration: float | None = None
    sample_rate: int | None = None
    codec: str | None = None
    notes: int | None = None
    pedal_presses: int | None = None
    confidence: float | None = None
    tuning: float | None = None
    """Cents above A = 440 Hz."""
    warnings: str = ""
    """One a line."""
    model: str = ""
    model_sha256: str = ""
    settings: str = ""
    """That bear on the outputs, as JSON."""
    seconds: float | None = None
    """Spent on it in its last attempt."""
    peak_memory: int | None = None
    finished: str = ""
    """UTC, as ISO 8601."""

    @property
    def is_settled(self) -> bool:
        """Whether no more is to be done with it in this run."""
        return self.state in (DONE, FAILED, QUARANTINED)


COLUMNS = tuple(field.name for field in fields(Row))
_ESCAPED = ("name", "place", "stem")


def escaped(name: str) -> str:
    r"""A name as printable text: a backslash and what can't be printed are escaped.

    A byte that is no UTF-8, a lone surrogate in Python, is written as such a byte.

    >>> escaped("a\nb\\c\udcff")
    'a\\x0ab\\\\c\\xff'
    """

    def letter(each: str) -> str:
        code = ord(each)
        if each == "\\":
            return "\\\\"
        if each.isprintable():
            return each
        if code < 0x80 or 0xDC80 <= code <= 0xDCFF:
            return f"\\x{code & 0xFF:02x}"
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

    return "".join(map(letter, name))


def unescaped(text: str) -> str:
    """The name that `escaped` made a text of."""

    def letter(match: re.Match[str]) -> str:
        code = match[1]
        if code == "\\":
            return code
        number = int(code[1:], 16)
        return chr(number + 0xDC00 if code[0] == "x" and number >= 0x80 else number)

    return re.sub(r"\\(\\|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})", letter, text)


class Manifest:
    """The rows of an archive, each written down at once.

    Parameters
    ----------
    path : Path
        Made if it is not there.
    name : Path, optional
        What errors call it, where ``path`` is a copy.

    Raises
    ------
    ManifestError
        It is damaged, was written by another version, or another program holds it.
    OSError
        It can't be made.
    """

    def __init__(self, path: Path, name: Path | None = None) -> None:
        self.path = name or path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._explained():
            self._db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
            try:
                self._prepare()
            except (sqlite3.Error, ManifestError):
                self._db.close()
                raise

    def _prepare(self) -> None:
        db = self._db
        db.execute("PRAGMA journal_mode = DELETE")  # one file, on a shared folder too
        db.execute("PRAGMA synchronous = FULL")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if version != _VERSION and tables:
            raise ManifestError(
                f"{self.path}: expected a manifest of version {_VERSION}, found version {version}; "
                "move it away to begin anew, or use the program that wrote it"
            )
        if tables:
            damage = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if damage != "ok":
                raise sqlite3.DatabaseError(damage)
            return
        kinds = {field.name: _sql_type(str(field.type)) for field in fields(Row)}
        kinds["number"] = "INTEGER PRIMARY KEY"
        kinds["name"] = "TEXT NOT NULL UNIQUE"
        columns = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
        with self.together():
            db.execute(f"CREATE TABLE {_ROWS} ({columns})")
            db.execute(
                "CREATE TABLE outputs (number INTEGER NOT NULL, kind TEXT NOT NULL, "
                "name TEXT NOT NULL, size INTEGER, sha256 TEXT, modified REAL, "
                "PRIMARY KEY (number, kind))"
            )
            db.execute("CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT)")
            db.execute(f"PRAGMA user_version = {_VERSION}")

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    # --- reading ---

    def rows(self, *states: str, present_only: bool = False) -> Iterator[Row]:
        """Rows in order of their names; of the given states, or of all."""
        where = ["1"]
        if states:
            where.append(f"state IN ({', '.join('?' * len(states))})")
        if present_only:
            where.append("present = 1")
        order = f"SELECT {', '.join(COLUMNS)} FROM {_ROWS} WHERE {' AND '.join(where)}"
        with self._explained():
            found = self._db.execute(f"{order} ORDER BY name", states).fetchall()
        for values in found:
            yield self._row(values)

    def row(self, number: int) -> Row:
        """The row of a number."""
        with self._explained():
            values = self._db.execute(
                f"SELECT {', '.join(COLUMNS)} FROM {_ROWS} WHERE number = ?", (number,)
            ).fetchone()
        return self._row(values)

    def _row(self, values: tuple[Any, ...]) -> Row:
        try:
            row = Row(**dict(zip(COLUMNS, values, strict=True)))
            for column in _ESCAPED:
                setattr(row, column, unescaped(getattr(row, column)))
            if row.stem:
                _check_output(f"{row.stem}.mid")  # the stem of "..wav" is a dot
        except (TypeError, ValueError, OverflowError) as error:
            raise self._damaged(error) from error
        return row

    def outputs(self) -> dict[int, list[Output]]:
        """The files that were written, by the numbers of their recordings."""
        with self._explained():
            found = self._db.execute(
                "SELECT number, kind, name, size, sha256, modified FROM outputs"
            ).fetchall()
        outputs: dict[int, list[Output]] = {}
        try:
            for number, kind, name, *rest in found:
                _check_output(unescaped(name))
                outputs.setdefault(number, []).append(Output(kind, unescaped(name), *rest))
        except (TypeError, ValueError) as error:
            raise self._damaged(error) from error
        return outputs

    def about(self, key: str) -> str:
        """What was last said with `tell`; nothing if nothing was."""
        with self._explained():
            found = self._db.execute("SELECT value FROM about WHERE key = ?", (key,)).fetchone()
        return found[0] if found else ""

    # --- writing ---

    def tell(self, key: str, value: str) -> None:
        """Keep something about the archive as a whole."""
        with self._explained():
            self._db.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (key, value))

    def save(self, rows: Iterable[Row]) -> None:
        """Write rows, all or none; those without a number are new and get one."""
        with self.together():
            for row in rows:
                values = {name: getattr(row, name) for name in COLUMNS}
                values |= {name: escaped(values[name]) for name in _ESCAPED}
                values["number"] = row.number or None
                marks = ", ".join(f":{name}" for name in COLUMNS)
                done = self._db.execute(f"INSERT OR REPLACE INTO {_ROWS} VALUES ({marks})", values)
                row.number = row.number or done.lastrowid or 0

    def settle(self, row: Row, outputs: Iterable[Output]) -> None:
        """Write a row with the files that were made of it, both or neither."""
        with self.together():
            self._db.execute("DELETE FROM outputs WHERE number = ?", (row.number,))
            self._db.executemany(
                "INSERT INTO outputs VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (row.number, o.kind, escaped(o.name), o.size, o.sha256, o.modified)
                    for o in outputs
                ],
            )
            self.save([row])

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is written inside is written all or not at all; inside another, with that."""
        if self._db.in_transaction:
            yield
            return
        with self._explained():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Errors of the database as errors of the manifest or of the disk."""
        try:
            yield
        except sqlite3.OperationalError as error:
            said = str(error)
            if "full" in said:
                advice = "no space left; make room and start again: what is done is kept"
                raise OSError(errno.ENOSPC, advice, str(self.path)) from error
            if "disk I/O" in said or "readonly" in said or "unable to" in said:
                raise OSError(errno.EIO, said, str(self.path)) from error
            if _is_held(error):
                raise ManifestError(_HELD.format(self.path)) from error
            raise self._damaged(error) from error
        except (sqlite3.DatabaseError, OverflowError, UnicodeError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> ManifestError:
        return ManifestError(
            f"{self.path}: this manifest can't be read ({error}); put back a copy of it, or move "
            "it away to begin anew (transcriptions that are there and come out the same are kept)"
        )


def _check_output(name: str) -> None:
    """A manifest may come from a bucket that others write to."""
    fault = fault_of(name)
    if fault:
        raise ValueError(f"an output would lie outside the destination: {fault}: {name!r}")


_HELD = (
    "{}: another program holds this manifest, such as a database browser with changes that are not "
    "written, or a backup; close it there and start again: what is done is kept"
)


def _is_held(error: sqlite3.Error) -> bool:
    """Whether a database is locked by another program, which has nothing to do with damage."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (5, 6) or "is locked" in str(error)


def copy(manifest: Path, to: Path) -> None:
    """Copy a manifest as it is at a moment, though a run may be writing it.

    What a killed run was in the middle of is not in the copy; the manifest itself is not touched.

    Raises
    ------
    ManifestError
        It is damaged, or another program holds it.
    """
    try:
        _back_up(manifest, to)
    except sqlite3.OperationalError as error:
        if _is_held(error):
            raise ManifestError(_HELD.format(manifest)) from error
        journal = Path(f"{manifest}-journal")
        if not journal.exists():
            raise _unreadable(manifest, error) from error
        # A killed run left it. To read the manifest alone is to roll back, which would write it.
        shutil.copyfile(manifest, to)
        shutil.copyfile(journal, f"{to}-journal")
    except sqlite3.DatabaseError as error:
        raise _unreadable(manifest, error) from error


def _back_up(manifest: Path, to: Path) -> None:
    address = f"{manifest.absolute().as_uri()}?mode=ro"
    with (
        closing(sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS)) as here,
        closing(sqlite3.connect(to)) as there,
    ):
        here.execute("SELECT count(*) FROM sqlite_master").fetchone()  # waits for a lock
        here.backup(there)


def _unreadable(manifest: Path, error: Exception) -> ManifestError:
    return ManifestError(f"{manifest}: this manifest can't be read ({error})")


def _sql_type(annotation: str) -> str:
    return next(sql for kind, sql in _TYPES.items() if annotation.startswith(kind.__name__))


def export_csv(rows: Iterable[Row]) -> bytes:
    """The rows as a table with `COLUMNS`, names escaped; spreadsheets read it."""
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        values = [getattr(row, name) for name in COLUMNS]
        for column in _ESCAPED:
            values[COLUMNS.index(column)] = escaped(getattr(row, column))
        values[COLUMNS.index("warnings")] = row.warnings.replace("\n", "; ")
        cells = ("" if value is None else cell(value) for value in values)
        writer.writerow(cells)
    return table.getvalue().encode("utf-8")


def cell(value: Any) -> str:
    """Text in one line, which no spreadsheet takes for a formula."""
    if not isinstance(value, str):
        return str(round(value, 4) if isinstance(value, float) else value)
    text = "".join(letter if letter.isprintable() else escaped(letter) for letter in value)
    return no_formula(text)
