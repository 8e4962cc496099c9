"""A file that exists under its name is whole, and a failure leaves what was there."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from transcribe.files.atomic import atomic_folder, atomic_path, naming, write_atomically
from transcribe.files.names import is_unfinished, unfinished_name


def test_a_file_appears_under_its_name_only_when_the_block_ends(tmp_path):
    path = tmp_path / "a.mid"
    path.write_bytes(b"before")
    with atomic_path(path) as temporary:
        temporary.write_bytes(b"after")
        assert path.read_bytes() == b"before"
        assert temporary.parent == tmp_path
        assert is_unfinished(str(temporary))
    assert path.read_bytes() == b"after"
    assert os.listdir(tmp_path) == ["a.mid"]


def test_a_failure_leaves_the_file_that_was_there_and_nothing_else(tmp_path):
    path = tmp_path / "a.mid"
    path.write_bytes(b"before")

    def fail():
        with atomic_path(path) as temporary:
            temporary.write_bytes(b"aft")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail()
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["a.mid"]


def test_a_file_that_can_not_be_synced_is_not_renamed(tmp_path, monkeypatch):
    def full(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space") as caught:
        write_atomically(tmp_path / "a.mid", b"whole")
    assert caught.value.filename == str(tmp_path / "a.mid")
    assert os.listdir(tmp_path) == []


def test_an_error_names_the_file_that_was_to_be_written_or_what_it_named(tmp_path):
    for given, named in ((None, None), (tmp_path / "other.wav", tmp_path / "other.wav")):
        with pytest.raises(OSError, match="output") as caught, atomic_path(tmp_path / "a.mid"):
            raise OSError(errno.EIO, "Input/output error", given and str(given))
        assert caught.value.filename == (named and str(named))
    with pytest.raises(FileNotFoundError) as missing:
        write_atomically(tmp_path / "gone" / "a.mid", b"whole")
    assert missing.value.filename == str(tmp_path / "gone" / "a.mid")
    hidden = unfinished_name("a.json", "items")
    with pytest.raises(FileNotFoundError) as missing, naming(tmp_path / "gone" / "a.json"):
        write_atomically(tmp_path / "gone" / hidden, b"whole")
    assert missing.value.filename == str(tmp_path / "gone" / "a.json")


def test_file_systems_that_can_not_sync_are_written_to_all_the_same(tmp_path, monkeypatch):
    def unable(file):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", unable)
    write_atomically(tmp_path / "a.mid", b"whole")
    assert (tmp_path / "a.mid").read_bytes() == b"whole"


def test_the_file_is_synced_before_the_renaming_and_its_folder_after(tmp_path, monkeypatch):
    seen = []

    def watch(file):
        kind = "file" if os.path.isfile(f"/proc/self/fd/{file}") else "folder"
        seen.append((kind, (tmp_path / "a.mid").exists()))

    monkeypatch.setattr(os, "fsync", watch)
    write_atomically(tmp_path / "a.mid", b"whole")
    if os.path.isdir("/proc/self/fd"):
        assert seen == [("file", False), ("folder", True)]


def test_an_interruption_leaves_nothing(tmp_path, monkeypatch):
    def refuse(self, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a.csv", b"whole")
    assert os.listdir(tmp_path) == []


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    path = tmp_path / "a.mid"
    with atomic_path(path) as first, atomic_path(path) as second:
        assert first != second
        first.write_bytes(b"first")
        second.write_bytes(b"second")
    assert path.read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["a.mid"]


def test_a_folder_appears_whole_too_and_is_removed_on_failure(tmp_path):
    for name in ("one", "two"):
        with atomic_folder(tmp_path / "set") as temporary:
            (temporary / name).write_text(name)
            if name == "two":
                (tmp_path / "set" / "one").unlink()
    assert os.listdir(tmp_path / "set") == ["two"]

    def fail():
        with atomic_folder(tmp_path / "other") as temporary:
            (temporary / "half").write_text("half")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail()
    assert os.listdir(tmp_path) == ["set"]


def test_text_is_written_as_utf_8_and_bytes_of_old_names_as_escapes(tmp_path):
    write_atomically(tmp_path / "a.json", "Étude \udce9")
    assert (tmp_path / "a.json").read_bytes() == "Étude \\udce9".encode()


def test_a_name_as_long_as_a_disk_allows_can_be_written(tmp_path):
    write_atomically(tmp_path / ("x" * 255), b"whole")
    assert os.listdir(tmp_path) == ["x" * 255]


_KILLED = """
import os, sys, signal
from pathlib import Path
from transcribe.files.atomic import atomic_path

with atomic_path(sys.argv[1]) as temporary:
    temporary.write_bytes(b"more than there will be")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name != "posix", reason="where files can't be locked while they are written")
def test_what_a_killed_process_left_goes_with_the_next_that_writes_the_file(tmp_path):
    path = tmp_path / "a.mid"
    path.write_bytes(b"before")
    for _ in range(3):
        subprocess.run([sys.executable, "-c", _KILLED, str(path)], check=False)
        assert path.read_bytes() == b"before"
    assert len(os.listdir(tmp_path)) == 2, "what is left does not add up"
    write_atomically(path, b"after")
    assert path.read_bytes() == b"after"
    assert os.listdir(tmp_path) == ["a.mid"]


@pytest.mark.skipif(os.name != "posix", reason="where files can't be locked while they are written")
def test_what_another_process_is_writing_is_left_alone(tmp_path):
    path = tmp_path / "a.mid"
    waiting = _KILLED.replace("os.kill(os.getpid(), signal.SIGKILL)", "print(flush=True); input()")
    words = [sys.executable, "-c", waiting, str(path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        write_atomically(path, b"ours")
        assert path.read_bytes() == b"ours"
        other.communicate(b"\n")
    assert path.read_bytes() == b"more than there will be"
    assert os.listdir(tmp_path) == ["a.mid"]


@pytest.mark.skipif(os.name != "posix", reason="links want rights elsewhere")
def test_a_link_in_the_place_of_what_was_left_is_not_followed(tmp_path):
    path, precious = tmp_path / "a.mid", tmp_path / "precious"
    precious.write_bytes(b"precious")
    subprocess.run([sys.executable, "-c", _KILLED, str(path)], check=False)
    (left,) = (name for name in os.listdir(tmp_path) if is_unfinished(name))
    (tmp_path / left).unlink()
    (tmp_path / left).symlink_to(precious)
    write_atomically(path, b"whole")
    assert path.read_bytes() == b"whole"
    assert precious.read_bytes() == b"precious"


@pytest.mark.skipif(os.name != "posix", reason="where files can't be locked while they are written")
def test_disks_without_locks_are_written_to_all_the_same(tmp_path, monkeypatch):
    def unable(file, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", unable)
    write_atomically(tmp_path / "a.mid", b"whole")
    assert (tmp_path / "a.mid").read_bytes() == b"whole"
    assert os.listdir(tmp_path) == ["a.mid"]
