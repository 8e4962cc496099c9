"""Ways to damage a file, and a reader of it held at arm's length from the test."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Mutation = Callable[[bytearray, np.random.Generator], bytes]
HEADER = 600
"""Bytes at a file's beginning that are damaged more often than their share."""


def _place(data: bytearray, rng: np.random.Generator) -> int:
    """A place in the file; every second one in its header."""
    return int(rng.integers(min(HEADER, len(data)) if rng.random() < 0.5 else len(data)))


def flip_bits(data: bytearray, rng: np.random.Generator) -> bytes:
    """One to twenty bits in other places."""
    for _ in range(rng.integers(1, 21)):
        data[_place(data, rng)] ^= 1 << int(rng.integers(8))
    return bytes(data)


def extreme_number(data: bytearray, rng: np.random.Generator) -> bytes:
    """A field of 1, 2, 4 or 8 bytes set to nothing, all, most, least, or a random number."""
    for _ in range(rng.integers(1, 4)):
        size, place = int(2 ** rng.integers(4)), _place(data, rng)
        extremes = [bytes(size), b"\xff" * size, b"\x7f" + b"\xff" * (size - 1)]
        extremes += [b"\x80" + bytes(size - 1), bytes(size - 1) + b"\x01", rng.bytes(size)]
        value = extremes[rng.integers(len(extremes))]
        data[place : place + size] = value if rng.random() < 0.5 else value[::-1]
    return bytes(data)


def random_part(data: bytearray, rng: np.random.Generator) -> bytes:
    """A stretch of noise in place of what was there."""
    start = _place(data, rng)
    size = int(rng.integers(1, 200))
    data[start : start + size] = rng.bytes(len(data[start : start + size]))
    return bytes(data)


def cut_short(data: bytearray, rng: np.random.Generator) -> bytes:
    """The end is missing."""
    return bytes(data[: _place(data, rng) + 1])


def cut_out(data: bytearray, rng: np.random.Generator) -> bytes:
    """A part is missing from the middle, or the beginning."""
    start = _place(data, rng)
    del data[start : start + int(rng.integers(1, 2000))]
    return bytes(data) or b"\0"


def repeat_part(data: bytearray, rng: np.random.Generator) -> bytes:
    """A part comes several times."""
    start = _place(data, rng)
    part = data[start : start + int(rng.integers(1, 500))]
    return bytes(data[:start] + part * int(rng.integers(2, 50)) + data[start:])


def swap_parts(data: bytearray, rng: np.random.Generator) -> bytes:
    """Two parts have changed places."""
    a, b = sorted((_place(data, rng), _place(data, rng)))
    size = min(int(rng.integers(1, 300)), b - a, len(data) - b)
    data[a : a + size], data[b : b + size] = data[b : b + size], data[a : a + size]
    return bytes(data)


MUTATIONS: tuple[Mutation, ...] = (
    flip_bits,
    extreme_number,
    extreme_number,
    random_part,
    cut_short,
    cut_out,
    repeat_part,
    swap_parts,
)


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """A recording's bytes with one to three damages.

    The pages of an ogg file carry checksums, and a page with a wrong one is not looked at;
    every second time they are made right again.
    """
    for _ in range(rng.integers(1, 4)):
        data = MUTATIONS[rng.integers(len(MUTATIONS))](bytearray(data), rng)
    return with_ogg_checksums(data) if data[:4] == b"OggS" and rng.random() < 0.5 else data


def with_ogg_checksums(data: bytes) -> bytes:
    """The same with the checksum of every ogg page set right (RFC 3533, section 6)."""
    starts = [at for at in range(len(data)) if data[at : at + 4] == b"OggS"]
    out = bytearray(data)
    for start, stop in itertools.pairwise([*starts, len(data)]):
        page = bytearray(data[start:stop])
        if len(page) < 27:
            continue
        n_segments = page[26]
        page = page[: 27 + n_segments + sum(page[27 : 27 + n_segments])]
        page[22:26] = bytes(4)
        checksum = 0
        for byte in page:
            checksum = (checksum << 8 & 0xFFFFFFFF) ^ _OGG_CRC[checksum >> 24 ^ byte]
        out[start + 22 : start + 26] = checksum.to_bytes(4, "little")
    return bytes(out)


def _crc_table() -> list[int]:
    """Of the polynomial 0x04C11DB7, highest bit first."""
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 1 << 31 else 0)) & 0xFFFFFFFF
        table.append(value)
    return table


_OGG_CRC = _crc_table()


class Child:
    """A script that answers questions about files, replaced when a file kills or hangs it.

    Parameters
    ----------
    script : str
        Name of a file beside this one, such as `decoding_child`.
    time_limit : float
        Seconds after which a file is taken to hang.
    """

    def __init__(self, script: str, time_limit: float) -> None:
        self.script = script
        self.time_limit = time_limit
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def ask(self, path: Path) -> dict[str, Any]:
        """The child's answer, or ``died`` with its exit code, or ``hung``."""
        if self.process is None:
            self._start()
        process = self.process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        hung = threading.Event()
        timer = threading.Timer(self.time_limit, lambda: (hung.set(), process.kill()))
        timer.start()
        try:
            process.stdin.write(bytes(path).hex() + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            timer.cancel()
        if line:
            return json.loads(line)
        self._end()
        return {"hung": self.time_limit} if hung.is_set() else {"died": process.returncode}

    def _start(self) -> None:
        root = Path(__file__).resolve().parent.parent
        self.process = subprocess.Popen(
            [sys.executable, str(root / "tests" / self.script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=root,
        )
        # What follows is timed, and importing takes a while.
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.process.stdout.readline()

    def _end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None
