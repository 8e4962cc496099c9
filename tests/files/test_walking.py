"""Folders are looked through whole, and what can't be looked into is said by every command."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

import pytest

from transcribe import cli
from transcribe.datasets import load_dataset
from transcribe.errors import DatasetError
from transcribe.files.walking import walk
from transcribe.midi import write_midi
from transcribe.notes import Note, Performance

SCALE = Performance(
    [Note(onset=i / 2, offset=i / 2 + 0.4, pitch=60 + i, velocity=80) for i in range(8)]
)
REFUSED = "this folder can't be read: permission denied"


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch):
    """Take the right to read a folder away, from root too."""
    locked: set[str] = set()
    scandir = os.scandir

    def refusing(path="."):
        if str(path) in locked:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    return lambda folder: locked.add(str(folder))


def folder_of(folder: Path) -> Path:
    """Two MIDI files, one of them in a subfolder."""
    for name in ("a.mid", "sonatas/b.mid"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_midi(SCALE, folder / name)
    return folder


def names(folder: Path, *without: Path) -> list[str]:
    found = walk(folder, without=without).files
    return [path.relative_to(folder).as_posix() for path in found]


def test_files_are_found_behind_links_and_each_folder_once(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "in")
    folder_of(tmp_path / "elsewhere")
    (folder / "another").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (folder / "again").symlink_to(folder / "sonatas", target_is_directory=True)
    (folder / "sonatas" / "up").symlink_to(folder, target_is_directory=True)
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "c.mid").touch()
    (folder / "made").mkdir()
    (folder / "made" / "d.mid").touch()
    os.mkfifo(folder / "pipe.mid")
    found = ["a.mid", "another/a.mid", "another/sonatas/b.mid", "made/d.mid", "sonatas/b.mid"]
    assert names(folder) == found
    found.remove("made/d.mid")
    assert names(folder, folder / "made") == found
    assert names(folder, folder) != []


def test_a_link_to_what_holds_it_is_not_followed(tmp_path: Path, caplog) -> None:
    """What lies beside a folder is not in it, also where a link in it leads there and back."""
    folder = folder_of(tmp_path / "all" / "in")
    folder_of(tmp_path / "all" / "beside")
    folder_of(tmp_path / "elsewhere")
    (folder / "up").symlink_to("..", target_is_directory=True)
    (folder / "another").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "all", target_is_directory=True)
    (folder / "sonatas" / "again").symlink_to("../..", target_is_directory=True)
    (folder / "sonatas" / "same").symlink_to("..", target_is_directory=True)
    assert names(folder) == ["a.mid", "another/a.mid", "another/sonatas/b.mid", "sonatas/b.mid"]
    why = "a link to a folder that it lies in; it is not followed"
    passed_over = [folder / "up", folder / "sonatas/again", folder / "another/back"]
    assert caplog.messages == [f"{each}: {why}" for each in passed_over]


def test_a_link_to_nothing_is_a_file_that_is_not_there(tmp_path: Path, capsys) -> None:
    """As on a disk that is not plugged in: nobody learns of it if it is passed over."""
    for side in ("ref", "est"):
        folder_of(tmp_path / side)
    (tmp_path / "est" / "c.mid").symlink_to(tmp_path / "absent.mid")
    write_midi(SCALE, tmp_path / "ref" / "c.mid")
    assert cli.main(["evaluate", str(tmp_path / "ref"), str(tmp_path / "est")]) == 1
    assert "c: unreadable: " in capsys.readouterr().err


@pytest.mark.parametrize("words", [["evaluate"], ["evaluate", "--json"]])
def test_evaluate_says_what_it_may_not_look_into(tmp_path: Path, lock, capsys, words) -> None:
    ref, est = folder_of(tmp_path / "ref"), folder_of(tmp_path / "est")
    for side in (ref, est):
        lock(side / "sonatas")
    assert cli.main([*words, str(ref), str(est)]) == 1
    said = capsys.readouterr().err
    assert f"{ref / 'sonatas'}: unreadable: {REFUSED}" in said
    assert f"{est / 'sonatas'}: unreadable: {REFUSED}" in said
    lock(est)
    assert cli.main([*words, str(ref), str(est)]) == 1
    assert f"found 1 (the first is a) and none; {ref / 'sonatas'}: " in capsys.readouterr().err


def test_tokens_says_what_it_may_not_look_into(tmp_path: Path, lock, capsys) -> None:
    folder = folder_of(tmp_path / "in")
    lock(folder / "sonatas")
    words = ["tokens", str(folder), "--for", "performance-rnn", "-o", str(tmp_path / "out")]
    assert cli.main(words) == 1
    assert f"{folder / 'sonatas'}: {REFUSED}" in capsys.readouterr().err
    assert (tmp_path / "out" / "performance-rnn" / "a.json").is_file()
    lock(folder)
    assert cli.main([*words, "--overwrite"]) == 1
    assert f"{folder}: {REFUSED}" in capsys.readouterr().err


def test_corpus_says_what_it_may_not_look_into(tmp_path: Path, lock, capsys) -> None:
    folder = folder_of(tmp_path / "in")
    lock(folder / "sonatas")
    out = tmp_path / "out"
    words = ["corpus", str(folder), "-o", str(out), "--shortest", "1", "--fewest-notes", "2"]
    assert cli.main([*words, "--workers", "1"]) == 1
    assert f"warning: sonatas: {REFUSED}; its music is missing" in capsys.readouterr().err
    assert f"sonatas: {REFUSED}" in (out / "README.md").read_text("utf-8")
    lock(folder)
    assert cli.main(words) == 1
    assert f"found none; {folder}: {REFUSED}" in capsys.readouterr().err


def test_a_data_set_says_what_of_it_may_not_be_looked_into(tmp_path: Path, lock, caplog) -> None:
    folder_of(tmp_path)
    lock(tmp_path / "sonatas")
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(DatasetError, match=r"Found a\.mid, sonatas"),
    ):
        load_dataset(tmp_path)
    assert f"{tmp_path / 'sonatas'}: {REFUSED}; recordings in it are left out" in caplog.text
