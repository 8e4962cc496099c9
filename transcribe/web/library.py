"""What is kept from one run of the server to the next: recordings, settings and edits.

A library is a folder with ``library.sqlite`` and, for every recording, a folder under
``recordings/`` that holds the uploaded file (``original``) and one folder for every time
it was transcribed (`transcription_job`). No path in the database leads out of the folder,
so it may be moved; nothing in a path comes from a file's name.

The database says of a recording that it is being worked on only while a server does so;
one that finds such a recording at its start puts it back into the queue.
"""

from __future__ import annotations

import json
import secrets
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

from transcribe.web.errors import FULL, RefusedError, disk_full, not_here
from transcribe.web.library_entry import (
    DONE,
    QUEUED,
    WORKING,
    Edit,
    LibraryEntry,
    Part,
    packed,
    unpacked,
)
from transcribe.web.names import shown
from transcribe.web.unfinished import forget_unfinished, is_unfinished

LOWEST_THRESHOLD = 0.05
"""The lowest onset threshold that the kept events of a transcription can answer for."""
PAIRS_PER_SECOND = 50
"""Of the waveform that is kept with a transcription."""
_VERSION = 3
"""1 lacked wishes in the content of recordings, 2 kinds of errors and parts; they are read as
they are."""
_STARTS_AGAIN = "The program ended while this was being transcribed; it starts again."
_GOES_ON = "The program ended while this was being transcribed; it goes on where it was."
_TABLES = """
CREATE TABLE recordings (
    id TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    content TEXT NOT NULL
);
CREATE TABLE edits (
    step INTEGER PRIMARY KEY AUTOINCREMENT,
    recording TEXT NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    changes TEXT NOT NULL,
    undone INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX edits_of ON edits (recording, step);
"""


class RecordingLibrary:
    """A folder of recordings. Every method may be called from any thread.

    Parameters
    ----------
    folder : Path
        Made if need be.

    Raises
    ------
    RefusedError
        If the folder can't be used.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.RLock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "recordings").mkdir(mode=0o700, exist_ok=True)
            shutil.rmtree(folder / "uploads", ignore_errors=True)
            (folder / "uploads").mkdir(mode=0o700)
            database = folder / "library.sqlite"
            database.touch(mode=0o600)
            database.chmod(0o600)  # SQLite gives its journal the same permissions
            self._database = sqlite3.connect(
                database, check_same_thread=False, isolation_level=None
            )
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise RefusedError(
                500,
                f"the folder {folder} can't be used: {error}",
                "choose another with --folder",
                kind="no_folder",
            ) from error
        self._sweep()

    def _prepare(self) -> None:
        self._database.execute("PRAGMA foreign_keys = ON")
        self._database.execute("PRAGMA synchronous = FULL")
        # The journal stays, with its room: a recording can be paused on a full disk.
        self._database.execute("PRAGMA journal_mode = PERSIST")
        found = self._database.execute("PRAGMA user_version").fetchone()[0]
        if found > _VERSION:
            raise sqlite3.DatabaseError(
                f"it was written by a newer version of transcribe (format {found})"
            )
        if 0 < found < _VERSION:
            self._database.execute(f"PRAGMA user_version = {_VERSION}")
        if found == 0:
            self._database.executescript(
                f"BEGIN; {_TABLES} PRAGMA user_version = {_VERSION}; COMMIT;"
            )

    def _sweep(self) -> None:
        """Put back what a killed server left: half-done work, folders of no recording."""
        for entry in self.entries():
            if entry.state == WORKING:
                entry.state = QUEUED
                if is_unfinished(self.transcription(entry)):
                    entry.warn("goes_on", _GOES_ON)
                else:
                    entry.warn("interrupted", _STARTS_AGAIN)
                self.save(entry)
        known = {entry.id: entry for entry in self.entries()}
        for path in (self.folder / "recordings").iterdir():
            if path.name not in known:
                shutil.rmtree(path, ignore_errors=True)
                continue
            current = self.transcription(known[path.name])
            for old in path.glob("heard-*"):
                if old != current:
                    shutil.rmtree(old, ignore_errors=True)

    def close(self) -> None:
        """End the use of the folder."""
        with self._lock:
            self._database.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """All of what is written inside, or nothing of it."""
        with self._lock:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                yield self._database
                self._database.execute("COMMIT")
            except sqlite3.OperationalError as error:
                self._roll_back()
                if "full" in str(error) or "disk I/O" in str(error):
                    raise disk_full() from error
                raise RefusedError(
                    500,
                    f"The list of recordings can't be written: {error}.",
                    "Check that the folder may be written to, then try again.",
                    kind="list_unwritten",
                    values={"reason": str(error)},
                ) from error
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")

    # --- recordings ---

    def new_upload(self) -> Path:
        """A file to write a recording to before it is `add`\\ ed."""
        return self.folder / "uploads" / secrets.token_urlsafe(12)

    def add(self, upload: Path, name: str, *, most: int) -> LibraryEntry:
        """Take a finished upload in.

        Raises
        ------
        RefusedError
            There are as many recordings as there may be, or the disk is full.
        """
        entry = LibraryEntry(
            id=secrets.token_urlsafe(12),
            name=name,
            created=time.time(),
            n_bytes=upload.stat().st_size,
        )
        with self._lock:
            if self.n_entries() >= most:
                raise too_many(most)
            folder = self.place(entry)
            folder.mkdir()
            upload.replace(folder / "original")
            try:
                self._insert(entry)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
        return entry

    def _insert(self, entry: LibraryEntry) -> None:
        with self._writing() as database:
            entry.number = self._next_number()
            database.execute(
                "INSERT INTO recordings VALUES (?, ?, ?, ?, ?)",
                (entry.id, entry.number, entry.state, entry.attempt, packed(entry)),
            )

    def _next_number(self) -> int:
        row = self._database.execute("SELECT max(number) FROM recordings").fetchone()
        return int(row[0] or 0) + 1

    def save(self, entry: LibraryEntry) -> None:
        """Write what has changed of a recording."""
        with self._writing() as database:
            database.execute(
                "UPDATE recordings SET number = ?, state = ?, attempt = ?, content = ? "
                "WHERE id = ?",
                (entry.number, entry.state, entry.attempt, packed(entry), entry.id),
            )

    def change(self, entry: LibraryEntry, **values: Any) -> None:
        """Set what is known of a recording, once it is written."""
        self.save(replace(entry, **values))
        for name, value in values.items():
            setattr(entry, name, value)

    def queue_again(self, entry: LibraryEntry, **values: Any) -> None:
        """Put a recording at the end of the queue."""
        with self._lock:
            self.change(
                entry,
                state=QUEUED,
                number=self._next_number(),
                error="",
                hint="",
                error_kind="",
                error_values={},
                warnings=[],
                remarks=[],
                **values,
            )

    def queue_part(self, entry: LibraryEntry, part: Part | None) -> None:
        """Have a part of a recording transcribed, or all of it, from the beginning."""
        forget_unfinished(self.transcription(entry))
        self.queue_again(entry, part=part)

    def entries(self) -> list[LibraryEntry]:
        """All recordings, the newest first."""
        with self._lock:
            rows = self._database.execute(
                "SELECT id, number, state, attempt, content FROM recordings ORDER BY number DESC"
            ).fetchall()
        entries = [unpacked(*row) for row in rows]
        return sorted(entries, key=lambda entry: entry.created, reverse=True)

    def n_entries(self) -> int:
        """How many recordings there are."""
        with self._lock:
            return int(self._database.execute("SELECT count(*) FROM recordings").fetchone()[0])

    def entry(self, name: str) -> LibraryEntry:
        """The recording of an id; raises RefusedError (404) where there is none."""
        with self._lock:
            row = self._database.execute(
                "SELECT id, number, state, attempt, content FROM recordings WHERE id = ?", (name,)
            ).fetchone()
        if row is None:
            raise not_here()
        return unpacked(*row)

    def queued(self) -> list[LibraryEntry]:
        """The recordings that wait to be transcribed, in the order in which they came."""
        with self._lock:
            rows = self._database.execute(
                "SELECT id, number, state, attempt, content FROM recordings WHERE state = ? "
                "ORDER BY number",
                (QUEUED,),
            ).fetchall()
        return [unpacked(*row) for row in rows]

    def rename(self, entry: LibraryEntry, name: str) -> None:
        """Give a recording another name; its file's ending stays."""
        self.change(entry, name=shown(name, suffix=PurePath(entry.name).suffix))

    def delete(self, entry: LibraryEntry) -> None:
        """Forget a recording and all that belongs to it."""
        try:
            self._forget(entry)
        except RefusedError as error:
            if error.status != FULL:
                raise
            shutil.rmtree(self.place(entry), ignore_errors=True)  # room for the list
            self._forget(entry)
        shutil.rmtree(self.place(entry), ignore_errors=True)

    def _forget(self, entry: LibraryEntry) -> None:
        with self._writing() as database:
            database.execute("DELETE FROM recordings WHERE id = ?", (entry.id,))

    def place(self, entry: LibraryEntry) -> Path:
        """The folder of a recording."""
        return self.folder / "recordings" / entry.id

    def original(self, entry: LibraryEntry) -> Path:
        """The file that was uploaded."""
        return self.place(entry) / "original"

    def transcription(self, entry: LibraryEntry) -> Path:
        """The folder of the latest transcription."""
        return self.place(entry) / f"heard-{entry.attempt}"

    # --- edits ---

    def edits(self, entry: LibraryEntry) -> list[Edit]:
        """The steps that count, the earliest first."""
        with self._lock:
            rows = self._database.execute(
                "SELECT step, changes FROM edits WHERE recording = ? AND NOT undone ORDER BY step",
                (entry.id,),
            ).fetchall()
        return [Edit(step, json.loads(changes)) for step, changes in rows]

    def add_edit(self, entry: LibraryEntry, changes: Sequence[dict[str, Any]]) -> int:
        """Keep a step; what was undone before can't be redone after it. Returns its number."""
        with self._writing() as database:
            database.execute("DELETE FROM edits WHERE recording = ? AND undone", (entry.id,))
            cursor = database.execute(
                "INSERT INTO edits (recording, changes) VALUES (?, ?)",
                (entry.id, json.dumps(list(changes))),
            )
            return int(cursor.lastrowid or 0)

    def undo(self, entry: LibraryEntry) -> None:
        """Take the last step back; raises RefusedError where there is none."""
        self._move(entry, "max", undone=False, nothing="undo")

    def redo(self, entry: LibraryEntry) -> None:
        """Do the step again that was taken back last; raises RefusedError without one."""
        self._move(entry, "min", undone=True, nothing="redo")

    def _move(self, entry: LibraryEntry, which: str, *, undone: bool, nothing: str) -> None:
        with self._writing() as database:
            step = database.execute(
                f"SELECT {which}(step) FROM edits WHERE recording = ? AND undone = ?",
                (entry.id, undone),
            ).fetchone()[0]
            if step is None:
                raise RefusedError(
                    409, f"There is nothing to {nothing}.", "", kind=f"nothing_to_{nothing}"
                )
            database.execute("UPDATE edits SET undone = ? WHERE step = ?", (not undone, step))

    def n_edits(self, entry: LibraryEntry) -> tuple[int, int]:
        """How many steps could be undone and redone."""
        with self._lock:
            rows = self._database.execute(
                "SELECT undone, count(*) FROM edits WHERE recording = ? GROUP BY undone",
                (entry.id,),
            ).fetchall()
        found = dict(rows)
        return found.get(0, 0), found.get(1, 0)

    def notes_version(self, entry: LibraryEntry) -> str:
        """Names what the notes of a finished recording depend on."""
        with self._lock:
            row = self._database.execute(
                "SELECT max(step) FROM edits WHERE recording = ? AND NOT undone", (entry.id,)
            ).fetchone()
        chosen = f"{entry.threshold or 0:g}.{entry.minimum_duration or 0:g}"
        return f"{entry.attempt}.{chosen}.{row[0] or 0}"


def too_many(most: int) -> RefusedError:
    """For a library that is full."""
    return RefusedError(
        409,
        f"There are {most} recordings already, as many as there may be.",
        "Delete some that you no longer need, then try again.",
        kind="too_many",
        values={"most": most},
    )


def heard_seconds(library: RecordingLibrary, entry: LibraryEntry) -> float:
    """Until where a recording is transcribed, in seconds."""
    if entry.state == DONE:
        return entry.duration or 0.0
    pedal = library.transcription(entry) / "pedal"
    n_frames = pedal.stat().st_size // 4 if pedal.is_file() else 0
    return n_frames * entry.hop_length / entry.sample_rate
