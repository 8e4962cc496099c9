"""Settings of a run that is over in seconds, and the pieces that it learns from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from transcribe.notes import Note, PedalPress, Performance
from transcribe.train.conf import CONF
from transcribe.train.config import TrainConfig

SECONDS = 16.0
SHORT = ("data.windows_per_epoch=8", "data.window_frames=16", "data.validation_windows=0")


def random_piece(seed: int) -> Performance:
    """Two voices with some pedal, like a beginner's study."""
    rng = np.random.default_rng(seed)
    notes = []
    for low, high, step in ((40, 58, 0.5), (60, 86, 0.25)):
        for onset in np.arange(0.5, SECONDS - 1, step):
            if rng.random() < 0.15:
                continue
            notes.append(
                Note(
                    onset=float(onset + rng.normal(0, 0.01)),
                    pitch=int(rng.integers(low, high)),
                    offset=float(onset + step * rng.uniform(0.6, 0.9)),
                    velocity=int(rng.integers(50, 110)),
                )
            )
    starts = np.arange(2.0, 10.0, 2.0) + 0.3 * seed
    pedal = [PedalPress(onset=float(t), offset=float(t + 1.7)) for t in starts]
    return Performance(notes=notes, pedal=pedal)


def overrides(pieces: Path, output: Path, *more: str) -> list[str]:
    """What the command line would say for the tiny experiment on the pieces."""
    return [
        "experiment=tiny",
        "data=pieces",
        f"output={output}",
        f"data.sources.pieces.index={pieces / 'pieces.csv'}",
        f"data.validation_sources.pieces.index={pieces / 'pieces.csv'}",
        f"data.instruments={pieces / 'instruments'}",
        "trainer.progress_bar=false",
        *more,
    ]


def settings(pieces: Path, output: Path, *more: str) -> TrainConfig:
    """The same as plain dataclasses."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=overrides(pieces, output, *more))
    return OmegaConf.to_object(config)


def song(seed: int) -> Performance:
    """Eighths at 120 over a bass on every half, 32 bars of 4/4."""
    rng = np.random.default_rng(seed)
    notes = []
    for eighth in range(256):
        onset = 0.5 + 0.25 * eighth + float(rng.normal(0, 0.004))
        pitch = int(60 + rng.choice([0, 2, 4, 5, 7, 9, 11, 12, 14, 16, 17, 19]))
        velocity = 85 if eighth % 2 == 0 else 65
        notes.append(Note(onset=onset, offset=onset + 0.2, pitch=pitch, velocity=velocity))
        if eighth % 4 == 0:
            bass = int(36 + rng.choice([0, 5, 7, 9]))
            notes.append(Note(onset=onset, offset=onset + 0.9, pitch=bass, velocity=80))
    return Performance(tuple(sorted(notes, key=lambda note: (note.onset, note.pitch))))
