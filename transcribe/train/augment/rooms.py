"""Rooms and microphone places, synthesised: some early reflections, and a tail that dies away."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_DURATION = 1.6
"""Seconds of an impulse response."""
_MIXING_TIME = (0.02, 0.08)
"""Seconds from the direct sound until single reflections are a tail; drawn evenly in log."""
_DECAY = (0.2, 1.8)
"""Seconds in which the tail falls by 60 dB at 500 Hz; drawn evenly in log."""


def room_like(rng: np.random.Generator, sample_rate: int) -> Samples:
    """The impulse response of a room that never was.

    The direct sound is 1 at sample 0. Then come 6 to 40 reflections, each at random place and
    sign and weaker the later it is, and noise that decays sooner the higher it is, as air and
    walls have it.

    Returns
    -------
    np.ndarray
        Mono float32 of shape (round(1.6 * sample_rate),).
    """
    n_samples = round(_DURATION * sample_rate)
    time = np.arange(n_samples) / sample_rate
    mixing = math.exp(rng.uniform(*np.log(_MIXING_TIME)))
    decay = math.exp(rng.uniform(*np.log(_DECAY)))
    tail = np.zeros(n_samples)
    noise = np.fft.rfft(rng.standard_normal(n_samples))
    frequency = np.fft.rfftfreq(n_samples, 1 / sample_rate)
    edges = [0.0, 250.0, 1000.0, 3000.0, math.inf]
    damping = rng.uniform(0.7, 1.0, len(edges) - 1).cumprod()
    for low, high, share in zip(edges, edges[1:], damping / damping[1], strict=False):
        band = np.fft.irfft(noise * ((frequency >= low) & (frequency < high)), n_samples)
        tail += band * np.exp(-math.log(1000) / (decay * share) * time)
    tail *= np.clip(time / mixing, 0, 1)
    # As much energy before the mixing time as after it, give or take some decibels.
    early = np.zeros(n_samples)
    n_reflections = int(rng.integers(6, 41))
    places = 0.001 + (mixing - 0.001) * rng.random(n_reflections)
    strength = rng.choice((-1.0, 1.0), n_reflections, p=(0.3, 0.7)) * np.exp(-places / mixing)
    np.add.at(early, np.round(places * sample_rate).astype(int), strength)
    ratio = 10 ** (rng.uniform(-6, 6) / 20)
    early *= ratio * math.sqrt(float(tail @ tail) / float(early @ early))
    response = early + tail
    # No reflection is louder than the direct sound, by which a response is aligned.
    response *= 0.45 / np.max(np.abs(response))
    response[0] = 1
    return response.astype(np.float32)
