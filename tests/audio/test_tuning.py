"""Tuning in cents, of tones whose tuning is known."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from transcribe.audio.quality import is_out_of_tune
from transcribe.audio.reader import read_audio
from transcribe.audio.tuning import TuningMeter

PRELUDE = Path(__file__).parents[1] / "data" / "prelude.mp3"

SAMPLE_RATE = 16000


@lru_cache
def chords(cents: float, *, stretch: float = 3e-4, seed: int = 0) -> np.ndarray:
    """Half a minute of piano-like chords, shape (n_samples,): six inharmonic partials a key."""
    random = np.random.default_rng(seed)
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    seconds = []
    for _ in range(30):
        sound = np.zeros(len(time))
        for pitch in random.choice(np.arange(40, 84), 3, replace=False):
            fundamental = 440 * 2 ** ((pitch - 69) / 12 + cents / 1200)
            for n in range(1, 7):
                hertz = n * fundamental * np.sqrt(1 + stretch * n**2)
                phase = random.uniform(0, 2 * np.pi)
                sound += np.exp(-3 * time) / n * np.sin(2 * np.pi * hertz * time + phase)
        seconds.append(sound)
    return (0.1 * np.concatenate(seconds)).astype(np.float32)


def measured(samples: np.ndarray, block: int = 10 * SAMPLE_RATE) -> float | None:
    meter = TuningMeter(SAMPLE_RATE)
    for start in range(0, len(samples), block):
        meter.push(samples[start : start + block])
    return meter.cents


@pytest.mark.parametrize("cents", [-45, -30, -12, 0, 8, 25, 44])
def test_a_detuned_piano_is_found_within_three_cents(cents):
    assert measured(chords(cents)) == pytest.approx(cents, abs=3)


def test_two_seconds_tell_the_tuning_where_all_agrees():
    assert measured(chords(-30)[: 2 * SAMPLE_RATE]) == pytest.approx(-30, abs=3)


def test_blocks_of_any_length_are_the_same_to_it():
    samples = chords(20)
    meter = TuningMeter(SAMPLE_RATE)
    for start in range(0, len(samples), 1000):
        meter.push(samples[start : start + 1000])
    assert meter.cents == pytest.approx(measured(samples), abs=1e-6)


def test_a_tape_that_runs_fast_is_as_much_sharper():
    slow, fast = measured(chords(-5)), measured(chords(15))
    assert fast - slow == pytest.approx(20, abs=1)


def test_loudness_does_not_matter():
    assert measured(chords(20) * 0.05) == pytest.approx(measured(chords(20)), abs=0.5)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(60 * SAMPLE_RATE, np.float32),
        np.random.default_rng(1).normal(0, 0.1, 60 * SAMPLE_RATE).astype(np.float32),
        np.zeros(0, np.float32),
    ],
    ids=["silence", "noise", "nothing"],
)
def test_what_has_no_tuning_has_none(samples):
    assert measured(samples) is None


def test_a_voice_that_glides_has_none():
    time = np.arange(60 * SAMPLE_RATE) / SAMPLE_RATE
    semitones = 6 * np.sin(2 * np.pi * 0.37 * time)
    phase = 2 * np.pi * np.cumsum(330 * 2 ** (semitones / 12)) / SAMPLE_RATE
    assert measured((0.3 * np.sin(phase)).astype(np.float32)) is None


def test_one_tone_is_too_little():
    time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    assert measured(np.sin(2 * np.pi * 450 * time).astype(np.float32)) is None


def metered(samples: np.ndarray) -> TuningMeter:
    meter = TuningMeter(SAMPLE_RATE)
    meter.push(samples)
    return meter


def test_a_part_warns_no_sooner_than_the_whole():
    """The prelude is 14.5 cents sharp, and passages of it are up to 16.6."""
    samples = read_audio(PRELUDE, SAMPLE_RATE)
    whole = metered(samples)
    assert whole.cents == pytest.approx(14.5, abs=0.2)
    assert not is_out_of_tune(whole.sure_cents)
    for seconds in (2, 5, 10, 20):
        length = seconds * SAMPLE_RATE
        starts = range(0, len(samples) - length, SAMPLE_RATE // 2)
        parts = [metered(samples[start : start + length]) for start in starts]
        assert any(is_out_of_tune(part.cents or 0) for part in parts)
        assert [part.cents for part in parts if is_out_of_tune(part.sure_cents)] == []


@pytest.mark.parametrize("cents", [-40, 25])
def test_what_is_clearly_out_of_tune_is_so_from_three_seconds_on(cents):
    for seconds in (3, 30):
        meter = metered(chords(cents)[: seconds * SAMPLE_RATE])
        assert is_out_of_tune(meter.sure_cents)
        assert abs(meter.cents) - 8 < meter.sure_cents < abs(meter.cents)


def test_of_noise_nothing_is_sure():
    noise = np.random.default_rng(0).normal(0, 0.1, 10 * SAMPLE_RATE).astype(np.float32)
    assert metered(noise).sure_cents == 0
