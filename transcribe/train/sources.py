"""What music is drawn from: performances of an index, and instruments that play them."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from transcribe.dampers import read_pedal_travel
from transcribe.datasets import Recording, load_dataset, reference_performance
from transcribe.midi import read_midi
from transcribe.render import NoteTable, SampleBank
from transcribe.train.doubts import Doubt, doubts_beside, read_doubts


@dataclass
class SourceConfig:
    """One index of recordings in MAESTRO's columns, or a MAESTRO or MAPS folder."""

    index: str = ""
    """CSV file, or a MAESTRO or MAPS folder as downloaded; see `datasets.load_dataset`."""
    split: str = "train"
    weight: float = 1.0
    """Share of the windows drawn from this source, relative to the others."""
    audio: bool = True
    """Use recordings where there are any; if false, render everything."""
    velocities: bool = True
    """Learn velocities; false where no player's touch made them."""
    loudness: bool = True
    """Learn how hard all keys were struck; false: only which were struck harder than others."""
    releases: bool = True
    """Learn when keys come up under the pedal; false where nothing in the sound tells."""


class Library:
    """The performances of a source, read when first drawn and kept as arrays."""

    def __init__(self, config: SourceConfig) -> None:
        recordings = load_dataset(Path(config.index), split=config.split)
        self.recordings = [r if config.audio else replace(r, audio_path=None) for r in recordings]
        self.velocities, self.loudness = config.velocities, config.loudness
        self.releases = config.releases
        durations = np.array([recording.duration for recording in self.recordings])
        self.share = durations / durations.sum()
        self._tables: dict[int, NoteTable] = {}
        self._doubts: dict[int, tuple[Doubt, ...]] = {}

    def doubts(self, index: int) -> tuple[Doubt, ...]:
        """Where the labels of a recording are not to be trusted (`doubts`); mostly nowhere."""
        if index not in self._doubts:
            labels = self.recordings[index].midi_path
            path = None if labels is None else doubts_beside(labels)
            known = path is not None and path.is_file()
            self._doubts[index] = read_doubts(path) if known and path is not None else ()
        return self._doubts[index]

    def table(self, index: int) -> NoteTable:
        """The notes of a recording."""
        if index not in self._tables:
            self._tables[index] = _table(self.recordings[index])
        return self._tables[index]

    def preload(self) -> None:
        """Read all that was not read, on every core."""
        missing = [i for i in range(len(self.recordings)) if i not in self._tables]
        with ProcessPoolExecutor() as pool:
            recordings = [self.recordings[i] for i in missing]
            tables = pool.map(_table, recordings, chunksize=4)
            self._tables.update(zip(missing, tables, strict=True))


def _table(recording: Recording) -> NoteTable:
    """What was played; for a row that is to be rendered, its MIDI says it all."""
    if recording.audio_path is None and recording.midi_path is not None:
        midi = recording.midi_path
        return NoteTable.of(read_midi(midi), read_pedal_travel(midi))
    return NoteTable.of(reference_performance(recording))


class Instruments:
    """Sample banks, loaded when first drawn."""

    def __init__(self, folder: str, weights: dict[str, float]) -> None:
        if not weights:
            raise ValueError("name at least one instrument to render with")
        self.names = sorted(weights)
        share = np.array([weights[name] for name in self.names], np.float64)
        self.share = share / share.sum()
        self.folder = folder
        self._banks: dict[str, SampleBank] = {}

    def bank(self, name: str) -> SampleBank:
        """A bank by its name."""
        if name not in self._banks:
            self._banks[name] = SampleBank.load(Path(self.folder) / name)
        return self._banks[name]

    def preload(self) -> None:
        """Make every voice of every bank, on every core."""
        folders = [Path(self.folder) / name for name in self.names]
        with ProcessPoolExecutor() as pool:
            self._banks.update(zip(self.names, pool.map(_preloaded, folders), strict=True))

    def draw(self, rng: np.random.Generator) -> SampleBank:
        """A bank, by weight."""
        return self.bank(self.names[rng.choice(len(self.names), p=self.share)])


def _preloaded(folder: Path) -> SampleBank:
    bank = SampleBank.load(folder)
    bank.preload()
    return bank
