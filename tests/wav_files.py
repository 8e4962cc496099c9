"""Wav files that the package itself does not write."""

import struct
from pathlib import Path

from numpy.typing import NDArray


def write_float_wav(path: Path, samples: NDArray, rate: int) -> Path:
    """Write mono samples as 32-bit floats, at whatever scale they have."""
    data = samples.astype("<f4").tobytes()
    head = struct.pack("<IHHIIHH", 16, 3, 1, rate, rate * 4, 4, 32)
    body = b"WAVEfmt " + head + b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path
