"""What training does to a performance: another key and pace, and the faults of transcriptions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transcribe.notes import HIGHEST_PITCH, LOWEST_PITCH
from transcribe.score.onset_features import NoteArrays


@dataclass
class PlayedDifferentlyConfig:
    """How often and how much; the faults are those that transcriptions have."""

    semitones: int = 6
    """Transposed by up to this much either way."""
    stretch: float = 0.4
    """Played faster or slower by up to this, in the logarithm."""
    faults: float = 0.5
    """Share of the windows with faults at all."""
    dropped: float = 0.08
    """Share of notes left out, at most."""
    added: float = 0.05
    """Share of notes doubled in an octave or fifth, at most."""
    jitter: float = 0.012
    """Seconds, standard deviation of onsets, at most."""
    sustained: float = 0.2
    """Share of the windows whose notes last as long as the pedal lets them."""
    without_pedal: float = 0.25
    """Share of the windows whose pedal is not known."""
    beat_jitter: float = 0.02
    """Beats, standard deviation of given beats, at most; only notes are read with given beats."""


def transposed(
    notes: NoteArrays, rng: np.random.Generator, semitones: int
) -> tuple[NoteArrays, int]:
    """In another key, as far as the keyboard goes, and by how many semitones."""
    down = min(semitones, int(notes.pitch.min()) - LOWEST_PITCH)
    up = min(semitones, HIGHEST_PITCH - int(notes.pitch.max()))
    by = int(rng.integers(-down, up + 1))
    return (
        NoteArrays(notes.onset, notes.offset, notes.pitch + by, notes.velocity, notes.pedal),
        by,
    )


def with_faults(
    notes: NoteArrays, rng: np.random.Generator, config: PlayedDifferentlyConfig
) -> tuple[NoteArrays, NDArray[np.int64]]:
    """As a transcription might have it, and of which note each is (-1 for those added)."""
    n = len(notes.onset)
    onset, offset = notes.onset.copy(), notes.offset.copy()
    pitch, velocity, pedal = notes.pitch.copy(), notes.velocity.copy(), notes.pedal
    source = np.arange(n)
    if rng.random() < config.sustained and len(pedal):
        index = np.searchsorted(pedal[:, 0], offset, side="right") - 1
        held = np.where(index >= 0, pedal[np.maximum(index, 0), 1], 0)
        offset = np.maximum(offset, held)
    if rng.random() < config.faults:
        length = (offset - onset) * np.exp(rng.normal(0, rng.uniform(0, 0.4), n))
        onset = onset + rng.normal(0, rng.uniform(0, config.jitter), n)
        offset = onset + np.maximum(length, 0.02)
        velocity = np.clip(
            64
            + (velocity - 64) * rng.uniform(0.5, 1.2)
            + rng.normal(0, rng.uniform(0, 8), n)
            + rng.uniform(-20, 20),
            1,
            127,
        )
        n_added = int(rng.uniform(0, config.added) * n)
        if n_added:
            like = rng.integers(0, n, n_added)
            moved = pitch[like] + rng.choice([-12, 12, 12, 19, 7, -7, 1], n_added)
            fits = (moved >= LOWEST_PITCH) & (moved <= HIGHEST_PITCH)
            like, moved = like[fits], moved[fits]
            onset = np.concatenate([onset, onset[like] + rng.normal(0, 0.01, len(like))])
            offset = np.concatenate([offset, onset[like] + rng.uniform(0.05, 0.4, len(like))])
            pitch = np.concatenate([pitch, moved])
            velocity = np.concatenate([velocity, velocity[like] * 0.6])
            source = np.concatenate([source, np.full(len(like), -1)])
        kept = rng.random(len(onset)) >= rng.uniform(0, config.dropped)
        if kept.sum() > n // 2:
            onset, offset, pitch = onset[kept], offset[kept], pitch[kept]
            velocity, source = velocity[kept], source[kept]
        if rng.random() < config.without_pedal:
            pedal = pedal[:0]
    order = np.lexsort((pitch, onset))
    return (
        NoteArrays(
            onset[order],
            np.maximum(offset, onset + 0.01)[order],
            pitch[order],
            velocity[order],
            pedal,
        ),
        source[order],
    )


def stretched(notes: NoteArrays, factor: float) -> NoteArrays:
    """So many times as long."""
    return NoteArrays(
        notes.onset * factor,
        notes.offset * factor,
        notes.pitch,
        notes.velocity,
        notes.pedal * factor,
    )


AS_PLAYED = PlayedDifferentlyConfig(
    semitones=0, stretch=0.0, faults=0.0, sustained=0.0, beat_jitter=0.0
)
"""Nothing is changed."""
