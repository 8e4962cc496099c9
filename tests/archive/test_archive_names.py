"""Names that others chose, in buckets, manifests and instruments, stay inside their folders."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from transcribe.archive.jobs import Output
from transcribe.archive.manifest import Manifest, ManifestError
from transcribe.archive.naming import folders, stems_of
from transcribe.archive.rows import Row
from transcribe.archive.storage.base import StoredFile
from transcribe.archive.storage.local import LocalStore
from transcribe.errors import InstrumentError
from transcribe.export import KINDS
from transcribe.files.relative import fault_of, inside
from transcribe.synthesis.sample_bank import SampleBank
from transcribe.tokens.encoded import FORMAT, read_items

ESCAPES = ("../x", "a/../../x", "/etc/x", "a//x", "./x", "a/.", "..", "", "a/", "nul\0x")
parts = st.sampled_from(["..", ".", "", "a", "..a", "a..", "~", "\\", " ", "é", "\udcff", "\n"])


@pytest.mark.parametrize("name", ESCAPES)
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="expected the name of a file inside"):
        inside(tmp_path, name)


@given(st.lists(parts, min_size=1, max_size=5).map("/".join))
@example("a/..b/c")
def test_a_name_that_is_taken_lies_below_the_folder_and_is_spelt_one_way(name: str) -> None:
    folder = Path("/here")
    if not fault_of(name):
        path = os.path.normpath(folder / name)
        assert path == f"/here/{name}"


@pytest.mark.parametrize("name", ESCAPES[:-1])
def test_a_manifest_that_would_write_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "manifest.sqlite"
    manifest = Manifest(path)
    row = Row(name="a.wav", place="a.wav", stem="a")
    manifest.save([row])
    manifest.finish(row, [Output("mid", "a.mid", 1, "00")])
    for change, read in (
        ("UPDATE recordings SET stem = ?", lambda: list(manifest.rows())),
        ("UPDATE outputs SET name = ?", manifest.outputs),
    ):
        with sqlite3.connect(path) as db:
            db.execute(change, (name,))
        db.close()
        # A recording may have no stem yet, and that of "..wav" is a dot.
        if "outputs" in change or name not in ("", "..", "a/.", "a/"):
            with pytest.raises(ManifestError, match="would lie outside"):
                read()
    manifest.close()


@pytest.mark.parametrize("file", ["..wav", "...wav", ".wav", "a/..wav"])
def test_recordings_named_of_dots_are_recordings(tmp_path: Path, file: str) -> None:
    manifest = Manifest(tmp_path / "manifest.sqlite")
    (stem,) = stems_of([file]).values()
    row = Row(name=file, place=file, stem=stem)
    manifest.save([row])
    put = LocalStore(tmp_path).put(f"{stem}.mid", b"1")
    manifest.finish(row, [Output("mid", put.name, 1, "00")])
    assert [each.stem for each in manifest.rows()] == [stem]
    assert manifest.outputs()[1][0].name == f"{stem}.mid"
    manifest.close()


def test_a_sample_bank_names_no_file_outside_its_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.wav").write_bytes(b"RIFF")
    (tmp_path / "bank").mkdir()
    for name in ("../secret.wav", str(tmp_path / "secret.wav")):
        sample = {"root": 60, "layer": 1, "file": name}
        bank = {"samplerate": 16000, "layers": [{"layer": 1}], "samples": [sample]}
        (tmp_path / "bank" / "manifest.json").write_text(json.dumps(bank))
        with pytest.raises(InstrumentError, match="expected the name of a file inside"):
            SampleBank.load(tmp_path / "bank")


def test_a_description_of_tokens_names_no_file_outside_its_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "tokens").mkdir()
    item = {"file": "../secret.txt", "start": 0.0, "stop": 1.0}
    description = tmp_path / "tokens" / "a.json"
    description.write_text(json.dumps({"format": FORMAT, "items": [item]}))
    with pytest.raises(ValueError, match="expected the name of a file inside"):
        read_items(description)


# No output takes the place of a folder


def test_a_recording_beside_a_folder_of_its_output_s_name_gets_another_name() -> None:
    names = ["a.wav", "a.mid/b.wav", "B.wav", "b.JSON/c.wav"]
    assert stems_of(names) == {
        "a.wav": "a.wav",
        "a.mid/b.wav": "a.mid/b",
        "B.wav": "B.wav",
        "b.JSON/c.wav": "b.JSON/c",
    }
    assert stems_of(["a.wav"], others=["a.mid"]) == {"a.wav": "a.wav"}


def test_a_folder_that_comes_after_the_output_gets_another_name() -> None:
    stems = stems_of(["x/a.mid/b.wav", "x/a.mid/c/d.wav"], given=["x/a"])
    assert stems == {"x/a.mid/b.wav": "x/a.mid~2/b", "x/a.mid/c/d.wav": "x/a.mid~2/c/d"}


tree_names = st.lists(
    st.lists(
        st.sampled_from(["a", "A", "a.mid", "a.MID", "a.wav", "a.mid~2", "a.csv"]),
        min_size=1,
        max_size=3,
    ).map("/".join),
    max_size=8,
)


@given(tree_names, tree_names)
def test_no_output_has_the_name_of_a_folder_of_others(first: list[str], second: list[str]) -> None:
    before = stems_of(first)
    after = stems_of(set(second) - set(first), before.values())
    stems = [*before.values(), *after.values()]
    outputs = {f"{stem}.{kind}".casefold() for stem in stems for kind in KINDS}
    assert len(outputs) == len(KINDS) * len(set(first) | set(second))
    assert outputs.isdisjoint(folder.casefold() for stem in stems for folder in folders(stem))


def test_a_folder_is_not_renamed_out_of_the_way_of_an_output(tmp_path: Path) -> None:
    from transcribe.archive.work import _keep

    store = LocalStore(tmp_path)
    store.put("a.mid/b.mid", b"finished")
    with pytest.raises(OSError, match="a folder in its place"):
        _keep(store, "a.mid", b"new")
    assert [each.name for each in store.walk() if isinstance(each, StoredFile)] == ["a.mid/b.mid"]
