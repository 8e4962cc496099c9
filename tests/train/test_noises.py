"""Synthesised voices and applause: what of them could be taken for notes is there."""

from __future__ import annotations

import numpy as np
import pytest

from transcribe.train.augment.noises import applause_like, speech_like

RATE = 16000


def levels(samples, block=320):
    power = np.square(samples[: len(samples) // block * block]).reshape(-1, block).mean(axis=1)
    return 10 * np.log10(power + 1e-6)


@pytest.mark.parametrize("make", [speech_like, applause_like])
def test_length_level_and_repetition(make):
    first = make(np.random.default_rng(1), 2.0, RATE)
    assert first.shape == (2 * RATE,)
    assert first.dtype == np.float32
    assert np.sqrt(np.mean(first**2)) == pytest.approx(1, abs=1e-3)
    assert np.array_equal(first, make(np.random.default_rng(1), 2.0, RATE))
    assert not np.array_equal(first, make(np.random.default_rng(2), 2.0, RATE))


def test_speech_has_voiced_syllables_between_80_and_700_hz():
    """In most of its loud moments the waveform repeats, at the rate of a voice."""
    voiced = []
    for seed in range(4):
        samples = speech_like(np.random.default_rng(seed), 3.0, RATE)
        frames = np.lib.stride_tricks.sliding_window_view(samples, 1024)[::1024]
        for frame in frames[np.square(frames).mean(axis=1) > 0.5]:
            correlation = np.correlate(frame, frame, "full")[1023:]
            lag = RATE // 700 + int(np.argmax(correlation[RATE // 700 : RATE // 60]))
            voiced.append(correlation[lag] / correlation[0] > 0.4)
    assert np.mean(voiced) > 0.6


def test_speech_comes_and_goes():
    level = levels(speech_like(np.random.default_rng(0), 5.0, RATE))
    assert np.percentile(level, 90) - np.percentile(level, 10) > 15


def test_claps_are_short_and_have_no_pitch():
    flatness = []
    for seed in range(6):
        samples = applause_like(np.random.default_rng(seed), 3.0, RATE)
        power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
        bands = power[1500:15000].reshape(-1, 50)
        flatness.append(bands.max() / bands.mean())
    assert max(flatness) < 300  # a sinusoid of this length would reach several thousand
    few = applause_like(np.random.default_rng(4), 3.0, RATE)
    assert np.max(np.abs(few)) > 4
