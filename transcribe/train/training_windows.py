"""Windows of music for training, drawn from recordings or rendered as they are asked for.

Every training window is made of its own random numbers, seeded by (seed, index):
the same run gives the same windows however many workers make them, and no window is
seen twice. Where an index row has audio, its samples are read from a memory-mapped
cache; where it has none, the MIDI is played on a randomly chosen instrument. A set of
hundreds of hours thus needs the memory of its notes alone.

Where a GPU trains (`DataConfig.on_device`), a window leaves the worker unchanged; what
microphones, rooms and recorders do to it is done on the device, batch by batch (`augmenter`),
before features are computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from transcribe.datasets import has_pedal, has_velocity
from transcribe.datasets.cache import FULL_SCALE, cached_samples
from transcribe.errors import SettingsError
from transcribe.evaluation.evaluate import first_seconds
from transcribe.features import FeatureConfig
from transcribe.notes import Performance, sustained
from transcribe.rolls import Rolls, encode
from transcribe.synthesis.mechanical_noise import load_releases
from transcribe.synthesis.performance_arrays import PerformanceArrays
from transcribe.synthesis.render import render
from transcribe.train.augment.augmenter import Augmenter
from transcribe.train.augment.config import AugmentConfig
from transcribe.train.augment.detuning import detune
from transcribe.train.augment.octaves import with_octaves
from transcribe.train.augment.sounds import noise_alone
from transcribe.train.data import DataConfig
from transcribe.train.doubts import Doubt, trusted
from transcribe.train.features import TorchFeatures
from transcribe.train.sources import Instruments, TrainingSource


class TrainingWindows(Dataset[dict[str, Tensor]]):
    """Windows as dictionaries of ``frames``, ``targets`` and masks.

    With `DataConfig.on_device`, ``samples`` stand in place of ``frames``, of shape
    (margin + n_samples + margin,), and targets are in half precision.

    Any index from 0 up makes a window, and always the same one.
    """

    def __init__(
        self,
        config: DataConfig,
        augment: AugmentConfig,
        features: FeatureConfig,
        *,
        seed: int,
        sources: Sequence[TrainingSource] | None = None,
    ) -> None:
        config.check()
        self.config = config
        self.features = TorchFeatures(features)
        self.seed = seed
        self.sources = sources or config.load_sources()[0]
        weights = np.array([source.weight for source in config.sources.values()], np.float64)
        self.share = weights / weights.sum()
        needs_instrument = any(
            recording.audio_path is None
            for source in self.sources
            for recording in source.recordings
        )
        self.instruments = (
            Instruments(config.instruments, config.instrument_weights) if needs_instrument else None
        )
        self.releases = (
            load_releases(Path(config.releases), features.sample_rate) if config.releases else {}
        )
        rooms, self.noises = config.rooms_and_noises(features.sample_rate)
        self.augmenter = (
            None
            if config.on_device
            else Augmenter(augment, rooms, self.noises, sample_rate=features.sample_rate)
        )
        if config.preload:
            for source in self.sources:
                source.preload()
            if self.instruments is not None:
                self.instruments.preload()

    def __len__(self) -> int:
        return self.config.windows_per_epoch

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([self.seed, index])
        if rng.uniform() < self.config.empty_probability:
            window = self._empty(rng)
        else:
            source = self.sources[rng.choice(len(self.sources), p=self.share)]
            piece = int(rng.choice(len(source.recordings), p=source.share))
            window = self._draw(source, piece, rng)
        samples = torch.from_numpy(window.samples)
        if self.augmenter is None:
            return {"samples": samples, **self._labels(window, half=True)}
        generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
        with torch.no_grad():
            frames = self.features(self.augmenter(samples[None], generator)[0])
        return {"frames": frames, **self._labels(window)}

    def _empty(self, rng: np.random.Generator) -> _Window:
        """A window without music."""
        margin = self.features.config.margin
        n_samples = self.config.window_frames * self.features.config.hop_length + 2 * margin
        noise = noise_alone(self.noises, n_samples, rng, self.features.config.sample_rate)
        return _Window(noise, Performance(), 0)

    def _draw(self, source: TrainingSource, piece: int, rng: np.random.Generator) -> _Window:
        """A window of one recording, in tune or not, before augmentation."""
        config, grid = self.config, self.features.config.grid
        recording, table = source.recordings[piece], source.table(piece)
        recorded = None if recording.audio_path is None else self._recorded(recording.audio_path)
        heard = np.inf if recorded is None else len(recorded) / grid.sample_rate
        if recorded is not None:
            source.check_heard(piece, heard)
        cents = float(rng.uniform(-config.detune_cents, config.detune_cents))
        stretch = 2 ** (-cents / 1200)
        seconds = grid.seconds(config.window_frames)
        last = max(0.0, min(recording.duration, heard) * stretch - seconds)
        start_frame = round(grid.position(float(rng.uniform(0, last))))
        margin = self.features.config.margin
        first = start_frame * grid.hop_length - margin
        n_samples = config.window_frames * grid.hop_length + 2 * margin
        samples = np.zeros(n_samples, np.float32)
        missing = max(0, -first)
        start = (first + missing) / grid.sample_rate / stretch
        duration = (n_samples - missing) / grid.sample_rate / stretch
        if recorded is not None:
            begin = round(start * grid.sample_rate)
            stored = recorded[begin : begin + round(duration * grid.sample_rate) + 1]
            sound = np.asarray(stored, np.float32) / np.float32(FULL_SCALE)
        else:
            if config.variety.octaves and rng.uniform() < 0.5:
                share = float(rng.uniform(0, config.variety.octaves))
                table = with_octaves(table, start, start + duration, share, rng)
            sound = self._rendered(table, start, duration, rng)
        sound = detune(sound, cents)[0][: n_samples - missing]
        samples[missing : missing + len(sound)] = sound
        performance = table.excerpt(start, start + duration, stretch)
        return _Window(
            samples,
            # Labels that outlast the recording have no sound.
            first_seconds(performance, heard * stretch),
            start_frame,
            pedal_known=has_pedal(recording),
            velocity_known=source.velocities and has_velocity(recording),
            loudness_known=source.loudness,
            releases_known=source.releases,
            doubts=source.doubts(piece),
            stretch=stretch,
        )

    def _recorded(self, path: Path) -> NDArray[np.int16]:
        return cached_samples(path, self.features.config.sample_rate, Path(self.config.cache))

    def _rendered(
        self, table: PerformanceArrays, start: float, duration: float, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        if self.instruments is None:
            return np.zeros(round(duration * self.features.config.sample_rate), np.float32)
        bank = self.instruments.draw(rng)
        config, with_releases = self.config.variety.draw(rng, releases=bool(self.releases))
        releases = self.releases if with_releases else None
        if bank.sample_rate != self.features.config.sample_rate:
            raise SettingsError(
                f"instrument {bank.name} has {bank.sample_rate} Hz, the features "
                f"{self.features.config.sample_rate} Hz; they must agree for training"
            )
        return render(
            table,
            bank,
            config,
            start=start,
            duration=duration,
            rng=rng,
            releases=releases,
        )

    def _labels(self, window: _Window, *, half: bool = False) -> dict[str, Tensor]:
        config, grid = self.config, self.features.config.grid
        performance = window.performance
        if config.pedal_extended:
            performance = Performance(notes=sustained(performance).notes, pedal=performance.pedal)
        rolls = encode(performance, grid, config.window_frames, start_frame=window.start_frame)
        targets = torch.from_numpy(rolls.stack())
        known = trusted(
            window.doubts,
            grid,
            config.window_frames,
            start_frame=window.start_frame,
            stretch=window.stretch,
        )
        releases_known = known if window.releases_known else known & ~held_by_pedal(rolls)
        return {
            "targets": targets.half() if half else targets,
            "pedal_known": torch.tensor(float(window.pedal_known)),
            "velocity_known": torch.tensor(float(window.velocity_known)),
            "loudness_known": torch.tensor(float(window.loudness_known)),
            "notes_known": torch.from_numpy(known),
            "releases_known": torch.from_numpy(releases_known),
        }


@dataclass(frozen=True, slots=True)
class _Window:
    samples: NDArray[np.float32]
    performance: Performance
    start_frame: int
    pedal_known: bool = True
    velocity_known: bool = True
    loudness_known: bool = True
    releases_known: bool = True
    doubts: tuple[Doubt, ...] = ()
    stretch: float = 1.0
    """By which the times of the doubts are multiplied."""


def held_by_pedal(rolls: Rolls) -> NDArray[np.bool_]:
    """Where a note sounds and the pedal is down, so that its key may be down or up.

    Parameters
    ----------
    rolls : Rolls
        `encode`d labels.

    Returns
    -------
    np.ndarray
        Shape (n_frames, 88).
    """
    held: NDArray[np.bool_] = (rolls.sounding > 0) & (rolls.pedal[:, None] > 0)
    return held
