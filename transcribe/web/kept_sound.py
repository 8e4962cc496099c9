"""The sound of a recording, kept as it is decoded: what the page plays and draws.

``sound.wav`` is mono with 16 bits, its header right after every block; ``waveform`` is, for
every 1/50 s, the least and the greatest sample as signed bytes.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from transcribe.audio.quality import AudioWarning
from transcribe.audio.reader import AudioReader
from transcribe.web.library import PAIRS_PER_SECOND

SPARE_DISK = 100 * 1024 * 1024
"""Bytes that are left free on the disk, so that the lists can still be written."""
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")

Floats = NDArray[np.float32]


class DiskFullError(OSError):
    """There is too little room left on the disk to go on."""


class KeptSound:
    """The blocks of a recording, each saved as sound and waveform before it is passed on.

    What a folder holds of them already stays, and is not written again.
    """

    def __init__(self, folder: Path, reader: AudioReader) -> None:
        self._folder, self._reader = folder, reader
        self._per_pair = reader.sample_rate // PAIRS_PER_SECOND
        self._rest = np.zeros(0, np.float32)
        self._blocks = iter(reader)
        self._n_passed = 0

    def __enter__(self) -> KeptSound:
        self._waveform = _appending(self._folder / "waveform")
        self._n_pairs = self._waveform.tell() // 2
        self._waveform.seek(2 * self._n_pairs)
        self._sound = _appending(self._folder / "sound.wav")
        self._n_samples = max(0, self._sound.tell() - _HEADER.size) // 2
        return self

    def __exit__(self, *exception: object) -> None:
        self._sound.close()
        self._waveform.close()

    @property
    def warnings(self) -> tuple[AudioWarning, ...]:
        """Of the recording, as far as it was read."""
        return self._reader.warnings

    def __iter__(self) -> Iterator[Floats]:
        for block in self._blocks:
            self._write(block)
            yield block

    def drain(self) -> float:
        """Save what nobody has asked for; the seconds of the whole recording."""
        for _ in self:
            pass
        self._write_pairs(np.pad(self._rest, (0, -len(self._rest) % self._per_pair)))
        self._rest = self._rest[:0]
        return self._reader.seconds_read

    def _write(self, block: Floats) -> None:
        if shutil.disk_usage(self._folder).free < SPARE_DISK:
            raise DiskFullError
        start, clipped = self._n_passed, np.clip(block, -1, 1)
        self._n_passed += len(block)
        fresh = clipped[max(0, self._n_samples - start) :]
        if len(fresh):
            self._n_samples += len(fresh)
            self._sound.seek(0)
            self._sound.write(self._header())
            self._sound.seek(_HEADER.size + 2 * (self._n_samples - len(fresh)))
            self._sound.write(np.round(fresh * 32767).astype("<i2").tobytes())
            self._sound.flush()
        # The first sample of the waveform that is not kept yet.
        first = self._per_pair * self._n_pairs + len(self._rest)
        self._rest = np.concatenate([self._rest, clipped[max(0, first - start) :]])
        whole = len(self._rest) // self._per_pair * self._per_pair
        self._write_pairs(self._rest[:whole])
        self._rest = self._rest[whole:]

    def _header(self) -> bytes:
        n_bytes, rate = 2 * self._n_samples, self._reader.sample_rate
        fields = (16, 1, 1, rate, 2 * rate, 2, 16, b"data", n_bytes)
        return _HEADER.pack(b"RIFF", 36 + n_bytes, b"WAVE", b"fmt ", *fields)

    def _write_pairs(self, samples: Floats) -> None:
        rows = samples.reshape(-1, self._per_pair)
        pairs = np.stack([rows.min(axis=1, initial=1), rows.max(axis=1, initial=-1)], axis=1)
        self._waveform.write(np.round(pairs * 127).astype("i1").tobytes())
        self._waveform.flush()
        self._n_pairs += len(rows)


def _appending(path: Path) -> IO[bytes]:
    """A file to write to at any place, at its end to begin with."""
    file = path.open("r+b" if path.exists() else "w+b")
    file.seek(0, 2)
    return file
