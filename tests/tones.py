"""A tone that starts at a known time, and files of it."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from transcribe.audio.reader import read_audio
from transcribe.errors import AudioError

FREQUENCY = 1000.0

LEVEL = 0.5

ATTACK = 0.5

SECONDS = 1.5

RATE = 16000


def tone(rate: int, seconds: float = SECONDS, attacks: tuple[float, ...] = (ATTACK,)) -> NDArray:
    """Soft noise, and from each attack on 0.4 s of a 1 kHz sine, shape (n_samples,)."""
    time = np.arange(round(rate * seconds)) / rate
    samples = np.random.default_rng(0).normal(0, 0.0005, len(time))
    for attack in attacks:
        sounding = (attack <= time) & (time < attack + 0.4)
        samples[sounding] += LEVEL * np.sin(2 * np.pi * FREQUENCY * (time[sounding] - attack))
    return samples.astype(np.float32)


def write_pcm(path: Path, samples: NDArray, rate: int) -> Path:
    """Write 16-bit integers of shape (n_samples, n_channels) as they are."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(samples.shape[1])
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.astype("<i2").tobytes())
    return path


def attacks(samples: NDArray, rate: int = RATE) -> list[float]:
    """When the tone starts after a tenth of a second without it, in seconds."""
    loud = np.flatnonzero(np.abs(samples) > LEVEL / 2) / rate
    return [float(t) for t, before in zip(loud, [-1, *loud[:-1]], strict=True) if t - before > 0.1]


def cut(path: Path, part: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: round(part * len(data))])
    return path


def refusal(path: Path) -> str:
    with pytest.raises(AudioError) as caught:
        read_audio(path)
    assert str(path) in str(caught.value)
    return str(caught.value)
