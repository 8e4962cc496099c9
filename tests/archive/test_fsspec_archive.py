"""An archive whose recordings and transcriptions are objects of an S3 server."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from conftest import melody_samples, write_pcm
from moto_server import s3_server

pytest.importorskip("s3fs")
pytest.importorskip("moto")

from transcribe.archive import run_folder
from transcribe.archive.lease import Lease
from transcribe.archive.listing import Patterns, list_source
from transcribe.archive.manifest import Manifest
from transcribe.archive.rows import Row
from transcribe.archive.storage.base import Store, StoredFile, StoreError
from transcribe.archive.storage.opening import open_store
from transcribe.archive.storage.remote import FsspecStore
from transcribe.cli import main
from transcribe.files.address import Address
from transcribe.files.lock import BusyError
from transcribe.midi import read_midi

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3_server("tapes") as address:
        yield address


def names(store: Store) -> set[str]:
    return {each.name for each in store.walk() if isinstance(each, StoredFile)}


def events(capsys: pytest.CaptureFixture[str]) -> list[dict]:
    lines = capsys.readouterr().out.splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def test_from_bucket_to_bucket_and_on_from_another_machine(
    bucket: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    random_checkpoint: Path,
) -> None:
    source, out = open_store(f"{bucket}/source"), open_store(f"{bucket}/out")
    sound = write_pcm(tmp_path / "a.wav", melody_samples()).read_bytes()
    silence = write_pcm(tmp_path / "b.wav", np.zeros(16000)).read_bytes()
    source.put("1962/a.wav", sound)
    source.put("100% [live]/b.wav", silence)
    source.put("bad.mp3", b"Dear diary")
    source.put("notes.txt", b"from tape")
    words = ["archive", source.address, "--out", out.address, "--workers", "1"]
    words += ["--device", "cpu", "--progress", "json", "--checkpoint", str(random_checkpoint)]
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "here"))
    assert main(words) == 1
    told = {each.get("name"): each["event"] for each in events(capsys)}
    assert (told["1962/a.wav"], told["bad.mp3"]) == ("done", "failed")
    outputs = {"1962/a.mid", "100% [live]/b.mid"}
    kept = {f"_transcribe/{name}" for name in ("manifest.sqlite", "manifest.csv", "report.html")}
    assert names(out) == outputs | kept | {"_transcribe/report.csv"}
    with out.fetch("1962/a.mid") as path:
        read_midi(path)
    # Another machine has only what is in the bucket.
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "there"))
    assert main(words) == 1
    assert [each["event"] for each in events(capsys)] == ["start", "end"]
    out.remove("1962/a.mid")
    assert main(words) == 1
    assert [each.get("name") for each in events(capsys) if each["event"] == "done"] == [
        "1962/a.wav"
    ]
    assert "1962/a.mid" in names(out)


def test_a_place_without_recordings_is_no_success(
    bucket: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    open_store(f"{bucket}/texts").put("notes.txt", b"from tape")
    for source, said in (
        ("s3://tape/1962", "s3://tape/1962: no such place, or it is empty"),
        (f"{bucket}/mistyped", "no such place, or it is empty"),
        (f"{bucket}/texts", "no recordings to transcribe; ignored, not recordings: 1"),
        (f"{bucket}/texts/notes.txt", "expected a folder or a recording there"),
    ):
        assert main(["archive", source, "--out", str(tmp_path / "out")]) == 1
        assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_one_object_is_a_source_of_one_recording(bucket: str, tmp_path: Path) -> None:
    open_store(f"{bucket}/single").put("side 1/a.wav", b"sound")
    source = f"{bucket}/single/side 1/a.wav"
    listing = list_source(source, Patterns(), open_store(str(tmp_path)))
    assert listing.source == f"{bucket}/single/side 1"
    assert [(each.name, each.size) for each in listing.entries] == [("a.wav", 5)]


def test_a_list_of_addresses_accounts_for_every_line(bucket: str, tmp_path: Path) -> None:
    store = open_store(f"{bucket}/listed")
    for name in ("x/a.wav", "x/b.wav"):
        store.put(name, b"sound")
    lines = [f"{bucket}/listed/{name}" for name in ("x/a.wav", "x//b.wav", "x/../b.wav", "x/c.wv")]
    (tmp_path / "tapes.txt").write_text("\n".join([*lines, lines[0]]))
    listing = list_source(str(tmp_path / "tapes.txt"), Patterns(), open_store(str(tmp_path)))
    assert [each.name for each in listing.entries] == ["a.wav"]
    assert {each.name: each.reason for each in listing.troubles} == {
        lines[1]: "the name begins with a slash; rename it",
        lines[2]: "the name has the part '..'; rename it",
        "c.wv": "no such file",
        "tapes.txt": "lines that name a recording again: 1",
    }


@pytest.mark.skipif(sys.platform != "linux", reason="where a user's state is, differs")
def test_the_state_of_a_bucket_is_where_it_is_wherever_the_command_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    folders = set()
    for name, password in (("a", "one"), ("b", "two")):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        store = open_store("memory://tapes")
        monkeypatch.setattr(store, "_address", Address(f"sftp://me:{password}@host/tapes"))
        folders.add(run_folder.folder_of(store, None))
    (folder,) = folders
    assert tmp_path / "transcribe" in folder.parents


def machine(folder: Path, *names: str) -> Manifest:
    """A manifest of a run on a machine whose state is in a folder, with new recordings."""
    manifest = Manifest(folder / run_folder.MANIFEST)
    run_folder.begin_run(manifest)
    manifest.save([Row(name=name, place=name) for name in names])
    return manifest


def test_a_bucket_s_manifest_wins_only_if_another_machine_went_on(
    bucket: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = open_store(f"{bucket}/machines")
    one, two = tmp_path / "one", tmp_path / "two"

    def run(folder: Path, *new: str, published: bool = True) -> list[str]:
        with run_folder.locked_for_run(out, folder):
            with closing(machine(folder, *new)) as manifest:
                known = [row.name for row in manifest.rows()]
            if published:
                run_folder.publish(out, folder, (run_folder.MANIFEST,))
            return known

    assert run(one, "a.wav") == ["a.wav"]
    # This run was killed before it published: what is here is newer.
    assert run(one, "b.wav", published=False) == ["a.wav", "b.wav"]
    assert run(one, "c.wav") == ["a.wav", "b.wav", "c.wav"]
    assert run(two, "d.wav") == ["a.wav", "b.wav", "c.wav", "d.wav"]
    assert "another machine has continued" not in caplog.text
    assert run(one) == ["a.wav", "b.wav", "c.wav", "d.wav"]
    assert "another machine has continued" in caplog.text
    with closing(Manifest(one / run_folder.REPLACED)) as before:
        assert [row.name for row in before.rows()] == ["a.wav", "b.wav", "c.wav"]


def test_a_bucket_is_held_by_one_machine(bucket: str, tmp_path: Path) -> None:
    out = open_store(f"{bucket}/held")
    with run_folder.locked_for_run(out, tmp_path / "one") as check:
        check()
        with (
            pytest.raises(BusyError, match=r"another run \(process \d+ on .*\) is working"),
            run_folder.locked_for_run(out, tmp_path / "two"),
        ):
            pass
    assert "_transcribe/lock" not in names(out)
    with run_folder.locked_for_run(out, tmp_path / "two"):
        pass
    with (
        pytest.raises(StoreError, match="can't be written"),
        run_folder.locked_for_run(open_store("s3://no-such-bucket/x"), tmp_path / "three"),
    ):
        pass


def test_a_run_that_was_killed_holds_a_bucket_for_a_while(bucket: str) -> None:
    store = FsspecStore(f"{bucket}/killed")
    killed = Lease(store, "lock", "one", every=1000.0)
    with pytest.raises(BusyError, match="expires in"):
        Lease(store, "lock", "two", every=1000.0)
    # The folder of the killed run is locked by who asks, so it is dead.
    again = Lease(store, "lock", "one", every=1000.0)
    # Another machine waits, here not at all.
    other = Lease(store, "lock", "two", every=1000.0, lapse=0.0)
    for late in (killed, again):
        assert late._store.put_if("lock", b"late", late._version) is None
    for lease in (killed, again, other):
        lease.release()
    assert store.stat("lock") is None


def test_a_run_that_lost_its_bucket_ends(bucket: str) -> None:
    store = FsspecStore(f"{bucket}/lost")
    lease = Lease(store, "lock", "one", every=0.05)
    store.put("lock", b"somebody else's")
    lease._thread.join(10)
    with pytest.raises(BusyError, match="another run has begun"):
        lease.check()
    lease.release()
    assert store.stat("lock") is not None


def test_of_many_who_come_at_once_one_holds_the_bucket(bucket: str) -> None:
    store = FsspecStore(f"{bucket}/rush")
    with ThreadPoolExecutor(8) as threads:
        put = list(threads.map(lambda n: store.put_if("lock", b"%d" % n, None), range(8)))
    assert sum(each is not None for each in put) == 1


class Silent:
    """An observer that does nothing."""

    def finished(self, row: Row) -> None:
        pass

    def retried(self, row: Row, why: str) -> None:
        pass

    def tick(self, heard: float) -> None:
        pass


def test_the_manifest_is_copied_to_the_bucket_while_a_run_goes_on(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = open_store(f"{bucket}/copied")
    manifest = Manifest(tmp_path / run_folder.MANIFEST)
    manifest.save([Row(name="a.wav", place="a.wav")])
    publisher = run_folder.Publisher(Silent(), out, tmp_path, interval=1000.0)
    publisher.tick(0.0)
    assert names(out) == set()
    publisher.interval = 0.0
    publisher.tick(0.0)
    manifest.close()
    with out.fetch("_transcribe/manifest.sqlite") as path:
        (tmp_path / "copy.sqlite").write_bytes(path.read_bytes())
    copy = Manifest(tmp_path / "copy.sqlite")
    assert [row.name for row in copy.rows()] == ["a.wav"]
    copy.close()

    def refuse(*_: object) -> None:
        raise OSError("no answer")

    monkeypatch.setattr(type(out), "put", refuse)
    publisher.tick(0.0)  # a copy that fails does not end the run
