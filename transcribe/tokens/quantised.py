"""Notes on a 16th grid, the bars they fill, and the way back to seconds.

Steps are sixteenth notes. Step 0 of an item is the start of a bar; the item's ``about``
keeps the seconds of its beats, so that it can be put back where it was played.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from transcribe.music.beat_grid import BeatGrid
from transcribe.notes import Note, Performance
from transcribe.tokens.score_midi import StepNote

JOINED_STEPS = 1
"""Rests in a melody that are too short to be meant."""


@dataclass(frozen=True, slots=True)
class BarRange:
    """A stretch of whole bars of a grid; bar 0 begins with the first downbeat."""

    grid: BeatGrid
    first: int
    """May be negative: an upbeat."""
    n_bars: int

    @property
    def n_steps(self) -> int:
        """Sixteenth notes in it."""
        return self.n_bars * self.grid.metre.steps_per_bar

    @property
    def start_step(self) -> int:
        """Its first step, on the grid."""
        return self.first * self.grid.metre.steps_per_bar

    @property
    def start(self) -> float:
        """Seconds of the recording; an upbeat's bar may begin before it, at 0 or less."""
        return self.grid.step_seconds(self.start_step)

    @property
    def stop(self) -> float:
        """Seconds of the recording."""
        return self.grid.step_seconds(self.start_step + self.n_steps)

    @property
    def quarters_a_minute(self) -> float:
        """The mean tempo here."""
        return 60 * self.n_steps / 4 / (self.stop - self.start)

    def about(self) -> dict[str, Any]:
        """Where it lies, for an item's ``about``: what `steps_to_seconds` needs."""
        per_beat = self.grid.metre.steps_per_beat
        n_beats = self.n_steps // per_beat
        seconds = (self.grid.step_seconds(self.start_step + i * per_beat) for i in range(n_beats))
        return {
            "first_bar": self.first,
            "n_bars": self.n_bars,
            "steps_per_beat": per_beat,
            "beats": [round(second, 5) for second in (*seconds, self.stop)],
            "beat_before": round(self.grid.step_seconds(self.start_step - per_beat), 5),
        }

    def cut(self, notes: Iterable[StepNote]) -> tuple[StepNote, ...]:
        """The notes that begin here, in steps from its start, cut where it ends."""
        start, stop = self.start_step, self.start_step + self.n_steps
        return tuple(
            replace(note, step=note.step - start, n_steps=min(note.n_steps, stop - note.step))
            for note in notes
            if start <= note.step < stop
        )


def on_grid(notes: Iterable[Note], grid: BeatGrid) -> tuple[StepNote, ...]:
    """Onsets and offsets at the nearest step of the grid, a step long at least."""
    placed = []
    for note in notes:
        step = round(grid.step(note.onset))
        n_steps = max(round(grid.step(note.offset)) - step, 1)
        placed.append(StepNote(step, note.pitch, n_steps, note.velocity))
    return tuple(sorted(placed))


def line_on_grid(notes: Sequence[Note], grid: BeatGrid) -> tuple[StepNote, ...]:
    """One voice on the grid: a note a step, the loudest; each cut at the next one's step.

    Rests of `JOINED_STEPS` or fewer are closed: a sung line does not rest for a sixteenth
    when a finger lets go.
    """
    by_step: dict[float, StepNote] = {}
    for note in on_grid(notes, grid):
        other = by_step.get(note.step)
        if other is None or (note.velocity, note.pitch) > (other.velocity, other.pitch):
            by_step[note.step] = note
    line = [by_step[step] for step in sorted(by_step)]
    if not line:
        return ()
    ends = [note.step for note in line[1:]] + [math.inf]
    return tuple(
        replace(note, n_steps=_lasting(note, end)) for note, end in zip(line, ends, strict=True)
    )


def _lasting(note: StepNote, end: float) -> float:
    """Steps of a note whose successor begins at ``end``."""
    rest = end - note.step - note.n_steps
    return end - note.step if rest <= JOINED_STEPS else note.n_steps


def bars_of(notes: Sequence[StepNote], grid: BeatGrid) -> BarRange:
    """The whole bars that the notes lie in; a bar at least."""
    per_bar = grid.metre.steps_per_bar
    if not notes:
        return BarRange(grid, 0, 1)
    first = math.floor(min(note.step for note in notes) / per_bar)
    stop = math.ceil(max(note.step + note.n_steps for note in notes) / per_bar)
    return BarRange(grid, first, max(stop - first, 1))


def performed(notes: Iterable[StepNote], about: Mapping[str, Any]) -> Performance:
    """Notes of an item in seconds of the recording; those before its start are left out."""
    found = []
    for note in notes:
        onset = steps_to_seconds(note.step, about)
        offset = steps_to_seconds(note.step + note.n_steps, about)
        if offset > 0:
            found.append(
                Note(
                    onset=max(onset, 0.0),
                    pitch=note.pitch,
                    offset=max(offset, max(onset, 0.0) + 0.001),
                    velocity=note.velocity,
                )
            )
    return Performance(tuple(found))


def steps_to_seconds(step: float, about: Mapping[str, Any]) -> float:
    """Where in the recording a step of an item lies, after the item's ``about``."""
    beats, per_beat = about["beats"], about["steps_per_beat"]
    position = step / per_beat
    if position < 0 and "beat_before" in about:
        return float(beats[0] + position * (beats[0] - about["beat_before"]))
    index = min(max(bisect_right(range(len(beats)), position) - 1, 0), len(beats) - 2)
    return float(beats[index] + (position - index) * (beats[index + 1] - beats[index]))


def grid_about(grid: BeatGrid) -> dict[str, Any]:
    """The grid that all items of a source share, with all of its beats.

    An item has those beats that it lies on; `place` needs those after it too.
    """
    return {"grid": grid.describe()}
