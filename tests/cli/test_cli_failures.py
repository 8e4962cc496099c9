"""What the command says and leaves when something goes wrong."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import SAMPLE_RATE, melody_samples, write_pcm

from transcribe.errors import AudioError
from transcribe.midi import read_midi
from transcribe.midi_file import NOTE_ON, midi_file_bytes
from transcribe.notes import Performance
from transcribe.transcriber import Transcriber

from .running import PITCHES, files, pitches


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name at least one recording"),
        (["song.wav", "--onset-threshold", "1.5"], "between 0 and 1; found '1.5'"),
        (["song.wav", "--frame-threshold", "loud"], "found 'loud'"),
        (["song.wav", "--minimum-note", "-1"], "seconds, 0 or more"),
        (["song.wav", "--threads", "0"], "1 or more"),
        (["song.wav", "--offsets", "pedal"], "invalid choice"),
        (["song.wav", "--device", "tpu"], "invalid choice"),
        (["song.wav", "--overwrit"], "unrecognized"),
        (["song.wav", "other.wav", "-o", "x.mid"], "2 recordings need a folder"),
        (["song.wav", "-o", "x.wav"], "expected a MIDI file, which ends in .mid"),
        (["song.wav", "-o", "song.wav/"], "-o song.wav/: expected a folder, found a file\n"),
        (["song.wav", "song.wav"], "song.wav: this file is named twice"),
        (["song.wav", "./song.flac"], "would both be written to song.mid"),
        (["a/song.wav", "b/song.wav", "-o", "out/"], "written to out/song.mid"),
        (["song.wav", "taken.mid", "--overwrite"], "taken.mid: expected a recording; MIDI"),
        (["song.mid"], "song.mid: expected a recording; MIDI files are read by transcribe score"),
        (["song.wav", "song.json", "-o", "./", "--json"], "song.json: this recording would"),
        (["song.wav", "-o", "song.wav/deeper/"], "expected a folder, found a file (song.wav)"),
        ([""], "the name of a recording is empty"),
        (["song.wav", "https://a.example/b.mp3"], "https://a.example/b.mp3: expected a file, not"),
        (["score", "https://a.example/b.mp3"], "expected a file, not an address: download it"),
    ],
)
def test_wrong_usage_does_nothing(run, melody_wav, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    melody_wav("song.wav")
    ran = run(*words)
    assert ran.code == 2
    assert message in ran.err
    assert ran.out == ""
    assert files(tmp_path) == {"song.wav"}


def test_a_folder_that_may_not_be_written_to(run, melody_wav, tmp_path, monkeypatch):
    song = melody_wav()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(Transcriber, "transcribe", lambda *_, **__: pytest.fail("began to hear"))
    beside = run(song)
    assert beside.code == 1
    assert "no permission to write to" in beside.err
    chosen = run(song, "-o", f"{tmp_path}/out/")
    assert chosen.code == 2
    assert "no permission to write to" in chosen.err


def test_bad_recordings_do_not_stop_good_ones(run, melody_wav, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.wav").touch()
    (tmp_path / "letter.mp3").write_text("Dear Clara, " * 200)
    bad = [tmp_path / name for name in ("nowhere.wav", "folder", "empty.wav", "letter.mp3")]
    ran = run(bad[0], melody_wav("a.wav"), *bad[1:], melody_wav("b.wav"), "-o", f"{tmp_path}/o/")
    assert ran.code == 1
    assert files(tmp_path / "o") == {"a.mid", "b.mid"}
    assert len(ran.out.splitlines()) == 2
    assert len(ran.complaints) == 4
    for path, line in zip(bad, ran.complaints, strict=True):
        assert line.startswith(f"transcribe: {path}: ")
        assert line.count(f"{path}: ") == 1
    assert "name the recordings in it" in ran.complaints[1]


def test_verbose_shows_where_a_failure_comes_from(run, tmp_path):
    assert "Traceback" not in run(tmp_path / "nowhere.wav").err
    ran = run(tmp_path / "nowhere.wav", "--verbose")
    assert ran.code == 1
    assert "Traceback" in ran.err
    assert ran.complaints[-1].startswith("transcribe: ")


@pytest.mark.parametrize("there", ["song.mid", "song.csv", "song.json"])
def test_an_existing_output_is_refused(run, melody_wav, tmp_path, monkeypatch, there):
    song = melody_wav()
    (tmp_path / there).write_text("mine")
    with monkeypatch.context() as patch:
        patch.setattr(Transcriber, "transcribe", lambda *_, **__: pytest.fail("began to hear"))
        ran = run(song, "--csv", "--json")
    assert ran.code == 1
    assert ran.err.startswith(f"transcribe: {song}: {tmp_path / there} already exists")
    assert (tmp_path / there).read_text() == "mine"
    assert files(tmp_path) == {"song.wav", there}

    assert run(song, "--csv", "--json", "--overwrite").code == 0
    assert files(tmp_path) == {"song.wav", "song.mid", "song.csv", "song.json"}
    assert pitches(tmp_path / "song.mid") == PITCHES
    assert (tmp_path / there).read_bytes() != b"mine"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "no space left on device"),
        (MemoryError(), "not enough memory"),
        (RuntimeError("CUDA out\nof memory"), r"unexpected RuntimeError: CUDA out\nof memory"),
        (AudioError("decoder\x1b[31m broke"), r"decoder\x1b[31m broke"),
    ],
)
def test_one_failure_while_hearing(run, melody_wav, tmp_path, monkeypatch, error, line):
    hear = Transcriber.transcribe

    def transcribe(self, source, **options):
        if source.name == "bad.wav":
            raise error
        return hear(self, source, **options)

    monkeypatch.setattr(Transcriber, "transcribe", transcribe)
    ran = run(melody_wav("bad.wav"), melody_wav("good.wav"))
    assert ran.code == 1
    assert len(ran.complaints) == 1
    assert ran.err.startswith(f"transcribe: {tmp_path / 'bad.wav'}: {line}")
    assert files(tmp_path) == {"bad.wav", "good.wav", "good.mid"}


@pytest.mark.parametrize("words", [[], ["score"], ["tokens", "--for", "abc"], ["continue"]])
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere.onnx", "expected a file, found none: nowhere.onnx"),
        ("https://host/a.onnx", "expected a file, not an address"),
        ("", "found an empty one"),
    ],
)
def test_weights_that_are_not_there_are_wrong_usage_also_where_none_are_needed(
    run, tmp_path, monkeypatch, words, name, said
):
    monkeypatch.chdir(tmp_path)
    Path("song.mid").touch()
    ran = run(*words, "song.mid", "--checkpoint", name)
    assert ran.code == 2
    assert said in ran.complaints[-1]
    assert files(tmp_path) == {"song.mid"}


def test_silence_gives_an_empty_midi_file(run, tmp_path):
    silence = write_pcm(tmp_path / "silence.wav", np.zeros(SAMPLE_RATE))
    ran = run(silence, "--json", "--csv")
    assert ran.code == 0
    assert "silence.wav: warning: no notes: the recording is silent" in ran.err
    assert "0 notes, 0 pedal presses, 0:01 of music" in ran.out
    assert read_midi(silence.with_suffix(".mid")) == Performance()
    assert silence.with_suffix(".csv").read_text().count("\n") == 1
    assert len(json.loads(silence.with_suffix(".json").read_text())["warnings"]) == 1


def test_a_truncated_recording_is_transcribed_as_far_as_it_goes(run, tmp_path):
    whole = write_pcm(tmp_path / "whole.wav", melody_samples()).read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) // 2])
    ran = run(tmp_path / "cut.wav", "--quiet")
    assert ran.code == 0
    assert len(ran.complaints) == 1
    assert "cut.wav: warning: " in ran.err
    assert {81, 84} <= set(pitches(tmp_path / "cut.mid"))


def test_an_interrupt_leaves_what_is_finished_and_nothing_else(
    run, melody_wav, tmp_path, monkeypatch
):
    hear = Transcriber.transcribe

    def transcribe(self, source, *, progress=None, **options):
        def interrupted(seconds: float) -> None:
            if source.name == "b.wav" and seconds > 1:
                raise KeyboardInterrupt

        return hear(self, source, progress=interrupted, **options)

    monkeypatch.setattr(Transcriber, "transcribe", transcribe)
    ran = run(*(melody_wav(f"{name}.wav") for name in "abc"), "-o", f"{tmp_path}/out/", "--csv")
    assert ran.code == 130
    assert len(ran.complaints) == 1
    assert "interrupted" in ran.err
    assert files(tmp_path / "out") == {"a.mid", "a.csv"}


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_real_interrupt(melody_wav, random_checkpoint, name):
    """Ctrl-C; `kill`, or a system that shuts down; a terminal that is closed."""
    if not hasattr(signal, name):
        pytest.skip("this system has no such signal")
    song = melody_wav()
    code = (
        "import signal, sys, time\n"
        # What is started in the background, or by nohup, may have been told to ignore them.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "if hasattr(signal, 'SIGHUP'): signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
        "from transcribe.model.onsets_and_frames import OnsetsAndFrames\n"
        "def slow(self, frames):\n    print('hearing', flush=True)\n    time.sleep(60)\n"
        "OnsetsAndFrames.activations = slow\n"
        "from transcribe.cli import main\n"
        "sys.exit(main())\n"
    )
    words = [str(song), "--device", "cpu", "--checkpoint", str(random_checkpoint)]
    with subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "hearing\n"
        process.send_signal(getattr(signal, name))
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "transcribe: interrupted; no partial files are left\n"
    assert files(song.parent) == {"song.wav"}


def test_a_midi_file_is_named_as_one_and_the_recordings_go_on(run, melody_wav, tmp_path):
    melody_wav("song.wav")
    (tmp_path / "other.mid").write_bytes(midi_file_bytes(480, [[]]))
    ran = run(tmp_path / "other.mid", tmp_path / "song.wav", "-o", tmp_path / "out")
    assert ran.code == 1
    assert "other.mid: expected a recording; MIDI files are read by transcribe score" in ran.err
    assert files(tmp_path / "out") == {"song.mid"}


@pytest.mark.parametrize(
    "words",
    [
        ["score", "a.mid", "-o", "taken"],
        ["score", "a.mid", "-o", "taken/deeper"],
        ["tokens", "a.mid", "--for", "abc", "-o", "taken"],
        ["render", "a.mid", "-o", "taken/a.wav"],
        ["continue", "a.mid", "-o", "taken/b.mid"],
        ["serve", "--folder", "taken", "--no-browser"],
    ],
    ids=" ".join,
)
def test_a_file_in_place_of_a_folder_is_named_as_one(run, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    strikes = [(tick, bytes((NOTE_ON, 60 + tick // 480, 80))) for tick in range(0, 3840, 480)]
    (tmp_path / "a.mid").write_bytes(midi_file_bytes(480, [strikes]))
    (tmp_path / "taken").write_text("mine")
    ran = run(*words)
    assert ran.code == 1
    assert "taken" in ran.err
    assert "expected a folder, found a file" in ran.err
    assert (tmp_path / "taken").read_text() == "mine"
