"""A header that says less or more than its file holds takes no music away, and invents no loss."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from eval.data.recordings import encode
from transcribe.audio.headers import TruthfulFile, find_samples
from transcribe.audio.probing import probe
from transcribe.audio.reader import AudioReader, measured_seconds

RATE = 8000
SECONDS = 3.0
NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, round(RATE * SECONDS)).astype(np.float32)

Patches = dict[bytes, tuple[int, str]]
"""Chunk to the place of a field, from the chunk's name on, and its format."""
KINDS: dict[str, tuple[str, Patches, dict[str, str]]] = {
    "a.wav": ("pcm_s16le", {b"data": (4, "<I")}, {}),
    "float.wav": ("pcm_f32le", {b"data": (4, "<I")}, {}),
    "rf64.wav": ("pcm_s16le", {b"ds64": (16, "<Q")}, {"rf64": "always"}),
    "a.w64": ("pcm_s16le", {b"data": (16, "<q")}, {}),
    "a.aiff": ("pcm_s16be", {b"SSND": (4, ">I"), b"COMM": (10, ">I")}, {}),
    "a.au": ("pcm_s16be", {b".snd": (8, ">I")}, {}),
    "a.caf": ("pcm_s16le", {b"data": (4, ">q")}, {}),
}


def saying(path: Path, name: str, *sizes: int) -> Path:
    """A recording of `NOISE` whose header says these sizes."""
    codec, fields, options = KINDS[name]
    data = bytearray(encode(path / name, codec, NOISE, RATE, **options).read_bytes())
    for (chunk, (place, form)), size in zip(fields.items(), sizes, strict=False):
        at = data.index(chunk) + place
        data[at : at + struct.calcsize(form)] = struct.pack(form, size)
    (path / name).write_bytes(data)
    return path / name


def read(path: Path) -> tuple[np.ndarray, list[str]]:
    reader = AudioReader(path, RATE)
    return np.concatenate(list(reader)), [str(each) for each in reader.warnings]


@pytest.mark.parametrize("name", KINDS)
def test_what_lies_beyond_the_headers_end_is_read_and_told(tmp_path: Path, name: str) -> None:
    sample = 4 if name == "float.wav" else 2
    extra = {"a.w64": 24, "a.aiff": 8, "a.caf": 4}.get(name, 0)
    path = saying(tmp_path, name, RATE * sample + extra, RATE)  # one second
    samples, warnings = read(path)
    np.testing.assert_allclose(samples, NOISE, atol=1e-4)
    assert warnings == [
        "the header promises 1.0 s and the file holds 3.0 s: all of it was transcribed"
    ]
    assert probe(path).duration == measured_seconds(path) == SECONDS


def test_what_comes_while_a_file_is_read_is_not_said_to_be_transcribed(tmp_path: Path) -> None:
    path = saying(tmp_path, "a.wav")
    reader = AudioReader(path, RATE)
    blocks = iter(reader)
    n_samples = len(next(blocks))
    with path.open("ab") as file:
        file.write(b"\1\2" * RATE)
    assert n_samples + sum(map(len, blocks)) == len(NOISE)
    assert reader.warnings == ()


@pytest.mark.parametrize(("bits", "kind"), [(16, 1), (24, 1), (32, 1), (32, 3), (64, 3), (8, 1)])
def test_a_big_endian_wav_is_read_as_one(tmp_path: Path, bits: int, kind: int) -> None:
    if kind == 3:
        data = NOISE.astype(f">f{bits // 8}").tobytes()
    elif bits == 8:
        data = np.round(NOISE * 127 + 128).astype(np.uint8).tobytes()
    else:
        whole = np.round(NOISE * 2.0 ** (bits - 1)).astype(">i4").view(np.uint8).reshape(-1, 4)
        data = whole[:, -(bits // 8) :].tobytes()
    form = struct.pack(">HHIIHH", kind, 1, RATE, RATE * bits // 8, bits // 8, bits)
    chunks = b"WAVEfmt " + struct.pack(">I", 16) + form + b"data" + struct.pack(">I", len(data))
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFX" + struct.pack(">I", len(chunks) + len(data)) + chunks + data)
    samples, warnings = read(path)
    np.testing.assert_allclose(samples, NOISE, atol=0.01 if bits == 8 else 1e-4)
    assert warnings == []
    assert probe(path).duration == SECONDS
    path.write_bytes(path.read_bytes()[: -len(data) // 2])
    assert ["missing" in each for each in read(path)[1]] == [True]


PLACEHOLDERS = [
    *(("a.wav", size) for size in (0, 0x7FFFF000, 0x7FFFFF00, 0x80000000, 0xFFFFFFFF, 0xFFFFFFDB)),
    *(("rf64.wav", size) for size in (0, 2**64 - 1)),
    *(("a.w64", size) for size in (0, 24, 2**63 - 1, 0x7FFFF018)),
    *(("a.aiff", size) for size in (0, 8, 0x7F000008, 0xFFFFFFFF)),
    *(("a.au", size) for size in (0, 0xFFFFFFFF, 0x7FFFF000)),
    *(("a.caf", size) for size in (0, 4, -1)),
]


@pytest.mark.parametrize(("name", "size"), PLACEHOLDERS)
def test_a_placeholder_promises_nothing(tmp_path: Path, name: str, size: int) -> None:
    path = saying(tmp_path, name, size, min(max(size, 0), 2**32 - 1))
    samples, warnings = read(path)
    np.testing.assert_allclose(samples, NOISE, atol=1e-4)
    assert warnings == []
    assert probe(path).duration == SECONDS


def test_a_long_header_may_have_its_size_in_the_short_field_alone(tmp_path: Path) -> None:
    path = saying(tmp_path, "rf64.wav", 0)
    data = path.read_bytes()
    size = struct.pack("<I", 2 * len(NOISE))
    path.write_bytes(data.replace(b"data\xff\xff\xff\xff", b"data" + size))
    np.testing.assert_allclose(read(path)[0], NOISE, atol=1e-4)


def test_a_size_beyond_4_gib_is_known_by_what_the_file_holds(tmp_path: Path) -> None:
    path = saying(tmp_path, "a.wav", (2**32 + 3 * RATE) % 2**32)
    with path.open("r+b") as file:
        file.truncate(2**32 + 10_000_000)  # a hole, which takes no room
        file.seek(-4, 2)
        file.write(b"\1\2\3\4")
    samples = find_samples(path)
    assert samples is not None
    assert samples.says_less
    assert samples.seconds_held == probe(path).duration == pytest.approx(2**32 / 16000, rel=0.01)
    first = next(iter(AudioReader(path, RATE)))
    np.testing.assert_allclose(first[: len(NOISE)], NOISE, atol=1e-4)


def test_chunks_tags_and_room_behind_the_samples_are_none(tmp_path: Path) -> None:
    chunk = b"LIST" + struct.pack("<I", 3000) + b"INFOIART" + bytes(2992)
    for rest in (chunk, chunk[:2000], b"TAG" + b"x" * 2000, bytes(5000), b"id3 " + chunk[4:]):
        path = saying(tmp_path, "a.wav")
        path.write_bytes(path.read_bytes() + rest)
        samples, warnings = read(path)
        np.testing.assert_allclose(samples, NOISE, atol=1e-4)
        assert warnings == []


def test_a_file_reads_as_patched_wherever_reading_begins(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"0123456789")
    with TruthfulFile(path, ((2, b"ab"), (9, b"c"))) as file:
        assert file.read() == b"01ab45678c"
        for start in range(10):
            for size in range(1, 5):
                file.seek(start)
                assert file.read(size) == b"01ab45678c"[start : start + size]
