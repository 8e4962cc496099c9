"""Windows of music for training, drawn from recordings or rendered as they are asked for.

Every training window is made of its own random numbers, seeded by (seed, index):
the same run gives the same windows however many workers make them, and no window is
seen twice. Where an index row has audio, its samples are read from a memory-mapped
cache; where it has none, the MIDI is played on a randomly chosen instrument. A set of
hundreds of hours thus needs the memory of its notes alone.

Where a GPU trains (`DataConfig.on_device`), a window leaves the worker as it was played;
what microphones, rooms and recorders do to it is done there, batch by batch
(`batch_augment`), before features are taken.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from transcribe.audio.reader import read_audio
from transcribe.datasets import (
    has_pedal,
    has_velocity,
)
from transcribe.datasets.cache import FULL_SCALE, cached_samples
from transcribe.errors import SettingsError
from transcribe.features import FeatureConfig
from transcribe.notes import Note, PedalPress, Performance, sustained, without_overlaps
from transcribe.rolls import Rolls, encode
from transcribe.synthesis.mechanical_noise import load_releases
from transcribe.synthesis.performance_arrays import PerformanceArrays
from transcribe.synthesis.render import render
from transcribe.synthesis.render_config import RenderConfig
from transcribe.synthesis.sample_bank import SampleBank
from transcribe.train.augment.noises import applause_like, speech_like
from transcribe.train.augment.octaves import with_octaves
from transcribe.train.augment.rooms import room_like
from transcribe.train.augment.window import (
    AugmentConfig,
    Augmenter,
    detune,
    load_impulse_responses,
    load_noises,
)
from transcribe.train.doubts import Doubt, trusted
from transcribe.train.features import TorchFeatures
from transcribe.train.held_out import HeldOutConfig, LeftOut
from transcribe.train.sources import Instruments, Library, SourceConfig, load_libraries

_SYNTHETIC_NOISE_SECONDS = 10.0
VALIDATION_RENDER = RenderConfig(
    key_noise=0.003, pedal_noise=0.005, resonance=0.2, damper_lead=0.03, damper_early=0.04
)
"""The middle of what `RenderVariety` draws, or a little less; dampers move as MAESTRO's
pianists have them move."""


@dataclass
class RenderVariety:
    """Ranges from which each rendered window draws how the instrument answers."""

    velocity_exponent: list[float] = field(default_factory=lambda: [1.7, 3.5])
    release_factor: list[float] = field(default_factory=lambda: [0.5, 2.0])
    """Multiplies both release times."""
    note_level_db: float = 1.0
    layer_shift: list[float] = field(default_factory=lambda: [0.0, 0.0])
    layer_spread: float = 0.0
    """Upper end; the lower is 0."""
    key_noise: float = 0.01
    """Upper end; the lower is 0."""
    pedal_noise: float = 0.02
    """Upper end; the lower is 0."""
    resonance: float = 0.4
    """Upper end; the lower is 0."""
    damper_lead: float = 0.0
    """Upper end; the lower is 0. Seconds."""
    damper_early: float = 0.0
    """Upper end; the lower is 0. Seconds."""
    damper_buzz: float = 0.0
    """Upper end; the lower is 0."""
    restrike_keep: float = 0.0
    """Upper end; the lower is 0."""
    release_tail: float = 0.0
    """Upper end; the lower is 0."""
    half_pedal: float = 0.0
    """Share of the windows whose dampers follow the depth of the pedal; elsewhere `damper_lead`
    and `damper_early` move them."""
    dampers_touch: list[float] = field(default_factory=lambda: [40.0, 110.0])
    dampers_reach: list[float] = field(default_factory=lambda: [10.0, 60.0])
    """How much less deep the pedal is where dampers lie on the strings, as far as it goes."""
    pedal_travel: list[float] = field(default_factory=lambda: [0.01, 0.15])
    octaves: float = 0.0
    """Upper end; the lower is 0. Share of the notes that are doubled in octaves, in every
    other window."""


@dataclass
class DataConfig:
    """What the network is trained and validated on."""

    sources: dict[str, SourceConfig] = field(default_factory=dict)
    validation_sources: dict[str, SourceConfig] = field(default_factory=dict)
    held_out: dict[str, HeldOutConfig] = field(default_factory=dict)
    """Recordings whose music no source may teach, beside the test splits of the sources."""
    leave_out_test_music: bool = True
    """Leave out of the sources what shares music with these; see `held_out`."""
    instruments: str = ""
    """Folder of sample banks."""
    instrument_weights: dict[str, float] = field(default_factory=dict)
    """Name of a bank to how often it is drawn."""
    validation_instruments: list[str] = field(default_factory=list)
    rooms: str = ""
    """Folder of impulse responses, or empty."""
    noises: str = ""
    """Folder of recordings without music, or empty."""
    releases: str = ""
    """Folder of a recorded key release for each key, heard in every other window, or empty."""
    cache: str = "outputs/cache"
    """Where decoded audio is kept, memory-mapped."""
    pedal_extended: bool = False
    """Teach pedal-extended offsets as if they were key releases, as the paper does."""
    window_frames: int = 256
    windows_per_epoch: int = 4000
    """An epoch is this many windows; nothing is ever repeated."""
    batch_size: int = 8
    n_workers: int = 1
    preload: bool = False
    """Read all notes and make all voices of all instruments before the first window, on every
    core, so that many workers share them; otherwise each reads what it draws."""
    on_device: bool = False
    """Augment and take features where the network trains; workers only play."""
    reuse: int = 1
    """How many batches a window is in, augmented anew in each; above 1 needs ``on_device``. Of
    a batch, only 1 in so many windows is new. A run that was stopped goes on with none of the
    older ones, so it does not end in the very weights of one that was not."""
    pool_windows: int = 2048
    """From how many of the last windows those in a batch that are not new are drawn."""
    detune_cents: float = 40.0
    """Whole windows are detuned by up to this much either way."""
    empty_probability: float = 0.05
    """Windows in which nobody plays: silence, or noise alone."""
    noises_left_out: list[str] = field(default_factory=list)
    """Files of ``noises``, without suffix, that training never hears."""
    n_synthetic_rooms: int = 0
    """How many rooms are synthesised beside ``rooms``."""
    n_synthetic_noises: int = 40
    """How many passages of speech and applause are synthesised beside ``noises``."""
    variety: RenderVariety = field(default_factory=RenderVariety)
    validation_windows: int = 12
    validation_seconds: float = 30.0

    def check(self) -> None:
        """Raise SettingsError for settings that give no data."""
        if not self.sources:
            raise SettingsError("data.sources is empty; name at least one index to train on")
        if self.window_frames < 2 or self.batch_size < 1 or self.windows_per_epoch < 1:
            raise SettingsError(
                "data.window_frames, batch_size and windows_per_epoch are positive; found "
                f"{self.window_frames}, {self.batch_size} and {self.windows_per_epoch}"
            )
        if self.reuse < 1 or self.batch_size % self.reuse:
            raise SettingsError(
                "data.reuse is 1 or more and divides data.batch_size; found "
                f"{self.reuse} and {self.batch_size}"
            )
        if self.reuse > 1 and not self.on_device:
            raise SettingsError("data.reuse above 1 needs data.on_device=true")

    def load_libraries(self) -> tuple[list[Library], list[LeftOut]]:
        """The sources less the music that is tested on, and what that is."""
        return load_libraries(
            self.sources,
            self.held_out,
            Path(self.cache),
            leave_out_test_music=self.leave_out_test_music,
        )

    @property
    def new_windows(self) -> int:
        """How many windows of a batch were never seen before."""
        return self.batch_size // self.reuse


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
        libraries: Sequence[Library] | None = None,
    ) -> None:
        config.check()
        self.config = config
        self.features = TorchFeatures(features)
        self.seed = seed
        sources = list(config.sources.values())
        self.libraries = libraries or config.load_libraries()[0]
        weights = np.array([source.weight for source in sources], np.float64)
        self.share = weights / weights.sum()
        needs_instrument = any(
            recording.audio_path is None
            for library in self.libraries
            for recording in library.recordings
        )
        self.instruments = (
            Instruments(config.instruments, config.instrument_weights) if needs_instrument else None
        )
        self.releases = (
            load_releases(Path(config.releases), features.sample_rate) if config.releases else {}
        )
        self.augmenter = Augmenter(augment, *rooms_and_noises(config, features.sample_rate))
        if config.preload:
            for library in self.libraries:
                library.preload()
            if self.instruments is not None:
                self.instruments.preload()

    def __len__(self) -> int:
        return self.config.windows_per_epoch

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([self.seed, index])
        if rng.uniform() < self.config.empty_probability:
            window = self._empty(rng)
        else:
            library = self.libraries[rng.choice(len(self.libraries), p=self.share)]
            piece = int(rng.choice(len(library.recordings), p=library.share))
            window = self._draw(library, piece, rng)
        if self.config.on_device:
            return {"samples": torch.from_numpy(window.samples), **self._labels(window, half=True)}
        with torch.no_grad():
            frames = self.features(torch.from_numpy(self.augmenter(window.samples, rng)))
        return {"frames": frames, **self._labels(window)}

    def _empty(self, rng: np.random.Generator) -> _Window:
        """A window in which nobody plays."""
        margin = self.features.config.margin
        n_samples = self.config.window_frames * self.features.config.hop_length + 2 * margin
        noise = self.augmenter.noise(n_samples, rng)
        return _Window(noise, Performance(), 0)

    def _draw(self, library: Library, piece: int, rng: np.random.Generator) -> _Window:
        """A window of one recording, in tune or not, before augmentation."""
        config, grid = self.config, self.features.config.grid
        recording, table = library.recordings[piece], library.table(piece)
        cents = float(rng.uniform(-config.detune_cents, config.detune_cents))
        stretch = 2 ** (-cents / 1200)
        seconds = grid.seconds(config.window_frames)
        last = max(0.0, recording.duration * stretch - seconds)
        start_frame = round(grid.position(float(rng.uniform(0, last))))
        margin = self.features.config.margin
        first = start_frame * grid.hop_length - margin
        n_samples = config.window_frames * grid.hop_length + 2 * margin
        samples = np.zeros(n_samples, np.float32)
        missing = max(0, -first)
        start = (first + missing) / grid.sample_rate / stretch
        duration = (n_samples - missing) / grid.sample_rate / stretch
        if recording.audio_path is not None:
            heard = self._recorded(recording.audio_path, start, duration)
        else:
            if config.variety.octaves and rng.uniform() < 0.5:
                share = float(rng.uniform(0, config.variety.octaves))
                table = with_octaves(table, start, start + duration, share, rng)
            heard = self._rendered(table, start, duration, rng)
        heard = detune(heard, cents)[0][: n_samples - missing]
        samples[missing : missing + len(heard)] = heard
        stop = start + duration
        return _Window(
            samples,
            excerpt(table, start, stop, stretch),
            start_frame,
            pedal_known=has_pedal(recording),
            velocity_known=library.velocities and has_velocity(recording),
            loudness_known=library.loudness,
            releases_known=library.releases,
            doubts=library.doubts(piece),
            stretch=stretch,
        )

    def _recorded(self, path: Path, start: float, duration: float) -> NDArray[np.float32]:
        sample_rate = self.features.config.sample_rate
        stored = cached_samples(path, sample_rate, Path(self.config.cache))
        first = round(start * sample_rate)
        heard = stored[first : first + round(duration * sample_rate) + 1]
        return np.asarray(heard, np.float32) / np.float32(FULL_SCALE)

    def _rendered(
        self, table: PerformanceArrays, start: float, duration: float, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        variety, defaults = self.config.variety, RenderConfig()
        if self.instruments is None:
            return np.zeros(round(duration * self.features.config.sample_rate), np.float32)
        bank = self.instruments.draw(rng)
        low, high = np.log(variety.release_factor)
        softest, steepest = variety.velocity_exponent
        softer, harder = variety.layer_shift
        factor = float(np.exp(rng.uniform(low, high)))
        touch = rest = 0.0
        if variety.half_pedal and rng.uniform() < variety.half_pedal:
            shallow, deep = variety.dampers_touch
            least, most = variety.dampers_reach
            touch = float(rng.uniform(shallow, deep))
            rest = max(0.0, touch - float(rng.uniform(least, most)))
        quick, slow = np.log(variety.pedal_travel)
        releases = self.releases if self.releases and rng.uniform() < 0.5 else None
        config = RenderConfig(
            velocity_exponent=float(rng.uniform(softest, steepest)),
            release_bass=defaults.release_bass * factor,
            release_treble=defaults.release_treble * factor,
            note_level_db=variety.note_level_db,
            layer_shift=float(rng.uniform(softer, harder)),
            layer_spread=float(rng.uniform(0, variety.layer_spread)),
            key_noise=float(rng.uniform(0, variety.key_noise)),
            pedal_noise=float(rng.uniform(0, variety.pedal_noise)),
            resonance=float(rng.uniform(0, variety.resonance)),
            damper_lead=float(rng.uniform(0, variety.damper_lead)),
            damper_early=float(rng.uniform(0, variety.damper_early)),
            damper_buzz=float(rng.uniform(0, variety.damper_buzz)),
            restrike_keep=float(rng.uniform(0, variety.restrike_keep)),
            release_tail=float(rng.uniform(0, variety.release_tail)),
            dampers_touch=touch,
            dampers_rest=rest,
            pedal_travel=float(np.exp(rng.uniform(quick, slow))),
        )
        if bank.sample_rate != self.features.config.sample_rate:
            raise SettingsError(
                f"instrument {bank.name} has {bank.sample_rate} Hz, the features "
                f"{self.features.config.sample_rate} Hz; they must agree for training"
            )
        return render(
            table, bank, config, start=start, duration=duration, rng=rng, releases=releases
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
        told = known if window.releases_known else known & ~held_by_pedal(rolls)
        return {
            "targets": targets.half() if half else targets,
            "pedal_known": torch.tensor(float(window.pedal_known)),
            "velocity_known": torch.tensor(float(window.velocity_known)),
            "loudness_known": torch.tensor(float(window.loudness_known)),
            "notes_known": torch.from_numpy(known),
            "releases_known": torch.from_numpy(told),
        }


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


def rooms_and_noises(
    config: DataConfig, sample_rate: int
) -> tuple[tuple[NDArray[np.float32], ...], tuple[NDArray[np.float32], ...]]:
    """Impulse responses and what is not music, recorded and synthesised."""
    rng = np.random.default_rng(20180923)
    rooms = [room_like(rng, sample_rate) for _ in range(config.n_synthetic_rooms)]
    if config.rooms:
        rooms += load_impulse_responses(Path(config.rooms))
    return tuple(rooms), tuple(_noises(config, sample_rate))


def _noises(config: DataConfig, sample_rate: int) -> list[NDArray[np.float32]]:
    """Recorded noises that are not left out, and synthesised ones."""
    noises = list(_synthetic_noises(config.n_synthetic_noises, sample_rate))
    if config.noises:
        left_out = frozenset(config.noises_left_out)
        noises += load_noises(Path(config.noises), sample_rate, left_out=left_out)
    return noises


@lru_cache(maxsize=1)
def _synthetic_noises(n_noises: int, sample_rate: int) -> tuple[NDArray[np.float32], ...]:
    """Two voices for every applause; the same in every run."""
    rng = np.random.default_rng(20180923)
    makers = itertools.cycle((speech_like, speech_like, applause_like))
    return tuple(
        make(rng, _SYNTHETIC_NOISE_SECONDS, sample_rate)
        for make in itertools.islice(makers, n_noises)
    )


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


def excerpt(
    table: PerformanceArrays, start: float, stop: float, stretch: float = 1.0
) -> Performance:
    """The notes and presses that touch [start, stop), their times multiplied by stretch."""
    until = np.maximum(table.released, table.damped)
    chosen = np.flatnonzero((table.onset < stop) & (until > start))
    notes = [
        Note(
            onset=float(table.onset[i]) * stretch,
            pitch=int(table.pitch[i]),
            offset=float(table.released[i]) * stretch,
            velocity=int(table.velocity[i]),
        )
        for i in chosen
    ]
    pressed = np.flatnonzero((table.pedal_onset < stop) & (table.pedal_offset > start))
    presses = [
        PedalPress(
            onset=float(table.pedal_onset[i]) * stretch,
            offset=float(table.pedal_offset[i]) * stretch,
        )
        for i in pressed
    ]
    return Performance(notes=without_overlaps(notes), pedal=tuple(presses))


@dataclass(frozen=True, slots=True)
class ValidationPiece:
    """A passage with what was played in it."""

    name: str
    samples: NDArray[np.float32]
    performance: Performance
    has_pedal: bool


class ValidationPieces(Dataset[ValidationPiece]):
    """Fixed passages: recordings as they are, MIDI on the held-out instruments."""

    def __init__(self, config: DataConfig, features: FeatureConfig) -> None:
        self.config, self.sample_rate = config, features.sample_rate
        self.libraries = [Library(source) for source in config.validation_sources.values()]

    def __len__(self) -> int:
        return self.config.validation_windows if self.libraries else 0

    def __getitem__(self, index: int) -> ValidationPiece:
        if not 0 <= index < len(self):
            raise IndexError(index)
        config = self.config
        library = self.libraries[index % len(self.libraries)]
        rng = np.random.default_rng([20180923, index])
        piece = int(rng.choice(len(library.recordings), p=library.share))
        recording = library.recordings[piece]
        duration = min(config.validation_seconds, recording.duration)
        start = float(rng.uniform(0, recording.duration - duration))
        table = library.table(piece)
        if recording.audio_path is not None:
            whole = read_audio(recording.audio_path, self.sample_rate)
            first = round(start * self.sample_rate)
            samples = whole[first : first + round(duration * self.sample_rate)]
        else:
            # Every instrument plays every library, however many there are of either.
            turn = index // len(self.libraries)
            name = config.validation_instruments[turn % len(config.validation_instruments)]
            bank = _bank(str(Path(config.instruments) / name))
            samples = render(
                table, bank, VALIDATION_RENDER, start=start, duration=duration, rng=rng
            )
        return ValidationPiece(
            name=recording.title,
            samples=samples,
            performance=_moved(excerpt(table, start, start + duration), start, duration),
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
