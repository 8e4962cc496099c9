"""An archive as one finds it: short recordings of known music in all formats, some broken.

Nothing is needed but this checkout: the piano is `eval.data.synthetic_bank`. What is made
follows from the seed alone, but for what an encoder of another version does otherwise.
"""

from __future__ import annotations

import os
import sys
import tempfile
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soxr
from numpy.typing import NDArray

from eval.data.recordings import KINDS, encode, write_kind
from eval.data.synthetic_bank import write_synthetic_bank
from transcribe.notes import Note, PedalPress, Performance
from transcribe.synthesis.render import render
from transcribe.synthesis.sample_bank import SampleBank

GOOD, BROKEN, POISON = "good", "broken", "poison"
BROKEN_SHARE = 0.03
DUPLICATE_EVERY, COLLISION_EVERY = 50, 40
LONGEST_NAME = 255
"""Bytes, in most file systems."""


@dataclass(frozen=True, slots=True)
class Made:
    """A file of the archive, and what must come of it."""

    name: str
    """Path in the archive, with ``/``; bytes that are no UTF-8 are lone surrogates."""
    fate: str
    """`GOOD`, `BROKEN` or `POISON`."""
    what: str
    """The kind of recording, or the way it is broken."""
    performance: Performance | None = None
    """What is played in a good one."""


def make_archive(
    folder: Path, n_files: int, *, seed: int = 0, poison: bool = True
) -> tuple[Made, ...]:
    """Write an archive of short recordings.

    One in fifty is the same as another under another name; one in forty has another's name
    but for the suffix; `odd_names` are among them; three in a hundred, and at least one of
    each way, are broken; one, if asked for, is poison (`long_silence`). A text and a
    picture lie beside them, which are no recordings, and a link that leads back.

    Parameters
    ----------
    folder : Path
        Made if need be.
    n_files : int
        Recordings, good and bad together; at least 40.
    seed : int
        Chooses the music, the formats and what is broken.
    poison : bool
        Whether there is a recording that takes its worker too long.

    Returns
    -------
    tuple of Made
        In order of their names.
    """
    if n_files < 40:
        raise ValueError(f"expected 40 recordings or more, found {n_files}")
    rng = np.random.default_rng(seed)
    ways = sorted(BROKEN_WAYS)
    n_broken = max(len(ways), round(BROKEN_SHARE * n_files))
    n_good = n_files - n_broken - int(poison)
    broken_after = set(np.linspace(0, n_good - 1, n_broken).astype(int).tolist())
    names = _names(rng, n_good)
    folder.mkdir(parents=True, exist_ok=True)
    made: list[Made] = []
    n_made_broken = 0
    with tempfile.TemporaryDirectory() as bank_folder:
        bank = SampleBank.load(write_synthetic_bank(Path(bank_folder)))
        before: Made | None = None
        for index, (stem, kind) in enumerate(names):
            name = stem + Path(kind).suffix
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if before is not None and before.what == kind and index % DUPLICATE_EVERY == 0:
                path.write_bytes((folder / before.name).read_bytes())
                performance = before.performance
            else:
                performance = passage(rng)
                write_kind(path, kind, _played(performance, bank, KINDS[kind][1]))
            before = Made(name, GOOD, kind, performance)
            made.append(before)
            if index in broken_after:
                way = ways[n_made_broken % len(ways)]
                suffix, write = BROKEN_WAYS[way]
                name = f"{Path(stem).parent.as_posix()}/{way} {n_made_broken}{suffix}"
                write(folder / name, rng)
                made.append(Made(name, BROKEN, way))
                n_made_broken += 1
    if poison:
        name = "shelf 0/poison.flac"
        long_silence(folder / name)
        made.append(Made(name, POISON, "hours of silence in a small file"))
    (folder / "read me.txt").write_text("Copied from tape in 1998.\n", encoding="utf-8")
    (folder / "shelf 0" / "cover.jpg").write_bytes(b"\xff\xd8\xff\xe0" + rng.bytes(500))
    if hasattr(os, "symlink") and os.name == "posix":
        (folder / "shelf 0" / "all").symlink_to(folder, target_is_directory=True)
    return tuple(sorted(made, key=lambda each: each.name))


def passage(rng: np.random.Generator) -> Performance:
    """Two to six seconds of plain music: notes well apart in the middle of the keyboard."""
    seconds = float(rng.uniform(2.0, 6.0))
    onsets = np.arange(0.2, seconds - 0.7, 0.25)
    pitches = 48 + rng.permutation(36)[: len(onsets)]
    notes = [
        Note(
            onset=round(float(onset), 4),
            pitch=int(pitch),
            offset=round(float(min(onset + rng.uniform(0.2, 0.6), seconds - 0.2)), 4),
            velocity=int(rng.integers(60, 110)),
        )
        for onset, pitch in zip(onsets, pitches, strict=True)
    ]
    pedal = (PedalPress(onset=1.0, offset=1.4),) if rng.random() < 0.3 else ()
    return Performance(tuple(notes), pedal)


def _played(performance: Performance, bank: SampleBank, rate: int) -> NDArray[np.float32]:
    """On the bank, at another sample rate."""
    seconds = max(note.offset for note in performance.notes) + 0.3
    samples = render(performance, bank, duration=seconds)
    samples = samples / max(1.0, float(np.abs(samples).max()) / 0.9)
    if rate != bank.sample_rate:
        samples = soxr.resample(samples, bank.sample_rate, rate)
    return np.asarray(samples, np.float32)


def _names(rng: np.random.Generator, n_names: int) -> list[tuple[str, str]]:
    """Path without suffix, and kind, of each good recording; no path comes twice."""
    kinds = sorted(KINDS)
    odd = odd_names()
    names: list[tuple[str, str]] = []
    for index in range(n_names):
        kind = kinds[index % len(kinds)]
        folder = f"shelf {index * 10 // n_names}/box {int(rng.integers(5))}"
        stem = f"{folder}/take {index:05}"
        if names and index % DUPLICATE_EVERY == 0:
            kind = names[-1][1]
        elif names and index % COLLISION_EVERY == 1:
            other = KINDS_OF_OTHER_SUFFIX[Path(names[-1][1]).suffix]
            stem, kind = names[-1][0], other
        elif odd and index % 3 == 0:
            stem = f"{folder}/{odd.pop()}"
        names.append((stem, kind))
    return names


KINDS_OF_OTHER_SUFFIX = {
    suffix: next(kind for kind in sorted(KINDS) if Path(kind).suffix != suffix)
    for suffix in {Path(kind).suffix for kind in KINDS}
}
"""Of each suffix a kind that has another."""


def odd_names() -> list[str]:
    """Names without suffix that this system can hold and that have broken programs before."""
    names = ["-n", "100% [live] {take}", "Für Élise №1", "夜想曲", "it's; $HOME `x` & y", "a.mid"]
    names.append("ab" * ((LONGEST_NAME - 12) // 2))
    if os.name == "posix":
        names += ["two\nlines", " spaces ", 'a:b*c?"d|e', "tab\there", "\x1b[31mred"]
        names.append("é" * ((LONGEST_NAME - 5) // 2))
    if sys.platform == "linux":
        names.append(os.fsdecode(b"latin-1 \xe9t\xe9"))
    return names


# Ways to be broken


def _empty(path: Path, rng: np.random.Generator) -> None:
    path.touch()


def _text(path: Path, rng: np.random.Generator) -> None:
    path.write_text("Dear diary, today I practised for two hours.\n" * 50, encoding="utf-8")


def _noise(path: Path, rng: np.random.Generator) -> None:
    path.write_bytes(b"\x01" + rng.bytes(5000))


def _zeros(path: Path, rng: np.random.Generator) -> None:
    path.write_bytes(bytes(20000))


def _picture(path: Path, rng: np.random.Generator) -> None:
    path.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + rng.bytes(3000))


def _archive(path: Path, rng: np.random.Generator) -> None:
    path.write_bytes(b"PK\x03\x04\x14\x00\x00\x00\x08\x00" + rng.bytes(3000))


def _no_samples(path: Path, rng: np.random.Generator) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(44100)


def _no_index(path: Path, rng: np.random.Generator) -> None:
    whole = encode(path, "aac", _hum(rng, 44100), 44100).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def _no_sound_track(path: Path, rng: np.random.Generator) -> None:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        image = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")
        out.mux(stream.encode(image))
        out.mux(stream.encode(None))


def _absurd_rate(path: Path, rng: np.random.Generator) -> None:
    data = bytearray(encode(path, "pcm_s16le", _hum(rng, 44100), 44100).read_bytes())
    data[24:28] = (7).to_bytes(4, "little")
    path.write_bytes(data)


def _all_damaged(path: Path, rng: np.random.Generator) -> None:
    data = bytearray(encode(path, "flac", _hum(rng, 44100), 44100).read_bytes())
    audio = data.find(b"\xff\xf8", 42)
    data[audio:] = bytes(len(data) - audio)
    path.write_bytes(data)


def _hum(rng: np.random.Generator, rate: int) -> NDArray[np.float32]:
    return rng.normal(0, 0.1, 2 * rate).astype(np.float32)


BROKEN_WAYS: dict[str, tuple[str, Callable[[Path, np.random.Generator], None]]] = {
    "empty": (".mp3", _empty),
    "text": (".wav", _text),
    "noise": (".mp3", _noise),
    "zeros": (".flac", _zeros),
    "picture": (".ogg", _picture),
    "zip": (".opus", _archive),
    "no samples": (".wav", _no_samples),
    "no index": (".m4a", _no_index),
    "no sound track": (".mp4", _no_sound_track),
    "absurd rate": (".wav", _absurd_rate),
    "all damaged": (".flac", _all_damaged),
}
"""What is wrong, to the suffix that the file has and what writes it."""


def long_silence(path: Path, hours: float = 11.0) -> Path:
    """Hours of digital silence in a few megabytes: far more work than its size says."""
    rate = 4000
    with av.open(str(path), "w") as out:
        stream = out.add_stream("flac", rate=rate, layout="mono")
        n_samples = stream.codec_context.frame_size or 4096
        frame = av.AudioFrame.from_ndarray(np.zeros((1, n_samples), np.int16), "s16", "mono")
        frame.sample_rate = rate
        for start in range(0, round(hours * 3600 * rate), n_samples):
            frame.pts = start
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path
