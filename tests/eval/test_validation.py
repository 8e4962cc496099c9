"""Validation passages are scored as recordings are."""

from __future__ import annotations

import csv
import json

import pytest

from eval.accuracy import validation
from eval.data.synthetic_bank import write_synthetic_bank
from transcribe.midi import write_midi
from transcribe.notes import Note, PedalPress, Performance
from transcribe.transcriber import Transcriber


@pytest.fixture
def pieces(tmp_path):
    write_synthetic_bank(tmp_path / "instruments" / "synthetic")
    played = Performance(
        [Note(onset=0.5 * i, pitch=60 + i, offset=0.5 * i + 0.4, velocity=80) for i in range(12)],
        [PedalPress(onset=1.0, offset=2.0)],
    )
    write_midi(played, tmp_path / "study.mid")
    header = "canonical_composer,canonical_title,split,year,midi_filename,audio_filename,duration"
    with (tmp_path / "pieces.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(header.split(","))
        table.writerow(["Test", "Study", "train", 2026, "study.mid", "", 6.0])
    return tmp_path


def test_passages_are_scored_and_recorded(pieces, random_checkpoint, tmp_path, capsys, monkeypatch):
    asked: list[int] = []
    load = Transcriber.load
    monkeypatch.setattr(
        validation.Transcriber,
        "load",
        lambda path, *, threads: asked.append(threads) or load(path, threads=threads),
    )
    out = tmp_path / "validation.json"
    arguments = [
        *("--checkpoint", str(random_checkpoint), "--passages", "2", "--out", str(out)),
        *("--threads", "2"),
        "experiment=tiny",
        "data=pieces",
        f"data.validation_sources.pieces.index={pieces / 'pieces.csv'}",
        f"data.instruments={pieces / 'instruments'}",
        "data.validation_seconds=3",
    ]
    assert validation.main(arguments) == 0
    assert "| onset, 50 ms | 2 |" in capsys.readouterr().out
    record = json.loads(out.read_text())
    assert record["system"]["name"] == "random"
    assert [each["duration"] for each in record["passages"]] == [3.0, 3.0]
    assert 5 <= record["scores"][0]["as_found/onset"]["n_ref"] <= 7
    assert record["summary"]["as_found/onset"]["n_recordings"] == 2
    assert asked == [2]


def test_data_that_is_not_there_is_named(random_checkpoint, tmp_path, capsys):
    arguments = [
        *("--checkpoint", str(random_checkpoint), "experiment=tiny", "data=pieces"),
        f"data.validation_sources.pieces.index={tmp_path / 'nowhere.csv'}",
    ]
    assert validation.main(arguments) == 1
    assert "nowhere.csv" in capsys.readouterr().err
