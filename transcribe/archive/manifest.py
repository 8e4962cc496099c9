"""What is known of every recording of an archive: an SQLite file with a row for each.

The rows are for people too (``sqlite3 manifest.sqlite``, DB Browser, `rows.export_csv`). A name
is written with what can't be printed escaped, so that every name a disk can hold is text, and
can be had back.
"""

from __future__ import annotations

import errno
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from transcribe.archive.escaping import escaped, unescaped
from transcribe.archive.jobs import Output
from transcribe.archive.rows import COLUMNS, Row, check_output
from transcribe.errors import TranscribeError

_VERSION = 1
_ROWS = "recordings"
_TYPES = {"bool": "INTEGER", "int": "INTEGER", "float": "REAL", "str": "TEXT", "tuple": "TEXT"}
_BUSY_SECONDS = 30.0
"""That another process may hold the database before it is an error."""
_SAVE = (
    f"INSERT OR REPLACE INTO {_ROWS} ({', '.join(COLUMNS)}) "
    f"VALUES ({', '.join(f':{name}' for name in COLUMNS)})"
)


class ManifestError(TranscribeError):
    """The manifest is damaged, or of another version."""


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
        with self._as_manifest_error():
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
        with self.transaction():
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
        with self._as_manifest_error():
            found = self._db.execute(f"{order} ORDER BY name", states).fetchall()
        for values in found:
            yield self._row(values)

    def row(self, number: int) -> Row:
        """The row of a number."""
        with self._as_manifest_error():
            values = self._db.execute(
                f"SELECT {', '.join(COLUMNS)} FROM {_ROWS} WHERE number = ?", (number,)
            ).fetchone()
        return self._row(values)

    def _row(self, values: tuple[Any, ...]) -> Row:
        try:
            return Row.from_columns(dict(zip(COLUMNS, values, strict=True)))
        except (TypeError, ValueError, OverflowError) as error:
            raise self._damaged(error) from error

    def outputs(self) -> dict[int, list[Output]]:
        """The files that were written, by the numbers of their recordings."""
        with self._as_manifest_error():
            found = self._db.execute(
                "SELECT number, kind, name, size, sha256, modified FROM outputs"
            ).fetchall()
        outputs: dict[int, list[Output]] = {}
        try:
            for number, kind, name, *rest in found:
                check_output(unescaped(name))
                outputs.setdefault(number, []).append(Output(kind, unescaped(name), *rest))
        except (TypeError, ValueError) as error:
            raise self._damaged(error) from error
        return outputs

    def about(self, key: str) -> str:
        """What was last kept with `set_about`; empty if nothing was."""
        with self._as_manifest_error():
            found = self._db.execute("SELECT value FROM about WHERE key = ?", (key,)).fetchone()
        return found[0] if found else ""

    # --- writing ---

    def set_about(self, key: str, value: str) -> None:
        """Keep something about the archive as a whole."""
        with self._as_manifest_error():
            self._db.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (key, value))

    def save(self, rows: Iterable[Row]) -> None:
        """Write rows, all or none; those without a number are new and get one."""
        with self.transaction():
            for row in rows:
                done = self._db.execute(_SAVE, row.as_columns() | {"number": row.number or None})
                row.number = row.number or done.lastrowid or 0

    def finish(self, row: Row, outputs: Iterable[Output]) -> None:
        """Write a row with the files that were made of it, both or neither."""
        with self.transaction():
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
    def transaction(self) -> Iterator[None]:
        """What is written inside is written all or not at all; inside another, with that."""
        if self._db.in_transaction:
            yield
            return
        with self._as_manifest_error():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _as_manifest_error(self) -> Iterator[None]:
        """Errors of the database as errors of the manifest or of the disk."""
        try:
            yield
        except sqlite3.OperationalError as error:
            message = str(error)
            if "full" in message:
                advice = "no space left; make room and start again: what is done is kept"
                raise OSError(errno.ENOSPC, advice, str(self.path)) from error
            if "disk I/O" in message or "readonly" in message or "unable to" in message:
                raise OSError(errno.EIO, message, str(self.path)) from error
            if _is_locked(error):
                raise ManifestError(_LOCKED.format(self.path)) from error
            raise self._damaged(error) from error
        except (sqlite3.DatabaseError, OverflowError, UnicodeError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> ManifestError:
        return ManifestError(
            f"{self.path}: this manifest can't be read ({error}); put back a copy of it, or move "
            "it away to begin anew (transcriptions that are there and come out the same are kept)"
        )


_LOCKED = (
    "{}: another program holds this manifest, such as a database browser with changes that are not "
    "written, or a backup; close it there and start again: what is done is kept"
)


def _is_locked(error: sqlite3.Error) -> bool:
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
        if _is_locked(error):
            raise ManifestError(_LOCKED.format(manifest)) from error
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
    return next(sql for kind, sql in _TYPES.items() if annotation.startswith(kind))
