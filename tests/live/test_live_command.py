"""``transcribe live`` from its arguments to its files, with a network that hears plain tones."""

from __future__ import annotations

import os
import signal
import sys
import threading

import numpy as np
import pytest
from conftest import MELODY, melody_samples
from fake_sounddevice import FakeSounddevice

from transcribe.cli import main
from transcribe.live import microphone
from transcribe.live.command import level_bar
from transcribe.midi import read_midi
from transcribe.transcriber import Transcriber


@pytest.fixture(autouse=True)
def tones(monkeypatch, tone_checkpoint):
    monkeypatch.setattr(
        Transcriber, "load", classmethod(lambda cls, *_, **__: cls(tone_checkpoint))
    )


def test_a_recording_becomes_lines_and_a_midi_file(melody_wav, tmp_path, capsys):
    midi = tmp_path / "live.mid"
    assert main(["live", str(melody_wav()), "--fast", "-o", str(midi)]) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert [line.split()[1:4] for line in lines[:2]] == [
        ["A5", "velocity", "64"],
        ["C6", "velocity", "64"],
    ]
    assert lines[-1].startswith(f"{midi}: 5 notes and 0 pedal presses in 0:03; ")
    assert "listening to song.wav; Ctrl-C stops" in printed.err
    assert "a note is decided 160 ms after its stroke" in printed.err
    notes = read_midi(midi).notes
    assert [each.pitch for each in notes] == [81, 84, 88, 93, 81]
    for note, (onset, _, offset) in zip(notes, MELODY, strict=True):
        assert note.onset == pytest.approx(onset, abs=0.064)
        assert note.offset == pytest.approx(offset, abs=0.1)


def test_quiet_prints_nothing(melody_wav, capsys):
    assert main(["live", str(melody_wav()), "--fast", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(sys.platform == "win32", reason="os.kill ends a process there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_a_whole_file_and_the_handlers_as_they_were(
    melody_wav, tmp_path, capsys, number
):
    midi = tmp_path / "live.mid"
    before = signal.getsignal(number)
    timer = threading.Timer(0.9, os.kill, (os.getpid(), number))
    timer.start()
    assert main(["live", str(melody_wav()), "-o", str(midi)]) == 0
    timer.join()
    assert signal.getsignal(number) is before
    assert [each.pitch for each in read_midi(midi).notes][:1] == [81]
    assert len(read_midi(midi).notes) < 5
    assert "ms after their strokes" in capsys.readouterr().out
    assert sorted(os.listdir(tmp_path)) == ["live.mid", "song.wav"]


@pytest.fixture
def sounddevice(monkeypatch):
    module = FakeSounddevice()
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return module


def test_a_microphone_is_heard_and_what_it_lost_is_said(sounddevice, tmp_path, capsys):
    samples = melody_samples()[: 16000 * 2]
    blocks = np.split(samples, 400)
    sounddevice.sound = [
        # After a second 50 ms are missing.
        (block, 5 + number * 0.005 + 0.05 * (number >= 200), number == 200)
        for number, block in enumerate(blocks)
    ]
    midi = tmp_path / "live.mid"
    assert main(["live", "--seconds", "2", "-o", str(midi), "--microphone", "scarlett"]) == 0
    printed = capsys.readouterr()
    assert "listening to Scarlett 2i2 USB" in printed.err
    assert "sound was lost 1 time, 50 ms in all" in printed.err
    assert [each.pitch for each in read_midi(midi).notes] == [81, 84, 88, 93]
    assert read_midi(midi).notes[2].onset == pytest.approx(1.05, abs=0.064)


def test_a_microphone_that_goes_away_leaves_a_whole_file(
    sounddevice, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(microphone, "_PATIENCE", 0.01)
    monkeypatch.setattr(microphone, "_GONE_SECONDS", 0.02)
    sounddevice.sound = [(melody_samples()[:20000], 5.0, False)]
    midi = tmp_path / "live.mid"
    assert main(["live", "-o", str(midi)]) == 1
    assert "no sound came for 0.02 s; it may have been unplugged" in capsys.readouterr().err
    assert [each.pitch for each in read_midi(midi).notes] == [81, 84, 88, 93]


def test_a_microphone_that_gives_only_silence_is_doubted(sounddevice, capsys):
    sounddevice.sound = [(np.zeros(16000 * 4, np.float32), 5.0, False)]
    assert main(["live", "--seconds", "4", "--quiet"]) == 0
    assert "gave nothing but silence; it may be muted" in capsys.readouterr().err


def test_devices_and_ports_are_listed(sounddevice, capsys):
    assert main(["live", "--microphones"]) == 0
    assert capsys.readouterr().out == "Built-in Microphone\nScarlett 2i2 USB\n"
    sounddevice.devices = []
    assert main(["live", "--microphones"]) == 1
    assert "no input for sound" in capsys.readouterr().err


def test_it_stops_by_itself_when_asked_to(melody_wav, capsys):
    assert main(["live", str(melody_wav()), "--fast", "--seconds", "1.2"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("4 notes")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--latency", "100"], "argument --latency: expected 150 to 500 ms; found '100'"),
        (["--fast"], "--fast is for a recording"),
        (["song.wav", "--microphone", "x"], "name a recording or a microphone, not both"),
        (["song.wav", "-o", "notes.txt"], "ends in .mid; found notes.txt"),
    ],
)
def test_wrong_usage_is_refused(words, expected, capsys):
    with pytest.raises(SystemExit) as refusal:
        main(["live", *words])
    assert refusal.value.code == 2
    assert expected in capsys.readouterr().err


def test_a_file_that_is_there_is_not_written_over(melody_wav, tmp_path, capsys):
    midi = tmp_path / "live.mid"
    midi.write_bytes(b"mine")
    assert main(["live", str(melody_wav()), "--fast", "-o", str(midi)]) == 1
    assert "already exists; use --overwrite" in capsys.readouterr().err
    assert midi.read_bytes() == b"mine"
    assert main(["live", str(melody_wav()), "--fast", "-o", str(midi), "--overwrite"]) == 0
    assert len(read_midi(midi).notes) == 5


def test_a_folder_that_is_not_there_is_refused(melody_wav, tmp_path, capsys):
    assert main(["live", str(melody_wav()), "-o", str(tmp_path / "no" / "live.mid")]) == 1
    assert "no such folder" in capsys.readouterr().err


def test_the_level_says_what_is_wrong_with_it():
    assert level_bar(1.0) == "[" + "#" * 20 + "] too loud"
    assert level_bar(0.1) == "[" + "#" * 13 + "-" * 7 + "]"
    assert level_bar(0.0) == "[" + "-" * 20 + "] almost silent"
