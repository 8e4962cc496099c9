"""Voices and applause, synthesised: what concert recordings hold besides the piano.

Neither is meant to fool a listener. Both have what makes a network find notes where none
are: voiced speech is a harmonic series that starts, glides and stops; a clap is an
attack without a pitch.
"""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_VOWELS = ((750, 1200, 2600), (350, 2200, 2900), (300, 850, 2300), (550, 1800, 2500))
"""Centres of the first three formants in hertz: a, i, u, e."""


@lru_cache(maxsize=1)
def synthetic_noises(n_noises: int, sample_rate: int) -> tuple[Samples, ...]:
    """Ten seconds each of voices and applause, two voices for every applause; always the same."""
    rng = np.random.default_rng(20180923)
    makers = itertools.cycle((speech_like, speech_like, applause_like))
    return tuple(make(rng, 10.0, sample_rate) for make in itertools.islice(makers, n_noises))


def speech_like(rng: np.random.Generator, duration: float, sample_rate: int) -> Samples:
    """One voice: syllables of gliding pitch and moving formants, hiss between them.

    Returns
    -------
    np.ndarray
        Mono float32 of rms 1, shape (round(duration * sample_rate),).
    """
    n_samples = round(duration * sample_rate)
    out = np.zeros(n_samples)
    speaker_hz = float(np.exp(rng.uniform(np.log(85), np.log(320))))
    sings = rng.random() < 0.2
    start = rng.uniform(0, 0.5)
    while start < duration:
        length = rng.uniform(0.3, 1.5) if sings else rng.uniform(0.08, 0.35)
        syllable = _syllable(rng, speaker_hz, length, sample_rate, steady=sings)
        first = round(start * sample_rate)
        stop = min(first + len(syllable), n_samples)
        out[first:stop] += syllable[: stop - first] * 10 ** (rng.uniform(-12, 0) / 20)
        pause = rng.uniform(0.2, 1.2) if rng.random() < 0.15 else rng.uniform(0.0, 0.08)
        start += length + pause
    return _normalised(out)


def _syllable(
    rng: np.random.Generator, speaker_hz: float, length: float, sample_rate: int, *, steady: bool
) -> NDArray[np.float64]:
    n_samples = max(64, round(length * sample_rate))
    time = np.arange(n_samples) / sample_rate
    position = time / length
    glide, vibrato = (0.3, 0.3) if steady else (5.0, 0.0)
    semitones = rng.normal(0, 3) + rng.uniform(-glide, glide) * position
    semitones += vibrato * np.sin(2 * np.pi * rng.uniform(4.5, 6.5) * time)
    phase = 2 * np.pi * np.cumsum(speaker_hz * 2 ** (semitones / 12)) / sample_rate
    first, second = rng.choice(len(_VOWELS), 2)
    formants = np.outer(1 - position, _VOWELS[first]) + np.outer(position, _VOWELS[second])
    formants *= rng.uniform(0.85, 1.25)
    voice = np.zeros(n_samples)
    lowest = speaker_hz * 2 ** (semitones.min() / 12)
    for harmonic in range(1, int(0.45 * sample_rate / lowest) + 1):
        frequency = harmonic * speaker_hz * 2 ** (semitones / 12)
        gain = sum(
            weight / (1 + ((frequency - formants[:, index]) / 120) ** 2)
            for index, weight in enumerate((1.0, 0.5, 0.25))
        )
        inside = frequency < 0.48 * sample_rate
        voice += (gain + 0.02) * inside * np.sin(harmonic * phase)
    rise = np.minimum(1, time / rng.uniform(0.01, 0.05))
    fall = np.minimum(1, (length - time).clip(0) / rng.uniform(0.02, 0.1))
    voice *= rise * fall
    n_hiss = min(n_samples // 2, round(rng.uniform(0.0, 0.12) * sample_rate))
    hiss = np.diff(rng.standard_normal(n_hiss + 1)) * rng.uniform(0.05, 0.5)
    voice[:n_hiss] = 0.3 * voice[:n_hiss] + hiss * np.hanning(n_hiss)
    return voice


def applause_like(rng: np.random.Generator, duration: float, sample_rate: int) -> Samples:
    """Hands clapping, from a few to a hall full, each pair with its own sound and beat.

    Returns
    -------
    np.ndarray
        Mono float32 of rms 1, shape (round(duration * sample_rate),).
    """
    n_samples = round(duration * sample_rate)
    n_people = int(np.exp(rng.uniform(np.log(3), np.log(150))))
    together = rng.random() < 0.2
    beat = rng.uniform(2.0, 5.0)
    out = np.zeros(n_samples + sample_rate)
    n_clap = round(0.06 * sample_rate)
    time = np.arange(n_clap) / sample_rate
    frequency = np.fft.rfftfreq(n_clap, 1 / sample_rate)
    for _ in range(n_people):
        centre = np.exp(rng.uniform(np.log(500), np.log(3000)))
        shape = 1 / (1 + ((frequency - centre) / (0.6 * centre)) ** 2)
        clap = np.fft.irfft(np.fft.rfft(rng.standard_normal(n_clap)) * shape, n_clap)
        clap *= np.exp(-time / rng.uniform(0.003, 0.015)) * 10 ** (rng.uniform(-25, 0) / 20)
        rate = beat if together else rng.uniform(2.0, 5.0)
        onset = np.arange(rng.uniform(0, 1 / rate), duration, 1 / rate)
        onset += rng.normal(0, 0.02, len(onset))
        for first in (onset.clip(0) * sample_rate).astype(np.int64).tolist():
            out[first : first + n_clap] += clap * rng.uniform(0.5, 1.0)
    return _normalised(out[:n_samples])


def _normalised(samples: NDArray[np.float64]) -> Samples:
    rms = float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0
    return (samples / rms if rms else samples).astype(np.float32)
