"""The record of live transcription, on the melody with a network that hears plain tones."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import pytest
from conftest import MELODY, melody_samples, write_pcm

from eval.performance import live
from transcribe.datasets.index import COLUMNS
from transcribe.live import LiveTranscriber
from transcribe.midi import write_midi
from transcribe.notes import Note, Performance
from transcribe.transcriber import Transcriber


@pytest.fixture
def data(tmp_path, monkeypatch, tone_checkpoint):
    """A data set of one recording."""
    told = {**tone_checkpoint.metadata, "n_parameters": "0", "precision": "float32"}
    checkpoint = replace(tone_checkpoint, metadata=told)
    monkeypatch.setattr(Transcriber, "load", classmethod(lambda cls, *_, **__: cls(checkpoint)))
    write_pcm(tmp_path / "melody.wav", melody_samples())
    notes = [Note(onset=a, pitch=p, offset=b, velocity=64) for a, p, b in MELODY]
    write_midi(Performance(tuple(notes)), tmp_path / "melody.mid")
    row = ("me", "melody", "test", "", "melody.mid", "melody.wav", "3.0")
    with (tmp_path / "index.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerow(dict(zip(COLUMNS, row, strict=True)))
    return tmp_path


def recorded(data, *words: str):
    out = data / "record.json"
    assert live.main(["--data", str(data), "--out", str(out), *words]) == 0
    return json.loads(out.read_text())


def test_every_latency_is_scored_beside_the_whole(data, tone_checkpoint):
    record = recorded(data, "--latencies", "150", "300", "--onset-thresholds", "0.9")
    accuracy = record["accuracy"]
    assert list(accuracy) == ["150", "150 at 0.9", "300", "300 at 0.9", "offline"]
    assert accuracy["offline"]["onset_f1"] == 1
    assert accuracy["offline"]["missed_a_minute"] == accuracy["offline"]["false_a_minute"] == 0
    for name, wait in (("150", 0.096), ("300", 0.256)):
        assert accuracy[name]["onset_f1"] == 1
        assert accuracy[name]["listening_median"] == pytest.approx(wait, abs=0.033)
        # One run for all latencies decides what a `LiveTranscriber` of each decides.
        alone = LiveTranscriber(Transcriber(tone_checkpoint), latency=int(name) / 1000)
        samples = melody_samples()
        for start in range(0, len(samples), 512):
            alone.push(samples[start : start + 512])
        alone.finish()
        assert [each.pitch for each in alone.performance.notes] == [81, 84, 88, 93, 81]


def test_time_and_memory_are_measured_without_accuracy(data):
    record = recorded(data, "--latencies", "--minutes", "0.01", "--hours", "0.002")
    assert "accuracy" not in record
    timed = record["real_time"]["200"]
    assert timed["seconds"] == pytest.approx(0.6, abs=0.3)
    assert timed["n_notes"] >= 1
    assert timed["delay_median"] > 0.1
    assert 7.2 <= record["long"]["seconds"] < 10.3
    assert record["long"]["last_offset"] <= record["long"]["seconds"]
