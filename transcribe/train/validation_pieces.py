"""Passages that training is validated on: the same in every run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from transcribe.audio.reader import read_audio
from transcribe.datasets import has_pedal
from transcribe.errors import SettingsError
from transcribe.features import FeatureConfig
from transcribe.notes import PedalPress, Performance
from transcribe.synthesis.render import render
from transcribe.synthesis.render_config import RenderConfig
from transcribe.synthesis.sample_bank import SampleBank
from transcribe.train.data import DataConfig
from transcribe.train.sources import TrainingSource

VALIDATION_RENDER = RenderConfig(
    key_noise=0.003, pedal_noise=0.005, resonance=0.2, damper_lead=0.03, damper_early=0.04
)
"""The middle of what `RenderVariety` draws, or a little less; dampers move as MAESTRO's
pianists have them move."""


@dataclass(frozen=True, slots=True)
class ValidationPiece:
    """A passage with what was played in it."""

    name: str
    samples: NDArray[np.float32]
    performance: Performance
    has_pedal: bool


class ValidationPieces(Dataset[ValidationPiece]):
    """Fixed passages: recordings as they are, MIDI on the held-out instruments.

    Raises SettingsError where there is MIDI and no such instrument.
    """

    def __init__(self, config: DataConfig, features: FeatureConfig) -> None:
        self.config, self.sample_rate = config, features.sample_rate
        self.sources = [TrainingSource(source) for source in config.validation_sources.values()]
        recordings = [each for source in self.sources for each in source.recordings]
        is_rendered = any(each.audio_path is None for each in recordings)
        if config.validation_windows and is_rendered and not config.validation_instruments:
            raise SettingsError(
                "some of data.validation_sources has no audio and is to be rendered; name sample "
                "banks in data.validation_instruments, or set data.validation_windows=0"
            )

    def __len__(self) -> int:
        return self.config.validation_windows if self.sources else 0

    def __getitem__(self, index: int) -> ValidationPiece:
        if not 0 <= index < len(self):
            raise IndexError(index)
        config = self.config
        source = self.sources[index % len(self.sources)]
        rng = np.random.default_rng([20180923, index])
        piece = int(rng.choice(len(source.recordings), p=source.share))
        recording = source.recordings[piece]
        audio = recording.audio_path
        whole = None if audio is None else read_audio(audio, self.sample_rate)
        heard = np.inf if whole is None else len(whole) / self.sample_rate
        length = min(recording.duration, heard)
        duration = min(config.validation_seconds, length)
        start = float(rng.uniform(0, length - duration))
        table = source.table(piece)
        if whole is not None:
            source.check_heard(piece, heard)
            first = round(start * self.sample_rate)
            samples = whole[first : first + round(duration * self.sample_rate)]
        else:
            # Every instrument plays every source, however many there are of either.
            turn = index // len(self.sources)
            name = config.validation_instruments[turn % len(config.validation_instruments)]
            bank = _bank(str(Path(config.instruments) / name))
            samples = render(
                table, bank, VALIDATION_RENDER, start=start, duration=duration, rng=rng
            )
        return ValidationPiece(
            name=recording.title,
            samples=samples,
            performance=_moved(table.excerpt(start, start + duration), start, duration),
            has_pedal=has_pedal(recording),
        )


@lru_cache(maxsize=4)
def _bank(folder: str) -> SampleBank:
    return SampleBank.load(folder)


def _moved(performance: Performance, start: float, duration: float) -> Performance:
    """What begins in the passage, cut at its end, on the passage's own clock."""
    notes = [
        replace(note, onset=note.onset - start, offset=min(note.offset - start, duration))
        for note in performance.notes
        if start <= note.onset < start + duration
    ]
    pedal = [
        PedalPress(onset=max(press.onset - start, 0.0), offset=min(press.offset - start, duration))
        for press in performance.pedal
    ]
    return Performance(notes=tuple(notes), pedal=tuple(pedal))
