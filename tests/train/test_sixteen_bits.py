"""Sound as 16-bit integers: what is beyond full scale is clipped and does not wrap around."""

from __future__ import annotations

import wave
from types import SimpleNamespace

import numpy as np
import pytest

from transcribe.audio.wav import write_wav
from transcribe.datasets.cache import cached_samples
from transcribe.web import piano
from transcribe.web.kept_sound import KeptSound

RATE = 16000
FULL = 32767
LOUD = np.array([0.0, 0.5, 1.0, 1.5, 40.0, -1.0, -1.5, -40.0], np.float32)
KEPT = [0, 16384, FULL, FULL, FULL, -FULL, -FULL, -FULL]
"""A sample of 1.5 is kept as 1, not as the -0.5 that 16 bits would make of it."""


def test_in_the_cache_of_training(tmp_path, monkeypatch):
    monkeypatch.setattr("transcribe.datasets.cache.AudioReader", lambda *_: iter([LOUD]))
    (tmp_path / "loud.wav").write_bytes(b"")
    assert cached_samples(tmp_path / "loud.wav", RATE, tmp_path).tolist() == KEPT


def test_in_a_wav_file(tmp_path):
    write_wav(tmp_path / "loud.wav", LOUD, RATE)
    assert read(tmp_path / "loud.wav") == pytest.approx(KEPT, abs=1)


def test_in_what_the_page_plays():
    assert np.frombuffer(piano._as_bytes(LOUD), "<i2") == pytest.approx(KEPT, abs=1)


def test_in_the_recording_that_the_page_keeps(tmp_path):
    class Reader(SimpleNamespace):
        def __iter__(self):
            return iter([LOUD])

    with KeptSound(tmp_path, Reader(sample_rate=RATE, seconds_read=0.0)) as sound:
        (heard,) = sound
    assert heard.tolist() == LOUD.tolist()
    assert read(tmp_path / "sound.wav") == pytest.approx(KEPT, abs=1)


def read(path) -> list[int]:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").tolist()
