"""What music is drawn from: performances of an index, and instruments that play them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from transcribe.audio.probing import probe
from transcribe.datasets import Recording, check_split, load_dataset, reference_performance
from transcribe.errors import DatasetError, SettingsError
from transcribe.midi import read_midi
from transcribe.synthesis.dampers import read_pedal_travel
from transcribe.synthesis.performance_arrays import PerformanceArrays
from transcribe.synthesis.sample_bank import SampleBank
from transcribe.train.doubts import Doubt, doubts_beside, read_doubts

_LEAST_CUT, _SHARE_CUT = 5.0, 0.05
"""Seconds, and share of a recording's length, by which it may be shorter than it should be."""

logger = logging.getLogger(__name__)


@dataclass
class SourceConfig:
    """One index of recordings in MAESTRO's columns, or a MAESTRO or MAPS folder."""

    index: str = ""
    """CSV file, or a MAESTRO or MAPS folder as downloaded; see `datasets.load_dataset`."""
    split: str = "train"
    weight: float = 1.0
    """Share of the windows drawn from this source, relative to the others."""
    audio: bool = True
    """Use recordings where the index names any; if false, render everything."""
    velocities: bool = True
    """Learn velocities; false where no player's touch made them."""
    loudness: bool = True
    """Learn how hard all keys were struck; false: only which were struck harder than others."""
    releases: bool = True
    """Learn when keys come up under the pedal; false where the sound does not show it."""

    def check(self) -> None:
        """Raise ValueError for a split that there isn't."""
        check_split(self.split)


class TrainingSource:
    """The performances of a source, read when first drawn and kept as arrays.

    Parameters
    ----------
    config : SourceConfig
        Where they are.
    recordings : sequence of Recording, optional
        Those of the source that are used; all by default.

    Raises
    ------
    DatasetError
        The source can't be read, or audio that it names is missing though it is to be used.
    """

    def __init__(self, config: SourceConfig, recordings: Sequence[Recording] | None = None) -> None:
        if recordings is None:
            recordings = load_dataset(Path(config.index), split=config.split)
        if config.audio:
            _refuse_absent_audio(config, recordings)
            _look_for_cut_audio(config, recordings)
        self.recordings = [r if config.audio else replace(r, audio_path=None) for r in recordings]
        self.velocities, self.loudness = config.velocities, config.loudness
        self.releases = config.releases
        durations = np.array([recording.duration for recording in self.recordings])
        self.share = durations / durations.sum()
        self._tables: dict[int, PerformanceArrays] = {}
        self._doubts: dict[int, tuple[Doubt, ...]] = {}
        self._heard: set[int] = set()

    def doubts(self, index: int) -> tuple[Doubt, ...]:
        """Where the labels of a recording are not to be trusted (`doubts`); mostly nowhere."""
        if index not in self._doubts:
            labels = self.recordings[index].midi_path
            path = None if labels is None else doubts_beside(labels)
            known = path is not None and path.is_file()
            self._doubts[index] = read_doubts(path) if known and path is not None else ()
        return self._doubts[index]

    def table(self, index: int) -> PerformanceArrays:
        """The notes of a recording."""
        if index not in self._tables:
            self._tables[index] = _table(self.recordings[index])
        return self._tables[index]

    def check_heard(self, index: int, seconds: float) -> None:
        """Warn, once, of a recording with so many seconds of sound that its labels outlast."""
        if index not in self._heard:
            self._heard.add(index)
            recording = self.recordings[index]
            labelled = max([recording.duration, *self.table(index).onset[-1:].tolist()])
            if _is_cut(seconds, labelled):
                logger.warning(
                    "%s holds %.0f s of sound, its labels %.0f s; what has no sound is not "
                    "learnt. Is it whole, and are these its labels?",
                    recording.audio_path,
                    seconds,
                    labelled,
                )

    def preload(self) -> None:
        """Read all that was not read, on every core."""
        missing = [i for i in range(len(self.recordings)) if i not in self._tables]
        with ProcessPoolExecutor() as pool:
            recordings = [self.recordings[i] for i in missing]
            tables = pool.map(_table, recordings, chunksize=4)
            self._tables.update(zip(missing, tables, strict=True))


def _refuse_absent_audio(config: SourceConfig, recordings: Sequence[Recording]) -> None:
    absent = [each.absent_audio for each in recordings if each.absent_audio is not None]
    if absent:
        raise DatasetError(
            f"{len(absent)} of {len(recordings)} audio files that {config.index} names for "
            f"{config.split} are missing, the first is {absent[0]}; unpack them, or set "
            "audio=false for this source to render its MIDI on data.instruments"
        )


def _look_for_cut_audio(config: SourceConfig, recordings: Sequence[Recording]) -> None:
    """Warn of recordings that are much shorter, as their headers show, than the index says."""
    cut = []
    for each in recordings:
        seconds = None if each.audio_path is None else probe(each.audio_path).duration
        if seconds is not None and _is_cut(seconds, each.duration):
            cut.append((each, seconds))
    if cut:
        logger.warning(
            "%d of %d recordings that %s names for %s are much shorter than it says, the first "
            "is %s: %.0f s of %.0f s. Are they whole?",
            len(cut),
            len(recordings),
            config.index,
            config.split,
            cut[0][0].audio_path,
            cut[0][1],
            cut[0][0].duration,
        )


def _is_cut(seconds: float, expected: float) -> bool:
    return expected - seconds > max(_LEAST_CUT, _SHARE_CUT * expected)


def _table(recording: Recording) -> PerformanceArrays:
    """What was played; for a row that is to be rendered, its MIDI says it all."""
    if recording.audio_path is None and recording.midi_path is not None:
        midi = recording.midi_path
        return PerformanceArrays.of(read_midi(midi), read_pedal_travel(midi))
    return PerformanceArrays.of(reference_performance(recording))


class Instruments:
    """Sample banks, loaded when first drawn."""

    def __init__(self, folder: str, weights: dict[str, float]) -> None:
        if not weights:
            raise SettingsError(
                "some of the music has no audio and is to be rendered, but no instruments are "
                "named; set data.instruments to a folder of sample banks and "
                "data.instrument_weights to how often each is drawn"
            )
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
