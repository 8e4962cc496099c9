"""Headers of uncompressed recordings that say less, or more, than their files hold.

A recorder that died leaves the sizes it wrote at the beginning; a size beyond 4 GiB does not
fit into a wav header and comes out as what is left of it; a program that writes into a
pipe, and can't go back, puts a placeholder. Players believe the header. Here the file decides:
`find_samples` says where its samples lie, and `TruthfulFile` reads like the file with
a header that says so.

Read are RIFF (wav, also big-endian), RF64 and BW64, Sony Wave64, AIFF and AIFF-C, AU and CAF.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

_MOST_CHUNKS = 1000
"""Of a file, that are looked through for the samples; more are damage."""
_LEAST_HIDDEN = 0.1
"""Seconds; a smaller rest behind the samples is padding."""
_NEAR = 8192
"""Bytes; how far below a round number placeholders lie, as headers are taken off it."""
_ROUND = (0x7F000000, 2**31, 2**32, 2**63, 2**64)
"""sox writes 0x7f000000 and 0x7ffff000, arecord 0x7fffff00, ffmpeg and others 0xffffffff."""
_TAGS = (b"TAG", b"ID3", b"APETAGEX", b"LYRICS")
"""How tags begin that are put behind any file."""
_WAV_CODES = (1, 2, 3, 6, 7, 0x11, 0xFFFE)
"""PCM, float, logarithmic and ADPCM: encodings with as many bytes in every second."""
_AU_ENCODINGS = {
    (False, 2): 3,
    (False, 3): 4,
    (False, 4): 5,
    (True, 4): 6,
    (True, 8): 7,
}
"""Of AU, by whether samples are floats and by their bytes."""
_W64_GUID = bytes.fromhex("f3acd3118cd100c04f8edb8a")
_W64_RIFF = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")
_AIFC_PCM = (b"NONE", b"sowt", b"twos", b"raw ", b"in24", b"in32", b"fl32", b"FL32", b"fl64")


@dataclass(frozen=True, slots=True)
class Samples:
    """Where the samples of a file lie."""

    start: int
    """Place of the first, in bytes."""
    declared: int | None
    """Bytes of them that the header declares; None for a placeholder."""
    held: int
    """Bytes of them that the file holds; fewer than declared in a truncated file."""
    byte_rate: float
    """Bytes a second."""
    patches: tuple[tuple[int, bytes], ...] = ()
    """Places and bytes of a header that would be right; none where it is."""

    @property
    def seconds_declared(self) -> float | None:
        """How long the recording is after its header; None for a placeholder."""
        return None if self.declared is None else self.declared / self.byte_rate

    @property
    def seconds_held(self) -> float:
        """How long it is."""
        return self.held / self.byte_rate

    @property
    def says_less(self) -> bool:
        """Whether a player that believes the header stops before the samples end."""
        return self.declared is not None and self.declared < self.held


@dataclass(frozen=True, slots=True)
class _Layout:
    """What the header of one kind of file declares, and how to change that."""

    start: int
    declared: int
    byte_rate: float
    chunks: Callable[[BinaryIO, int, int], bool] | None
    """Whether a file goes on with well-formed chunks from a place on; None if it can't."""
    patch: Callable[[int], list[tuple[int, bytes]]]
    frame: int = 1
    """Bytes of one sample of all channels."""
    misread: bool = False
    """Whether FFmpeg reads it right only with a patch, whatever the header says."""


def find_samples(path: Path) -> Samples | None:
    """Where the samples lie; None for other kinds of files and damaged headers."""
    try:
        with path.open("rb") as file:
            layout = _layout(file)
            if layout is None or not (layout.byte_rate > 0 and layout.frame > 0):
                return None
            return _compared(file, layout, os.fstat(file.fileno()).st_size)
    except (OSError, struct.error, ValueError, OverflowError, ZeroDivisionError):
        return None


def _compared(file: BinaryIO, layout: _Layout, size: int) -> Samples:
    start, declared = layout.start, layout.declared
    there = max(0, size - start)
    whole = there - there % layout.frame

    def samples(declared: int | None, held: int, *, mended: bool) -> Samples:
        patches = tuple(layout.patch(held)) if mended or layout.misread else ()
        return Samples(start, declared, held, layout.byte_rate, patches)

    if declared > there or declared < 0:
        if _is_placeholder(declared):
            return samples(None, whole, mended=True)
        return samples(declared, whole, mended=False)
    honest = samples(declared, declared, mended=False)
    end = start + declared
    if there - declared < _LEAST_HIDDEN * layout.byte_rate:
        return honest
    if layout.chunks is not None and layout.chunks(file, end, size):
        return honest
    file.seek(end)
    if file.read(8).startswith(_TAGS) or not _has_sound(file, end):
        return honest
    return samples(declared or None, whole, mended=True)


def _is_placeholder(size: int) -> bool:
    return size < 0 or any(edge - _NEAR <= size <= edge + 16 for edge in _ROUND)


def _has_sound(file: BinaryIO, start: int) -> bool:
    """Whether anything but zeros follows: recorders set room aside for what comes."""
    file.seek(start)
    while block := file.read(1 << 20):
        if block.count(0) < len(block):
            return True
    return False


def _layout(file: BinaryIO) -> _Layout | None:
    head = file.read(16)
    if head[:4] in (b"RIFF", b"RF64", b"BW64", b"RIFX") and head[8:12] == b"WAVE":
        return _riff(file, ">" if head[:4] == b"RIFX" else "<")
    if head == _W64_RIFF:
        return _wave64(file)
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return _aiff(file, compressed=head[8:12] == b"AIFC")
    if head[:4] == b".snd":
        return _au(file)
    return _caf(file) if head[:4] == b"caff" else None


def _riff(file: BinaryIO, order: str) -> _Layout | None:
    byte_rate = frame = long_size = long_place = au_encoding = 0
    for place, name, size in _chunks(file, 12, f"{order}4sI"):
        if name == b"ds64":
            long_place = place + 16
            file.seek(long_place)
            (long_size,) = struct.unpack("<Q", file.read(8))
        elif name == b"fmt ":
            file.seek(place + 8)
            code, n_channels, rate, byte_rate, frame, bits = struct.unpack(
                f"{order}HHIIHH", file.read(16)
            )
            if code not in _WAV_CODES:
                return None
            if order == ">":
                au_encoding = _AU_ENCODINGS.get((code == 3, -(-bits // 8)), 0)
        elif name == b"data" and au_encoding:
            patch = partial(_as_au, place + 8, au_encoding, rate, n_channels)
            go_on = _go_on(f"{order}4sI", 2)
            return _Layout(place + 8, size, byte_rate, go_on, patch, frame, misread=True)
        elif name == b"data":
            # FFmpeg goes by the long size alone, and a recorder may have filled in only the other.
            is_long = long_place and (size == 0xFFFFFFFF or not long_size)
            declared = long_size if is_long else size
            patch = partial(_riff_sizes, order, place + 4, long_place)
            return _Layout(place + 8, declared, byte_rate, _go_on(f"{order}4sI", 2), patch, frame)
    return None


def _riff_sizes(order: str, place: int, long_place: int, held: int) -> list[tuple[int, bytes]]:
    if long_place:
        return [(place, b"\xff" * 4), (long_place, struct.pack("<Q", held))]
    # Of size 0 FFmpeg reads on to the end of the file.
    return [(place, struct.pack(f"{order}I", held if held < 2**32 - 1 else 0))]


def _as_au(
    start: int, encoding: int, rate: int, n_channels: int, held: int
) -> list[tuple[int, bytes]]:
    """Big-endian wav, of which FFmpeg swaps no bytes, under the header of another kind of file."""
    sizes = (start, min(held, 2**32 - 1), encoding, rate, n_channels)
    return [(0, struct.pack(">4s5I", b".snd", *sizes))]


def _wave64(file: BinaryIO) -> _Layout | None:
    byte_rate = frame = 0
    for place, name, size in _chunks(file, 40, "<16sq", pad=8, counts_itself=True):
        if name == b"fmt " + _W64_GUID:
            file.seek(place + 24)
            code, _, _, byte_rate, frame = struct.unpack("<HHIIH", file.read(14))
            if code not in _WAV_CODES:
                return None
        elif name == b"data" + _W64_GUID:

            def patch(held: int, place: int = place) -> list[tuple[int, bytes]]:
                return [(place + 16, struct.pack("<q", held + 24))]

            go_on = _go_on("<16sq", 8, counts_itself=True)
            return _Layout(place + 24, size, byte_rate, go_on, patch, frame)
    return None


def _aiff(file: BinaryIO, *, compressed: bool) -> _Layout | None:
    frame, rate, count_place = 0, 0.0, 0
    for place, name, size in _chunks(file, 12, ">4sI"):
        if name == b"COMM":
            file.seek(place + 8)
            common = file.read(22)
            n_channels, bits = struct.unpack_from(">h4xh", common)
            rate = _extended(common[8:18])
            frame, count_place = n_channels * -(-bits // 8), place + 10
            if compressed and common[18:22] not in _AIFC_PCM:
                return None
        elif name == b"SSND":
            file.seek(place + 8)
            (offset,) = struct.unpack(">I", file.read(4))

            sizes = (place + 4, 8 + offset), (count_place, 0)
            declared = size - 8 - offset if size else 0
            return _Layout(
                place + 16 + offset,
                declared,
                frame * rate,
                _go_on(">4sI", 2),
                partial(_aiff_sizes, frame, *sizes),
                frame,
            )
    return None


def _aiff_sizes(
    frame: int, chunk: tuple[int, int], n_frames: tuple[int, int], held: int
) -> list[tuple[int, bytes]]:
    most = 2**32 - 1
    return [
        (chunk[0], struct.pack(">I", min(held + chunk[1], most))),
        (n_frames[0], struct.pack(">I", min(held // frame, most))),
    ]


def _au(file: BinaryIO) -> _Layout | None:
    file.seek(4)
    start, declared, encoding, rate, n_channels = struct.unpack(">5I", file.read(20))
    sample = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}.get(encoding, 0)
    frame = sample * n_channels

    def patch(held: int) -> list[tuple[int, bytes]]:
        return [(8, struct.pack(">I", min(held, 2**32 - 1)))]

    return _Layout(start, declared, frame * rate, None, patch, frame)


def _caf(file: BinaryIO) -> _Layout | None:
    byte_rate, frame = 0.0, 0
    for place, name, size in _chunks(file, 8, ">4sq", pad=1):
        if name == b"desc":
            file.seek(place + 12)
            rate, kind, _, frame, n_frames = struct.unpack(">d4sIII", file.read(24))
            if kind != b"lpcm" or n_frames != 1:
                return None
            byte_rate = rate * frame
        elif name == b"data":

            def patch(held: int, place: int = place) -> list[tuple[int, bytes]]:
                return [(place + 4, struct.pack(">q", held + 4))]

            declared = size - 4 if size else 0  # after a count of edits
            return _Layout(place + 16, declared, byte_rate, _go_on(">4sq", 1), patch, frame)
    return None


def caf_chunks(path: Path) -> list[bytes]:
    """Names of the chunks of a CAF file."""
    with path.open("rb") as file:
        return [name for _, name, _ in _chunks(file, 8, ">4sq", pad=1)]


def _chunks(
    file: BinaryIO, start: int, form: str, *, pad: int = 2, counts_itself: bool = False
) -> Iterator[tuple[int, bytes, int]]:
    """Place, name and size of the chunks from a place on; the size is that of the content."""
    length = struct.calcsize(form)
    for _ in range(_MOST_CHUNKS):
        file.seek(start)
        head = file.read(length)
        if len(head) < length:
            return
        name, size = struct.unpack(form, head)
        if counts_itself:
            size -= length
        yield start, name, size
        if size < 0:
            return
        start += length + size + -size % pad


def _go_on(form: str, pad: int, *, counts_itself: bool = False) -> Callable[..., bool]:
    """Whether what follows the samples are chunks, the last of them perhaps cut off."""
    length = struct.calcsize(form)

    def chunks_follow(file: BinaryIO, start: int, size: int) -> bool:
        end = first = start + -start % pad
        for at, name, held in _chunks(file, first, form, pad=pad, counts_itself=counts_itself):
            if not all(0x20 <= byte < 0x7F for byte in name[:4]) or held < 0:
                return False
            end = at + length + held
            if end > size:
                return name[:4] in _TRAILING
        return end > first and size - end < length

    return chunks_follow


_TRAILING = (
    *(b"LIST", b"id3 ", b"ID3 ", b"bext", b"iXML", b"axml", b"chna", b"cue ", b"smpl", b"inst"),
    *(b"fact", b"JUNK", b"junk", b"PAD ", b"FLLR", b"_PMX", b"aXML", b"cart", b"umid", b"LGWV"),
    *(b"ANNO", b"NAME", b"AUTH", b"(c) ", b"COMT", b"MARK", b"INST", b"APPL", b"free", b"info"),
)
"""Names of chunks that come behind the samples."""


def _extended(number: bytes) -> float:
    """An 80-bit float, as AIFF writes sample rates."""
    exponent, mantissa = struct.unpack(">HQ", number)
    return float(mantissa) * 2.0 ** ((exponent & 0x7FFF) - 16383 - 63)


class TruthfulFile(io.RawIOBase):
    """A file that reads as if some of its bytes were others.

    Parameters
    ----------
    path : Path
    patches : sequence of (int, bytes)
        Places, and what is read there.
    """

    def __init__(self, path: Path, patches: tuple[tuple[int, bytes], ...]) -> None:
        super().__init__()
        self._file = path.open("rb")
        self._patches = patches

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(place, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        start = self._file.tell()
        block = self._file.read(size)
        for place, patch in self._patches:
            first, last = max(place, start), min(place + len(patch), start + len(block))
            if first < last:
                part = patch[first - place : last - place]
                block = block[: first - start] + part + block[last - start :]
        return block

    def close(self) -> None:
        self._file.close()
        super().close()
