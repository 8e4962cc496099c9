"""Windows of events for the generator: drawn from MIDI, transposed and stretched.

As with `training_windows.TrainingWindows`, a window is made of its own random numbers, seeded by
(seed, index), so a run that goes on sees what it would have seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from transcribe.datasets import Recording, check_split, load_dataset, reference_performance
from transcribe.errors import SettingsError
from transcribe.files.atomic import atomic_path
from transcribe.generate.events import PEDAL, Events, Table, events_of, table_of
from transcribe.notes import N_PITCHES
from transcribe.train.checking import refuse_no_share
from transcribe.train.held_out import HeldOutConfig, LeftOut, training_recordings


@dataclass
class EventSourceConfig:
    """One index of performances, of which the MIDI is read."""

    index: str = ""
    """CSV file, or a MAESTRO folder as downloaded; see `datasets.load_dataset`."""
    split: str = "train"
    weight: float = 1.0
    """Share of the windows drawn from this source, relative to the others."""

    def check(self) -> None:
        """Raise ValueError for a split that there isn't."""
        check_split(self.split)


@dataclass
class EventDataConfig:
    """What the generator is trained and validated on."""

    sources: dict[str, EventSourceConfig] = field(default_factory=dict)
    validation: EventSourceConfig = field(default_factory=EventSourceConfig)
    held_out: dict[str, HeldOutConfig] = field(default_factory=dict)
    """Performances whose music no source may teach, beside the test splits of the sources."""
    leave_out_test_music: bool = True
    """Leave out of the sources what shares music with these; see `held_out`."""
    cache: str = "outputs/cache"
    """Where the events of an index are kept once they are read."""
    windows_per_epoch: int = 400
    """An epoch is this many windows; nothing is ever repeated."""
    batch_size: int = 8
    semitones: int = 6
    """Windows are transposed by up to this much either way, as far as the keyboard goes."""
    stretch: float = 0.1
    """Windows are played faster or slower by up to this share."""
    validation_windows: int = 32

    def check(self) -> None:
        """Raise SettingsError for settings that give no data."""
        if not self.sources:
            raise SettingsError("data.sources is empty; name at least one index to train on")
        if self.batch_size < 1 or self.windows_per_epoch < self.batch_size:
            raise SettingsError(
                "data.windows_per_epoch is data.batch_size or more, and both are positive; found "
                f"{self.windows_per_epoch} and {self.batch_size}"
            )
        if not 0 <= self.stretch < 1:
            raise SettingsError(f"data.stretch is 0 or more and below 1; found {self.stretch}")
        weights = {name: source.weight for name, source in self.sources.items()}
        refuse_no_share("data.sources", weights)

    def load_sources(self) -> tuple[list[SourceEvents], list[LeftOut]]:
        """The sources less the music that is tested on, and what that is."""
        cache = Path(self.cache)
        kept, left_out = training_recordings(
            self.sources, self.held_out, cache, leave_out_test_music=self.leave_out_test_music
        )
        return [SourceEvents(self.sources[name], cache, kept[name]) for name in kept], left_out


class SourceEvents:
    """All events of a source, as one table with its pieces' borders."""

    def __init__(
        self, source: EventSourceConfig, cache: Path, recordings: Sequence[Recording] | None = None
    ) -> None:
        index = Path(source.index)
        if recordings is None:
            recordings = load_dataset(index, split=source.split)
        named = "\n".join(f"{r.midi_path} {r.duration}" for r in recordings)
        digest = hashlib.sha256(named.encode()).hexdigest()[:16]
        path = cache / f"events-{index.stem}-{source.split}-{digest}.npz"
        if not path.is_file():
            tables = [table_of(reference_performance(recording)) for recording in recordings]
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(path) as temporary, temporary.open("wb") as file:
                np.savez(file, table=np.concatenate(tables), sizes=[len(t) for t in tables])
        with np.load(path) as stored:
            self.table: Table = stored["table"]
            sizes: NDArray[np.int64] = stored["sizes"]
        self.starts = np.concatenate(([0], np.cumsum(sizes)))

    def piece(self, number: int) -> Table:
        """One performance."""
        return self.table[self.starts[number] : self.starts[number + 1]]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def draw(self, rng: np.random.Generator, size: int) -> Table:
        """As many events in a row from a piece that has them; every place is as likely."""
        places = np.maximum(0, np.diff(self.starts) - size + 1)
        if not places.any():
            longest = int(np.diff(self.starts).max(initial=0))
            raise SettingsError(
                f"expected performances of {size} events, which a window has; found {longest} at "
                "most: shorten model.context, or name longer performances"
            )
        number = rng.choice(len(places), p=places / places.sum())
        start = rng.integers(places[number])
        return self.piece(number)[start : start + size]


def varied(table: Table, rng: np.random.Generator, config: EventDataConfig) -> Table:
    """The same music in another key and tempo; the pedal follows the tempo."""
    table = table.copy()
    notes = table[:, 2] != PEDAL
    if notes.any():
        lowest, highest = table[notes, 2].min(), table[notes, 2].max()
        down = min(config.semitones, int(lowest))
        up = min(config.semitones, int(N_PITCHES - 1 - highest))
        table[notes, 2] += rng.integers(-down, up + 1)
    table[:, 0] -= table[0, 0]
    table[:, :2] *= np.exp(rng.uniform(np.log1p(-config.stretch), np.log1p(config.stretch)))
    return table


class EventWindows(Dataset[Tensor]):
    """Windows of ``context + 1`` events, shape (context + 1, 4).

    Any index from 0 up makes a window, and always the same one.
    """

    def __init__(
        self,
        config: EventDataConfig,
        sources: Sequence[SourceEvents],
        *,
        context: int,
        seed: int,
    ) -> None:
        self.config, self.sources, self.context, self.seed = config, sources, context, seed
        weights = np.array([source.weight for source in config.sources.values()])
        self.share = weights / weights.sum()

    def __getitem__(self, index: int) -> Tensor:
        rng = np.random.default_rng((self.seed, index))
        source = self.sources[rng.choice(len(self.sources), p=self.share)]
        table = source.draw(rng, self.context + 1)
        return torch.from_numpy(events_of(varied(table, rng, self.config)))

    def __len__(self) -> int:
        return self.config.windows_per_epoch


def validation_windows(source: SourceEvents, *, context: int, n_windows: int) -> list[Events]:
    """Windows of ``context + 1`` events, evenly from all that the pieces have."""
    pieces = [events_of(source.piece(number)) for number in range(len(source))]
    whole = [
        piece[start : start + context + 1]
        for piece in pieces
        for start in range(0, len(piece) - context, context)
    ]
    if not whole:
        longest = max(map(len, pieces), default=0)
        raise SettingsError(
            f"expected performances to validate on of {context + 1} events; found {longest} at "
            "most: shorten model.context, or name longer performances"
        )
    chosen = np.linspace(0, len(whole) - 1, min(n_windows, len(whole))).round().astype(int)
    return [whole[number] for number in chosen]
