"""What training does to a performance: another key and pace, and the faults of transcriptions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from transcribe.notes import HIGHEST_PITCH, LOWEST_PITCH
from transcribe.score.onset_features import NoteArrays, sounding_until

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
    mirrored: float = 0.0
    """Share of the windows of notes that are turned upside down."""
    apart: float = 0.0
    """Share of the windows of notes of which one hand plays an octave off."""


def transposed(
    notes: NoteArrays, rng: np.random.Generator, semitones: int
) -> tuple[NoteArrays, int]:
    """In another key, as far as the keyboard goes, and by how many semitones."""
    down = min(semitones, int(notes.pitch.min()) - LOWEST_PITCH)
    up = min(semitones, HIGHEST_PITCH - int(notes.pitch.max()))
    by = int(rng.integers(-down, up + 1))
    return replace(notes, pitch=notes.pitch + by), by


def in_other_registers(
    notes: NoteArrays,
    right: NDArray[np.int64],
    rng: np.random.Generator,
    config: PlayedDifferentlyConfig,
) -> tuple[NoteArrays, NDArray[np.int64]]:
    """With a hand an octave off, or upside down, so that the left hand is the right one.

    ``right`` says of each note 1 for the right hand, 0 for the left, -1 where it is not known.
    """
    if rng.random() < config.apart:
        moved = notes.pitch + np.where(right == rng.integers(2), rng.choice([-12, 12]), 0)
        if moved.min() >= LOWEST_PITCH and moved.max() <= HIGHEST_PITCH:
            notes = replace(notes, pitch=moved)
    if rng.random() < config.mirrored:
        notes = notes.upside_down()
        right = np.where(right >= 0, 1 - right, right)
    return notes, right


def with_faults(
    notes: NoteArrays, rng: np.random.Generator, config: PlayedDifferentlyConfig
) -> tuple[NoteArrays, NDArray[np.int64]]:
    """As a transcription might have it, and of which note each is (-1 for those added)."""
    n = len(notes.onset)
    source = np.arange(n)
    if rng.random() < config.sustained and len(notes.pedal):
        notes = replace(notes, offset=sounding_until(notes))
    if rng.random() < config.faults:
        notes = _inexact(notes, rng, config)
        notes, source = _with_false_ones(notes, source, rng, config)
        kept = rng.random(len(notes.onset)) >= rng.uniform(0, config.dropped)
        if kept.sum() > n // 2:
            notes, source = notes.some(kept), source[kept]
        if rng.random() < config.without_pedal:
            notes = replace(notes, pedal=notes.pedal[:0])
    notes = replace(notes, offset=np.maximum(notes.offset, notes.onset + 0.01))
    order = np.lexsort((notes.pitch, notes.onset))
    return notes.some(order), source[order]


def _inexact(
    notes: NoteArrays, rng: np.random.Generator, config: PlayedDifferentlyConfig
) -> NoteArrays:
    """With other onsets, lengths and velocities."""
    n = len(notes.onset)
    length = (notes.offset - notes.onset) * np.exp(rng.normal(0, rng.uniform(0, 0.4), n))
    onset = notes.onset + rng.normal(0, rng.uniform(0, config.jitter), n)
    velocity = (
        64
        + (notes.velocity - 64) * rng.uniform(0.5, 1.2)
        + rng.normal(0, rng.uniform(0, 8), n)
        + rng.uniform(-20, 20)
    )
    return replace(
        notes,
        onset=onset,
        offset=onset + np.maximum(length, 0.02),
        velocity=np.clip(velocity, 1, 127),
    )


def _with_false_ones(
    notes: NoteArrays,
    source: NDArray[np.int64],
    rng: np.random.Generator,
    config: PlayedDifferentlyConfig,
) -> tuple[NoteArrays, NDArray[np.int64]]:
    """With softer notes an octave, a fifth or a semitone from some, which are none's."""
    n = len(notes.onset)
    n_added = int(rng.uniform(0, config.added) * n)
    if not n_added:
        return notes, source
    like = rng.integers(0, n, n_added)
    pitch = notes.pitch[like] + rng.choice([-12, 12, 12, 19, 7, -7, 1], n_added)
    fits = (pitch >= LOWEST_PITCH) & (pitch <= HIGHEST_PITCH)
    like, pitch = like[fits], pitch[fits]
    onset = notes.onset[like] + rng.normal(0, 0.01, len(like))
    offset = notes.onset[like] + rng.uniform(0.05, 0.4, len(like))
    added = NoteArrays(
        onset=np.concatenate([notes.onset, onset]),
        offset=np.concatenate([notes.offset, offset]),
        pitch=np.concatenate([notes.pitch, pitch]),
        velocity=np.concatenate([notes.velocity, notes.velocity[like] * 0.6]),
        pedal=notes.pedal,
    )
    return added, np.concatenate([source, np.full(len(like), -1)])


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
        return replace(
            notes,
            onset=self(notes.onset),
            offset=self(notes.offset),
            pedal=self(notes.pedal),
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
    mirrored=0.0,
    apart=0.0,
)
"""Nothing is changed."""
