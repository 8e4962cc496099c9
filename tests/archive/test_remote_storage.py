"""Files at any address are files: what is put is found, fetched and listed as on a disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from moto_server import s3_server

from transcribe.archive.storage.base import Store, StoredFile, StoreError, Trouble
from transcribe.archive.storage.local import LocalStore
from transcribe.archive.storage.opening import open_store
from transcribe.files.names import UNFINISHED_START

pytest.importorskip("s3fs")
pytest.importorskip("moto")
from transcribe.archive.storage.remote import FsspecStore

ODD_NAMES = (
    "a b/Für Élise №1.mid",
    "100% [live] {take}?.mid",
    "two\nlines.mid",
    "l \udce9t\udce9.mid",
)


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3_server("archive") as address:
        yield address


@pytest.fixture(params=["s3", "memory", "file", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """The same tests for an object store, one in memory, one that renames, and a plain folder."""
    kind, name = request.param, uuid4().hex
    if kind == "s3":
        yield open_store(f"{request.getfixturevalue('bucket')}/{name}")
    elif kind == "memory":
        yield open_store(f"memory://{name}")
    elif kind == "file":
        yield FsspecStore(f"file://{tmp_path.as_posix()}")
    else:
        yield LocalStore(tmp_path)


def names(store: Store) -> list[str]:
    return [each.name for each in store.walk() if isinstance(each, StoredFile)]


def test_a_store_is_the_same_by_its_address(store: Store) -> None:
    store.put("a.mid", b"1")
    assert names(open_store(store.address)) == ["a.mid"]


def test_what_is_put_is_found_fetched_replaced_and_removed(store: Store) -> None:
    assert store.stat("shelf/a.mid") is None
    assert names(store) == []
    put = store.put("shelf/a.mid", b"first")
    assert (put.name, put.size) == ("shelf/a.mid", 5)
    assert store.stat("shelf/a.mid") == put
    with store.fetch("shelf/a.mid") as path:
        assert path.read_bytes() == b"first"
    store.put("shelf/a.mid", b"second")
    found = store.stat("shelf/a.mid")
    assert found is not None
    assert found.size == 6
    store.remove("shelf/a.mid")
    store.remove("shelf/a.mid")
    assert store.stat("shelf/a.mid") is None
    with pytest.raises(FileNotFoundError), store.fetch("shelf/a.mid") as path:
        path.read_bytes()


def test_a_folder_is_no_file_and_is_neither_replaced_nor_renamed(store: Store) -> None:
    store.put("a.mid/b.mid", b"finished")
    if store.address.startswith(("s3://", "memory://")):
        assert store.stat("a.mid") is None  # no folders there, only names that begin alike
        return
    for act in (
        lambda: store.stat("a.mid"),
        lambda: store.put("a.mid", b"new"),
        lambda: store.rename("a.mid", "c.mid"),
        lambda: store.rename("a.mid/b.mid", "a.mid"),
    ):
        with pytest.raises(OSError, match=r"folder|directory"):
            act()
    assert names(store) == ["a.mid/b.mid"]


@pytest.mark.parametrize("name", ["../x.mid", "a/../../x.mid", "a//x.mid", "./x.mid", "/x.mid", ""])
def test_no_name_leads_out_of_a_store(store: Store, name: str) -> None:
    store.put("kept.mid", b"1")
    for act in (
        lambda: store.put(name, b"1"),
        lambda: store.remove(name),
        lambda: store.rename("kept.mid", name),
        lambda: store.rename(name, "new.mid"),
    ):
        with pytest.raises(OSError, match="the name"):
            act()
    assert names(store) == ["kept.mid"]


def test_keys_that_are_no_names_are_told_and_not_taken_for_others(bucket: str) -> None:
    import s3fs

    files = s3fs.S3FileSystem()
    keys = ("a/b.wav", "a//b.wav", "/abs/x.wav", "a/../../victim/x.wav", "./c.wav", "full/")
    for key in (*keys, "two%u000alines.wav", "nul%u0000.wav"):
        place = bucket.removeprefix("s3://")
        files.call_s3("put_object", Bucket=place, Key=f"keys/{key}", Body=b"1")
    told = list(open_store(f"{bucket}/keys").walk())
    assert [each.name for each in told if isinstance(each, StoredFile)] == [
        "a/b.wav",
        "two\nlines.wav",
    ]
    assert all(each.is_loss for each in told if isinstance(each, Trouble))
    reasons = {each.name: each.reason for each in told if isinstance(each, Trouble)}
    assert {name: reason.split(",")[0].split(";")[0] for name, reason in reasons.items()} == {
        "a//b.wav": "the name has an empty part",
        "/abs/x.wav": "the name begins with a slash",
        "a/../../victim/x.wav": "the name has the part '..'",
        "./c.wav": "the name has the part '.'",
        "full/": "a file whose name ends with a slash",
        "nul\0.wav": "the name has a zero byte",
    }


@pytest.mark.skipif(os.name != "posix", reason="names that Windows does not have")
def test_of_two_files_that_would_have_one_name_both_are_told(tmp_path: Path) -> None:
    for name in ("two\nlines.wav", "two%u000alines.wav"):
        (tmp_path / name).write_bytes(b"1")
    told = list(FsspecStore(f"file://{tmp_path.as_posix()}").walk())
    assert [each.name for each in told] == ["two\nlines.wav"] * 2
    (trouble,) = (each for each in told if isinstance(each, Trouble))
    assert trouble.reason == "the name is spelt so that it can't be asked for; rename it"


def test_a_file_is_put_only_where_nobody_was_faster(store: Store) -> None:
    if store.folder is not None:
        return  # on a disk there are locks
    assert store.version("a") is None
    assert store.put_if("a", b"1", "gone") is None
    first = store.put_if("a", b"1", None)
    assert store.put_if("a", b"2", None) is None
    there = store.version("a")
    assert (there.version, there.content) == (first, b"1")
    assert 0 <= there.age < 60
    second = store.put_if("a", b"2", first)
    assert second != first
    assert store.put_if("a", b"3", first) is None
    assert store.version("a").content == b"2"


def test_all_files_are_listed_in_order_but_for_skipped_folders(store: Store) -> None:
    for name in ("b/2.mid", "a.mid", "b/1.mid", "b/drafts/3.mid", "c/4.mid"):
        store.put(name, name.encode())
    assert sorted(names(store)) == ["a.mid", "b/1.mid", "b/2.mid", "b/drafts/3.mid", "c/4.mid"]
    entered: list[str] = []

    def skip(folder: str) -> bool:
        entered.append(folder)
        return folder in ("b/drafts", "c")

    found = [each.name for each in store.walk(skip=skip) if isinstance(each, StoredFile)]
    assert sorted(found) == ["a.mid", "b/1.mid", "b/2.mid"]
    assert sorted(entered) == ["b", "b/drafts", "c"]


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.skipif(os.name != "posix", reason="names that Windows does not have")
def test_odd_names_come_back_as_they_were(store: Store, name: str) -> None:
    try:
        os.fsencode(name).decode("utf-8")
    except UnicodeDecodeError:
        if os.uname().sysname != "Linux":
            pytest.skip("a name that this system does not have")
    store.put(name, b"odd")
    assert names(store) == [name]
    with store.fetch(name) as path:
        assert path.read_bytes() == b"odd"
    store.rename(name, f"moved/{name}")
    assert names(store) == [f"moved/{name}"]
    store.remove(f"moved/{name}")
    assert names(store) == []


def test_what_a_killed_run_left_is_no_file_and_is_cleared(tmp_path: Path) -> None:
    store = FsspecStore(f"file://{tmp_path.as_posix()}")
    store.put("a.mid", b"1")
    (tmp_path / f"{UNFINISHED_START}abc.part").write_bytes(b"half")
    assert names(store) == ["a.mid"]
    assert store.clear_leftovers() == 1
    assert os.listdir(tmp_path) == ["a.mid"]


def test_a_failed_put_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FsspecStore(f"file://{tmp_path.as_posix()}")
    store.put("a.mid", b"before")

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fsspec.implementations.local.LocalFileSystem.mv", fail)
    with pytest.raises(OSError, match="No space"):
        store.put("a.mid", b"after")
    assert (tmp_path / "a.mid").read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["a.mid"]


def test_an_unknown_protocol_and_a_missing_bucket_are_told(bucket: str) -> None:
    with pytest.raises(StoreError, match="punchcard"):
        open_store("punchcard://tray/1")
    nowhere = open_store("s3://no-such-bucket/folder")
    with pytest.raises(OSError, match=r"."):
        nowhere.put("a.mid", b"1")
    assert nowhere.stat("a.mid") is None


def test_a_server_that_does_not_answer_is_an_os_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    for key, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setattr("s3fs.S3FileSystem.retries", 1)

    store = FsspecStore("s3://archive/unreachable")
    with pytest.raises(OSError, match=r"."):
        store.stat("a.mid")
    with pytest.raises(StoreError, match="can't be read"):
        list(store.walk())
    s3fs.S3FileSystem.clear_instance_cache()
