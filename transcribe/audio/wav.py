"""Samples to a wav file."""

from __future__ import annotations

import os
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from transcribe.errors import AudioError
from transcribe.files.atomic import atomic_path


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
    path = Path(path)
    try:
        with atomic_path(path) as temporary, temporary.open("wb") as file, wave.open(file) as out:
            out.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
            out.setsampwidth(2)
            out.setframerate(sample_rate)
            for start in range(0, len(samples), sample_rate):
                clipped = np.clip(samples[start : start + sample_rate], -1, 1)
                out.writeframesraw(np.round(clipped * 32767).astype("<i2").tobytes())
    except OSError as error:
        raise AudioError(f"{path}: can't be written: {error.strerror}") from error
