"""JSON from outside, read at every door that takes some: too deep is refused in words."""

from __future__ import annotations

import pytest

from transcribe.corpus.entries import read_earlier_splits
from transcribe.corpus.sources import TranscriptionSource, read_source
from transcribe.errors import CheckpointError, DatasetError, InstrumentError
from transcribe.files.json_text import parse_json
from transcribe.midi import write_midi
from transcribe.notes import Note, Performance
from transcribe.synthesis.sample_bank import SampleBank
from transcribe.tokens.encoded import read_items
from transcribe.weights_file import read_provenance

DEEP = "[" * 100_000


def test_too_deep_is_a_value_error_as_all_that_is_no_json():
    for text in (DEEP, DEEP.encode(), '{"a":' * 100_000, "", b"\xff", "{"):
        with pytest.raises(ValueError):  # noqa: PT011
            parse_json(text)
    assert parse_json('{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}


def test_every_door_refuses_it(tmp_path):
    (tmp_path / "manifest.json").write_text(DEEP)
    with pytest.raises(InstrumentError, match="nested too deep"):
        SampleBank.load(tmp_path)
    with pytest.raises(DatasetError, match="nested too deep"):
        read_earlier_splits(tmp_path / "manifest.json")
    with pytest.raises(ValueError, match="nested too deep"):
        read_items(tmp_path / "manifest.json")
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(len(DEEP).to_bytes(8, "little") + DEEP.encode())
    with pytest.raises(CheckpointError, match="not a readable weights file"):
        read_provenance(weights)


def test_a_corpus_reads_the_midi_file_and_says_that_its_json_is_not_readable(tmp_path):
    note = Note(onset=0.0, pitch=60, offset=1.0, velocity=64)
    write_midi(Performance((note,)), tmp_path / "a.mid")
    (tmp_path / "a.json").write_text(DEEP)
    read = read_source(TranscriptionSource(tmp_path / "a.mid", "a.mid", tmp_path / "a.json"))
    assert [each.pitch for each in read.performance.notes] == [60]
    assert "nested too deep" in read.remarks[0]
