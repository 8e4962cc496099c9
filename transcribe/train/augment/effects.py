"""What an effect does to a batch, given its parameters.

A batch is (n_rows, n_samples), float32, full scale 1; a parameter is a column (n_rows, 1), so
that it broadcasts along a row.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

_LEVEL_BLOCK = 80
"""Samples over which the compressor takes the level."""
_FFT_STEP = 4096
"""Samples that the length of a transform is a multiple of."""


class Parameters(Protocol):
    """Columns of parameters by name, such as `drawing.Drawn`."""

    def __getitem__(self, name: str, /) -> Tensor: ...


def room_responses(rooms: Tensor, n_samples: Tensor, slope: Tensor, wet: Tensor) -> Tensor:
    """Impulse responses whose direct sound is 1 at sample 0.

    Parameters
    ----------
    rooms : Tensor
        Recorded responses from their direct sound on, shape (n_rows, n_tail).
    n_samples : Tensor
        After how many samples a response ends, shape (n_rows, 1); of none, and of one,
        the direct sound is all there is.
    slope : Tensor
        Of the further decay, nepers a sample, below 0; shape (n_rows, 1).
    wet : Tensor
        Energy of the reverberation relative to the direct sound, shape (n_rows, 1).
    """
    time = torch.arange(rooms.shape[1], dtype=torch.float32, device=rooms.device)
    reverberation = rooms * torch.exp(slope * time)
    reverberation *= (time > 0) & (time < n_samples)
    energy = torch.sum(reverberation.square(), dim=1, keepdim=True)
    reverberation *= torch.where(energy > 0, torch.sqrt(wet / energy), 0.0)
    reverberation[:, 0] = 1
    return reverberation


def gain_db(frequency: Tensor, drawn: Parameters) -> Tensor:
    """Gain of each row in dB, shape (n_rows, len(frequency)); frequency in Hz."""
    octaves = torch.log2(frequency / 1000)
    distance = (octaves - drawn["bell_octave"].unsqueeze(-1)) / drawn["bell_width"].unsqueeze(-1)
    bells = drawn["bell_db"].unsqueeze(-1) * torch.exp(-0.5 * distance**2)
    return (
        (drawn["tilt_db"] * octaves).clamp(-12, 12)
        + bells.sum(1)
        - 10 * torch.log10(1 + (drawn["low_cut_hz"] / frequency) ** 4)
        - 10 * torch.log10(1 + (frequency / drawn["high_cut_hz"]) ** 4)
        - 10 * torch.log10(1 + (drawn["telephone_low_hz"] / frequency) ** 8)
        - 10 * torch.log10(1 + (frequency / drawn["telephone_high_hz"]) ** 16)
    )


def compress(
    samples: Tensor, ratio: Tensor, threshold_db: Tensor, release: Tensor, sample_rate: int
) -> Tensor:
    """Turn down what is loud: level in blocks of 5 ms, quick down and slow up.

    Parameters
    ----------
    samples : Tensor
        Shape (n_rows, n_samples).
    ratio : Tensor
        Of decibels in to decibels out above the threshold, shape (n_rows, 1).
    threshold_db : Tensor
        Relative to the loudest block of the row, shape (n_rows, 1).
    release : Tensor
        Seconds in which the level may fall by 60 dB, shape (n_rows, 1).
    sample_rate : int
        In Hz.
    """
    n_rows, n_samples = samples.shape
    n_blocks = -(-n_samples // _LEVEL_BLOCK)
    padded = functional.pad(samples, (0, n_blocks * _LEVEL_BLOCK - n_samples))
    power = padded.square().view(n_rows, n_blocks, _LEVEL_BLOCK).mean(2)
    level_db = 10 * torch.log10(power.double() + 1e-12)
    # A level that falls at most so much a block: the running maximum of the level on a
    # ramp that rises by as much. It rises high: hence float64.
    fall_db = 60 * _LEVEL_BLOCK / sample_rate / release.double()
    ramp = fall_db * torch.arange(n_blocks, device=samples.device)
    level_db = torch.cummax(level_db + ramp, dim=1).values - ramp
    over_db = (level_db - (level_db.amax(1, keepdim=True) + threshold_db)).clamp_min(0)
    gain = ratio_of(over_db * (1 / ratio - 1)).float()
    # Straight from the centre of a block to the next, and level at both ends.
    gain = torch.cat([gain[:, :1], gain, gain[:, -1:]], dim=1).unsqueeze(-1)
    share = torch.arange(_LEVEL_BLOCK, device=samples.device) / _LEVEL_BLOCK
    between = torch.lerp(gain[:, :-1], gain[:, 1:], share).view(n_rows, -1)
    return samples * between[:, _LEVEL_BLOCK // 2 :][:, :n_samples]


@lru_cache(maxsize=16)
def gain_bins(n_fft: int, sample_rate: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Where the bins of a transform lie among the frequencies at which gain is known.

    Returns
    -------
    lower : Tensor
        The point at or below each bin, shape (n_fft // 2 + 1,), int64.
    share : Tensor
        How far the bin lies from there to the next point, in [0, 1].
    """
    frequency = gain_points(sample_rate)
    bins = np.linspace(0, sample_rate / 2, n_fft // 2 + 1)
    place = np.interp(bins, frequency, np.arange(len(frequency)))
    lower = np.minimum(place.astype(np.int64), len(frequency) - 2)
    share = (place - lower).astype(np.float32)
    return torch.from_numpy(lower).to(device), torch.from_numpy(share).to(device)


def gain_points(sample_rate: int) -> NDArray[np.float64]:
    """Points in Hz at which the gain of a row is worked out, shape (192,)."""
    return np.geomspace(10, sample_rate / 2, 192)


def fast_length(n_samples: int) -> int:
    """A length of at least ``n_samples`` that a Fourier transform likes on any device.

    Few lengths, so that cuFFT plans few transforms; no prime above 7.
    """
    steps = -(-n_samples // _FFT_STEP)
    while 210 ** steps.bit_length() % steps:
        steps += 1
    return steps * _FFT_STEP


def excerpts(
    noise: Tensor, start: Tensor, length: Tensor | int, n_samples: int, *, first: Tensor | int = 0
) -> Tensor:
    """Excerpts of recordings that lie in one tensor, each repeated as needed.

    Parameters
    ----------
    noise : Tensor
        Every recording, one after another, shape (n,).
    start : Tensor
        Where in its recording an excerpt starts, shape (n_rows, 1), int64.
    length : Tensor or int
        Samples of the recording.
    n_samples : int
        Of each excerpt.
    first : Tensor or int
        Where the recording lies in ``noise``.
    """
    place = start + torch.arange(n_samples, device=noise.device)
    return noise[place.remainder_(length).add_(first)]


def rms(samples: Tensor) -> Tensor:
    """Of each row, shape (n_rows, 1)."""
    return torch.linalg.vector_norm(samples, dim=1, keepdim=True) / samples.shape[1] ** 0.5


def ratio_of(decibels: Tensor) -> Tensor:
    return 10 ** (decibels / 20)
