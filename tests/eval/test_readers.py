"""Targets' own readers take what is written, and do not take what is not right."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from eval.downstream.readers import ReaderMissingError, prove
from tests.tokens.test_tokens_grid import a_piece
from transcribe.tokens import Settings, encode

pytestmark = pytest.mark.slow


def proofs_of(target, tmp_path, *, change=None):
    performance, grid = a_piece(8)
    encoded = encode(target, performance, Settings(grid=grid))
    if change is not None:
        items = [item for item in encoded.items if item.name != "primer"]
        encoded = replace(encoded, items=tuple(change(item) for item in items))
    description, *_ = encoded.write(tmp_path, "song")
    (proofs,) = prove(target, [description])
    return performance, proofs


@pytest.mark.parametrize(
    ("target", "package"),
    [
        ("performance-rnn", "note_seq"),
        ("music-transformer", "note_seq"),
        ("melody-rnn", "note_seq"),
        ("remi", "miditok"),
        ("tsd", "miditok"),
    ],
)
def test_the_readers_take_what_is_written(target, package, tmp_path):
    pytest.importorskip(package)
    _, proofs = proofs_of(target, tmp_path)
    assert proofs
    assert all(proof.accepted for proof in proofs), [proof.complaint for proof in proofs]


@pytest.mark.parametrize("target", ["performance-rnn", "music-transformer", "tsd"])
def test_every_note_comes_back_through_the_reader(target, tmp_path):
    pytest.importorskip("note_seq")
    pytest.importorskip("miditok")
    performance, (proof, *_) = proofs_of(target, tmp_path)
    assert sorted(n.pitch for n in proof.notes) == sorted(n.pitch for n in performance.notes)


def test_ids_that_are_no_events_are_refused(tmp_path):
    pytest.importorskip("note_seq")

    def spoiled(item):
        ids = json.loads(item.content)["ids"]
        return replace(item, content=json.dumps({"ids": [*ids, 999]}).encode())

    _, (proof,) = proofs_of("performance-rnn", tmp_path, change=spoiled)
    assert "not one of note-seq's classes" in proof.complaint


def test_a_release_without_a_strike_is_noticed(tmp_path):
    pytest.importorskip("note_seq")

    def spoiled(item):
        ids = json.loads(item.content)["ids"]
        return replace(item, content=json.dumps({"ids": [128 + 20, *ids]}).encode())

    _, (proof,) = proofs_of("performance-rnn", tmp_path, change=spoiled)
    assert "other ids" in proof.complaint


def test_other_events_than_the_file_has_are_noticed(tmp_path):
    pytest.importorskip("note_seq")

    def spoiled(item):
        events = [60, *item.about["events"][1:]]
        return replace(item, about={**item.about, "events": events})

    _, proofs = proofs_of("melody-rnn", tmp_path, change=spoiled)
    assert any("other events" in (proof.complaint or "") for proof in proofs)


@pytest.mark.skipif(shutil.which("abc2midi") is None, reason="needs Debian's abcmidi")
def test_abc2midi_takes_a_tune_and_warns_of_a_broken_one(tmp_path):
    _, (proof,) = proofs_of("abc", tmp_path)
    assert proof.accepted, proof.complaint

    def spoiled(item):
        return replace(item, content=item.content.replace(b"L:1/16", b"L:1/8"))

    _, (proof,) = proofs_of("abc", tmp_path, change=spoiled)
    assert not proof.accepted


def test_a_target_without_a_reader_says_so():
    with pytest.raises(ReaderMissingError, match="no proof"):
        prove("player-piano", [])
