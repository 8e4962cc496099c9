"""Recordings joined end to end in one file, as chained ogg or with ``cat``.

Where they differ in sample rate or channels, one decoder can't go from one to the next, and
of an mp4 or a wav behind another nothing would be read at all. `parts_of` finds where each begins;
`PartOfFile` reads like a file with that alone. Of mp3 and aac, whose every packet says
what it is, nothing need be told apart.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias

Part: TypeAlias = tuple[int, int]
"""First byte, and the one behind the last."""
_FLAC = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")
"""Its mark, and the header of the block that always comes first."""
_FORMS: dict[bytes, Literal["big", "little"]] = {b"RIFF": "little", b"FORM": "big"}
"""How wav and AIFF files begin, and the order of the bytes of their length."""
_FIRST_PAGE = 2
"""Of an ogg stream: the bit that says so."""
_AT_ONCE = 1 << 20


def parts_of(path: Path) -> list[Part]:
    """Where each recording in a file begins and ends; nothing if there is only one."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(8)
            if head[:4] == b"OggS":
                starts = list(_ogg_links(file))
            elif head in _FLAC:
                starts = list(_flac_streams(file))
            elif head[:4] in _FORMS:
                starts = list(_forms(file, head[:4], size))
            elif head[4:8] == b"ftyp":
                starts = list(_mp4_files(file, size))
            else:
                return []
    except OSError:
        return []
    return list(zip(starts, [*starts[1:], size], strict=True)) if len(starts) > 1 else []


def _ogg_links(file: BinaryIO) -> Iterator[int]:
    """Pages that begin a stream behind others that don't."""
    at, was_first = 0, False
    while True:
        file.seek(at)
        head = file.read(27)
        if len(head) < 27 or head[:4] != b"OggS":
            return
        is_first = bool(head[5] & _FIRST_PAGE)
        if is_first and not was_first:
            yield at
        was_first = is_first
        at += 27 + head[26] + sum(file.read(head[26]))


def _flac_streams(file: BinaryIO) -> Iterator[int]:
    at, held = 0, b""
    file.seek(0)
    while block := file.read(_AT_ONCE):
        held += block
        for mark in _FLAC:
            found = held.find(mark)
            while found >= 0:
                yield at + found
                found = held.find(mark, found + 1)
        at += len(held) - 7
        held = held[-7:]


def _forms(file: BinaryIO, name: bytes, size: int) -> Iterator[int]:
    at = 0
    while at + 12 <= size:
        file.seek(at)
        head = file.read(12)
        if head[:4] != name or head[8:12] not in (b"WAVE", b"AIFF", b"AIFC"):
            return
        yield at
        length = int.from_bytes(head[4:8], _FORMS[name])
        at += 8 + length + length % 2


def _mp4_files(file: BinaryIO, size: int) -> Iterator[int]:
    at, has_sound = 0, True
    while at + 8 <= size:
        file.seek(at)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if head[4:8] == b"ftyp" and has_sound:
            yield at
            has_sound = False
        has_sound = has_sound or head[4:8] == b"moov"
        if length < 8:
            return
        at += length


class PartOfFile(io.RawIOBase):
    """One part of a file, as if it were a file.

    Parameters
    ----------
    path : Path
    part : Part
    """

    def __init__(self, path: Path, part: Part) -> None:
        super().__init__()
        self.name = str(path)  # whose ending tells FFmpeg the kind where nothing else does
        self._file = path.open("rb")
        self._start, self._stop = part
        self._file.seek(self._start)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.tell()}.get(whence, self._stop - self._start)
        return self._file.seek(self._start + max(0, base + place)) - self._start

    def tell(self) -> int:
        return self._file.tell() - self._start

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._stop - self._file.tell())
        return self._file.read(left if size < 0 else min(size, left))

    def close(self) -> None:
        self._file.close()
        super().close()
