"""Scores written by hand, for tests."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from transcribe.music.beat_grid import Metre
from transcribe.music.key import Key
from transcribe.notes import Note
from transcribe.score.score import KeyChange, MetreChange, Score, ScoreNote
from transcribe.score.voices import with_voices

Written = tuple[str, int, str, str, int]
"""Hand, bar, place in it and length in quarters, pitch."""


def score_of(
    written: Sequence[Written],
    *,
    metre: str = "4/4",
    key: Key | None = None,
    velocity: int = 64,
    pedal: tuple = (),
) -> Score:
    """A score at a beat a second, with its voices told apart."""
    found = Metre.parse(metre)
    n_bars = max(bar for _, bar, *_ in written)
    upbeat = min(bar for _, bar, *_ in written) == 0
    first = found.beats_per_bar if upbeat else 0
    beats = tuple(float(i) for i in range(first + n_bars * found.beats_per_bar + 1))
    start = 0 if upbeat else 1
    score = Score(
        beats=beats,
        first_downbeat=first,
        metres=(MetreChange(0.0, start, found),),
        keys=(KeyChange(0.0, start, key or Key(0)),),
        notes=(),
        pedal=pedal,
    )
    notes = []
    for hand, bar, beat, length, pitch in written:
        place, quarters = Fraction(beat), Fraction(length)
        onset = score.seconds(bar, place)
        offset = score.seconds(bar, place + quarters)
        note = Note(onset=onset, offset=max(offset, onset + 0.05), pitch=pitch, velocity=velocity)
        notes.append(ScoreNote(note=note, hand=hand, bar=bar, beat=place, length=quarters))
    notes.sort(key=lambda each: each.note)
    return with_voices(replace(score, notes=tuple(notes)))
