"""What a run finds: names of outputs, trees, addresses, lists."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest
from archive_tree import Tree
from hypothesis import given
from hypothesis import strategies as st

from transcribe.archive.escaping import escaped, unescaped
from transcribe.archive.listing import Patterns, list_source
from transcribe.archive.naming import stems_of
from transcribe.archive.rows import (
    export_csv,
)
from transcribe.archive.storage.base import StoreError
from transcribe.archive.storage.local import LocalStore
from transcribe.archive.storage.opening import open_store
from transcribe.files.names import UNFINISHED_START

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes")


@pytest.fixture
def tree(tmp_path):
    tree = Tree(tmp_path)
    yield tree
    tree.manifest.close()


# Names of outputs


def test_recordings_of_one_name_keep_their_endings():
    stems = stems_of(["x/a.wav", "x/a.mp3", "x/b.wav", "a.wav"])
    assert stems == {"x/a.wav": "x/a.wav", "x/a.mp3": "x/a.mp3", "x/b.wav": "x/b", "a.wav": "a"}


def test_a_stem_once_given_stays():
    assert stems_of(["a.mp3"], given=["a"]) == {"a.mp3": "a.mp3"}


def test_names_that_some_disks_take_for_the_same_are_told_apart():
    names = ["A.wav", "a.mp3", "caf\u00e9.wav", "cafe\u0301.wav"]
    assert len(set(map(str.casefold, stems_of(names).values()))) == 4


name_parts = st.text(st.sampled_from("aAb.~é\n\udcff "), min_size=1, max_size=6).filter(
    lambda part: part not in (".", "..")
)
names = st.lists(st.lists(name_parts, min_size=1, max_size=2).map("/".join), max_size=12)


@given(names, names)
def test_no_two_recordings_share_an_output(first, second):
    before = stems_of(first)
    after = stems_of(set(second) - set(first), before.values())
    stems = [*before.values(), *after.values()]
    assert len({stem.casefold() for stem in stems}) == len(set(first) | set(second))


def test_a_name_as_long_as_a_disk_allows_leaves_room_for_endings(tmp_path):
    names = ["é" * 125 + ".wav", "é" * 125 + "x.au", "é" * 124 + "xyz.mp3"]
    stems = stems_of(names)
    assert len(set(stems.values())) == 3
    for stem in stems.values():
        LocalStore(tmp_path).put(f"{stem}.json.kept-1", b"fits")


# Walking a tree


def test_a_tree_is_walked_once_whatever_links_say(tree):
    tree.add("a.wav")
    tree.add("deep/b.wav")
    root = tree.source.root
    (root / "deep" / "up").symlink_to(root)
    (root / "again").symlink_to(root / "deep")
    (root / "nowhere.wav").symlink_to(root / "missing.wav")
    listing = list_source(str(root), Patterns(), tree.out)
    assert [entry.name for entry in listing.entries] == ["a.wav", "deep/b.wav"]
    losses = {each.name: each.is_loss for each in listing.troubles}
    assert losses == {"deep/up": False, "again": False, "nowhere.wav": True}


def test_a_link_to_a_folder_elsewhere_is_followed(tree, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.wav").write_text("a")
    (tree.source.root / "link").symlink_to(tmp_path / "elsewhere")
    listing = list_source(str(tree.source.root), Patterns(), tree.out)
    assert [entry.name for entry in listing.entries] == ["link/a.wav"]


def test_a_link_to_what_holds_the_source_is_not_followed(tree, tmp_path):
    tree.add("a.wav")
    tree.add("deep/b.wav")
    root = tree.source.root
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "c.wav").write_text("c")
    (root / "up").symlink_to(root.parent)
    (root / "way").symlink_to(tmp_path / "beside")
    listing = list_source(str(root), Patterns(), tree.out)
    names = [entry.name for entry in listing.entries]
    assert sorted(names) == ["a.wav", "deep/b.wav", "way/c.wav"]
    told = {each.name: each.reason for each in listing.troubles if not each.is_loss}
    assert told == {"up": "a link to a folder that it lies in"}


def test_a_folder_that_can_not_be_read_is_told(tree, monkeypatch):
    tree.add("shut/a.wav")
    tree.add("b.wav")
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    listing = list_source(str(tree.source.root), Patterns(), tree.out)
    assert [entry.name for entry in listing.entries] == ["b.wav"]
    (trouble,) = listing.troubles
    assert trouble.name == "shut"
    assert "permission denied" in trouble.reason
    assert trouble.is_loss


@linux_only
@pytest.mark.parametrize(
    "file", [b"new\nline.wav", b"\xff\xfe.wav", b"x" * 251 + b".wav", b"-.wav"]
)
def test_odd_names_are_kept_in_manifest_and_outputs(tree, file):
    name = os.fsdecode(file)
    tree.add(name, "sound")
    tree.run()
    (row,) = tree.manifest.rows()
    assert row.name == name
    (output,) = tree.outputs()
    assert output.endswith(".mid")
    assert tree.plan().todo == []
    table = export_csv(tree.manifest.rows())
    assert len(table.splitlines()) == 2
    assert escaped(name).encode() in table


@given(st.text(st.characters(exclude_categories=()), max_size=20))
def test_an_escaped_name_is_printable_and_comes_back(name):
    assert escaped(name).isprintable()
    assert unescaped(escaped(name)) == name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("\udc7f", r"\udc7f"),
        ("\udc80", r"\x80"),
        ("\udcff", r"\xff"),
        ("\udd00", r"\udd00"),
        ("\x7f", r"\x7f"),
        ("\x80", r"\u0080"),
        ("\U000e0001", r"\U000e0001"),
    ],
)
def test_bytes_that_are_no_text_are_told_from_letters_that_can_not_be_printed(name, text):
    assert escaped(name) == text
    assert unescaped(text) == name


def test_what_is_no_recording_is_counted_and_patterns_choose(tree):
    for name in ("a.wav", "b.MP3", "notes.txt", "._a.wav", "drafts/c.wav", "drafts/d/e.wav"):
        tree.add(name)
    for name in (".a.wav", ".trash/f.wav", "drafts/.snapshots/1/g.wav"):
        tree.add(name)

    def names(*arguments):
        listing = list_source(str(tree.source.root), Patterns(*arguments), tree.out)
        return {entry.name for entry in listing.entries}

    everything = list_source(str(tree.source.root), Patterns(), tree.out)
    assert (everything.ignored, everything.left_out) == ({".txt": 1, ".wav": 2}, {})
    some = list_source(str(tree.source.root), Patterns(("*.mp3",)), tree.out)
    assert (some.ignored, some.left_out) == ({".txt": 1, ".wav": 2}, {".wav": 3})
    hidden = list_source(str(tree.source.root / ".trash" / "f.wav"), Patterns(), tree.out)
    assert [entry.name for entry in hidden.entries] == ["f.wav"]  # which was named
    assert names() == {"a.wav", "b.MP3", "drafts/c.wav", "drafts/d/e.wav"}
    assert names((), ("drafts",)) == {"a.wav", "b.MP3"}
    assert names(("*.mp3",)) == {"b.MP3"}
    assert names(("*a.wav",)) == {"a.wav"}
    assert names(("e.wav",)) == {"drafts/d/e.wav"}
    assert names(("drafts/*",), ("*/d",)) == {"drafts/c.wav"}
    (tree.source.root / "gone.wav").symlink_to(tree.source.root / "missing.wav")
    for excluded, n_missed in (("*.mp3", 1), ("gone*", 0)):
        listing = list_source(str(tree.source.root), Patterns((), (excluded,)), tree.out)
        assert len(listing.troubles) == n_missed


def test_a_recording_may_be_the_source(tree):
    place = tree.add("shelf/a.wav")
    tree.add("shelf/b.wav")
    listing = list_source(str(place), Patterns(), tree.out)
    assert [(each.name, each.place) for each in listing.entries] == [("a.wav", "a.wav")]
    assert listing.source == str(place.parent)


def test_a_list_of_addresses_has_the_folder_that_all_are_in(tmp_path):
    store = open_store("memory://shelf-of-lists")
    for name in ("1962/a/x.wav", "1962/a/y.wav", "1962/b/deep/z.wav"):
        store.put(name, b"sound")
    names = ("1962/a/x.wav", "1962/a/y.wav", "1962/b/deep/z.wav")
    path = tmp_path / "list.txt"
    path.write_text("\n".join(f"memory://shelf-of-lists/{name}" for name in names))
    listing = list_source(str(path), Patterns(), LocalStore(tmp_path / "out"))
    assert listing.source == "memory://shelf-of-lists/1962"
    assert {each.name for each in listing.entries} == {"a/x.wav", "a/y.wav", "b/deep/z.wav"}


def test_what_patterns_leave_out_of_a_list_is_counted_by_ending(tree):
    tree.add("a.wav")
    tree.add("b.mp3")
    path = tree.source.root / "list.txt"
    path.write_text("a.wav\nb.mp3\n")
    listing = list_source(str(path), Patterns(("*.wav",)), tree.out)
    assert [each.name for each in listing.entries] == ["a.wav"]
    assert (listing.left_out, listing.ignored) == ({".mp3": 1}, {})


@linux_only
def test_a_list_may_name_files_of_any_bytes(tmp_path):
    name = os.fsdecode(b"caf\xe9 \xf0\x9f.wav")
    (tmp_path / name).write_text("a")
    (tmp_path / "list.txt").write_bytes(os.fsencode(name) + b"\n")
    assert listed(tmp_path / "list.txt", tmp_path) == ({name: name}, [])


def test_the_figures_of_a_plan_have_these_names(tree):
    tree.add("a.wav")
    assert tree.plan().figures() == {
        "to_do": 1,
        "why": {"new": 1},
        "settled_before": 0,
        "outdated": 0,
        "moved": 0,
        "gone": 0,
    }


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes are elsewhere there")
def test_what_is_no_file_and_what_is_called_like_ours_is_told_or_counted(tree):
    tree.add("a.wav")
    tree.add(".transcribe-tape.wav")
    tree.add(f"{UNFINISHED_START}1a2b.77.part")
    tree.add("_transcribe/b.wav")
    tree.add("x/_transcribe/c.wav")
    os.mkfifo(tree.source.root / "pipe.wav")
    os.mkfifo(tree.source.root / "socket")
    listing = list_source(str(tree.source.root), Patterns(), tree.out)
    names = [entry.name for entry in listing.entries]
    assert names == ["a.wav", "x/_transcribe/c.wav"]
    assert listing.ignored == {".part": 1, "": 1, ".wav": 1}
    assert {each.name: each.is_loss for each in listing.troubles} == {
        "pipe.wav": True,
        "_transcribe/b.wav": True,
    }
    assert LocalStore(tree.source.root).clear_leftovers() == 1
    assert (tree.source.root / ".transcribe-tape.wav").exists()


def test_outputs_may_lie_inside_the_source_but_not_among_the_recordings(tree, tmp_path):
    tree.add("a.wav")
    inside = LocalStore(tree.source.root / "midi")
    inside.put("x.wav", b"not to be found")
    listing = list_source(str(tree.source.root), Patterns(), inside)
    assert [entry.name for entry in listing.entries] == ["a.wav"]
    for out in (tree.source.root, tmp_path):
        with pytest.raises(StoreError, match="among the recordings"):
            list_source(str(tree.source.root), Patterns(), LocalStore(out))


def test_an_address_may_be_that_of_one_recording(tmp_path):
    out = LocalStore(tmp_path / "out")
    store = open_store("memory://shelf-of-one/1962")
    store.put("tape.wav", b"sound")
    store.put("tapes.txt", b"tape.wav")
    listing = list_source("memory://shelf-of-one/1962/tape.wav", Patterns(), out)
    assert listing.source == "memory://shelf-of-one/1962"
    assert [(each.name, each.place, each.size) for each in listing.entries] == [
        ("tape.wav", "tape.wav", 5)
    ]
    with pytest.raises(StoreError, match="lists are read from a disk"):
        list_source("memory://shelf-of-one/1962/tapes.txt", Patterns(), out)
    with pytest.raises(StoreError, match="no such place"):
        list_source("memory://shelf-of-one/1962/none.wav", Patterns(), out)


@pytest.mark.parametrize("out", ["shelf-above", "shelf-above/1962", "shelf-above/1962/tapes/"])
def test_outputs_go_neither_among_the_recordings_of_a_bucket_nor_above_them(out):
    open_store("memory://shelf-above/1962/tapes").put("a.wav", b"sound")
    with pytest.raises(StoreError, match="among the recordings"):
        list_source("memory://shelf-above/1962/tapes", Patterns(), open_store(f"memory://{out}"))


def test_a_folder_of_a_bucket_that_outputs_go_to_is_not_looked_into():
    store = open_store("memory://shelf-within")
    for name in ("a.wav", "out/b.wav", "outside/c.wav"):
        store.put(name, b"sound")
    listing = list_source(
        "memory://shelf-within", Patterns(), open_store("memory://shelf-within/out")
    )
    assert [each.name for each in listing.entries] == ["a.wav", "outside/c.wav"]


def test_a_host_that_does_not_answer_is_no_misspelt_place(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for rest in ("tapes", "tapes/a.wav"):
        with pytest.raises(StoreError, match="the host did not answer"):
            list_source(f"http://127.0.0.1:{port}/{rest}", Patterns(), LocalStore(tmp_path / "out"))


def test_a_folder_named_by_an_address_is_that_folder(tree, tmp_path):
    tree.add("a b.wav")
    source, address = str(tree.source.root), tree.source.root.as_uri()
    assert address.startswith("file://")
    for pair in ((source, address), (address, source), (address, address)):
        with pytest.raises(StoreError, match="among the recordings"):
            list_source(pair[0], Patterns(), open_store(pair[1]))
    out = open_store((tmp_path / "new folder").as_uri())
    assert out.folder == tmp_path / "new folder"
    assert [each.name for each in list_source(address, Patterns(), out).entries] == ["a b.wav"]


# Lists


def listed(path: Path, tmp_path: Path):
    listing = list_source(str(path), Patterns(), LocalStore(tmp_path / "out"))
    return {entry.name: entry.place for entry in listing.entries}, listing.troubles


def test_a_list_of_lines_names_recordings_here_and_elsewhere(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "b.mp3").write_text("b")
    (tmp_path / "list").mkdir()
    (tmp_path / "list" / "a.wav").write_text("a")
    far = tmp_path / "far" / "b.mp3"
    path = tmp_path / "list" / "tapes.txt"
    path.write_text(f"# tapes\r\na.wav\r\n./a.wav\r\n{far}\r\n\r\nlost.wav\r\n")
    entries, troubles = listed(path, tmp_path)
    assert entries == {"a.wav": "a.wav", far.as_posix().lstrip("/"): far.as_posix()}
    assert [(each.name, each.reason, each.is_loss) for each in troubles] == [
        ("lost.wav", "no such file", True),
        ("tapes.txt", "lines that begin with # and name no file, taken for remarks: 1", False),
        ("tapes.txt", "lines that name a recording again: 1", False),
    ]


@pytest.mark.parametrize(
    "text", ["\ufeffShelf;Path\n1;a.wav\n", "path,shelf\na.wav,1\n", 'x,recording\n,"a.wav"\n']
)
def test_a_table_names_recordings_in_a_column(tmp_path, text):
    (tmp_path / "a.wav").write_text("a")
    path = tmp_path / "tapes.csv"
    path.write_text(text, "utf-8")
    assert listed(path, tmp_path)[0] == {"a.wav": "a.wav"}


@linux_only
@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("kind", ["csv", "txt"])
def test_a_list_finds_what_it_means_in_any_encoding_and_unicode_form(tmp_path, code, kind):
    file = "B\u00e4nder/E\u0301tude.FLAC"  # the folder composed, the file as a Mac unpacks it
    (tmp_path / "B\u00e4nder").mkdir()
    (tmp_path / file).write_text("a")
    path = tmp_path / f"list.{kind}"
    path.write_text("recording\n" * (kind == "csv") + "b\xe4nder\\\xc9tude.flac\n", code)
    assert listed(path, tmp_path) == ({file: file}, [])


@linux_only
def test_a_line_of_a_list_that_could_be_two_recordings_is_not_guessed(tmp_path):
    for name in ("Take.wav", "take.wav"):
        (tmp_path / name).write_text(name)
    path = tmp_path / "list.txt"
    path.write_text("TAKE.wav\n")
    entries, troubles = listed(path, tmp_path)
    assert entries == {}
    (trouble,) = troubles
    assert trouble.is_loss
    assert "could be" in trouble.reason
    assert "Take.wav" in trouble.reason
    assert "take.wav" in trouble.reason


def test_a_table_without_such_a_column_is_refused(tmp_path):
    path = tmp_path / "tapes.csv"
    path.write_text("shelf,tape\n1,2\n")
    with pytest.raises(StoreError, match="found shelf, tape"):
        listed(path, tmp_path)


def test_every_line_of_a_list_is_taken_or_told(tmp_path):
    for name in ("#1 take.wav", "notes.wvv", "a.wav"):
        (tmp_path / name).write_text("a")
    path = tmp_path / "tapes.m3u"
    lines = ("#EXTM3U", "#1 take.wav", "#2 take.wav", "notes.wvv", "lost.wvv", "#EXTINF:1", "a.wav")
    path.write_text("\n".join(lines))
    entries, troubles = listed(path, tmp_path)
    assert list(entries) == ["#1 take.wav", "notes.wvv", "a.wav"]
    assert [each.name for each in troubles if each.is_loss] == ["lost.wvv"]
    assert len(troubles) == 2


def test_every_line_of_a_table_is_taken_or_told(tmp_path):
    for name in ("Op. 9, No. 2.wav", "a.wav"):
        (tmp_path / name).write_text("a")
    path = tmp_path / "tapes.csv"
    path.write_text("path\nOp. 9, No. 2.wav\na.wav\n")  # one column has no commas between
    assert list(listed(path, tmp_path)[0]) == ["Op. 9, No. 2.wav", "a.wav"]
    path.write_text("shelf,path\n1,Op. 9, No. 2.wav\n2,\n3,a.wav\n,\n")
    entries, troubles = listed(path, tmp_path)
    assert list(entries) == ["a.wav"]
    assert [(each.name, each.reason, each.is_loss) for each in troubles] == [
        (
            "tapes.csv, line 2",
            "more cells than column names; put a name with ',' in it in quotes",
            True,
        ),
        ("tapes.csv, line 3", "nothing in the column path", True),
    ]


def test_two_columns_of_one_title_are_not_guessed_between(tmp_path):
    """Of such a table no row says which of its two names is meant."""
    (tmp_path / "a.wav").write_text("a")
    path = tmp_path / "tapes.csv"
    path.write_text("path; Path\na.wav;b.wav\n")
    with pytest.raises(StoreError, match="expected one column named path, found 2"):
        listed(path, tmp_path)
    path.write_text("path;note;note\na.wav;;\n")
    assert list(listed(path, tmp_path)[0]) == ["a.wav"]


def test_two_places_of_a_list_that_come_to_one_name_are_two_recordings(tmp_path):
    far = tmp_path / "far" / "a.wav"
    inside = tmp_path / "list" / far.as_posix().lstrip("/")
    for file in (far, inside):
        file.parent.mkdir(parents=True)
        file.write_text(str(file))
    path = tmp_path / "list" / "tapes.txt"
    path.write_text(f"{far}\n{far.as_posix().lstrip('/')}\n")
    entries, troubles = listed(path, tmp_path)
    name = far.as_posix().lstrip("/")
    assert entries == {name: name, f"elsewhere/{name}": far.as_posix()}
    assert troubles == []


@linux_only
def test_zero_bytes_between_names_allow_any_name(tmp_path):
    (tmp_path / "new\nline.wav").write_text("a")
    path = tmp_path / "tapes.txt"
    path.write_bytes(b"new\nline.wav\0")
    assert list(listed(path, tmp_path)[0]) == ["new\nline.wav"]
