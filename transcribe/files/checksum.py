"""Checksums of files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

_BLOCK_BYTES = 1 << 22


def sha256_of(path: Path, on_block: Callable[[], None] = lambda: None) -> str:
    """SHA-256 of a file, read in blocks; ``on_block`` is called after each of them.

    Raises
    ------
    OSError
        The file can't be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            on_block()
    return digest.hexdigest()
