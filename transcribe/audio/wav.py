"""Samples to a wav file."""

from __future__ import annotations

import os
import wave
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from transcribe.errors import AudioError
from transcribe.files.atomic import atomic_path
from transcribe.wording import clock, reason

MOST_BYTES = 2**32 - 1024
"""Of the samples in a wav file, whose header counts them with 32 bits."""
_SAMPLE_BYTES = 2


def write_wav(
    path: str | os.PathLike[str], samples: NDArray[np.floating], sample_rate: int
) -> None:
    """Write a 16-bit wav file; it appears under its name only when it is whole.

    Parameters
    ----------
    path : path
        Its folder must exist; an existing file is replaced.
    samples : array
        Shape (n_samples,) or (n_samples, n_channels); what exceeds [-1, 1] is clipped.
    sample_rate : int
        Hertz.

    Raises
    ------
    ValueError
        For samples that are no numbers or have another shape.
    AudioError
        For a place that can't be written to.
    """
    if samples.ndim not in (1, 2):
        raise ValueError(
            f"expected samples of shape (n_samples,) or (n_samples, n_channels), found "
            f"{samples.shape}"
        )
    if not np.isfinite(samples).all():
        raise ValueError("expected finite samples, found NaN or infinity")
    blocks = (samples[start : start + sample_rate] for start in range(0, len(samples), sample_rate))
    n_channels = 1 if samples.ndim == 1 else samples.shape[1]
    write_wav_blocks(path, blocks, sample_rate, n_channels=n_channels)


def write_wav_blocks(
    path: str | os.PathLike[str],
    blocks: Iterable[NDArray[np.floating]],
    sample_rate: int,
    *,
    n_channels: int = 1,
) -> int:
    """Write blocks of samples, one after the other, as `write_wav` does; returns how many.

    Raises
    ------
    AudioError
        For a place that can't be written to, and for more than `MOST_BYTES`.
    """
    path = Path(path)
    n_samples = 0
    try:
        with atomic_path(path) as temporary, temporary.open("wb") as file, wave.open(file) as out:
            out.setnchannels(n_channels)
            out.setsampwidth(_SAMPLE_BYTES)
            out.setframerate(sample_rate)
            for block in blocks:
                n_samples += len(block)
                check_wav_length(path, n_samples, sample_rate, n_channels=n_channels)
                numbers = np.round(np.clip(block, -1, 1) * 32767).astype("<i2")
                out.writeframesraw(numbers.tobytes())
    except OSError as error:
        raise AudioError(f"{path}: can't be written: {reason(error, about=path)}") from error
    return n_samples


def check_wav_length(path: Path, n_samples: int, sample_rate: int, *, n_channels: int = 1) -> None:
    """Raise AudioError where a wav file can't hold so many samples."""
    bytes_a_second = _SAMPLE_BYTES * n_channels * sample_rate
    if n_samples * _SAMPLE_BYTES * n_channels > MOST_BYTES:
        raise AudioError(
            f"{path}: a wav file holds {clock(MOST_BYTES / bytes_a_second)} at most; found music "
            f"of {clock(n_samples / sample_rate)}",
            kind="too_long",
        )
