"""Variants of a passage: transposed within the keyboard, played slower or faster."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from transcribe.corpus.config import CorpusConfig
from transcribe.corpus.passages import Passage
from transcribe.notes import HIGHEST_PITCH, LOWEST_PITCH, PedalPress, Performance


@dataclass(frozen=True, slots=True)
class Variant:
    """What is done to a passage."""

    semitones: int = 0
    """Up, or down if below 0."""
    stretch: float = 1.0
    """Above 1 is slower."""


AS_PLAYED = Variant()


def variants_of(
    passage: Passage, recording: str, split: str, config: CorpusConfig
) -> tuple[Variant, ...]:
    """The passage as it was played, and in the train split beside it what is drawn.

    Drawn from the seed, the recording's checksum and the passage alone, so that neither other
    recordings nor the order of work change anything.
    """
    if split != "train" or not (config.semitones or config.stretch):
        return (AS_PLAYED,)
    down = max(-config.semitones, LOWEST_PITCH - passage.lowest)
    up = min(config.semitones, HIGHEST_PITCH - passage.highest)
    rng = random.Random(f"{config.seed} {recording} {passage.start:.4f}")
    return AS_PLAYED, *(
        Variant(rng.randint(down, up), round(1 + rng.uniform(-config.stretch, config.stretch), 4))
        for _ in range(config.copies)
    )


def vary(performance: Performance, variant: Variant) -> Performance:
    """The performance transposed and stretched.

    Raises
    ------
    ValueError
        A note would leave the keyboard.
    """
    if variant == AS_PLAYED:
        return performance
    by = variant.stretch
    return Performance(
        tuple(
            replace(
                note,
                onset=note.onset * by,
                offset=note.offset * by,
                pitch=note.pitch + variant.semitones,
            )
            for note in performance.notes
        ),
        tuple(
            PedalPress(onset=press.onset * by, offset=press.offset * by)
            for press in performance.pedal
        ),
    )
