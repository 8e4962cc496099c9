"""A folder of transcriptions becomes a training set: whole, again, and with more."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
from corpora import FEW, entries, records, save

from tests.corpus.test_corpus_fingerprint import piece, played
from transcribe.cli import main
from transcribe.corpus import build_corpus
from transcribe.corpus.sources import read_source, sources_of
from transcribe.errors import DatasetError, TranscribeError


@pytest.fixture(scope="module")
def transcriptions(tmp_path_factory) -> Path:
    """Ten pieces, three of them played twice, one saved twice, and what may go wrong."""
    folder = tmp_path_factory.mktemp("transcriptions")
    for seed in range(10):
        save(folder / f"piece{seed}.mid", piece(seed, 150))
    for seed in range(3):
        save(folder / "again" / f"piece{seed}.mid", played(piece(seed, 150), 50 + seed, by=2))
    twice = played(piece(9, 150), 1, by=-3, rubato=0, spread=0.03, missed=0.03)
    save(folder / "twice.midi", twice)
    (folder / "copy.mid").write_bytes((folder / "piece8.mid").read_bytes())
    save(folder / "empty.mid", [])
    save(folder / "one-note.mid", piece(0)[:1])
    (folder / "broken.mid").write_bytes(b"RIFF and no more")
    (folder / ".hidden.mid").write_bytes(b"")
    return folder


@pytest.fixture(scope="module")
def corpus(transcriptions, tmp_path_factory):
    """A corpus of them, half of the pieces held out so that every split has some."""
    folder = tmp_path_factory.mktemp("corpora") / "corpus"
    config = replace(FEW, validation=0.25, test=0.25, seed=3)
    return build_corpus(transcriptions, folder, config, workers=1)


def snapshot(folder: Path) -> dict[str, bytes]:
    """All files of a corpus but what is kept for the next run."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".work" not in path.parts
    }


def test_every_file_is_accounted_for(corpus):
    found = {name: each["status"] for name, each in entries(corpus.folder).items()}
    used = [f"piece{seed}.mid" for seed in range(8)] + [f"again/piece{s}.mid" for s in range(3)]
    assert {name for name, status in found.items() if status == "used"} >= set(used)
    assert found["broken.mid"] == "unreadable"
    assert "not a MIDI file" in entries(corpus.folder)["broken.mid"]["reason"]
    assert found["empty.mid"] == "empty"
    assert found["one-note.mid"] == "short"
    assert ".hidden.mid" not in found
    assert len(found) == 18


def test_files_of_one_name_in_two_folders_are_two_recordings(corpus):
    found = entries(corpus.folder)
    assert found["piece0.mid"]["midi_sha256"] != found["again/piece0.mid"]["midi_sha256"]


def test_a_piece_is_in_one_split_whoever_plays_it_in_whatever_key(corpus):
    found = entries(corpus.folder)
    for seed in range(3):
        one, other = found[f"piece{seed}.mid"], found[f"again/piece{seed}.mid"]
        assert one["piece"] == other["piece"]
        assert one["split"] == other["split"]
    assert len({found[f"piece{seed}.mid"]["piece"] for seed in range(10)}) == 10
    pieces = {split: {r["piece"] for r in records(corpus.folder, split)} for split in corpus.counts}
    assert set(pieces) == {"train", "validation", "test"}
    assert not pieces["train"] & (pieces["validation"] | pieces["test"])
    assert not pieces["validation"] & pieces["test"]


def test_duplicates_are_dropped_and_named_with_what_they_duplicate(corpus):
    found = entries(corpus.folder)
    dropped = {name: each for name, each in found.items() if each["status"] == "duplicate"}
    assert dropped.keys() == {"twice.midi", "piece8.mid"}
    assert dropped["piece8.mid"]["duplicate_of"] == "copy.mid"
    assert dropped["twice.midi"]["duplicate_of"] == "piece9.mid"
    assert dropped["twice.midi"]["likeness"]["semitones"] == 3
    sources = {r["source"] for split in corpus.counts for r in records(corpus.folder, split)}
    assert not sources & dropped.keys()


def test_notes_are_those_that_were_played_and_variants_are_of_the_train_split_alone(
    corpus, transcriptions
):
    for split in corpus.counts:
        for record in records(corpus.folder, split):
            as_played = (record["semitones"], record["stretch"]) == (0, 1.0)
            assert as_played == record["id"].endswith("-00")
            assert as_played or split == "train"
            if record["source"] == "piece4.mid":
                notes = piece(4, 150)
                first = notes[0].onset * record["stretch"]
                expected = [n.onset * record["stretch"] - first for n in notes]
                assert record["onset"] == pytest.approx(expected, abs=2e-3)
                assert record["pitch"] == [n.pitch + record["semitones"] for n in notes]
                assert set(record["velocity"]) == {70}
    train = records(corpus.folder, "train")
    assert sum(each["id"].endswith("-01") for each in train) == len(train) / 2


def test_equal_folders_give_equal_bytes_with_any_number_of_workers(
    corpus, transcriptions, tmp_path
):
    config = replace(FEW, validation=0.25, test=0.25, seed=3)
    again = tmp_path / "corpus"
    build_corpus(transcriptions, again, config, workers=2)
    assert snapshot(again) == snapshot(corpus.folder)


def test_a_corpus_is_not_made_among_its_transcriptions(transcriptions):
    for place in (transcriptions, transcriptions.parent, transcriptions / "sub" / ".."):
        with pytest.raises(DatasetError, match="expected another folder for the corpus"):
            build_corpus(transcriptions, place, FEW)


def test_a_second_run_writes_nothing_anew(corpus, transcriptions):
    before = {p: p.stat().st_mtime_ns for p in (corpus.folder / "data").iterdir()}
    words = snapshot(corpus.folder)
    config = replace(FEW, validation=0.25, test=0.25, seed=3)
    build_corpus(transcriptions, corpus.folder, config)
    assert {p: p.stat().st_mtime_ns for p in (corpus.folder / "data").iterdir()} == before
    assert snapshot(corpus.folder) == words


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_run_that_was_killed_goes_on_to_the_same_bytes(tmp_path):
    source = tmp_path / "source"
    for seed in range(16):
        save(source / f"{seed}.mid", piece(seed, 300))
    words = ["corpus", str(source), "-o", "corpus", "--notes-per-shard", "6000", "--quiet"]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir()
    cut.mkdir()
    python = [sys.executable, "-m", "transcribe", *words, "--workers", "1"]
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run(python, cwd=whole, env=env, check=True)
    for enough in (".work/readings/*/*.json", "data/*.gz"):
        run = subprocess.Popen(python, cwd=cut, env=env)
        deadline = time.monotonic() + 60
        while len(list((cut / "corpus").glob(enough))) < 3 and run.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        run.send_signal(signal.SIGKILL)
        run.wait()
        assert not (cut / "corpus" / "README.md").exists()
    subprocess.run(python, cwd=cut, env=env, check=True)
    assert snapshot(cut / "corpus") == snapshot(whole / "corpus")
    assert not list((cut / "corpus").rglob("*.part"))


def test_files_that_are_added_change_no_recordings_split(tmp_path):
    source, dest = tmp_path / "source", tmp_path / "corpus"
    for seed in range(12):
        save(source / f"{seed}.mid", piece(seed, 120))
    config = replace(FEW, validation=0.3, test=0.3)
    build_corpus(source, dest, config)
    before = {name: each["split"] for name, each in entries(dest).items()}
    for seed in range(12):
        save(source / "more" / f"{seed}.mid", played(piece(seed, 120), seed))
        save(source / "more" / f"new{seed}.mid", piece(100 + seed, 120))
    build_corpus(source, dest, config)
    after = entries(dest)
    assert {name: after[name]["split"] for name in before} == before
    for seed in range(12):
        assert after[f"more/{seed}.mid"]["split"] == before[f"{seed}.mid"]


def test_where_two_pieces_turn_out_to_be_one_the_held_out_recording_stays_held_out(tmp_path):
    source, dest = tmp_path / "source", tmp_path / "corpus"
    first, second = piece(1, 150), piece(2, 150)
    save(source / "first.mid", first)
    save(source / "second.mid", second)
    splits = {"first.mid": "train", "second.mid": "test"}
    build_corpus(source, dest, FEW, splits=splits)
    later = [
        replace(note, onset=note.onset + 100, offset=note.offset + 100)
        for note in played(second, 4)
    ]
    save(source / "both.mid", played(first, 3) + later)
    for _ in range(2):
        build_corpus(source, dest, FEW, splits=splits)
        found = entries(dest)
        assert found["second.mid"]["split"] == found["both.mid"]["split"] == "test"
        assert found["first.mid"]["status"] == "held out"
        assert records(dest, "train") == []


def test_a_corpus_of_other_settings_is_not_touched_unless_told(corpus, transcriptions, tmp_path):
    with pytest.raises(DatasetError, match=r"other settings.*seed.*--overwrite"):
        build_corpus(transcriptions, corpus.folder, replace(FEW, seed=4))
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(DatasetError, match="new or empty folder"):
        build_corpus(transcriptions, tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_what_the_user_wrote_into_the_card_stays(transcriptions, tmp_path):
    dest = tmp_path / "corpus"
    build_corpus(transcriptions, dest, FEW)
    card = (dest / "README.md").read_text("utf-8")
    assert card.startswith("---\nlicense: other\nconfigs:\n")
    mine = card.replace("license: other", "license: cc0-1.0").replace("FILL IN: what", "Rags: what")
    (dest / "README.md").write_text(mine + "\nMore of mine.\n", "utf-8")
    build_corpus(transcriptions, dest, replace(FEW, seed=1), overwrite=True)
    card = (dest / "README.md").read_text("utf-8")
    assert card.startswith("---\nlicense: cc0-1.0\nconfigs:\n")
    assert "Rags: what" in card
    assert card.endswith("More of mine.\n")
    assert "(seed 1)" in card
    assert card.count("configs:") == card.count("## What is in it") == 1


def test_the_card_counts_what_is_there(corpus):
    said = json.loads((corpus.folder / "statistics.json").read_text("utf-8"))
    for split, told in said["splits"].items():
        found = records(corpus.folder, split)
        assert told["n_records"] == len(found)
        assert told["n_notes"] == sum(len(each["pitch"]) for each in found)
        assert told["pieces"] == len({each["piece"] for each in found})
        assert sum(told["pitches"].values()) == told["n_played_notes"]
    card = (corpus.folder / "README.md").read_text("utf-8")
    assert "| duplicate | 2 |" in card
    assert f"| train | {corpus.n_pieces('train')} | {corpus.n_recordings('train')} |" in card


def test_items_for_a_generator_are_in_tar_files(transcriptions, tmp_path):
    pytest.importorskip("transcribe.tokens.abc")
    config = replace(FEW, target="abc", copies=1)
    corpus = build_corpus(transcriptions, tmp_path / "corpus", config)
    path = next(iter((tmp_path / "corpus" / "data").glob("train-*.tar")))
    with tarfile.open(path) as tar:
        names = tar.getnames()
        about = json.load(tar.extractfile(next(n for n in names if n.endswith(".about.json"))))
    assert len(names) == 2 * corpus.counts["train"].n_items
    assert about["target"] == "abc"
    assert {name.partition(".")[2] for name in names} == {"abc", "about.json"}


def test_the_command_tells_what_it_did_and_what_it_could_not_read(transcriptions, tmp_path, capsys):
    words = ["corpus", str(transcriptions), "-o", str(tmp_path / "c"), "--copies", "1"]
    assert main([*words, "--workers", "1"]) == 1
    told = capsys.readouterr()
    assert "broken.mid" in told.err
    assert "2 duplicate" in told.out
    card = (tmp_path / "c" / "README.md").read_text("utf-8")
    assert f"transcribe corpus {transcriptions.name} -o c --copies 1\n" in card


@pytest.mark.parametrize("names", [("loop", "corpus"), (".", "loop")])
def test_a_link_to_itself_is_no_folder(tmp_path, capsys, names):
    save(tmp_path / "piece.mid", piece(0, 150))
    loop = tmp_path / "loop"
    try:
        loop.symlink_to(loop, target_is_directory=True)
    except OSError:
        pytest.skip("a kind of link that this system does not allow")
    source, dest = (str(tmp_path / name) for name in names)
    assert main(["corpus", source, "-o", dest, "--workers", "1"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("transcribe corpus: ")


def test_wrong_usage_is_said_before_anything_is_done(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["corpus", str(tmp_path), "-o", str(tmp_path / "c"), "--test", "1.5"])
    assert stopped.value.code == 2
    assert main(["corpus", str(tmp_path), "-o", str(tmp_path / "c")]) == 1
    assert "expected MIDI files" in capsys.readouterr().err
    assert not (tmp_path / "c").exists()


def test_a_file_that_changes_while_it_is_read_stops_the_run(tmp_path):
    path = save(tmp_path / "source" / "song.mid", piece(1, 150))

    def meddle(stage, n_done, n):
        if stage == "comparing":
            save(path, piece(2, 150))

    with pytest.raises(TranscribeError, match="changed"):
        build_corpus(tmp_path / "source", tmp_path / "corpus", FEW, progress=meddle)


@pytest.mark.parametrize(
    "warning", [{"kind": "clipped", "message": "distorted", "values": {}}, "distorted"]
)
def test_warnings_of_a_transcription_are_kept_as_sentences(tmp_path, warning):
    """An earlier version wrote sentences alone."""
    path = save(tmp_path / "a.mid", piece(0)[:2], json_too=True)
    content = json.loads(path.with_suffix(".json").read_text("utf-8"))
    path.with_suffix(".json").write_text(json.dumps(content | {"warnings": [warning]}), "utf-8")
    (source,) = sources_of([path], tmp_path)
    assert read_source(source).remarks == ("distorted",)
