"""Rooms and noises that training mixes in: recorded ones, read from folders, and coloured noise."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from transcribe.audio.reader import read_audio
from transcribe.errors import DatasetError
from transcribe.files.endings import is_recording

Samples = NDArray[np.float32]

_COLOURED_SECONDS = 40
_FFT_STEP = 4096
_SILENCE_SHARE, _COLOURED_SHARE = 0.1, 0.25
"""Of the segments without music: the first so many are silent, up to the second coloured noise."""
_NOISE_LEVEL_DB = (-40.0, -6.0)
"""Rms of a segment without music, relative to full scale."""


def load_impulse_responses(folder: Path, sample_rate: int = 16000) -> tuple[Samples, ...]:
    """Read every recording of a folder as a room's impulse response, sorted by name.

    Raises
    ------
    DatasetError
        There is no such folder or no recording in it, or one is silent.
    """
    found = _read_folder(Path(folder), sample_rate, "impulse responses")
    for path, samples in found.items():
        if not np.any(samples):
            raise DatasetError(f"{path}: expected an impulse response; found silence: remove it")
    return tuple(found.values())


def load_noises(
    folder: Path, sample_rate: int = 16000, *, left_out: Collection[str] = ()
) -> tuple[Samples, ...]:
    """Read every recording of a folder as noise, sorted by name.

    Parameters
    ----------
    folder : Path
    sample_rate : int
        In Hz, of what is returned.
    left_out : collection of str
        Names, without suffix, of recordings to leave alone.

    Raises
    ------
    DatasetError
        There is no such folder, no recording in it, or none of a name to leave alone.
    """
    return tuple(_read_folder(Path(folder), sample_rate, "recordings of noise", left_out).values())


def _read_folder(
    folder: Path, sample_rate: int, what: str, left_out: Collection[str] = ()
) -> dict[Path, Samples]:
    if not folder.is_dir():
        raise DatasetError(f"{folder}: expected a folder of {what}; found none")
    paths = sorted(p for p in folder.iterdir() if is_recording(p))
    if not paths:
        raise DatasetError(f"{folder}: expected {what}; found no audio file")
    unknown = set(left_out) - {path.stem for path in paths}
    if unknown:
        raise DatasetError(f"{folder}: expected {what} named {sorted(unknown)}; found none")
    return {path: read_audio(path, sample_rate) for path in paths if path.stem not in left_out}


def from_direct_sound(response: Samples) -> Samples:
    """Cut an impulse response at its direct sound: the first peak above half the largest."""
    loud = np.abs(response) >= 0.5 * np.max(np.abs(response), initial=0.0)
    if not np.any(response):
        raise ValueError("expected an impulse response; found silence")
    first = int(np.argmax(loud))
    while first + 1 < len(response) and abs(response[first + 1]) > abs(response[first]):
        first += 1
    return response[first:] / response[first]


@lru_cache(maxsize=2)
def coloured_noises(sample_rate: int) -> tuple[Samples, ...]:
    """Forty seconds of white, pink and brown noise of rms 1, the same in every run."""
    rng = np.random.default_rng(0)
    n_samples = -(-_COLOURED_SECONDS * sample_rate // _FFT_STEP) * _FFT_STEP
    steps = np.maximum(np.arange(n_samples // 2 + 1), n_samples / 1000)
    noises = []
    for exponent in (0.0, 0.5, 1.0):
        spectrum = np.fft.rfft(rng.standard_normal(n_samples)) / steps**exponent
        noise = np.fft.irfft(spectrum, n_samples).astype(np.float32)
        noises.append(noise / np.float32(_rms(noise)))
    return tuple(noises)


def noise_alone(
    noises: Sequence[Samples], n_samples: int, rng: np.random.Generator, sample_rate: int
) -> Samples:
    """A segment without music: coloured noise, a recorded noise, or (rarely) silence.

    Parameters
    ----------
    noises : sequence of np.ndarray
        Recordings of noise, none of them silent; without any, all is coloured noise.
    n_samples : int
    rng : numpy.random.Generator
    sample_rate : int
        In Hz.

    Returns
    -------
    np.ndarray
        Float32, shape (n_samples,), of -40 to -6 dB rms.
    """
    drawn = rng.random()
    if drawn < _SILENCE_SHARE:
        return np.zeros(n_samples, np.float32)
    choice = noises if noises and drawn > _COLOURED_SHARE else coloured_noises(sample_rate)
    samples = _excerpt(choice[int(rng.integers(len(choice)))], n_samples, rng)
    level = 10 ** (rng.uniform(*_NOISE_LEVEL_DB) / 20)
    return samples * np.float32(level / max(_rms(samples), 1e-6))


def _excerpt(noise: Samples, n_samples: int, rng: np.random.Generator) -> Samples:
    """``n_samples`` from a random place of a noise, which is repeated as needed."""
    start = int(rng.integers(len(noise)))
    if start + n_samples <= len(noise):
        return noise[start : start + n_samples]
    return np.resize(np.roll(noise, -start), n_samples)


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.dot(samples, samples) / max(1, len(samples))))
