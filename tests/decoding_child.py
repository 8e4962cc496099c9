"""Decodes the recordings named on stdin, one a line, and says how each ended.

A process of its own for `fuzzing`, so that what a damaged file does to a decoder it does
here. Each answer is one line of JSON: ``seconds`` of sound, or ``refused`` with the
message of an AudioError, or ``failed`` with any other exception, which is a bug.
"""

from __future__ import annotations

import json
import os
import sys

import numpy as np

from transcribe.audio.reader import AudioReader
from transcribe.errors import AudioError

MEMORY_LIMIT = 3 << 30
"""Bytes of address space, of which the libraries take about a third."""
SAMPLE_RATE = 16000


def answer(path: str) -> dict[str, object]:
    """Decode one file from beginning to end."""
    try:
        reader = AudioReader(path, SAMPLE_RATE)
        n_samples = 0
        for block in reader:
            n_samples += len(block)
            if block.dtype != np.float32 or block.ndim != 1 or not np.isfinite(block).all():
                return {"failed": f"a block of {block.dtype}, {block.shape}, not all finite"}
    except AudioError as error:
        return {"refused": str(error)}
    except BaseException as error:
        return {"failed": f"{type(error).__name__}: {error}"}
    kinds = [warning.kind for warning in reader.warnings]
    return {"seconds": n_samples / SAMPLE_RATE, "warnings": kinds}


def main() -> None:
    """Answer until stdin ends."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):
        pass  # Windows has no such limits, macOS not this one
    for line in sys.stdin:
        path = os.fsdecode(bytes.fromhex(line.strip()))
        print(json.dumps(answer(path) if path else {}), flush=True)


if __name__ == "__main__":
    main()
