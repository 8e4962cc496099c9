"""GrooVAE: a rhythm as hits on a 16th grid, how far off the grid each is, and how loud.

Four kinds of items, of which the MIDI files keep the timing as played, which GrooVAE's
converters quantise themselves:

- ``tap`` is the whole performance on one drum;
- ``tap-Nbar-NNN`` are 1, 2 and 4 bars of it each, as long as a model of magenta.js reads: more
  than that it refuses;
- ``drums-2bar-NNN`` are the same two bars on three drums, for models that groove what is there:
  the lowest notes on the bass drum, accents on the snare, all else on the closed hi-hat.

``groove-NNN`` are arrays (npz) of two bars each:

- ``hits``, ``velocities``, ``offsets``: shape (32, 9), as in Magenta's ``GrooveConverter``:
  0 or 1; 0 to 1; -0.5 to 0.5 steps, the step less the onset, so early is positive. All
  hits are in column `TAP_COLUMN`, where its ``tapify`` puts them; of several onsets on one
  step the loudest stays. ``np.concatenate([hits, velocities, 2 * offsets], axis=1)`` is
  the tensor.
- ``note_step``, ``note_offset``, ``note_pitch``, ``note_velocity``, ``note_steps``: every
  note with an offset of its own, from which the performance is put together again.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from transcribe.music.beat_grid import COMMON_TIME, BeatGrid
from transcribe.notes import Note, Performance
from transcribe.tokens.encoded import Encoded, Item, Settings
from transcribe.tokens.quantised import BarRange, bars_of, grid_about, performed
from transcribe.tokens.score_midi import StepNote, Track, read_score_midi, score_midi

WINDOW_BARS = 2
"""Of a groove, and of hits on three drums."""
TAP_BARS = (1, 2, 4)
"""Of the tap; as long as the models of magenta.js."""
BASS_DRUM, SNARE, CLOSED_HIHAT = 36, 38, 42
N_DRUMS = 9
TAP_COLUMN, TAP_PITCH = 3, 46
"""The open hi-hat, of GrooVAE's nine drums the fourth."""
_TAP_STEPS = 0.5
"""Sixteenths of a hit that is written as a note."""
_FARTHEST = 0.49
"""Sixteenths from a hit to its step, so that it rounds to it."""


def encode(performance: Performance, settings: Settings, *, target: str) -> Encoded:
    """The rhythm as one MIDI file and as arrays of two bars."""
    grid = settings.grid_of(performance).in_common_time()
    about = grid_about(grid)
    if grid.metre != COMMON_TIME:
        remark = f"GrooVAE reads 4/4 only, found {grid.metre} (use --metre 4/4 if that is wrong)"
        return Encoded(target, (), about, (remark,))
    if not performance.notes:
        return Encoded(target, (), about, ("no notes",))
    notes = tuple(sorted(_as_played(note, grid) for note in performance.notes))
    items = [_tap_item(notes, grid)]
    whole = bars_of([replace(note, step=round(note.step), n_steps=1) for note in notes], grid)
    spread = on_three_drums(notes)
    for n_bars in TAP_BARS:
        items += _windows(f"tap-{n_bars}bar", taps(notes), whole, n_bars)
    items += _windows(f"drums-{WINDOW_BARS}bar", spread, whole, WINDOW_BARS)
    n_grooves = 0
    for first in range(whole.first, whole.first + whole.n_bars, WINDOW_BARS):
        bars = BarRange(grid, first, WINDOW_BARS)
        start, stop = bars.start_step, bars.start_step + bars.n_steps
        inside = [note for note in notes if start <= round(note.step) < stop]
        if inside:
            n_grooves += 1
            items.append(_groove_item(f"groove-{n_grooves:03}", inside, bars))
    return Encoded(target, tuple(items), about)


def decode(item: Item, *, target: str) -> Performance:
    """Every note of a groove when it was played; of the tap, its onsets as one pitch."""
    if item.suffix == ".mid":
        return performed(read_score_midi(item.content).notes, item.about)
    with np.load(io.BytesIO(item.content)) as arrays:
        notes = [
            StepNote(float(step) - float(offset), int(pitch), float(n_steps), int(velocity))
            for step, offset, pitch, velocity, n_steps in zip(
                arrays["note_step"],
                arrays["note_offset"],
                arrays["note_pitch"],
                arrays["note_velocity"],
                arrays["note_steps"],
                strict=True,
            )
        ]
    return performed(notes, item.about)


def taps(notes: Iterable[StepNote]) -> tuple[StepNote, ...]:
    """One hit a step: the loudest of the notes nearest to it, half a step long or to the next."""
    loudest: dict[int, StepNote] = {}
    for note in notes:
        step = round(note.step)
        if step not in loudest or note.velocity > loudest[step].velocity:
            loudest[step] = note
    hits = [loudest[step] for step in sorted(loudest)]
    nexts = [hit.step for hit in hits[1:]] + [math.inf]
    return tuple(
        StepNote(hit.step, TAP_PITCH, min(_TAP_STEPS, following - hit.step), hit.velocity)
        for hit, following in zip(hits, nexts, strict=True)
    )


def on_three_drums(notes: Sequence[StepNote]) -> tuple[StepNote, ...]:
    """A rhythm by register and accent, one hit a step and drum, half a step long.

    Of the notes of each step the lowest is on the bass drum if it is in the lowest quarter of
    all pitches; the loudest on the snare if it is in the loudest quarter; what is neither is on
    the closed hi-hat.
    """
    if not notes:
        return ()
    low = np.percentile([note.pitch for note in notes], 25)
    loud = np.percentile([note.velocity for note in notes], 75)
    loudest: dict[tuple[int, int], StepNote] = {}
    for note in notes:
        drum = CLOSED_HIHAT
        if note.pitch <= low:
            drum = BASS_DRUM
        elif note.velocity > loud:
            drum = SNARE
        place = (round(note.step), drum)
        if place not in loudest or note.velocity > loudest[place].velocity:
            loudest[place] = note
    return tuple(
        sorted(
            StepNote(note.step, drum, _TAP_STEPS, note.velocity)
            for (_, drum), note in loudest.items()
        )
    )


def _windows(name: str, hits: Sequence[StepNote], whole: BarRange, n_bars: int) -> list[Item]:
    """Bars of hits, one window after the other, each a MIDI file; those without hits left out.

    What is played a little before a window's first beat belongs to its first step.
    """
    items: list[Item] = []
    for first in range(whole.first, whole.first + whole.n_bars, n_bars):
        bars = BarRange(whole.grid, first, n_bars)
        start, stop = bars.start_step, bars.start_step + bars.n_steps
        inside = [hit for hit in hits if start <= round(hit.step) < stop]
        moved = [replace(hit, step=max(_within(hit.step) - start, 0.0)) for hit in inside]
        cut = [replace(hit, n_steps=min(hit.n_steps, stop - start - hit.step)) for hit in moved]
        if not cut:
            continue
        content = score_midi(
            [Track("Drums", sorted(cut), is_drum=True)],
            quarters_a_minute=bars.quarters_a_minute,
            metre=bars.grid.metre,
        )
        number = f"{len(items) + 1:03}"
        items.append(
            Item(f"{name}-{number}", ".mid", content, max(bars.start, 0.0), bars.stop, bars.about())
        )
    return items


def _as_played(note: Note, grid: BeatGrid) -> StepNote:
    onset, offset = grid.step(note.onset), grid.step(note.offset)
    return StepNote(onset, note.pitch, offset - onset, note.velocity)


def _tap_item(notes: Sequence[StepNote], grid: BeatGrid) -> Item:
    hits = [replace(hit, step=_within(hit.step)) for hit in taps(notes)]
    bars = bars_of(hits, grid)
    content = score_midi(
        [Track("Tap", bars.cut(hits), is_drum=True)],
        quarters_a_minute=bars.quarters_a_minute,
        metre=bars.grid.metre,
    )
    return Item("tap", ".mid", content, max(bars.start, 0.0), bars.stop, bars.about())


def _within(step: float) -> float:
    """The position, off the middle between two steps, where a tick decides which is nearer."""
    return min(max(step, round(step) - _FARTHEST), round(step) + _FARTHEST)


def _groove_item(name: str, notes: Sequence[StepNote], bars: BarRange) -> Item:
    start = bars.start_step
    hits, velocities, offsets = (np.zeros((bars.n_steps, N_DRUMS), np.float32) for _ in range(3))
    for hit in taps(notes):
        step = round(hit.step)
        hits[step - start, TAP_COLUMN] = 1
        velocities[step - start, TAP_COLUMN] = hit.velocity / 127
        offsets[step - start, TAP_COLUMN] = step - hit.step
    steps = np.array([round(note.step) for note in notes])
    content = io.BytesIO()
    np.savez_compressed(
        content,
        hits=hits,
        velocities=velocities,
        offsets=offsets,
        note_step=(steps - start).astype(np.int16),
        note_offset=(steps - [note.step for note in notes]).astype(np.float32),
        note_pitch=np.array([note.pitch for note in notes], np.uint8),
        note_velocity=np.array([note.velocity for note in notes], np.uint8),
        note_steps=np.array([note.n_steps for note in notes], np.float32),
    )
    about = {**bars.about(), "n_notes": len(notes), "n_hits": int(hits.sum())}
    return Item(name, ".npz", content.getvalue(), max(bars.start, 0.0), bars.stop, about)
