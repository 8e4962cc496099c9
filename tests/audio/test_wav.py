"""Samples written to a wav file."""

from __future__ import annotations

import errno
import os
import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tones import RATE

from transcribe.audio.probing import probe
from transcribe.audio.reader import read_audio
from transcribe.audio.wav import write_wav
from transcribe.errors import AudioError


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    samples = np.linspace(-1, 1, 50000, dtype=np.float32)
    write_wav(tmp_path / "a.wav", samples, RATE)
    np.testing.assert_allclose(read_audio(tmp_path / "a.wav"), samples, atol=5e-5)
    assert probe(tmp_path / "a.wav").codec == "pcm_s16le"


def test_columns_are_channels_and_what_is_too_loud_is_clipped(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.array([[0.5, -1.5], [1.5, 0.0]]), 44100)
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 44100)
        numbers = np.frombuffer(file.readframes(2), "<i2")
    assert numbers.tolist() == [16384, -32767, 32767, 0]


@pytest.mark.parametrize("samples", [np.array([0, np.nan]), np.array(0.5), np.zeros((1, 2, 3))])
def test_samples_that_are_no_sound_are_refused(tmp_path: Path, samples: NDArray) -> None:
    with pytest.raises(ValueError, match="expected"):
        write_wav(tmp_path / "a.wav", samples, RATE)


def test_a_wav_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"before")

    def fail(self: wave.Wave_write, data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(wave.Wave_write, "writeframesraw", fail)
    with pytest.raises(AudioError, match="no space left"):
        write_wav(path, np.zeros(100), RATE)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(AudioError, match="nowhere"):
        write_wav(tmp_path / "nowhere" / "a.wav", np.zeros(100), RATE)
