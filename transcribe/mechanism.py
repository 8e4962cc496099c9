"""What a piano's mechanism sounds like: wood, felt, and the strings that the pedal frees.

All of it is synthesised, the same in every run, at any sample rate.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from transcribe.instrument import Samples
from transcribe.notes import HIGHEST_PITCH, LOWEST_PITCH

_RESONANCE_DURATION = 2.0
"""Seconds after which an answer of the strings is left to end."""


@lru_cache(maxsize=4)
def thumps(sample_rate: int) -> tuple[Samples, ...]:
    """Eight knocks of wood and felt: noise below a few hundred Hz, dying in 0.2 s."""
    rng = np.random.default_rng(0)
    n_samples = round(0.2 * sample_rate)
    time = np.arange(n_samples) / sample_rate
    frequency = np.fft.rfftfreq(n_samples, 1 / sample_rate)
    knocks = []
    for _ in range(8):
        corner = rng.uniform(80, 400)
        spectrum = np.fft.rfft(rng.standard_normal(n_samples)) / (1 + (frequency / corner) ** 2)
        knock = np.fft.irfft(spectrum, n_samples) * np.exp(-time / 0.03)
        knock *= np.minimum(1, time / 0.003)
        knocks.append((knock * (0.3 / np.max(np.abs(knock)))).astype(np.float32))
    return tuple(knocks)


@lru_cache(maxsize=4)
def brushed_felt(sample_rate: int, n_samples: int) -> Samples:
    """Eight swells of noise below some 2 kHz, shape (8, n_samples), at most 1."""
    rng = np.random.default_rng(1)
    frequency = np.fft.rfftfreq(n_samples, 1 / sample_rate)
    spectrum = np.fft.rfft(rng.standard_normal((8, n_samples))) / (1 + (frequency / 1000) ** 2)
    swells = np.fft.irfft(spectrum, n_samples) * np.sin(np.linspace(0, np.pi, n_samples)) ** 2
    return (swells / np.max(np.abs(swells), axis=1, keepdims=True)).astype(np.float32)


@lru_cache(maxsize=4)
def answering_strings(sample_rate: int) -> Samples:
    """What all undamped strings answer to a click: their partials, dying away.

    Scaled to a gain of 1 at the frequency of the loudest answer.
    """
    rng = np.random.default_rng(0)
    n_samples = round(_RESONANCE_DURATION * sample_rate)
    time = np.arange(n_samples) / sample_rate
    partial = np.arange(1, 9)
    response = np.zeros(n_samples)
    for pitch in range(LOWEST_PITCH, HIGHEST_PITCH + 1):
        lowest = 440 * 2 ** ((pitch - 69) / 12)
        inharmonicity = 1e-4 * 2 ** (abs(pitch - 45) / 12)
        frequency = lowest * partial * np.sqrt(1 + inharmonicity * partial**2)
        frequency = frequency[frequency < 0.45 * sample_rate]
        # Falls by 60 dB in 12 s in the bass and 1 s in the treble; higher partials sooner.
        decay = math.log(1000) / (12 * 2 ** (-(pitch - LOWEST_PITCH) / 24))
        for index, hertz in enumerate(frequency.tolist()):
            amplitude = rng.uniform(0.3, 1) / (index + 1)
            phase = rng.uniform(0, 2 * np.pi)
            response += (
                amplitude
                * np.sin(2 * np.pi * hertz * time + phase)
                * np.exp(-decay * (1 + 0.3 * index) * time)
            )
    response *= np.minimum(1, time / 0.01) * np.minimum(1, (_RESONANCE_DURATION - time) / 0.3)
    response /= np.max(np.abs(np.fft.rfft(response)))
    return response.astype(np.float32)
