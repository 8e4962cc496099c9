"""Streams of frames without a container (mp3, aac, ac3), and how much of one is damaged.

FFmpeg counts the frames that it finds in one, so that all that follows a damaged stretch comes
early. How many frames there were is told by the bytes between the last whole one and the next.
"""

from __future__ import annotations

import contextlib
import re
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from av.packet import Packet

FORMATS = ("aac", "ac3", "mp3")
"""FFmpeg's names of those that are looked through."""
_HEAD = 64
"""Bytes by which one frame is told from the next."""
_AHEAD = 64
"""Frames among which a packet is looked for."""
_NEAR = 200
"""Frames before a hole whose length tells how many were in it."""
_SLACK = 4
"""Bytes by which frames of a constant bit rate differ, at most."""
_BLOCK = 1 << 16
_LONGEST_MARK = 8
"""Bytes of what a frame or tag is looked for by, at most."""
_TAGS = rb"ID3|TAG|APETAGEX"
_MARKS = {
    "aac": re.compile(rb"\xff[\xf0\xf1\xf8\xf9](?!\xff)|" + _TAGS),
    "ac3": re.compile(rb"\x0b\x77(?=..[\x00-\xbf][\x00-\x47])|" + _TAGS, re.DOTALL),
    "mp3": re.compile(rb"\xff[\xe2-\xff](?=[\x10-\xef])|" + _TAGS),
}
"""How a frame or tag may begin; what any of a run of equal bytes would be is none."""
_NO_SOUND = (b"Xing", b"Info", b"VBRI")
"""In a first frame that tells of the stream."""
_KBITS = {
    (1, 3): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 1): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 3): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Kilobits a second of MPEG audio, by version and layer (3 is Layer I, 1 is Layer III)."""
_MPEG_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_AC3_KBITS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576)
_AC3_RATES = (48000, 44100, 32000)


class FrameClock:
    """Sets the times of a stream's packets right, one after the other, once one is damaged."""

    def __init__(self, path: Path, kind: str) -> None:
        self._path, self._kind = path, kind
        self._frames: Iterator[Frame] | None = None
        self._coming: deque[Frame] = deque()
        self._n_packets = 0
        self._late = 0
        self._sure = 0
        self.sure_until: float | None = None
        """Seconds; from there on how many frames were lost is a guess. None: nowhere is it."""

    def suspect(self) -> None:
        """Look at the stream itself: a packet was damaged."""
        if self._frames is None:
            first = max(0, self._n_packets - 1)
            self._frames = islice(frames_of(self._path, self._kind), first, None)

    def correct(self, packet: Packet) -> None:
        """Move a packet to where it belongs."""
        head = bytes(packet)[:_HEAD]
        if packet.size != _length(head):
            self.suspect()
        n_before, self._n_packets = self._n_packets, self._n_packets + 1
        if packet.pts is None or not packet.duration:
            return
        found = None
        if self._frames is not None:
            self._coming.extend(islice(self._frames, _AHEAD - len(self._coming)))
            found = next((each for each in self._coming if each.head == head), None)
        if found is not None:
            while self._coming.popleft() is not found:
                pass
            self._late = found.number - n_before
            if not found.is_sure and self.sure_until is None:
                self.sure_until = float(self._sure * packet.time_base)
        packet.pts += self._late * packet.duration
        if found is not None or self._frames is None:
            self._sure = packet.pts + packet.duration


class Frame(NamedTuple):
    """A whole frame of a stream."""

    head: bytes
    number: int
    """Of those before it, the lost ones too."""
    is_sure: bool
    """Whether it is certain how many were lost."""


def frames_of(path: Path, kind: str) -> Iterator[Frame]:
    """The frames of a stream; between two of them may be lost ones."""
    number, is_sure = 0, True
    lengths: deque[int] = deque(maxlen=_NEAR)
    with path.open("rb", buffering=_BLOCK) as file, contextlib.suppress(OSError):
        for lost, length, head in _whole_frames(file, _MARKS[kind]):
            if lengths:
                mean = sum(lengths) / len(lengths)
                n_lost = round(lost / mean)
                number += n_lost
                is_constant = max(lengths) - min(lengths) <= _SLACK
                slack = _SLACK + n_lost / len(lengths)
                is_sure &= not lost or (is_constant and abs(lost - n_lost * mean) <= slack)
            elif any(mark in head for mark in _NO_SOUND):
                continue
            yield Frame(head, number, is_sure)
            lengths.append(length)
            number += 1


def _whole_frames(file: BinaryIO, mark: re.Pattern[bytes]) -> Iterator[tuple[int, int, bytes]]:
    """Of each frame the bytes lost before it, its length and its beginning.

    Whole is one that another leads to, or that leads to another. Tags are not lost.
    """

    def head_at(place: int) -> bytes:
        file.seek(place)
        return file.read(_HEAD)

    def whole_at(place: int, head: bytes) -> int:
        length = _length(head)
        return length if length and _length(head_at(place + length)) else 0

    at, lost, is_led_to = 0, 0, False
    while head := head_at(at):
        length, tag = _length(head), _length_of_tag(head)
        if tag:
            at += tag
        elif length and (is_led_to or whole_at(at, head)):
            yield lost, length, head
            at, lost, is_led_to = at + length, 0, True
        else:
            for to in _places(file, at + 1, mark):
                head = head_at(to)
                if _length_of_tag(head) or whole_at(to, head):
                    break
            else:
                return
            at, lost, is_led_to = to, lost + to - at, False


def _places(file: BinaryIO, at: int, mark: re.Pattern[bytes]) -> Iterator[int]:
    """Where from a place on a frame or tag may begin, each block being read once."""
    while True:
        file.seek(at)
        block = file.read(_BLOCK)
        yield from (at + found.start() for found in mark.finditer(block))
        if len(block) < _BLOCK:
            return
        at += len(block) - _LONGEST_MARK + 1


def _length_of_tag(head: bytes) -> int:
    """Bytes of a tag that begins so; 0 if none does."""
    if head[:3] == b"ID3" and len(head) > 9 and max(head[6:10]) < 128:
        a, b, c, d = head[6:10]  # seven bits each
        return 10 + (a << 21 | b << 14 | c << 7 | d)
    if head[:8] == b"APETAGEX" and len(head) > 31:
        is_header = head[23] & 0x20  # else what is left of the tag behind its content
        return 32 + (int.from_bytes(head[12:16], "little") if is_header else 0)
    return 128 if head[:3] == b"TAG" else 0


def _length(head: bytes) -> int:
    """Bytes of the frame that begins so; 0 if none does."""
    if len(head) < 8:
        return 0
    if head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return _of_aac(head)
    if head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return _of_mpeg(head)
    if head[:2] == b"\x0b\x77" and head[5] >> 3 <= 8:
        return _of_ac3(head)
    return 0


def _of_aac(head: bytes) -> int:
    length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return length if head[2] >> 2 & 15 < 13 and length > 7 else 0


def _of_mpeg(head: bytes) -> int:
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    rate, bits = head[2] >> 2 & 3, head[2] >> 4
    if version == 1 or layer == 0 or rate == 3 or not 0 < bits < 15:
        return 0
    kbits = _KBITS[1 if version == 3 else 2, 2 if version != 3 and layer == 1 else layer][bits - 1]
    hertz, padding = _MPEG_RATES[version][rate], head[2] >> 1 & 1
    if layer == 3:
        return (12000 * kbits // hertz + padding) * 4
    half = version != 3 and layer == 1
    return (72000 if half else 144000) * kbits // hertz + padding


def _of_ac3(head: bytes) -> int:
    rate, size = head[4] >> 6, head[4] & 63
    if rate == 3 or size > 35:
        return 0
    words = 96000 * _AC3_KBITS[size >> 1] // _AC3_RATES[rate]
    return 2 * (words + (size & 1 if rate == 1 else 0))
