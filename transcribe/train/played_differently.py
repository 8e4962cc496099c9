"""What training does to a performance: another key and pace, and the faults of transcriptions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transcribe.notes import HIGHEST_PITCH, LOWEST_PITCH
from transcribe.score.onset_features import NoteArrays

Array = NDArray[np.float64]
_CURVE_STEP = 0.4
"""Seconds."""
_FEWEST = 24
"""Notes, of which none is left out."""


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
    """Share of the windows with faults whose pedal is not known."""
    beat_jitter: float = 0.02
    """Beats, standard deviation of given beats, at most; onsets are read without."""
    miscounted: float = 0.6
    """Share of the windows of beats in which up to three beats are missed or are too many."""
    rubato: float = 0.6
    """Share of the windows of onsets whose tempo is bent; see `TempoCurve`."""
    one_hand: float = 0.2
    """Share of the windows of onsets and of beats from which half of one hand or more is left
    out."""
    thinned: float = 0.2
    """Share of these windows that are thinned out, by up to a third."""
    untold: float = 0.25
    """Share of these windows of which some kinds of features are not told."""


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


@dataclass(frozen=True)
class TempoCurve:
    """From seconds to seconds, as if played with more rubato: each 0.4 s last up to 1.8 times as
    long, by a drift over some seconds and a little from one to the next."""

    seconds: Array
    bent: Array

    @classmethod
    def draw(cls, rng: np.random.Generator, start: float, stop: float) -> TempoCurve:
        """For the seconds between."""
        n = int((stop - start) / _CURVE_STEP) + 3
        quick, slow = rng.uniform(0, 0.12), rng.uniform(0, 0.22)
        smooth = np.convolve(rng.normal(0, 1, n + 2), np.full(3, 3**-0.5), "valid")
        n_turns = max(n // int(rng.integers(6, 25)), 2) + 2
        turns = rng.normal(0, slow, n_turns)
        drift = np.interp(np.arange(n), np.linspace(0, n - 1, n_turns), turns)
        lasting = np.exp(np.clip(quick * smooth + drift, -0.6, 0.6)) * _CURVE_STEP
        bent = np.array([start, *(start + np.cumsum(lasting))])
        return cls(np.array(start + _CURVE_STEP * np.arange(n + 1)), bent)

    def __call__(self, seconds: Array) -> Array:
        """When it happens; before and after what was drawn for, time goes on as it does."""
        first, last = self.seconds[0], self.seconds[-1]
        inside = np.interp(seconds, self.seconds, self.bent)
        outside = np.minimum(seconds - first, 0) + np.maximum(seconds - last, 0)
        return np.asarray(inside + outside)

    def of_notes(self, notes: NoteArrays) -> NoteArrays:
        """The same notes, when they happen."""
        return NoteArrays(
            self(notes.onset), self(notes.offset), notes.pitch, notes.velocity, self(notes.pedal)
        )


def left_out(
    notes: NoteArrays,
    right: NDArray[np.int64],
    rng: np.random.Generator,
    config: PlayedDifferentlyConfig,
) -> NDArray[np.bool_]:
    """Which notes stay when a hand is left out, or some of all.

    ``right`` says of each note 1 for the right hand, 0 for the left, -1 where it is not known:
    then a pitch parts the hands.
    """
    kept = np.ones(len(notes.onset), bool)
    if rng.random() < config.one_hand:
        low = np.where(right >= 0, right == 0, notes.pitch < rng.uniform(50, 70))
        hand = low if rng.random() < 0.5 else ~low
        kept &= ~hand | (rng.random(len(hand)) > rng.uniform(0.5, 1))
    if rng.random() < config.thinned:
        kept &= rng.random(len(kept)) > rng.uniform(0, 0.33)
    return kept if kept.sum() >= _FEWEST else np.ones(len(kept), bool)


def some_of(notes: NoteArrays, kept: NDArray[np.bool_]) -> NoteArrays:
    """Those notes that stay."""
    return NoteArrays(
        notes.onset[kept],
        notes.offset[kept],
        notes.pitch[kept],
        notes.velocity[kept],
        notes.pedal,
    )


AS_PLAYED = PlayedDifferentlyConfig(
    semitones=0,
    stretch=0.0,
    faults=0.0,
    sustained=0.0,
    beat_jitter=0.0,
    miscounted=0.0,
    rubato=0.0,
    one_hand=0.0,
    thinned=0.0,
    untold=0.0,
)
"""Nothing is changed."""
