"""The sounds in which false notes are counted."""

from __future__ import annotations

import numpy as np
import pytest

from eval.data import noises
from transcribe.audio.reader import read_audio


def test_every_kind_at_its_level_and_always_the_same(tmp_path):
    kinds = noises.noises(seconds=3.0)
    assert set(kinds) >= {"silence", "white_noise", "room", "one_voice", "applause"}
    for name, sound in kinds.items():
        assert sound.shape == (3 * noises.SAMPLE_RATE,)
        level = 20 * np.log10(max(float(np.std(sound)), 1e-6))
        expected = {"silence": -120, "room": -46}.get(name, -26)
        assert level == pytest.approx(expected, abs=1.5), name
    again = noises.noises(seconds=3.0)
    assert all(np.array_equal(kinds[name], again[name]) for name in kinds)
    assert noises.main([str(tmp_path / "new"), "--seconds", "3"]) == 0
    written = read_audio(tmp_path / "new" / "white_noise.wav", noises.SAMPLE_RATE)
    assert np.abs(written - kinds["white_noise"]).max() < 1e-4


def test_speech_shaped_noise_has_speech_spectrum_and_syllables():
    sound = noises.noises(seconds=6.0)["speech_shaped_noise"]
    power = np.abs(np.fft.rfft(sound)) ** 2
    hertz = np.fft.rfftfreq(len(sound), 1 / noises.SAMPLE_RATE)

    def band(low, high):
        return 10 * np.log10(power[(hertz >= low) & (hertz < high)].mean())

    assert band(200, 400) - band(3200, 6400) > 20
    envelope = np.abs(np.fft.rfft(np.square(sound).reshape(-1, 160).mean(axis=1)))
    rates = np.fft.rfftfreq(len(sound) // 160, 0.01)
    assert rates[1 + np.argmax(envelope[1:])] == pytest.approx(4.0, abs=0.3)
