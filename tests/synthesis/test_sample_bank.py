"""A sampled instrument in its folder, and SoundFonts."""

import json
import os
import shutil
import stat
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from eval.data.synthetic_bank import frequency, string, write_wav
from transcribe.cli import main
from transcribe.errors import AudioError, InstrumentError, MidiError
from transcribe.midi import read_midi
from transcribe.midi_file import NOTE_OFF, NOTE_ON, midi_file_bytes
from transcribe.notes import Performance
from transcribe.synthesis.fluidsynth import render_soundfont
from transcribe.synthesis.render import render
from transcribe.synthesis.render_config import RenderConfig
from transcribe.synthesis.sample_bank import SampleBank

from .playing import RATE, note, one, partial_hz

A_NOTE_S_TRACK = [[(0, bytes((NOTE_ON, 60, 80))), (480, bytes((NOTE_OFF, 60, 0)))]]
A_NOTE = midi_file_bytes(480, A_NOTE_S_TRACK)


def test_a_bank_keeps_the_voices_it_made(folder):
    bank = SampleBank.load(folder)
    assert bank.n_bytes == 0
    first = bank.voice(60, 100)
    assert bank.voice(60, 127) is first
    assert bank.voice(60, 40) is not first
    bank.preload()
    n_bytes = bank.n_bytes
    render(Performance([note(0, p, 1, v) for p in range(21, 109) for v in (40, 100)]), bank)
    assert bank.n_bytes == n_bytes


def test_what_a_manifest_may_leave_out(tmp_path):
    write_wav(tmp_path / "a.wav", 0.5 * string(60, bright=True))
    manifest = {
        "samplerate": RATE,
        "layers": [{"layer": 1}],
        "samples": [{"root": 60, "layer": 1, "file": "a.wav"}],
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    bank = SampleBank.load(tmp_path)
    assert bank.name == tmp_path.name
    samples = render(one(72, velocity=1), bank, RenderConfig(gain_db=60), duration=0.5)
    assert partial_hz(samples, frequency(72)) == pytest.approx(frequency(72), rel=2e-3)


def broken(folder, tmp_path, change):
    copy = tmp_path / "bank"
    shutil.copytree(folder, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    change(manifest)
    (copy / "manifest.json").write_text(json.dumps(manifest))
    return copy


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.pop("samplerate"), "samplerate"),
        (lambda m: m.pop("layers"), "layers"),
        (lambda m: m.update(samples=[]), "no samples of layer soft"),
        (lambda m: m["samples"][0].update(file="gone.wav"), "gone.wav"),
        (lambda m: m["samples"][0].update(root="C4"), "C4"),
        (lambda m: m["samples"][0].pop("root"), "root"),
        (lambda m: m["samples"][0].update(gain=0), "gain 0"),
        (lambda m: m["layers"][0].update(lovel=90), "90 to 70"),
        (lambda m: m.update(samplerate=0), "sample rate of 0"),
    ],
)
def test_a_broken_manifest_is_refused_with_what_is_wrong(folder, tmp_path, change, message):
    copy = broken(folder, tmp_path, change)
    with pytest.raises(InstrumentError, match=message) as caught:
        SampleBank.load(copy)
    assert str(copy) in str(caught.value)


def test_a_folder_without_a_manifest_is_no_bank(tmp_path):
    with pytest.raises(InstrumentError, match=r"manifest\.json; found none"):
        SampleBank.load(tmp_path / "nowhere")
    (tmp_path / "manifest.json").write_text("[1, 2")
    with pytest.raises(InstrumentError, match="JSON"):
        SampleBank.load(tmp_path)
    (tmp_path / "manifest.json").write_text("[1, 2]")
    with pytest.raises(InstrumentError, match="sample-bank format"):
        SampleBank.load(tmp_path)


def test_a_silent_recording_is_refused(folder, tmp_path):
    copy = broken(folder, tmp_path, lambda manifest: None)
    write_wav(copy / "076_soft.wav", np.zeros(RATE))
    bank = SampleBank.load(copy)
    render(one(76, velocity=100), bank)
    with pytest.raises(InstrumentError, match=r"076_soft\.wav.*silence"):
        render(one(76, velocity=40), bank)


def test_a_soundfont_needs_fluidsynth(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InstrumentError, match="fluidsynth"):
        render_soundfont(tmp_path / "a.mid", tmp_path / "a.sf2")


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for fluidsynth is a shell script")
def test_fluidsynth_is_asked_for_the_file_and_its_failure_told(tmp_path, monkeypatch):
    def stand_in(script: str) -> None:
        program = tmp_path / "fluidsynth"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    midi, soundfont = tmp_path / "a.mid", tmp_path / "a.sf2"
    midi.write_bytes(A_NOTE)
    soundfont.write_bytes(b"RIFF\0\0\0\0sfbk")
    sound = 0.5 * string(60, bright=True, sample_rate=44100)
    write_wav(tmp_path / "sound.wav", sound / np.abs(sound).max(), 44100)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    find_output = 'while [ "$1" != -F ]; do shift; done'
    stand_in(f'{find_output}\ncp {tmp_path}/sound.wav "$2"')
    samples = render_soundfont(midi, soundfont, sample_rate=RATE)
    assert len(samples) == pytest.approx(len(sound) * RATE / 44100, abs=2)
    assert partial_hz(samples, frequency(60)) == pytest.approx(frequency(60), rel=2e-3)
    stand_in("echo no memory >&2; exit 1")
    with pytest.raises(InstrumentError, match="no memory"):
        render_soundfont(midi, soundfont)
    stand_in(
        f'{find_output}\ncp {tmp_path}/sound.wav "$2"\n'
        "echo 'fluidsynth: error: Audio file write error: No space left on device' >&2"
    )
    with pytest.raises(InstrumentError, match="No space left on device"):
        render_soundfont(midi, soundfont)
    with pytest.raises(MidiError, match="expected a MIDI file"):
        render_soundfont(soundfont, soundfont)
    for content, found in (
        (b"MThdxx", "MIDI"),
        (midi_file_bytes(480, [[]]), "no notes|found none"),
        (midi_file_bytes(480, [[(0, bytes((NOTE_ON, 60, 0)))]]), "found none"),
    ):
        (tmp_path / "none.mid").write_bytes(content)
        with pytest.raises(MidiError, match=found):
            render_soundfont(tmp_path / "none.mid", soundfont)
    with pytest.raises(InstrumentError, match="expected a SoundFont"):
        render_soundfont(midi, midi)
    with pytest.raises(InstrumentError, match="no such file"):
        render_soundfont(midi, Path(tmp_path / "gone.sf2"))


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for fluidsynth is a shell script")
@pytest.mark.parametrize(
    ("content", "notes"),
    [
        (A_NOTE[:-4], [(60, 0.0, 0.5)]),  # cut off before the track's end
        (midi_file_bytes(0xE728, A_NOTE_S_TRACK), [(60, 0.0, 0.48)]),  # 25 frames of 40 ticks
    ],
    ids=["cut off", "SMPTE"],
)
def test_of_a_file_that_fluidsynth_can_t_read_what_we_read_is_played(
    tmp_path, monkeypatch, caplog, content, notes
):
    program, soundfont, midi = (tmp_path / name for name in ("fluidsynth", "a.sf2", "a.mid"))
    program.write_text(
        '#!/bin/sh\nfor midi; do true; done\nwhile [ "$1" != -F ]; do shift; done\n'
        f'if [ "$midi" = {midi} ]; then echo "fluidsynth: error: not implemented" >&2; exit; fi\n'
        f'cp {tmp_path}/sound.wav "$2"; cp "$midi" {tmp_path}/played.mid\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    soundfont.write_bytes(b"RIFF\0\0\0\0sfbk")
    write_wav(tmp_path / "sound.wav", 0.5 * string(60, bright=True, sample_rate=44100), 44100)
    midi.write_bytes(content)
    assert len(render_soundfont(midi, soundfont, sample_rate=RATE))
    played = read_midi(tmp_path / "played.mid").notes
    assert [(note.pitch, note.onset, note.offset) for note in played] == [
        (pitch, onset, pytest.approx(offset, abs=1e-3)) for pitch, onset, offset in notes
    ]
    assert "not implemented; what can be read of it is played" in caplog.text


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for fluidsynth is a shell script")
def test_music_that_no_wav_file_holds_is_refused_before_it_is_played(tmp_path, monkeypatch):
    program, soundfont, midi = (tmp_path / name for name in ("fluidsynth", "a.sf2", "a.mid"))
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/played\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    soundfont.write_bytes(b"RIFF\0\0\0\0sfbk")
    day = 24 * 3600 * 2 * 480
    midi.write_bytes(
        midi_file_bytes(480, [[(0, bytes((NOTE_ON, 60, 80))), (day, bytes((NOTE_OFF, 60, 0)))]])
    )
    with pytest.raises(AudioError, match=r"a\.mid: a wav file holds 6:45:48 at most.* 24:00:00"):
        render_soundfont(midi, soundfont)
    assert not (tmp_path / "played").exists()


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for fluidsynth is a shell script")
def test_a_soundfont_s_music_is_written_as_it_is_read(tmp_path, monkeypatch):
    """Three minutes take 32 MB whole; of them no more than some blocks are held."""
    program, rate = tmp_path / "fluidsynth", 44100
    program.write_text(
        f'#!/bin/sh\nwhile [ "$1" != -F ]; do shift; done\ncp {tmp_path}/sound.wav "$2"\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    midi, soundfont = tmp_path / "a.mid", tmp_path / "a.sf2"
    midi.write_bytes(A_NOTE)
    soundfont.write_bytes(b"RIFF\0\0\0\0sfbk")
    stereo = np.random.default_rng(1).uniform(-0.5, 0.5, (180 * rate, 2))
    write_wav(tmp_path / "sound.wav", stereo, rate)
    samples = render_soundfont(midi, soundfont, sample_rate=rate)
    write_wav(tmp_path / "whole.wav", samples, rate)
    words = ["render", str(midi), "--instrument", str(soundfont)]
    assert main(words) == 0  # what is imported then is no part of the music
    tracemalloc.start()
    assert main([*words, "--overwrite"]) == 0
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "whole.wav").read_bytes()
    assert peak < samples.nbytes * 0.75
