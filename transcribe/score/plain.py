"""A score by rules alone: the beats of `music.find_beats`, sixteenths, hands by pitch.

What the learned models are measured against.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from transcribe.music.beat_grid import BeatGrid, find_beats
from transcribe.music.key import find_key
from transcribe.notes import Note, Performance
from transcribe.score.score import LEFT, RIGHT, Hints, KeyChange, MetreChange, Score, ScoreNote

_MIDDLE = 60
_STEPS = 4
"""A beat is divided in four, in 6/8 in six."""


def analyse(performance: Performance, hints: Hints | None = None) -> Score:
    """The score of a performance, with no voices yet.

    Parameters
    ----------
    performance : Performance
        With a note at least.
    hints : Hints, optional
        What is known of the piece.
    """
    hints = hints or Hints()
    grid = find_beats(
        performance, tempo=hints.tempo, metre=hints.metre, follow=hints.tempo is not None
    )
    beats, first = _whole_bars(grid, performance, hints)
    key = hints.key or find_key(performance.notes)
    metre = MetreChange(beats[0], 0 if first else 1, grid.metre)
    return Score(
        beats=tuple(beats),
        first_downbeat=first,
        metres=(metre,),
        keys=(KeyChange(beats[0], metre.bar, key),),
        notes=tuple(_place(note, beats, first, grid) for note in performance.notes),
        pedal=performance.pedal,
        doubts=("bars, hands and note values are found by simple rules",),
    )


def _whole_bars(grid: BeatGrid, performance: Performance, hints: Hints) -> tuple[list[float], int]:
    """Beats from the first note's to the end of the last bar, and which starts bar 1."""
    n = grid.metre.beats_per_bar
    first = grid.first_downbeat
    if hints.downbeat is not None:
        first = round(grid.position(hints.downbeat)) % n
    start = int(np.floor(grid.position(performance.notes[0].onset) + 0.25))
    start = max(start, 0)
    if (start - first) % n == 0 or start >= first:
        start = first + (start - first) // n * n
        first = start
    stop = int(np.ceil(grid.position(max(note.onset for note in performance.notes)) + 0.75))
    stop = max(first + -(-(stop - first) // n) * n, first + n)
    return [max(grid.seconds(i), 0.0) for i in range(start, stop + 1)], first - start


def _place(note: Note, beats: Sequence[float], first: int, grid: BeatGrid) -> ScoreNote:
    metre = grid.metre
    steps = metre.steps_per_beat

    def step(seconds: float) -> int:
        index = min(max(bisect_right(beats, seconds) - 1, 0), len(beats) - 2)
        place = index + (seconds - beats[index]) / (beats[index + 1] - beats[index])
        return round((place - first) * steps)

    onset = max(step(note.onset), -first * steps)
    length = max(step(note.offset) - onset, 1)
    bar, inside = divmod(onset, metre.steps_per_bar)
    quarter = metre.quarters_per_beat / steps
    return ScoreNote(
        note=note,
        hand=RIGHT if note.pitch >= _MIDDLE else LEFT,
        bar=bar + 1,
        beat=inside * quarter,
        length=length * quarter,
        confidence=0.5,
    )
