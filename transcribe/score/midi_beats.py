"""What MIDI gets of a score: its beats as a tempo map, and notes drawn towards their places."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from transcribe.music.tempo_map import TempoMap, tempo_map
from transcribe.notes import Performance, without_overlaps
from transcribe.score.score import Score

_SHORTEST = 0.01
"""Seconds that a note keeps at least."""


def beats_for_midi(score: Score) -> TempoMap:
    """Tempos, time and key signatures, so that a sequencer's grid fits what was played."""

    def index(bar: int) -> int:
        return score.bar_starts[bar - 1] if bar >= 1 else 0

    return tempo_map(
        score.beats,
        score.first_downbeat,
        [(index(each.bar), each.metre) for each in score.metres],
        [(index(each.bar), each.key) for each in score.keys],
    )


def quantised(performance: Performance, score: Score, strength: float) -> Performance:
    """Draw notes to their places on the played beats.

    Parameters
    ----------
    performance : Performance
        What the score is of.
    score : Score
        Says the place of each of its notes. Grace notes stay where they are.
    strength : float
        0 moves nothing, 1 puts every onset on its place; keys and pedal are released as much
        later or earlier.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"a strength is 0 to 1; found {strength}")
    moved = []
    for each in score.notes:
        note = each.note
        shift = 0.0
        if not each.is_grace:
            shift = strength * (score.seconds(each.bar, each.beat) - note.onset)
        onset = max(note.onset + shift, 0.0)
        moved.append(replace(note, onset=onset, offset=max(note.offset + shift, onset + _SHORTEST)))
    before = np.asarray([each.note.onset for each in score.notes])
    shifts = np.asarray([note.onset for note in moved]) - before

    def follow(seconds: float) -> float:
        return max(seconds + float(np.interp(seconds, before, shifts)), 0.0)

    pedal, free = [], 0.0
    for press in performance.pedal:
        onset = max(follow(press.onset), free)
        free = max(follow(press.offset), onset + _SHORTEST)
        pedal.append(replace(press, onset=onset, offset=free))
    return Performance(without_overlaps(moved), tuple(pedal))
