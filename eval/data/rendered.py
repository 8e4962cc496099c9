"""Sets that are made on first use: MIDI on held-out instruments, and synthesised noise.

Made into a folder with an index, they are data sets like any other, and every system gets
the same files. The passages are those of `eval.accuracy.validation`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from pathlib import Path

from eval.data.noises import SAMPLE_RATE as NOISE_SAMPLE_RATE
from eval.data.noises import noises
from eval.data.sets import BenchmarkSet, check_count, check_index
from transcribe.audio.wav import write_wav
from transcribe.datasets import Recording, load_dataset
from transcribe.datasets.index import COLUMNS
from transcribe.errors import DatasetError
from transcribe.features import FeatureConfig
from transcribe.files.atomic import atomic_folder, write_csv
from transcribe.midi import write_midi
from transcribe.train.data import DataConfig
from transcribe.train.sources import SourceConfig
from transcribe.train.validation_pieces import VALIDATION_RENDER, ValidationPieces


def folder_name(wanted: BenchmarkSet) -> str:
    """Of a rendered set's files: other settings of the renderer make another set."""
    settings = repr(sorted(dataclasses.asdict(VALIDATION_RENDER).items()))
    return f"{wanted.name}-{hashlib.sha256(settings.encode()).hexdigest()[:8]}"


def rendered_recordings(wanted: BenchmarkSet, data: Path, folder: Path) -> list[Recording]:
    """The passages of a rendered set, made unless they are there.

    Parameters
    ----------
    wanted : BenchmarkSet
        Of kind `sets.RENDERED`.
    data : Path
        The index of its MIDI; instruments are looked for as ``instruments/`` in the folder
        above the index's.
    folder : Path
        For what is made.

    Raises
    ------
    DatasetError
        The index is not the one declared, or an instrument is missing.
    """
    if not (folder / "index.csv").is_file():
        check_index(wanted, data)
        instruments = data.resolve().parents[1] / "instruments"
        for name in wanted.instruments:
            if not (instruments / name / "manifest.json").is_file():
                raise DatasetError(
                    f"set {wanted.name}: expected the instrument {instruments / name}; found "
                    f"none. Where to get it: {wanted.source}"
                )
        _render(wanted, data, instruments, folder)
    recordings = list(load_dataset(folder, require_audio=True))
    check_count(wanted, len(recordings), folder)
    return recordings


def _render(wanted: BenchmarkSet, index: Path, instruments: Path, folder: Path) -> None:
    features = FeatureConfig()
    pieces = ValidationPieces(
        DataConfig(
            validation_sources={
                "midi": SourceConfig(index=str(index), split=wanted.split, audio=False)
            },
            instruments=str(instruments),
            validation_instruments=list(wanted.instruments),
            validation_windows=wanted.n_recordings,
            validation_seconds=wanted.passage_seconds or 0.0,
        ),
        features,
    )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with atomic_folder(folder) as temporary:
        _write_pieces(temporary, pieces, wanted, features)
        if folder.exists():
            shutil.rmtree(folder)


def _write_pieces(
    folder: Path, pieces: ValidationPieces, wanted: BenchmarkSet, features: FeatureConfig
) -> None:
    rows: list[tuple[str, ...]] = [COLUMNS]
    for number in range(len(pieces)):
        piece = pieces[number]
        name = f"{wanted.name}-{number:02d}"
        write_wav(folder / f"{name}.wav", piece.samples, features.sample_rate)
        write_midi(piece.performance, folder / f"{name}.mid")
        duration = len(piece.samples) / features.sample_rate
        instrument = wanted.instruments[number % len(wanted.instruments)]
        files = (f"{name}.mid", f"{name}.wav")
        rows.append((instrument, piece.name, wanted.split, "", *files, f"{duration:.3f}"))
    write_csv(folder / "index.csv", rows)


def synthesised_noise(folder: Path) -> Path:
    """The folder of `eval.data.noises`, made unless it is there."""
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with atomic_folder(folder) as temporary:
            for name, sound in noises().items():
                write_wav(temporary / f"{name}.wav", sound, NOISE_SAMPLE_RATE)
    return folder
