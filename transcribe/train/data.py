"""What a network is trained and validated on: the settings, and what they name."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from transcribe.errors import SettingsError
from transcribe.train.augment.noises import synthetic_noises
from transcribe.train.augment.rooms import room_like
from transcribe.train.augment.sounds import Samples, load_impulse_responses, load_noises
from transcribe.train.checking import refuse_no_share, refuse_outside
from transcribe.train.held_out import HeldOutConfig, LeftOut, training_recordings
from transcribe.train.render_variety import RenderVariety
from transcribe.train.sources import SourceConfig, TrainingSource


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
    """Folder of a recorded key release for each key, mixed into every other window, or empty."""
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
    """Files of ``noises``, without suffix, that are left out of training."""
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
        counts = ("n_workers", "n_synthetic_rooms", "n_synthetic_noises", "validation_windows")
        refuse_outside("data", self, **dict.fromkeys((*counts, "detune_cents"), (0, math.inf)))
        refuse_outside("data", self, empty_probability=(0, 1), pool_windows=(1, math.inf))
        if not self.validation_seconds > 0:
            raise SettingsError(
                f"data.validation_seconds is above 0; found {self.validation_seconds:g}"
            )
        weights = {name: source.weight for name, source in self.sources.items()}
        refuse_no_share("data.sources", weights)
        refuse_no_share("data.instrument_weights", self.instrument_weights)

    def load_sources(self) -> tuple[list[TrainingSource], list[LeftOut]]:
        """The sources less the music that is tested on, and what that is."""
        kept, left_out = training_recordings(
            self.sources,
            self.held_out,
            Path(self.cache),
            leave_out_test_music=self.leave_out_test_music,
        )
        return [TrainingSource(self.sources[name], kept[name]) for name in kept], left_out

    def rooms_and_noises(self, sample_rate: int) -> tuple[tuple[Samples, ...], tuple[Samples, ...]]:
        """Impulse responses of rooms, and noises: synthesised ones and those of the folders."""
        rng = np.random.default_rng(20180923)
        rooms = [room_like(rng, sample_rate) for _ in range(self.n_synthetic_rooms)]
        if self.rooms:
            rooms += load_impulse_responses(Path(self.rooms), sample_rate)
        noises = list(synthetic_noises(self.n_synthetic_noises, sample_rate))
        if self.noises:
            left_out = frozenset(self.noises_left_out)
            noises += load_noises(Path(self.noises), sample_rate, left_out=left_out)
        return tuple(rooms), tuple(noise for noise in noises if np.any(noise))

    @property
    def new_windows(self) -> int:
        """How many windows of a batch were never seen before."""
        return self.batch_size // self.reuse
