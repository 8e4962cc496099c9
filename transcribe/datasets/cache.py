"""Decoded recordings on disk, so that training reads windows of them and not whole files.

Each recording is decoded and resampled once, into a ``.npy`` file of 16-bit samples that
is then mapped, not read: 200 hours at 16 kHz are 23 GB on disk and next to nothing in
memory.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from transcribe.audio.reader import AudioReader
from transcribe.files.atomic import atomic_path

FULL_SCALE = 32767
"""The sample that stands for 1.0."""
_DTYPE = np.dtype("<i2")


def cached_samples(
    audio_path: Path | str, sample_rate: int, cache_folder: Path | str
) -> NDArray[np.int16]:
    """Samples of a recording, decoded on the first call and mapped from disk after it.

    The file appears when it is whole, so several processes may ask at once. It is made
    anew when the recording's path, size or time of change, or the sample rate, differs.

    Parameters
    ----------
    audio_path : Path
        Any recording `transcribe.audio.reader` can read.
    sample_rate : int
        Hertz.
    cache_folder : Path
        Where the ``.npy`` files are; made if missing.

    Returns
    -------
    array
        Shape (n_samples,), int16, mono, read-only; ``/ FULL_SCALE`` gives [-1, 1]. What
        was louder than full scale is clipped.
    """
    audio_path, cache_folder = Path(audio_path), Path(cache_folder)
    path = cache_folder / cache_name(audio_path, sample_rate)
    if not path.is_file():
        cache_folder.mkdir(parents=True, exist_ok=True)
        _decode(audio_path, sample_rate, path)
    if path.stat().st_size == len(_header(0)):
        return np.zeros(0, np.int16)  # an empty file can't be mapped
    samples: NDArray[np.int16] = np.load(path, mmap_mode="r")
    return samples


def cache_name(audio_path: Path, sample_rate: int) -> str:
    """File name of a recording's samples; `AudioReader` says what is wrong if it has none."""
    size, changed = 0, 0
    if audio_path.is_file():
        status = audio_path.stat()
        size, changed = status.st_size, status.st_mtime_ns
    key = f"{audio_path.resolve()}|{size}|{changed}|{sample_rate}"
    digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{audio_path.stem[:80]}-{digest[:20]}.npy"


def _decode(audio_path: Path, sample_rate: int, path: Path) -> None:
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        _write(file, audio_path, sample_rate)


def _write(file: BinaryIO, audio_path: Path, sample_rate: int) -> None:
    file.write(_header(0))
    n_samples = 0
    for block in AudioReader(audio_path, sample_rate):
        samples = np.clip(np.rint(block * FULL_SCALE), -FULL_SCALE, FULL_SCALE).astype(_DTYPE)
        file.write(samples.tobytes())
        n_samples += len(samples)
    file.seek(0)
    file.write(_header(n_samples))


def _header(n_samples: int) -> bytes:
    """A ``.npy`` header of one length for any ``n_samples``: magic, version, size, text."""
    text = f"{{'descr': '{_DTYPE.str}', 'fortran_order': False, 'shape': ({n_samples},), }}"
    return b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + f"{text:<117}\n".encode("ascii")
