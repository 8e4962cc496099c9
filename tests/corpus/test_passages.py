"""Recordings cut into passages, and passages varied."""

from __future__ import annotations

from dataclasses import replace

import pytest
from corpora import FEW, entries, records, save

from tests.corpus.test_corpus_fingerprint import piece, played
from transcribe.corpus import CorpusConfig, build_corpus
from transcribe.corpus.augment import AS_PLAYED, Variant, variants_of, vary
from transcribe.corpus.passages import find_passages, take
from transcribe.notes import Note, PedalPress, Performance


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
