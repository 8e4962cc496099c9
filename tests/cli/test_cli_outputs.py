"""Which files the command writes, where, and what is in them."""

from __future__ import annotations

import copy
import csv
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from transcribe.midi import read_midi
from transcribe.transcriber import Transcriber

from .running import PITCHES, files, pitches


def test_the_midi_file_goes_beside_the_recording(run, melody_wav):
    song = melody_wav("song.wav")
    ran = run(song)
    assert ran.code == 0
    assert ran.err == ""
    line = r"song\.mid: 5 notes, 0 pedal presses, 0:03 of music in \d+\.\d s\n$"
    assert re.search(line, ran.out)
    assert pitches(song.with_suffix(".mid")) == PITCHES
    assert files(song.parent) == {"song.wav", "song.mid"}
    assert b"tone-follower 3" in song.with_suffix(".mid").read_bytes()


@pytest.mark.parametrize("output", ["out/", "out", "deep/er/out/"])
def test_several_go_to_a_folder_that_is_made(run, melody_wav, tmp_path, output):
    ran = run(melody_wav("a.wav"), melody_wav("b.wav"), "-o", f"{tmp_path}/{output}")
    assert ran.code == 0
    assert files(tmp_path / output) == {"a.mid", "b.mid"}
    assert len(ran.out.splitlines()) == 2


def test_options_may_stand_anywhere(run, melody_wav, tmp_path):
    a, b = melody_wav("a.wav"), melody_wav("b.wav")
    assert run(a, "-o", f"{tmp_path}/out/", b, "--quiet").code == 0
    assert files(tmp_path / "out") == {"a.mid", "b.mid"}


@pytest.mark.parametrize("output", ["named.mid", "named.MIDI", "new/named.mid"])
def test_one_may_go_to_a_named_file(run, melody_wav, tmp_path, output):
    assert run(melody_wav(), "-o", tmp_path / output).code == 0
    assert pitches(tmp_path / output) == PITCHES


@pytest.mark.parametrize("output", ["there", "there.mid", "new/", "new"])
def test_one_may_go_to_a_folder(run, melody_wav, tmp_path, output):
    (tmp_path / "there").mkdir()
    (tmp_path / "there.mid").mkdir()
    assert run(melody_wav(), "-o", f"{tmp_path}/{output}").code == 0
    assert files(tmp_path / output) == {"song.mid"}


def test_csv_has_a_line_a_note(run, melody_wav):
    song = melody_wav()
    ran = run(song, "--csv")
    assert "song.csv: 5 notes" in ran.out
    with song.with_suffix(".csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted((int(row["pitch"]), row["name"]) for row in rows) == [
        (81, "A5"),
        (81, "A5"),
        (84, "C6"),
        (88, "E6"),
        (93, "A6"),
    ]
    assert [float(row["onset"]) for row in rows] == pytest.approx([0, 0.5, 1, 1, 2], abs=0.06)
    assert {row["velocity"] for row in rows} == {"64"}
    assert {row["confidence"] for row in rows} == {"1.000"}


def test_json_says_everything(run, melody_wav):
    song = melody_wav("Étude.wav")
    assert run(song, "--json").code == 0
    heard = json.loads(song.with_suffix(".json").read_text(encoding="utf-8"))
    assert heard["recording"] == "Étude.wav"
    assert heard["model"] == "tone-follower 3"
    assert heard["duration"] == 3.0
    assert heard["offsets"] == "key"
    assert heard["warnings"] == []
    assert heard["pedal"] == []
    assert [note["pitch"] for note in heard["notes"]] == [81, 84, 88, 93, 81]
    for note in heard["notes"]:
        assert set(note) == {"onset", "offset", "pitch", "velocity", "confidence"}
        assert 0 <= note["onset"] < note["offset"] < 2.7


def test_sustained_notes_come_without_a_pedal(run, melody_wav, tone_checkpoint, monkeypatch):
    pedalled = copy.deepcopy(tone_checkpoint.model)

    def activations(frames: np.ndarray) -> np.ndarray:
        rolls = tone_checkpoint.model.activations(frames)
        onset, sounding = rolls[:, :88], rolls[:, 5 * 88 : 6 * 88]
        sounding[:] = np.maximum.accumulate(onset, axis=0)
        rolls[:, -1] = 1
        return rolls

    pedalled.activations = activations
    with_pedal = replace(
        tone_checkpoint,
        model=pedalled,
        windows=replace(tone_checkpoint.windows, window_frames=640),
    )
    monkeypatch.setattr("transcribe.transcriber.load_checkpoint", lambda *_, **__: with_pedal)
    song = melody_wav()
    ran = run(song, "--json")
    assert "5 notes, 1 pedal press," in ran.out
    by_key = read_midi(song.with_suffix(".mid"))
    assert len(by_key.pedal) == 1
    assert by_key.notes[1].offset == pytest.approx(0.9, abs=0.06)
    assert len(json.loads(song.with_suffix(".json").read_text())["pedal"]) == 1

    assert run(song, "--json", "--offsets", "sustained", "--overwrite").code == 0
    sustained = read_midi(song.with_suffix(".mid"))
    assert sustained.pedal == ()
    assert sustained.notes[1].offset == pytest.approx(3.0, abs=0.06)
    written = json.loads(song.with_suffix(".json").read_text())
    assert written["offsets"] == "sustained"
    assert written["pedal"] == []


def test_thresholds_reach_the_decoder(run, melody_wav, monkeypatch):
    seen = []
    hear = Transcriber.transcribe
    monkeypatch.setattr(
        Transcriber,
        "transcribe",
        lambda self, *args, **kwargs: seen.append(self.decode) or hear(self, *args, **kwargs),
    )
    options = ("--onset-threshold", "0.3", "--frame-threshold=.2", "--minimum-note", "0.7")
    assert run(melody_wav("chosen.wav"), *options).code == 0
    assert run(melody_wav("usual.wav")).code == 0
    chosen, usual = seen
    assert (chosen.onset_threshold, chosen.frame_threshold) == (0.3, 0.2)
    assert chosen.minimum_duration == 0.7
    assert (usual.onset_threshold, usual.frame_threshold) == (0.5, 0.5)


def test_the_whole_command_with_a_real_network(melody_wav, random_checkpoint):
    song = melody_wav()
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "transcribe", song, "--checkpoint", random_checkpoint),
            *("--threads", "1", "--verbose", "--device", "cpu", "--json"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "random on cpu" in ran.stderr
    assert ran.stdout.count("\n") == 1
    assert files(song.parent) == {"song.wav", "song.mid", "song.json"}
    n_notes = len(read_midi(song.with_suffix(".mid")).notes)
    assert len(json.loads(song.with_suffix(".json").read_text())["notes"]) == n_notes


@pytest.mark.parametrize(
    "name",
    [
        "Ноктюрн №2.wav",
        "two  spaces.take.1.wav",
        "line\nbreak.wav",
        "no suffix",
        "-dash.wav",
        "%s{0}.WAV",
        os.fsdecode(b"caf\xe9.wav"),
    ],
)
def test_odd_names(run, melody_wav, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    melody_wav("plain.wav").rename(tmp_path / name)
    ran = run("--csv", "--json", "--", name)
    assert ran.code == 0, ran.err
    assert len(ran.out.splitlines()) == 1
    stem = Path(name).stem
    assert files(tmp_path) == {name, *(f"{stem}.{kind}" for kind in ("mid", "csv", "json"))}
    assert pitches(tmp_path / f"{stem}.mid") == PITCHES
    assert json.loads(Path(f"{stem}.json").read_bytes())["recording"] == name


def test_a_recording_that_is_named_twice_is_called_so(run, melody_wav, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    melody_wav("a.wav")
    ran = run("a.wav", "./a.wav", "-o", "out/")
    assert ran.code == 2
    assert ran.complaints[-1].endswith("a.wav: this file is named twice")


def test_a_recording_whose_name_looks_like_an_option(run, melody_wav, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    melody_wav("-take 1.wav")
    ran = run("-take 1.wav", "-o", "out/")
    assert ran.code == 2
    assert "write ./-take 1.wav to transcribe the file" in ran.complaints[-1]
    assert run("./-take 1.wav", "-o", "out/").code == 0
