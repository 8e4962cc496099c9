"""A folder of transcriptions becomes a training set that leaks nothing and forgets nothing."""

from __future__ import annotations

import gzip
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

from tests.corpus.test_corpus_fingerprint import piece, played
from transcribe.cli import main
from transcribe.corpus import CorpusConfig, build_corpus
from transcribe.corpus.augment import AS_PLAYED, Variant, variants_of, vary
from transcribe.corpus.card import remarks
from transcribe.corpus.passages import find_passages, take
from transcribe.corpus.sources import find_sources, read_source
from transcribe.corpus.splits import assign, decide, drawn, read_splits
from transcribe.errors import DatasetError, TranscribeError
from transcribe.export import JSON, export_bytes
from transcribe.files.atomic import write_atomically
from transcribe.midi import write_midi
from transcribe.notes import Note, PedalPress, Performance

FEW = CorpusConfig(copies=1)


def save(path: Path, notes, *, pedal=(), json_too=False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    performance = Performance(tuple(notes), tuple(pedal))
    write_midi(performance, path)
    if json_too:
        content = export_bytes(
            performance,
            JSON,
            recording=f"{path.stem}.mp3",
            model="an ear 1",
            duration=performance.duration,
        )
        write_atomically(path.with_suffix(".json"), content)
    return path


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


def records(folder: Path, split: str) -> list[dict]:
    found = []
    for path in sorted((folder / "data").glob(f"{split}-*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            found += map(json.loads, lines)
    return found


def entries(folder: Path) -> dict[str, dict]:
    lines = (folder / "recordings.jsonl").read_text("utf-8").splitlines()
    return {each["source"]: each for each in map(json.loads, lines)}


def snapshot(folder: Path) -> dict[str, bytes]:
    """All files of a corpus but what is kept for the next run."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".work" not in path.parts
    }


@pytest.fixture(scope="module")
def corpus(transcriptions, tmp_path_factory):
    """A corpus of them, half of the pieces held out so that every split has some."""
    folder = tmp_path_factory.mktemp("corpora") / "corpus"
    config = replace(FEW, validation=0.25, test=0.25, seed=3)
    return build_corpus(transcriptions, folder, config, workers=1)


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


def doubted(notes, start, stop):
    return [replace(note, confidence=0.5) if start <= note.onset < stop else note for note in notes]


def test_a_doubtful_passage_is_cut_out_and_the_rest_stays(tmp_path):
    notes = doubted(piece(1, 200), 30, 34)
    save(tmp_path / "source" / "song.mid", notes, json_too=True)
    build_corpus(tmp_path / "source", tmp_path / "corpus", replace(FEW, validation=0, test=0))
    entry = entries(tmp_path / "corpus")["song.mid"]
    (start, stop), (start_again, stop_again) = entry["passages"]
    assert start == 0
    assert 26 <= stop <= 30
    assert 34 <= start_again <= 38
    assert stop_again == pytest.approx(notes[-1].offset, abs=2e-3)
    assert entry["model"] == "an ear 1"
    kept = [n for n in notes if n.onset < stop - 0.01 or n.onset > start_again - 0.01]
    assert entry["doubtful_notes"] == len(notes) - len(kept)
    as_played = [r for r in records(tmp_path / "corpus", "train") if r["id"].endswith("-00")]
    assert [p for r in as_played for p in r["pitch"]] == [note.pitch for note in kept]


def test_a_cut_lies_in_a_silence_if_there_is_one_near():
    notes = [
        Note(onset=i * 0.25, pitch=60 + i % 7, offset=i * 0.25 + 0.4, velocity=60)
        for i in range(240)
    ]
    notes = [note for note in notes if not 28.9 < note.onset < 29.6]
    cut = find_passages(Performance(doubted(notes, 32, 36)), CorpusConfig())
    assert cut.passages[0].stop == pytest.approx(28.75 + 0.4)


def test_a_long_silence_divides_passages_and_the_pedal_may_fill_it():
    later = [replace(n, onset=n.onset + 150, offset=n.offset + 150) for n in piece(1, 100)]
    notes = piece(2, 100) + later
    end = max(note.offset for note in piece(2, 100))
    config = CorpusConfig()
    assert len(find_passages(Performance(notes), config).passages) == 2
    held = PedalPress(onset=end - 1, offset=149.9)
    assert len(find_passages(Performance(notes, [held]), config).passages) == 1


def test_a_passage_begins_at_zero_and_keeps_its_pedal():
    performance = Performance(
        [Note(onset=5.0, pitch=60, offset=6.0, velocity=64)] * 1,
        [PedalPress(onset=4.0, offset=5.5), PedalPress(onset=9.0, offset=9.5)],
    )
    config = replace(CorpusConfig(), shortest=0, fewest_notes=1)
    (passage,) = find_passages(performance, config).passages
    taken = take(performance, passage)
    assert taken.notes == (Note(onset=0.0, pitch=60, offset=1.0, velocity=64),)
    assert taken.pedal == (PedalPress(onset=0.0, offset=0.5),)


def test_notes_corrected_after_the_transcription_are_sure(tmp_path):
    path = save(tmp_path / "source" / "song.mid", doubted(piece(1, 100), 0, 99), json_too=True)
    save(path, played(piece(2, 100), 1))
    config = replace(FEW, validation=0, test=0)
    build_corpus(tmp_path / "source", tmp_path / "corpus", config)
    assert entries(tmp_path / "corpus")["song.mid"]["status"] == "used"


def test_variants_stay_on_the_keyboard_and_depend_on_nothing_else():
    notes = [
        Note(onset=0, pitch=22, offset=1, velocity=9),
        Note(onset=1, pitch=108, offset=2, velocity=9),
    ]
    performance = Performance(notes)
    config = CorpusConfig(copies=40, shortest=0, fewest_notes=1)
    (passage,) = find_passages(performance, config).passages
    drawn_ = variants_of(passage, "a checksum", "train", config)
    assert {each.semitones for each in drawn_} == {-1, 0}
    assert all(0.95 <= each.stretch <= 1.05 for each in drawn_)
    assert drawn_ == variants_of(passage, "a checksum", "train", config)
    assert drawn_ != variants_of(passage, "another", "train", config)
    assert variants_of(passage, "a checksum", "test", config) == (AS_PLAYED,)
    varied = vary(performance, Variant(-1, 1.5))
    assert [(n.onset, n.pitch, n.offset) for n in varied.notes] == [(0, 21, 1.5), (1.5, 107, 3)]


def test_shares_of_the_splits_are_those_asked_for():
    config = CorpusConfig(validation=0.1, test=0.2)
    splits = [drawn(f"{i:064x}", config) for i in range(4000)]
    assert splits.count("test") / 4000 == pytest.approx(0.2, abs=0.02)
    assert splits.count("validation") / 4000 == pytest.approx(0.1, abs=0.02)


def test_the_most_held_out_promise_wins():
    assigned_before = {"a": "train", "b": "validation", "c": "test"}
    decision = decide(["a", "b", "c", "d"], assigned_before, CorpusConfig())
    assert (decision.split, decision.left_out) == ("test", ("a", "b"))


@pytest.mark.parametrize("code", ["utf-8", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_given_splits_hold_for_the_files_that_are_meant(tmp_path, code, delimiter):
    table = tmp_path / "splits.csv"
    rows = [
        "Midi_Filename,Split",
        "2018\\Étude.midi,test",
        "maestro/2018/b.MIDI, Train",
        "c.mid,test",
    ]
    table.write_text("\n".join(rows).replace(",", delimiter), code)
    found = assign(read_splits(table), ["2018/E\u0301tude.mid", "2018/b.mid", "2018/d.mid"])
    assert found.splits == {"2018/E\u0301tude.mid": "test", "2018/b.mid": "train"}
    assert found.unmatched == ("c.mid",)


def test_given_splits_may_name_the_recording_that_was_transcribed():
    """Some programs write `a.wav.mid`, and some tables name the sound."""
    splits = {"2018/a.wav": "test", "B.MP3": "validation", "c.wav": "train"}
    found = assign(splits, ["2018/a.wav.mid", "tapes/b.mp3.mid", "c.wav.midi"])
    assert found.splits == {
        "2018/a.wav.mid": "test",
        "tapes/b.mp3.mid": "validation",
        "c.wav.midi": "train",
    }


def test_given_splits_of_no_file_or_of_one_that_could_be_two_are_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"found none of these among 1 names, such as x\.midi"):
        assign({"x.midi": "test"}, ["2018/a.mid"])
    with pytest.raises(DatasetError, match=r"a\.midi could be 2017/a\.mid or 2018/a\.mid"):
        assign({"a.midi": "test"}, ["2017/a.mid", "2018/a.mid"])
    table = tmp_path / "splits.csv"
    table.write_text("file,split\na.mid,test\na.mid,train\n")
    with pytest.raises(DatasetError, match=r"line 3: a\.mid was in test"):
        read_splits(table)
    table.write_text("file,split\n")
    with pytest.raises(DatasetError, match="found only the columns' names"):
        read_splits(table)


def test_a_given_split_that_matches_nothing_is_counted(tmp_path):
    save(tmp_path / "in" / "a.mid", piece(0, 40))
    splits = {"a.midi": "test", "gone.midi": "train"}
    corpus = build_corpus(tmp_path / "in", tmp_path / "out", FEW, splits=splits)
    assert [entry.split for entry in corpus.entries] == ["test"]
    assert "1 name of the given splits, such as gone.midi, matched no" in remarks(corpus)[0]


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
    (source,) = find_sources(tmp_path)
    assert read_source(source).remarks == ("distorted",)
