"""``transcribe site``: what it adds to what is built, and what it says where nothing is."""

from __future__ import annotations

import gzip
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load

from transcribe.checkpoint import load_checkpoint
from transcribe.cli import main
from transcribe.features import hann_window
from transcribe.files.names import unfinished_name
from transcribe.files.onnx_model import metadata_of
from transcribe.synthesis.sample_bank import packaged_piano
from transcribe.web import site


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Something that was built."""
    folder = tmp_path / "built"
    folder.mkdir()
    (folder / "index.html").write_text("<title>transcribe</title>")
    (folder / "service-worker.js").write_text("keep(SITE);")
    monkeypatch.setattr(site, "BUILT", folder)
    return folder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sites without network and piano."""
    monkeypatch.setattr(site, "write_model", lambda folder: None)
    monkeypatch.setattr(site, "write_piano", lambda folder: None)


def files_of(folder: Path) -> dict[str, object]:
    first, _ = (folder / "service-worker.js").read_text().split(";\n", 1)
    said: dict[str, object] = json.loads(first.removeprefix("const SITE = "))
    return said


def test_a_site_has_the_network_its_filters_and_a_piano(built, tmp_path, capsys):
    folder = tmp_path / "site"
    assert main(["site", str(folder)]) == 0
    assert "python3 -m http.server" in capsys.readouterr().out
    graph = gzip.decompress((folder / "model.onnx.gz").read_bytes())
    checkpoint = load_checkpoint()
    assert json.loads(metadata_of(graph)["decode"]) == asdict(checkpoint.decode)
    arrays = load(gzip.decompress((folder / "features.safetensors.gz").read_bytes()))
    np.testing.assert_array_equal(arrays["4096.window"], hann_window(4096))
    listed = json.loads((folder / "piano/piano.json").read_text())
    assert {sample["velocity"] for sample in listed} == {67, 100, 127}
    parts = {part["does"]: part for part in json.loads((folder / "licences.json").read_text())}
    assert parts["weights"]["licence"] == checkpoint.metadata["licence"]
    assert parts["piano"]["licence"] == "Public Domain"
    assert all((folder / "piano" / sample["file"]).stat().st_size > 1000 for sample in listed)


def test_a_recording_of_the_piano_is_as_loud_as_its_voice():
    """What the page makes of a file, and what the command makes of it, begin alike."""
    from transcribe.audio.reader import read_audio

    bank = packaged_piano()
    loud = (file for file in bank.as_files() if file.velocity == 127)
    file = min(loud, key=lambda file: abs(file.pitch - 60))
    samples = read_audio(file.path, bank.sample_rate) * file.gain
    voice = bank.voice(file.pitch, 127)
    first = 100 + round(file.lead * bank.sample_rate)
    heard = samples[first : first + 3900]
    expected = voice.samples[100:4000] * voice.scale
    np.testing.assert_allclose(heard, expected, atol=2e-3 * np.abs(expected).max())


def test_the_list_of_files_is_whole_and_changes_with_them(built, quick, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    site.write_site(first)
    (built / "index.html").write_text("<title>another</title>")
    site.write_site(second)
    names = files_of(first)["files"]
    there = {path.relative_to(first).as_posix() for path in first.rglob("*") if path.is_file()}
    assert set(names) == there - {"service-worker.js"}
    assert files_of(first)["name"] != files_of(second)["name"]
    site.write_site(first)
    assert files_of(first)["name"] == files_of(second)["name"]


def test_what_is_there_already_is_not_written_over(built, quick, tmp_path, capsys):
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "thesis.tex").write_text("mine")
    with pytest.raises(SystemExit) as ended:
        main(["site", str(folder)])
    assert ended.value.code == 2
    assert "expected an empty folder" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["thesis.tex"]
    with pytest.raises(SystemExit):
        main(["site", str(folder / "thesis.tex")])
    assert "found a file" in capsys.readouterr().err
    main(["site", str(tmp_path / "other")])
    with pytest.raises(SystemExit):
        main(["site", str(tmp_path / "other")])
    assert "--overwrite" in capsys.readouterr().err
    assert main(["site", str(tmp_path / "other"), "--overwrite"]) == 0


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_site_that_can_not_be_replaced_stays_as_it_was(built, quick, tmp_path, monkeypatch):
    """A full disk, or Ctrl-C, while the new one is made."""
    folder = tmp_path / "site"
    site.write_site(folder)
    before = contents(folder)
    (built / "index.html").write_text("<title>another</title>")

    def full(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(site, "write_piano", full)
    assert main(["site", str(folder), "--overwrite"]) == 1
    assert contents(folder) == before
    assert main(["site", str(tmp_path / "new")]) == 1
    assert list((tmp_path / "new").iterdir()) == []


def test_a_list_that_leads_elsewhere_or_names_folders_deletes_nothing(built, quick, tmp_path):
    folder, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    site.write_site(folder)
    elsewhere.mkdir()
    (elsewhere / "mine.js").write_text("mine")
    (folder / "link").symlink_to(elsewhere, target_is_directory=True)
    (folder / "own").mkdir()
    (folder / "gone.js").write_text("old")
    worker = folder / "service-worker.js"
    first, rest = worker.read_text("utf-8").split("\n", 1)
    names = ["../elsewhere/mine.js", "link/mine.js", "own", "gone.js", f"{'x' * 300}.js", "\0"]
    listed = json.loads(first.removeprefix("const SITE = ").removesuffix(";"))
    listed["files"] += names
    worker.write_text(f"const SITE = {json.dumps(listed)};\n{rest}", "utf-8")
    assert main(["site", str(folder), "--overwrite"]) == 0
    assert (elsewhere / "mine.js").read_text() == "mine"
    assert (folder / "own").is_dir()
    assert not (folder / "gone.js").exists()


def test_what_a_killed_run_left_is_no_other_file_and_goes(built, quick, tmp_path):
    folder = tmp_path / "site"
    left = folder / unfinished_name("site")
    left.mkdir(parents=True)
    (left / "index.html").write_text("half")
    assert main(["site", str(folder)]) == 0
    assert set(contents(folder)) == {"index.html", "licences.json", "service-worker.js"}
    assert not left.exists()


def test_files_beside_a_site_are_kept_and_are_none_of_it(built, quick, tmp_path):
    """Browsers keep every file that a site names."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "diary.html").write_text("mine")
    (folder / "CNAME").write_text("example.org")
    assert main(["site", str(folder), "--overwrite"]) == 0
    assert files_of(folder)["files"] == ["index.html", "licences.json"]
    assert (folder / "diary.html").read_text() == "mine"


def test_what_a_new_site_does_not_have_any_more_goes(built, quick, tmp_path):
    (built / "texts").mkdir()
    for name in ("old.js", "texts/nl.json"):
        (built / name).write_text("old")
    folder = tmp_path / "site"
    assert main(["site", str(folder)]) == 0
    (folder / "mine.js").write_text("mine")
    (tmp_path / "victim.js").write_text("mine")
    script = folder / "service-worker.js"
    script.write_text(script.read_text().replace('"old.js"', '"old.js", "../victim.js"'))
    for name in ("old.js", "texts/nl.json"):
        (built / name).unlink()
    assert main(["site", str(folder), "--overwrite"]) == 0
    assert sorted(path.name for path in folder.rglob("*.js*") if path.is_file()) == [
        "licences.json",
        "mine.js",
        "service-worker.js",
    ]
    assert (tmp_path / "victim.js").exists()


def test_without_what_is_built_it_says_how_to_build_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(site, "BUILT", tmp_path / "missing")
    assert main(["site", str(tmp_path / "site")]) == 1
    said = capsys.readouterr().err
    assert "npm --prefix transcribe/web/tab ci" in said
    assert not (tmp_path / "site").exists()
