"""Annotated performances to learn scores from, split by piece."""

from __future__ import annotations

import csv
import glob
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from transcribe.datasets import load_dataset
from transcribe.datasets.annotated import SCORE_NAME, AnnotatedPerformance, read_asap
from transcribe.datasets.sequenced import UnsteadyError, read_sequenced, read_steady
from transcribe.errors import DatasetError, SettingsError
from transcribe.train.played_differently import PlayedDifferentlyConfig

SPLIT_COLUMNS = ("index", "composer", "title", "split")
READERS = {
    "asap": read_asap,
    "sequenced": read_sequenced,
    "steady": read_steady,
    "labelled": AnnotatedPerformance.load,
}
_READ_AS = 2
"""Raise it when what is read of a file changes: what was kept before is read again."""


@dataclass
class ScoreSourceConfig:
    """One index of annotated performances."""

    index: str = ""
    kind: str = "asap"
    """``"asap"`` (annotations and match files beside the MIDI), ``"sequenced"``, ``"steady"``
    (music of which only beats are known), or ``"labelled"`` (what `beat_labels` wrote)."""
    weight: float = 1.0
    """Of a piece; pieces of many performances weigh as the square root of their number."""


@dataclass
class ScoreDataConfig:
    """What the networks of a score are trained and validated on."""

    sources: dict[str, ScoreSourceConfig] = field(default_factory=dict)
    split: str = "recipes/score/split.csv"
    """CSV of ``index, composer, title, split``: pieces that are not trained on."""
    cache: str = "outputs/cache"
    """Where performances are kept with their labels once they are read."""
    size: int = 192
    """Onsets, or notes, of a window."""
    batch_size: int = 20
    windows_per_epoch: int = 2000
    validation_windows: int = 160
    labelled: float = 0.0
    """Leave out performances of which a smaller share of the notes has its place in the score."""
    played: PlayedDifferentlyConfig = field(default_factory=PlayedDifferentlyConfig)

    def check(self) -> None:
        """Raise SettingsError for settings that give no data."""
        if not self.sources:
            raise SettingsError("data.sources is empty; name at least one index to train on")
        for name, source in self.sources.items():
            if source.kind not in READERS:
                raise SettingsError(
                    f"data.sources.{name}.kind is one of {', '.join(READERS)}; found {source.kind}"
                )
        if not Path(self.split).is_file():
            raise SettingsError(f"data.split: expected a CSV file of pieces; found no {self.split}")
        if self.batch_size < 1 or self.windows_per_epoch < self.batch_size:
            raise SettingsError(
                "data.windows_per_epoch is data.batch_size or more, and both are positive; found "
                f"{self.windows_per_epoch} and {self.batch_size}"
            )

    def load_sources(self) -> tuple[list[AnnotatedPiece], list[str]]:
        """Pieces to train on; `TrainingData` asks for what was left out of them, too."""
        return self.pieces("train"), []

    def pieces(self, split: str) -> list[AnnotatedPiece]:
        """The pieces of a split."""
        kept: dict[tuple[str, str, str], AnnotatedPiece] = {}
        for key, weight, performance in self._performances(split):
            if (performance.beat >= 0).mean() >= self.labelled:
                piece = kept.setdefault(key, AnnotatedPiece("/".join(key), weight, []))
                piece.performances.append(performance)
        if not kept:
            raise SettingsError(
                f"data.sources: expected pieces of the split {split!r} in {self.split}, of whose "
                f"notes at least {100 * self.labelled:g} % have a beat; found none"
            )
        return list(kept.values())

    def _performances(
        self, split: str
    ) -> Iterator[tuple[tuple[str, str, str], float, AnnotatedPerformance]]:
        of_piece = read_split(Path(self.split))
        for name, source in self.sources.items():
            for recording in load_dataset(Path(source.index), split="train"):
                key = (name, recording.composer, recording.title)
                if of_piece.get(key, "train") == split and recording.midi_path is not None:
                    try:
                        performance = self._read(source.kind, recording.midi_path)
                    except UnsteadyError:
                        continue
                    yield key, source.weight, performance

    def _read(self, kind: str, midi: Path) -> AnnotatedPerformance:
        if kind == "labelled":
            return READERS[kind](midi)
        beside = [*midi.parent.glob(f"{glob.escape(midi.stem)}[._]*"), midi.parent / SCORE_NAME]
        read = [
            (str(file), file.stat().st_size, file.stat().st_mtime_ns)
            for file in sorted(beside)
            if file.is_file()
        ]
        key = f"{_READ_AS} {kind} {midi.resolve()} {read}"
        digest = hashlib.sha256(key.encode()).hexdigest()[:16]
        cached = Path(self.cache) / f"score-{midi.stem}-{digest}.npz"
        if cached.is_file():
            return AnnotatedPerformance.load(cached)
        cached.parent.mkdir(parents=True, exist_ok=True)
        performance = READERS[kind](midi)
        performance.save(cached)
        return performance


@dataclass
class AnnotatedPiece:
    """All performances of one piece."""

    name: str
    weight: float
    performances: list[AnnotatedPerformance]

    @property
    def share(self) -> float:
        """How often it is drawn, relative to others."""
        return float(self.weight * np.sqrt(len(self.performances)))


def read_split(path: Path) -> dict[tuple[str, str, str], str]:
    """From index, composer and title to the split of a piece; others are trained on.

    Raises
    ------
    DatasetError
        There is no such file, or it has other columns.
    """
    if not path.is_file():
        raise DatasetError(f"{path}: expected a CSV file of pieces; found no such file")
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    try:
        return {(row["index"], row["composer"], row["title"]): row["split"] for row in rows}
    except KeyError as error:
        raise DatasetError(
            f"{path}: expected columns index, composer, title, split; found no {error}"
        ) from error
