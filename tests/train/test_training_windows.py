"""What training and validation draw, how often, and that labels lie where the sound is."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from eval.data.synthetic_bank import write_synthetic_bank
from transcribe.audio.reader import read_audio
from transcribe.audio.wav import write_wav
from transcribe.datasets.index import COLUMNS
from transcribe.features import FeatureConfig
from transcribe.midi import write_midi
from transcribe.notes import Note, Performance
from transcribe.rolls import Rolls
from transcribe.synthesis.render import render
from transcribe.synthesis.sample_bank import SampleBank
from transcribe.train.augment.config import AugmentConfig
from transcribe.train.data import DataConfig
from transcribe.train.sources import SourceConfig, TrainingSource
from transcribe.train.training_windows import TrainingWindows
from transcribe.train.validation_pieces import ValidationPieces

FEATURES = FeatureConfig()
RATE = FEATURES.sample_rate
SECONDS = 40.0


def spaced_notes(seconds: float = SECONDS) -> Performance:
    """Single notes with silence before each, nowhere at equal distances."""
    rng = np.random.default_rng(7)
    onsets = 0.7 + np.cumsum(rng.uniform(0.9, 1.5, 60))
    return Performance(
        [
            Note(onset=float(onset), pitch=int(pitch), offset=float(onset) + 0.2, velocity=90)
            for onset, pitch in zip(onsets, rng.integers(60, 84, 60), strict=True)
            if onset < seconds - 1
        ]
    )


def write_index(path: Path, rows: list[tuple[str, str, float]]) -> Path:
    """Recordings of one composer: MIDI, audio or none, seconds."""
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for midi, audio, seconds in rows:
            table.writerow(["Test", midi, "train", 2026, midi, audio, seconds])
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instrument; a study to be played on it, its recording, and two shorter pieces."""
    folder = tmp_path_factory.mktemp("music")
    bank = SampleBank.load(write_synthetic_bank(folder / "instruments" / "synthetic"))
    write_midi(spaced_notes(), folder / "study.mid")
    write_wav(folder / "study.wav", render(spaced_notes(), bank, duration=SECONDS), RATE)
    for name in ("short", "long"):
        write_midi(spaced_notes(5.0), folder / f"{name}.mid")
    write_index(folder / "played.csv", [("study.mid", "", SECONDS)])
    write_index(folder / "recorded.csv", [("study.mid", "study.wav", SECONDS)])
    write_index(folder / "two.csv", [("short.mid", "", 10.0), ("long.mid", "", 30.0)])
    return folder


def data_config(folder: Path, *indexes: str, **settings) -> DataConfig:
    sources = {name: SourceConfig(index=str(folder / f"{name}.csv")) for name in indexes}
    plain = {
        "instruments": str(folder / "instruments"),
        "instrument_weights": {"synthetic": 1.0},
        "validation_instruments": ["synthetic"],
        "cache": str(folder / "cache"),
        "window_frames": 128,
        "empty_probability": 0.0,
        "n_synthetic_noises": 0,
        "on_device": True,
    }
    return DataConfig(sources=sources, **{**plain, **settings})


def attack_after(samples: NDArray[np.float32], onset: float) -> float | None:
    """Seconds from a label to where the sound around it begins; None if it does not."""
    around = round(0.06 * RATE)
    middle = round(onset * RATE)
    if middle < around or middle + around > len(samples):
        return None
    part = np.abs(samples[middle - around : middle + around])
    loud = np.flatnonzero(part > 0.1 * np.abs(samples).max())
    return (int(loud[0]) - around) / RATE if len(loud) else None


# --- labels and sound ---


@pytest.mark.parametrize("index", ["played", "recorded"])
def test_labels_follow_the_sound_of_a_window_that_is_out_of_tune(folder, index):
    """Up to a semitone sharp is faster by up to 6 %: 20 s in, labels would be 1 s off."""
    config = data_config(folder, index, detune_cents=100.0)
    windows = TrainingWindows(config, AugmentConfig.nothing(), FEATURES, seed=3)
    lateness = []
    for number in range(6):
        window = windows[number]
        samples = window["samples"].numpy()
        rolls = Rolls.unstack(window["targets"].float().numpy())
        for frame, key in zip(*np.nonzero(rolls.onset), strict=True):
            position = FEATURES.grid.seconds(float(frame + rolls.onset_shift[frame, key]))
            late = attack_after(samples, position + FEATURES.margin / RATE)
            if late is not None:
                lateness.append(late)
    assert len(lateness) > 20
    assert np.abs(lateness).max() < 0.008


@pytest.mark.parametrize("index", ["played", "recorded"])
def test_validation_hears_each_note_where_it_is_labelled(folder, index):
    """Within 5 ms, wherever in the piece a passage begins."""
    source = SourceConfig(index=str(folder / f"{index}.csv"))
    config = data_config(folder, validation_windows=3, validation_seconds=6.0)
    config.validation_sources = {"pieces": source}
    lateness = []
    for piece in ValidationPieces(config, FEATURES):
        assert len(piece.samples) == 6 * RATE
        for note in piece.performance.notes:
            late = attack_after(piece.samples, note.onset)
            if late is not None:
                lateness.append(late)
    assert len(lateness) > 8
    assert np.abs(lateness).max() < 0.005


def test_nothing_is_learnt_of_labels_that_outlast_the_recording(folder, caplog):
    """Of a download that broke off, or MIDI that goes on, after 3 s of 40."""
    write_wav(folder / "cut.wav", read_audio(folder / "study.wav", RATE)[: 3 * RATE], RATE)
    write_index(folder / "cut.csv", [("study.mid", "cut.wav", SECONDS)])
    played = [note for note in spaced_notes().notes if note.onset < 3]
    config = data_config(folder, "cut", validation_windows=2, detune_cents=0.0)
    config.validation_sources = config.sources
    windows = TrainingWindows(config, AugmentConfig.nothing(), FEATURES, seed=0)
    for number in range(3):
        frames, _ = np.nonzero(Rolls.unstack(windows[number]["targets"].numpy()).onset)
        assert len(played) <= len(frames) <= 2 * len(played)
        assert FEATURES.grid.seconds(int(frames.max())) < 3
    for piece in ValidationPieces(config, FEATURES):
        assert len(piece.samples) == 3 * RATE
        assert len(piece.performance.notes) == len(played)
    told = [record.getMessage() for record in caplog.records]
    assert sum(f"cut.wav: 3 s of {SECONDS:.0f} s. Are they whole?" in line for line in told) == 2
    assert sum(f"holds 3 s of sound, its labels {SECONDS:.0f} s" in line for line in told) == 2


def test_a_recording_that_its_labels_outlast_is_told(folder, caplog):
    """Where the index has the length of what is left of it, as data sets without one do."""
    write_wav(folder / "cut.wav", read_audio(folder / "study.wav", RATE)[: 3 * RATE], RATE)
    write_index(folder / "cut.csv", [("study.mid", "cut.wav", 3.0)])
    windows = TrainingWindows(data_config(folder, "cut"), AugmentConfig.nothing(), FEATURES, seed=0)
    for number in range(3):
        windows[number]
    (told,) = [record.getMessage() for record in caplog.records]
    assert f"{folder / 'cut.wav'} holds 3 s of sound, its labels " in told


# --- what is drawn, how often ---


def test_a_piece_is_drawn_as_often_as_it_is_long_and_a_source_as_its_weight_says(
    folder, monkeypatch
):
    config = data_config(folder, "played", "two")
    config.sources["two"].weight = 3.0
    windows = TrainingWindows(config, AugmentConfig.nothing(), FEATURES, seed=0)
    assert windows.sources[1].share.tolist() == [0.25, 0.75]
    drawn = []

    def note_down(self, source, piece, rng):
        drawn.append((windows.sources.index(source), piece))
        return self._empty(rng)

    monkeypatch.setattr(TrainingWindows, "_draw", note_down)
    for number in range(800):
        windows[number]
    shares = {which: drawn.count(which) / len(drawn) for which in set(drawn)}
    expected = {(0, 0): 0.25, (1, 0): 0.75 * 0.25, (1, 1): 0.75 * 0.75}
    assert shares == {which: pytest.approx(share, abs=0.05) for which, share in expected.items()}


def test_a_pedal_that_the_labels_do_not_know_is_unknown(folder):
    """Labels as text have no pedal: neither training nor validation may take it for up."""
    labels = folder / "labels.txt"
    notes = spaced_notes().notes
    lines = [f"{note.onset}\t{note.offset}\t{note.pitch}" for note in notes]
    labels.write_text("\n".join(["OnsetTime\tOffsetTime\tMidiPitch", *lines]) + "\n")

    def without_pedal(source: TrainingSource) -> None:
        recording = replace(source.recordings[0], midi_path=None, labels_path=labels)
        source.recordings = [recording]

    config = data_config(folder, "played", validation_windows=1, validation_seconds=2.0)
    config.validation_sources = config.sources
    windows = TrainingWindows(config, AugmentConfig.nothing(), FEATURES, seed=0)
    pieces = ValidationPieces(config, FEATURES)
    assert windows[0]["pedal_known"] == 1
    assert pieces[0].has_pedal
    without_pedal(windows.sources[0])
    without_pedal(pieces.sources[0])
    assert windows[0]["pedal_known"] == 0
    assert windows[0]["velocity_known"] == 0
    assert not pieces[0].has_pedal
