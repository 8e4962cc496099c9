"""A recording's spectrogram in tiles, for the background of the roll: three rows a key.

Conventions
-----------
A tile is `COLUMNS` columns by `ROWS` rows of bytes, the highest key first: row ``3 * (108 - p)``
and the two after it are key ``p``, as it sounds in a window of `N_FFT` samples. 0 is
`FLOOR_DB` and softer, 255 full scale. On level 0 a column lasts `HOP` samples, on each
further level `FACTOR` times as long, and is the loudest of `FACTOR` looks at that time. So a
tile costs the same on every level, and nothing is kept.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from transcribe.features import FeatureConfig, filters, hann_window
from transcribe.notes import N_PITCHES

COLUMNS = 256
ROWS = 3 * N_PITCHES
LEVELS = 6
"""The last one shows a day in some twenty tiles."""
HOP = 256
FACTOR = 4
N_FFT = 4096
FLOOR_DB = -90.0
_HEADER = 44
"""Bytes of a wav file before its samples."""
_AT_ONCE = 128
"""Windows that are in memory at a time."""


def tile(sound: Path, level: int, number: int) -> bytes:
    """One tile of a spectrogram.

    Parameters
    ----------
    sound : Path
        A wav file as the page keeps it: mono, 16 bits, 16 kHz.
    level, number : int
        From 0 on; a tile beyond the end is silent.

    Returns
    -------
    bytes
        `ROWS` rows of `COLUMNS` bytes.
    """
    samples = np.zeros(0, "<i2")
    if sound.stat().st_size > _HEADER + 1:
        samples = np.memmap(sound, "<i2", "r", _HEADER, (sound.stat().st_size - _HEADER) // 2)
    powers = np.zeros((COLUMNS, ROWS), np.float32)
    centres = _centres(level, number)
    for start in range(0, COLUMNS, _AT_ONCE // FACTOR):
        looks = centres[start : start + _AT_ONCE // FACTOR]
        found = _powers(_windows(samples, looks.ravel()))
        powers[start : start + len(looks)] = found.reshape(*looks.shape, ROWS).max(axis=1)
    decibels = 10 * np.log10(powers + 10 ** (FLOOR_DB / 10))
    shares = np.clip(1 - decibels / FLOOR_DB, 0, 1)
    return np.ascontiguousarray(np.round(255 * shares).astype(np.uint8).T[::-1]).tobytes()


def _centres(level: int, number: int) -> NDArray[np.int64]:
    """The samples that each column's windows are centred on, shape (COLUMNS, n_looks)."""
    hop = HOP * FACTOR**level
    starts = (number * COLUMNS + np.arange(COLUMNS)) * hop
    n_looks = 1 if level == 0 else FACTOR
    looks: NDArray[np.int64] = (2 * np.arange(n_looks) + 1) * hop // (2 * n_looks)
    return starts[:, None] + looks


def _windows(samples: NDArray[np.int16], centres: NDArray[np.int64]) -> NDArray[np.float32]:
    """Samples around each centre; beyond both ends lies silence."""
    windows = np.zeros((len(centres), N_FFT), np.float32)
    for row, first in zip(windows, (centres - N_FFT // 2).tolist(), strict=True):
        part = samples[max(0, first) : max(0, first + N_FFT)]
        place = max(0, -first)
        row[place : place + len(part)] = part
    return windows / np.float32(32768)


def _powers(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    spectrum = np.fft.rfft(windows * hann_window(N_FFT))
    density = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    return density @ _filters()


@lru_cache(maxsize=1)
def _filters() -> NDArray[np.float32]:
    """What the network hears of each third of a semitone, shape (N_FFT // 2 + 1, ROWS)."""
    return filters(FeatureConfig(windows=[N_FFT], phases=[1]), N_FFT)[:, :ROWS].copy()
