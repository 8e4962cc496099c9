"""Which recordings are held out: by shares, and as given."""

from __future__ import annotations

import pytest
from corpora import FEW, save

from tests.corpus.test_corpus_fingerprint import piece
from transcribe.corpus import CorpusConfig, build_corpus
from transcribe.corpus.card import remarks
from transcribe.corpus.splits import assign, decide, drawn, read_splits
from transcribe.errors import DatasetError


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
