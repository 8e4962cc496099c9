"""What is transcribed: one audio file for all systems, from any set, with its labels if any."""

from __future__ import annotations

import argparse
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eval.common.record import data_name
from eval.data.rendered import folder_name, rendered_recordings, synthesised_noise
from eval.data.sets import (
    NO_PIANO,
    RENDERED,
    SETS,
    BenchmarkSet,
    audio_files,
    noise_files,
    recordings_of,
)
from transcribe.audio.probing import probe
from transcribe.audio.reader import AudioReader
from transcribe.datasets import Recording, has_pedal, has_velocity, load_dataset
from transcribe.errors import DatasetError
from transcribe.files.atomic import atomic_path
from transcribe.files.checksum import sha256_of


@dataclass(frozen=True, kw_only=True)
class Clip:
    """What every system gets, to the sample."""

    name: str
    path: Path
    seconds: float
    sha256: str


@dataclass(frozen=True, slots=True)
class Labelled:
    """A labelled recording and what every system gets of it."""

    recording: Recording
    clip: Clip


def make_clip(name: str, source: Path, folder: Path, max_seconds: float | None = None) -> Clip:
    """The recording as 16-bit wav at its own sample rate; itself where it is that already.

    Mono where it has to be written. Peers read wav everywhere; other formats only where
    the system has the codecs.
    """
    path = source
    if max_seconds is not None or not _is_pcm16(source):
        cut = "" if max_seconds is None else f"-{max_seconds:g}s"
        path = folder / f"{name}{cut}.wav"
        if not path.is_file() or path.stat().st_mtime < source.stat().st_mtime:
            _write_clip(source, path, max_seconds)
    with wave.open(str(path), "rb") as file:
        seconds = file.getnframes() / file.getframerate()
    return Clip(name=name, path=path, seconds=seconds, sha256=sha256_of(path))


def _is_pcm16(path: Path) -> bool:
    try:
        with wave.open(str(path), "rb") as file:
            return file.getsampwidth() == 2
    except (wave.Error, EOFError):
        return False


def _write_clip(source: Path, path: Path, max_seconds: float | None) -> None:
    sample_rate = probe(source).sample_rate
    path.parent.mkdir(parents=True, exist_ok=True)
    n_left = None if max_seconds is None else round(max_seconds * sample_rate)
    with (
        atomic_path(path) as temporary,
        temporary.open("wb") as opened,
        wave.open(opened) as file,
    ):
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        for block in AudioReader(source, sample_rate):
            samples = np.rint(np.clip(block[:n_left], -1, 1) * 32767).astype("<i2")
            file.writeframesraw(samples.tobytes())
            if n_left is not None:
                n_left -= len(samples)
                if n_left <= 0:
                    break


def pieces_of(
    wanted: BenchmarkSet | None, options: argparse.Namespace
) -> tuple[list[Labelled], dict[str, Any]]:
    """What is to be transcribed, and what the record says about it."""
    n_without_audio = 0
    if wanted is None:
        recordings = list(load_dataset(options.data, split=options.split))
        n_all = len(recordings)
        recordings = [each for each in recordings if each.audio_path is not None]
        n_without_audio = n_all - len(recordings)
        if not recordings:
            raise DatasetError(
                f"{options.data} has no audio for any of its {n_all} recordings; "
                "`transcribe render` makes some"
            )
        name = data_name(options.data)
        said: dict[str, Any] = {"name": name, "split": options.split}
    elif wanted.kind == RENDERED:
        said, name = wanted.as_json(), folder_name(wanted)
        folder = options.work / "sets" / name
        recordings = rendered_recordings(wanted, wanted.path(options.data), folder)
    else:
        said, name = wanted.as_json(), wanted.name
        recordings = recordings_of(wanted, wanted.path(options.data))
    names = [each.name for each in recordings]
    if len(set(names)) < len(names):
        raise DatasetError(
            f"{said['name']} has recordings of one name in several folders; one MIDI file "
            "would be written over another"
        )
    folder = options.work / "clips" / name
    pieces = []
    for each in recordings[: options.first]:
        assert each.audio_path is not None
        clip = make_clip(each.name, each.audio_path, folder, options.max_seconds)
        pieces.append(Labelled(each, clip))
    chosen = [piece.recording for piece in pieces]
    return pieces, {
        **said,
        "n_recordings": len(pieces),
        "n_in_set": len(recordings),
        "n_without_audio": n_without_audio,
        "n_without_pedal_labels": sum(not has_pedal(each) for each in chosen),
        "n_without_velocities": sum(not has_velocity(each) for each in chosen),
        "seconds": round(sum(piece.clip.seconds for piece in pieces), 1),
        "max_seconds_each": options.max_seconds,
    }


def noise_clips(word: str, options: argparse.Namespace) -> tuple[str, list[Clip]]:
    """A declared set without piano, or a folder."""
    declared = SETS.get(word)
    if declared is None:
        files, name = audio_files(Path(word)), Path(word).resolve().name
    elif declared.kind != NO_PIANO:
        raise DatasetError(f"expected a set without piano as noise; found {word}")
    else:
        name = word
        override = options.data if options.set == word else None
        if declared.place or override:
            folder = declared.path(override)
        else:
            folder = synthesised_noise(options.work / "sets" / word)
        files = noise_files(declared, folder)
    clips = options.work / "clips" / name
    return name, [
        make_clip(path.stem, path, clips, options.max_seconds) for path in files[: options.first]
    ]
