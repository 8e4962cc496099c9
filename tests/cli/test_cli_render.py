"""``transcribe render`` as a user types it."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import SAMPLE_RATE, write_pcm

from transcribe.midi import write_midi

from .running import files


@pytest.fixture
def bank(tmp_path) -> Path:
    """A sample bank of one decaying tone, A4."""
    folder = tmp_path / "bank"
    seconds = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    tone = 0.5 * np.exp(-3 * seconds) * np.sin(2 * math.pi * 440 * seconds)
    write_pcm(folder / "a4.wav", tone)
    manifest = {
        "samplerate": SAMPLE_RATE,
        "layers": [{"layer": 1, "lovel": 1, "hivel": 127, "rel_level_db": 0.0}],
        "samples": [{"root": 69, "layer": 1, "file": "a4.wav"}],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_render_writes_what_is_played(run, tmp_path, bank, played):
    import wave

    write_midi(played, tmp_path / "song.mid")
    ran = run("render", tmp_path / "song.mid", "--instrument", bank)
    assert ran.code == 0, ran.err
    assert "song.wav: 0:0" in ran.out
    with wave.open(str(tmp_path / "song.wav")) as file:
        assert file.getframerate() == SAMPLE_RATE
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert 3.9 < len(samples) / SAMPLE_RATE < 5.5
    assert np.abs(samples).max() > 1000

    refused = run("render", tmp_path / "song.mid", "--instrument", bank)
    assert refused.code == 1
    assert "already exists" in refused.err
    words = ("render", tmp_path / "song.mid", "--instrument", bank, "--overwrite", "--quiet")
    assert run(*words) == (0, "", "")


def test_render_without_an_instrument_plays_the_packaged_piano(run, tmp_path, played):
    from transcribe.audio import read_audio
    from transcribe.synthesis import packaged_piano

    write_midi(played, tmp_path / "song.mid")
    ran = run("render", tmp_path / "song.mid", "-o", tmp_path / "out.wav")
    assert ran.code == 0, ran.err
    samples = read_audio(tmp_path / "out.wav", packaged_piano().sample_rate)
    assert np.abs(samples).max() > 0.01


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["song.mid", "--instrument", "bank", "-o", "x.mp3"], 2, "ends in .wav"),
        (["song.mid", "--instrument", "nowhere"], 1, "nowhere"),
        (["nowhere.mid", "--instrument", "bank"], 1, "nowhere.mid"),
        (["song.mid", "--instrument", "bank", "-o", "nowhere/x.wav"], 1, "no such folder"),
    ],
)
def test_render_refuses_in_words(run, tmp_path, monkeypatch, bank, played, words, code, message):
    monkeypatch.chdir(tmp_path)
    write_midi(played, tmp_path / "song.mid")
    ran = run("render", *words)
    assert ran.code == code
    assert message in ran.err
    assert "Traceback" not in ran.err
    assert files(tmp_path) == {"bank", "song.mid"}


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows ends processes otherwise")
def test_a_request_to_end_leaves_no_half_of_a_recording(tmp_path, played):
    """Hours of sound are gigabytes, under a hidden name."""
    write_midi(played, tmp_path / "song.mid")
    code = (
        "import sys, time\n"
        "import numpy as np\n"
        "from transcribe.synthesis import render\n"
        "def slow(*_):\n"
        "    yield np.zeros(100_000)\n"
        "    print('writing', flush=True)\n"
        "    time.sleep(60)\n"
        "render.render_blocks = slow\n"
        "from transcribe.cli import main\n"
        "sys.exit(main())\n"
    )
    words = [sys.executable, "-c", code, "render", str(tmp_path / "song.mid")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        assert len(files(tmp_path)) == 2
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 130
    assert files(tmp_path) == {"song.mid"}
