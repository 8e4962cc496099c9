"""One recording brought to the command line, the archive and the page: the same is said of it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import SAMPLE_RATE, melody_samples, write_pcm
from wav_files import write_float_wav

from transcribe.archive.diagnosis import kind_of
from transcribe.archive.jobs import Job, JobSettings
from transcribe.archive.work import Worker
from transcribe.cli import main
from transcribe.transcriber import Transcriber
from transcribe.web.transcription_job import transcribe_into


def _melody(n_times: int = 1, tuned: float = 0.0) -> np.ndarray:
    """The melody, so many times, tuned so many cents higher by playing it faster."""
    return np.tile(melody_samples(round(SAMPLE_RATE * 2 ** (-tuned / 1200))), n_times)


def _clicks() -> np.ndarray:
    """Ten of 880 Hz, 20 ms long, each 16 frames of the stand-in after the one before."""
    time = np.arange(16 * 512) / SAMPLE_RATE
    click = 0.9 * (time < 0.02) * np.sin(2 * np.pi * 880 * time)
    return np.tile(click.astype(np.float32), 10)


def _not_finite() -> np.ndarray:
    samples = _melody().copy()
    samples[100:103] = np.nan
    return samples


RECORDINGS = {
    "fine": (_melody, []),
    "silent": (lambda: np.zeros(SAMPLE_RATE, np.float32), ["silent"]),
    "five samples": (lambda: np.full(5, 0.1, np.float32), ["short"]),
    "noise": (
        lambda: 0.05 * np.random.default_rng(0).standard_normal(SAMPLE_RATE).astype(np.float32),
        ["no_notes"],
    ),
    "clipped": (lambda: np.clip(4 * _melody(), -1, 1), ["clipped"]),
    "sharp": (lambda: _melody(10, tuned=22.0), ["tuning"]),
    "quiet": (lambda: 2e-4 * _melody(), ["quiet"]),
    "metronome": (_clicks, ["clicks"]),
    "not finite": (_not_finite, ["not_finite"]),
    "cut": (_melody, ["truncated"]),
    "doubtful": (_melody, ["low_confidence"]),
}
"""What is recorded, and the kinds of warnings that it gets."""


@pytest.fixture
def stand_in(tone_checkpoint, monkeypatch):
    """The three load this in place of the packaged weights; it is as sure as it is told to be."""
    sure = tone_checkpoint.model.activations

    def loads(confidence: float) -> None:
        class Doubting(type(tone_checkpoint.model)):
            def activations(self, frames: np.ndarray) -> np.ndarray:
                rolls = sure(frames)
                rolls[:, :88] *= confidence
                return rolls

        checkpoint = replace(tone_checkpoint, model=Doubting(tone_checkpoint.features))
        monkeypatch.setattr(Transcriber, "load", classmethod(lambda cls, *_, **__: cls(checkpoint)))

    return loads


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_same_warnings_at_every_door(name, stand_in, tmp_path):
    stand_in(0.8 if name == "doubtful" else 1.0)
    make, expected = RECORDINGS[name]
    path = tmp_path / "song.wav"
    write = write_float_wav if name in ("not finite", "quiet") else write_pcm
    write(path, make(), SAMPLE_RATE)
    if name == "cut":
        path.write_bytes(path.read_bytes()[:70_000])

    assert main([str(path), "--json", "--quiet", "-o", f"{tmp_path}/command/"]) == 0
    by_command = json.loads((tmp_path / "command" / "song.json").read_text())

    outputs = (("json", "song.json"),)
    source, destination = str(tmp_path), str(tmp_path / "archive")
    job = Job(1, "song.wav", source, "song.wav", destination, outputs)
    outcome = Worker(JobSettings())(job)
    by_archive = json.loads((tmp_path / "archive" / "song.json").read_text())

    told: list[dict] = []
    transcribe_into(Transcriber.load(), path, tmp_path / "heard", told.append)

    assert [warning["kind"] for warning in by_command["warnings"]] == expected
    assert by_archive == by_command
    assert [kind_of(line) for line in outcome.warnings] == expected
    assert told[-1]["warnings"] == by_command["warnings"]
    assert told[-1]["n_notes"] == outcome.notes == len(by_command["notes"])
