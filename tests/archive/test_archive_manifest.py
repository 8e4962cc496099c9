"""The manifest and the folder of outputs: whole or not at all, and never in others' way."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from transcribe.archive import manifest as m
from transcribe.archive.escaping import cell
from transcribe.archive.jobs import Output
from transcribe.archive.manifest import Manifest, ManifestError
from transcribe.archive.rows import (
    COLUMNS,
    DONE,
    FAILED,
    STATES,
    WAITING,
    Row,
    export_csv,
)
from transcribe.archive.storage.base import StoredFile
from transcribe.archive.storage.local import LocalStore
from transcribe.archive.storage.opening import open_store
from transcribe.files.names import UNFINISHED_START


def test_a_manifest_keeps_all_or_nothing_and_every_field(tmp_path):
    path = tmp_path / "manifest.sqlite"
    manifest = Manifest(path)
    row = Row(name="a\n.wav", place="/x/\udcff", stem="a", duration=1.5, warnings=("one", "two"))
    manifest.save([row])
    outputs = [Output("mid", "a\n.mid", 3, "ff", 1.25)]
    manifest.finish(row, outputs)
    row.state = DONE
    with pytest.raises(ManifestError):
        manifest.save([row, Row(name="b", place="b", size=1 << 70)])
    manifest.close()
    again = Manifest(path)
    assert list(again.rows()) == [
        Row(**{**{c: getattr(row, c) for c in COLUMNS}, "state": WAITING})
    ]
    assert again.outputs() == {row.number: outputs}
    again.close()


def test_rows_are_asked_for_by_their_states(tmp_path):
    with contextlib.closing(Manifest(tmp_path / "manifest.sqlite")) as manifest:
        manifest.save([Row(name=each, place=each, state=each) for each in STATES])
        manifest.save([Row(name="gone", place="", state=DONE, present=False)])
        assert [row.name for row in manifest.rows(DONE)] == ["done", "gone"]
        assert [row.name for row in manifest.rows(FAILED, WAITING)] == ["failed", "waiting"]
        assert [row.name for row in manifest.rows(DONE, FAILED, present_only=True)] == [
            "done",
            "failed",
        ]
        assert {row.name for row in manifest.rows()} == {*STATES, "gone"}


def test_a_manifest_is_read_whatever_the_order_of_its_columns(tmp_path):
    path = tmp_path / "manifest.sqlite"
    Manifest(path).close()
    with contextlib.closing(sqlite3.connect(path)) as db:
        (made,) = db.execute("SELECT sql FROM sqlite_master WHERE name = 'recordings'").fetchone()
        head, _, columns = made.rstrip(")").partition("(")
        db.execute("DROP TABLE recordings")
        db.execute(f"{head}({', '.join(reversed(columns.split(', ')))})")
        db.commit()
    rows = [
        Row(name="a.wav", place="a.wav", stem="a", duration=60.0, notes=700, may_pass=True),
        Row(name="b.wav", place="b.wav", present=False, warnings=("tuning: 31 cents", "kept: x")),
    ]
    with contextlib.closing(Manifest(path)) as manifest:
        manifest.save(rows)
        assert list(manifest.rows()) == rows
        assert list(manifest.rows(present_only=True)) == rows[:1]


def test_a_table_has_flags_as_numbers_and_warnings_in_a_cell():
    row = Row(name="a", place="a", may_pass=True, confidence=0.98765432, warnings=("one", "two"))
    (line,) = csv.DictReader(io.StringIO(export_csv([row]).decode()))
    assert list(line)[:3] == ["number", "name", "state"]
    found = [line[name] for name in ("may_pass", "present", "confidence", "warnings", "duration")]
    assert found == ["1", "1", "0.9877", "one; two", ""]


def test_a_damaged_or_newer_manifest_is_refused_in_words(tmp_path):
    path = tmp_path / "manifest.sqlite"
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 4000)
    with pytest.raises(ManifestError, match="move it away"):
        Manifest(path)
    path.unlink()
    Manifest(path).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 9")
    db.commit()
    db.close()
    with pytest.raises(ManifestError, match="found version 9"):
        Manifest(path)


def test_a_manifest_that_another_program_holds_is_not_called_damaged(tmp_path, monkeypatch):
    monkeypatch.setattr(m, "_BUSY_SECONDS", 0.05)
    path = tmp_path / "manifest.sqlite"
    manifest = Manifest(path)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as browser:
        browser.execute("BEGIN EXCLUSIVE")
        tries = (
            lambda: Manifest(path),
            lambda: manifest.save([Row(name="a", place="a")]),
            lambda: list(manifest.rows()),
            lambda: m.copy(path, tmp_path / "copy"),
        )
        for each in tries:
            with pytest.raises(ManifestError, match="another program holds") as caught:
                each()
            assert "move it away" not in str(caught.value)
            assert str(path) in str(caught.value)
    manifest.save([Row(name="a", place="a")])
    assert [row.name for row in manifest.rows()] == ["a"]
    manifest.close()


@pytest.mark.parametrize(
    ("code", "words", "is_locked"),
    [
        (5, "try again", True),  # SQLITE_BUSY
        (5 | 1 << 8, "try again", True),  # SQLITE_BUSY_RECOVERY
        (6, "try again", True),  # SQLITE_LOCKED
        (11, "database disk image is malformed", False),
        (None, "database is locked", True),  # Python 3.10 gives no codes
        (None, "no such table: recordings", False),
    ],
)
def test_what_another_program_holds_is_known_by_sqlite_s_code(code, words, is_locked):
    error = sqlite3.OperationalError(words)
    if code is not None:
        error.sqlite_errorcode = code
    assert m._is_locked(error) == is_locked


def test_a_copy_is_what_was_written_before_a_kill_and_the_manifest_stays_untouched(tmp_path):
    """A killed run leaves a journal that must be rolled back before anything can be read."""
    path = tmp_path / "manifest.sqlite"
    manifest = Manifest(path)
    rows = [Row(name=f"{n}.wav", place="x", error="e" * 500) for n in range(200)]
    manifest.save(rows)
    manifest.close()
    killed = tmp_path / "killed" / "manifest.sqlite"
    killed.parent.mkdir()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA cache_size = 1")
        db.execute("BEGIN IMMEDIATE")
        db.execute("UPDATE recordings SET state = 'done', error = 'f'")
        shutil.copy(path, killed)
        shutil.copy(f"{path}-journal", f"{killed}-journal")
        db.execute("ROLLBACK")
    before = {file: file.read_bytes() for file in killed.parent.iterdir()}
    m.copy(killed, tmp_path / "copy")
    snapshot = Manifest(tmp_path / "copy", name=killed)
    assert {(row.state, row.error) for row in snapshot.rows()} == {(WAITING, "e" * 500)}
    snapshot.close()
    assert {file: file.read_bytes() for file in killed.parent.iterdir()} == before


def test_errors_of_a_copy_name_the_manifest(tmp_path):
    (tmp_path / "copy").write_bytes(b"SQLite format 3\0" + b"\xff" * 4000)
    with pytest.raises(ManifestError, match=r"^kept.manifest\.sqlite: "):
        Manifest(tmp_path / "copy", name=Path("kept/manifest.sqlite"))


@pytest.mark.parametrize("name", ["=1+1", " =1+1", "  =1", "+1", "-1", "@A1", "\uff1d1"])
def test_a_table_has_no_formulas(name):
    (line,) = csv.DictReader(
        io.StringIO(export_csv([Row(name=name, place="", stem=name)]).decode())
    )
    assert line["name"].startswith("'")
    assert line["stem"].startswith("'")
    assert cell("a=1") == "a=1"


def test_what_is_put_is_whole_or_not_there(tmp_path, monkeypatch):
    store = LocalStore(tmp_path)
    store.put("deep/a.mid", b"first")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.put("deep/a.mid", b"second")
    assert (tmp_path / "deep" / "a.mid").read_bytes() == b"first"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.mid"]
    (tmp_path / "deep" / f"{UNFINISHED_START}x.part").write_bytes(b"half")
    assert [each.name for each in store.walk() if isinstance(each, StoredFile)] == ["deep/a.mid"]
    assert store.clear_leftovers() == 1
    assert open_store(str(tmp_path)).stat("deep/a.mid").size == 5
    assert store.stat("deep/none.mid") is None
