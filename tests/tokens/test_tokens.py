"""The command that feeds generators: which sources, which files, what is said of them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from transcribe import cli
from transcribe.files.atomic import write_atomically
from transcribe.tokens import encoded as encoded_module
from transcribe.tokens.encoded import Encoded, Item, read_items
from transcribe.tokens.sources import find_sources


def an_item(name: str, content: bytes = b"notes") -> Item:
    return Item(name, ".mid", content, 1.0, 2.5, {"steps": 32})


def test_what_is_written_is_read_back(tmp_path):
    encoded = Encoded("melody-rnn", (an_item("1"), an_item("2", b"more")), {"grid": {"tempo": 90}})
    description, *paths = encoded.write(tmp_path, "Op. 2 no. 1", source={"file": "a.mp3"})
    assert description.name == "Op. 2 no. 1.json"
    assert [path.name for path in paths] == ["Op. 2 no. 1.1.mid", "Op. 2 no. 1.2.mid"]
    assert read_items(description) == encoded.items


def test_items_that_are_not_made_again_go_and_neighbours_stay(tmp_path):
    Encoded("abc", tuple(map(an_item, "123"))).write(tmp_path, "song")
    Encoded("abc", tuple(map(an_item, "12"))).write(tmp_path, "song.2")
    Encoded("abc", (an_item("1"),)).write(tmp_path, "song")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "song.1.mid",
        "song.2.1.mid",
        "song.2.2.mid",
        "song.2.json",
        "song.json",
    ]


KILLED_AT_EVERY_STEP = """
import json, os, signal, shutil, sys
from pathlib import Path
from transcribe.tokens.encoded import Encoded, Item

def encoded(names, content):
    return Encoded("abc", tuple(Item(n, ".mid", content, 1.0, 2.0) for n in names))

def killed_after(n_steps):
    left = [n_steps]
    def counted(function):
        def call(*words, **more):
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
            return function(*words, **more)
        return call
    os.fsync = counted(os.fsync)
    for name in ("replace", "unlink", "write_bytes"):
        setattr(Path, name, counted(getattr(Path, name)))

folder = Path(sys.argv[1])
for n_steps in range(1000):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    encoded("123", b"old").write(folder, "song")
    child = os.fork()
    if child == 0:
        killed_after(n_steps)
        encoded("24", b"new").write(folder, "song")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    there = folder / "song.json"
    if there.exists():
        listed = [item["file"] for item in json.loads(there.read_text())["items"]]
        kinds = {(folder / name).read_bytes() for name in listed}
        assert len(kinds) == 1, (n_steps, kinds)
    for path in folder.glob("song.*.mid"):
        assert path.read_bytes() in (b"old", b"new"), (n_steps, path)
    encoded("5", b"newest").write(folder, "song")
    left = sorted(path.name for path in folder.iterdir())
    assert left == ["song.5.mid", "song.json"], (n_steps, left)
    if os.WIFEXITED(status):
        break
print(n_steps)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process can't be forked here")
def test_a_run_that_is_killed_at_any_step_leaves_nothing_that_the_next_one_keeps(tmp_path):
    words = [sys.executable, "-c", KILLED_AT_EVERY_STEP, str(tmp_path / "out")]
    n_steps = int(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)
    assert n_steps > 10


def test_an_interrupted_run_finishes_what_it_writes(tmp_path, monkeypatch):
    Encoded("abc", tuple(map(an_item, "123"))).write(tmp_path, "song")
    calls = []

    def interrupted(path, content):
        calls.append(path)
        if len(calls) == 3:
            raise KeyboardInterrupt
        write_atomically(path, content)

    monkeypatch.setattr(encoded_module, "write_atomically", interrupted)
    new = Encoded("abc", (an_item("1", b"x"), an_item("4")))
    with pytest.raises(KeyboardInterrupt):
        new.write(tmp_path, "song")
    assert read_items(tmp_path / "song.json") == new.items
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "song.1.mid",
        "song.4.mid",
        "song.json",
    ]


def test_a_folder_is_searched_and_midi_goes_before_its_recording(tmp_path):
    for name in ("a.mp3", "a.mid", "deep/b.flac", ".hidden/c.mid", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_sources([str(tmp_path)])
    assert [(s.path.name, s.name.as_posix(), s.is_midi) for s in found.sources] == [
        ("a.mid", "a", True),
        ("b.flac", "deep/b", False),
    ]
    assert found.left_out == {".txt": 1}
    assert found.n_beside_midi == 1
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no recordings"):
        find_sources([str(tmp_path / "empty")])


def test_recordings_that_differ_in_their_endings_only_are_all_taken(tmp_path):
    for name in ("a.wav", "a.mp3", "b.MOV", "c.qta"):
        (tmp_path / name).touch()
    sources = find_sources([str(tmp_path)]).sources
    assert [each.name.as_posix() for each in sources] == ["a.mp3", "a.wav", "b", "c"]


def test_a_missing_package_is_named_before_anything_is_heard(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("transcribe.tokens.targets.find_spec", lambda package: None)
    (tmp_path / "song.mp3").write_bytes(b"never opened")
    words = ["tokens", str(tmp_path / "song.mp3"), "--for", "remi", "-o", str(tmp_path / "out")]
    assert cli.main(words) == 1
    assert "miditok is not installed" in (said := capsys.readouterr().err)
    assert "pip install 'transcribe[tokens]'" in said
    assert not (tmp_path / "out").exists()
