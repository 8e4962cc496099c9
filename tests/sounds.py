"""Rooms, noise and settings that the augmenter is tested with."""

import numpy as np

from transcribe.train.augment.config import AugmentConfig

RATE = 16000
SETTINGS = (
    "room",
    "equaliser",
    "low_cut",
    "high_cut",
    "telephone",
    "noise",
    "hum",
    "recorded_noise",
    "compression",
    "saturation",
    "level",
    "quantisation",
    "offset",
    "inversion",
)


def only(**settings):
    """A config that does one thing for certain: the first setting named."""
    config = AugmentConfig.nothing()
    setattr(config, next(iter(settings)), 1.0)
    for name, value in settings.items():
        setattr(config, name, value)
    return config


def room(*, predelay=0.02, decay=0.5, seconds=1.0, seed=0):
    """Silence, the direct sound, then noise that falls by 60 dB in ``decay`` seconds."""
    time = np.arange(round(seconds * RATE)) / RATE
    tail = np.random.default_rng(seed).standard_normal(len(time)) * 10 ** (-3 * time / decay)
    response = np.concatenate([np.zeros(round(predelay * RATE)), 0.1 * tail])
    response[round(predelay * RATE)] = 0.9
    return response.astype(np.float32)


def hiss(seconds=3.0, seed=1):
    return np.random.default_rng(seed).standard_normal(round(seconds * RATE)).astype(np.float32)


def mains_of(hum):
    """50 or 60: of which its strongest partial is a harmonic, give or take 0.3 % or 0.3 Hz."""
    hz = np.argmax(np.abs(np.fft.rfft(hum))) * RATE / len(hum)
    distance = {mains: abs(hz / mains - round(hz / mains)) * mains for mains in (50, 60)}
    nearest = min(distance, key=distance.get)
    assert distance[nearest] < 0.003 * hz + 0.3
    return nearest
