"""Coconet: a soprano line of two bars to harmonise, and rolls of four voices [1]_.

- ``soprano-NNN``: two bars of the melody as a MIDI file at 60 quarter notes a minute, as
  Coconet's own reader has four sixteenth notes a second, to prime it with; and its
  ``about`` has the line as ``pitches``, one a step, null where it rests.
- ``voices-NNN`` (npz): ``pitches``, shape (128, 4), MIDI numbers from soprano to bass, NaN
  where a voice rests, as in the chorales it was trained on; and ``roll``, the same as
  (128, 46, 4), 0 or 1, of pitches 36 to 81. Beside it the same as a MIDI file, a track a voice,
  at the recording's tempo: what magenta.js, which counts in beats, and other programs read.

Voices are what sounds at each sixteenth note: soprano the melody, bass the lowest note,
between them the nearest to either. What lies outside 36 to 81 is moved by octaves.

References
----------
.. [1] C.-Z. A. Huang et al., "Counterpoint by Convolution", ISMIR 2017.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from transcribe.music.beat_grid import BeatGrid
from transcribe.music.melody import find_melody
from transcribe.notes import Performance, sustained
from transcribe.tokens.encoded import Encoded, Item, Settings
from transcribe.tokens.quantised import (
    BarRange,
    bars_of,
    grid_about,
    line_on_grid,
    on_grid,
    performed,
)
from transcribe.tokens.score_midi import StepNote, Track, read_score_midi, score_midi

LOWEST, HIGHEST = 36, 81
N_PITCHES = HIGHEST - LOWEST + 1
VOICES = ("Soprano", "Alto", "Tenor", "Bass")
N_VOICES = len(VOICES)
SOPRANO_BARS = 2
ROLL_STEPS = 128
"""Sixteenth notes, as the model was trained on."""
QUARTERS_A_MINUTE = 60.0
"""At which four sixteenth notes last a second, as Coconet's reader takes them to."""
_FEWEST_NOTES = 2
"""Of a soprano line."""


def encode(performance: Performance, settings: Settings, *, target: str) -> Encoded:
    """Soprano lines of two bars, and rolls of 128 steps."""
    grid = settings.grid_of(performance)
    melody = in_range(line_on_grid(find_melody(performance), grid))
    if not melody:
        return Encoded(target, (), grid_about(grid), ("no notes",))
    whole = bars_of(melody, grid)
    items: list[Item] = []
    for first in range(whole.first, whole.first + whole.n_bars - SOPRANO_BARS + 1, SOPRANO_BARS):
        bars = BarRange(grid, first, SOPRANO_BARS)
        notes = bars.cut(melody)
        if len(notes) >= _FEWEST_NOTES:
            items.append(_soprano_item(f"soprano-{len(items) + 1:03}", notes, bars))
    pitches, first_step = four_voices(performance, melody, grid)
    n_rolls = 0
    for start in range(0, len(pitches) - ROLL_STEPS + 1, ROLL_STEPS):
        part = pitches[start : start + ROLL_STEPS]
        if not np.isnan(part).all():
            n_rolls += 1
            items += _voices_items(f"voices-{n_rolls:03}", part, first_step + start, grid)
    remarks = []
    if not n_rolls:
        remarks.append(f"fewer than {ROLL_STEPS} sixteenth notes: no roll of four voices")
    return Encoded(target, tuple(items), grid_about(grid), tuple(remarks))


def decode(item: Item, *, target: str) -> Performance:
    """A line, or the notes of four voices; a pitch held on counts as one note."""
    if item.suffix == ".mid":
        return performed(read_score_midi(item.content).notes, item.about)
    with np.load(io.BytesIO(item.content)) as arrays:
        voices = sung(arrays["pitches"])
    return performed((note for voice in voices for note in voice), item.about)


def sung(pitches: NDArray[np.float64]) -> list[list[StepNote]]:
    """The notes of each voice of pitches (n_steps, n_voices); a pitch held on is one note."""
    voices = []
    for line in pitches.T:
        notes, onset = [], 0
        for step in range(1, len(line) + 1):
            if step == len(line) or not _same(line[step], line[onset]):
                if not np.isnan(line[onset]):
                    notes.append(StepNote(onset, int(line[onset]), step - onset))
                onset = step
        voices.append(notes)
    return voices


def in_range(line: Sequence[StepNote]) -> tuple[StepNote, ...]:
    """A line moved by octaves into 36 to 81: as a whole if it fits, else note by note."""
    if not line:
        return ()
    low, high = min(note.pitch for note in line), max(note.pitch for note in line)
    for octaves in (0, -1, 1, -2, 2):
        if low + 12 * octaves >= LOWEST and high + 12 * octaves <= HIGHEST:
            return tuple(_moved(note, note.pitch + 12 * octaves) for note in line)
    return tuple(_moved(note, _folded(note.pitch)) for note in line)


def four_voices(
    performance: Performance, melody: Sequence[StepNote], grid: BeatGrid
) -> tuple[NDArray[np.float64], int]:
    """What four voices sing at each step, and the grid's step of the first.

    Shape (n_steps, 4), MIDI numbers in 36 to 81, from soprano to bass; NaN for a rest.
    """
    notes = on_grid(sustained(performance).notes, grid)
    bars = bars_of(notes, grid)
    sounding: list[set[int]] = [set() for _ in range(bars.n_steps)]
    for note in bars.cut(notes):
        for step in range(int(note.step), int(note.step + note.n_steps)):
            sounding[step].add(_folded(note.pitch))
    tops: list[int | None] = [None] * bars.n_steps
    for note in bars.cut(melody):
        for step in range(int(note.step), int(note.step + note.n_steps)):
            tops[step] = note.pitch
    pitches = np.full((bars.n_steps, N_VOICES), np.nan)
    for step, (pitch_set, top) in enumerate(zip(sounding, tops, strict=True)):
        soprano = top if top is not None else max(pitch_set, default=None)
        if soprano is None:
            continue
        pitches[step, 0] = soprano
        below = sorted(pitch for pitch in pitch_set if pitch < soprano)
        if below:
            pitches[step, 3] = below[0]
        if len(below) > 1:
            pitches[step, 1] = below[-1]
        if len(below) > 2:
            pitches[step, 2] = below[1]
    return pitches, bars.start_step


def as_roll(pitches: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Pitches (n_steps, 4) as a roll (n_steps, 46, 4)."""
    roll = np.zeros((len(pitches), N_PITCHES, N_VOICES), np.uint8)
    steps, voices = np.nonzero(~np.isnan(pitches))
    roll[steps, pitches[steps, voices].astype(int) - LOWEST, voices] = 1
    return roll


def _soprano_item(name: str, notes: Sequence[StepNote], bars: BarRange) -> Item:
    content = score_midi(
        [Track("Soprano", notes)], quarters_a_minute=QUARTERS_A_MINUTE, metre=bars.grid.metre
    )
    pitches: list[int | None] = [None] * bars.n_steps
    for note in notes:
        for step in range(int(note.step), int(note.step + note.n_steps)):
            pitches[step] = note.pitch
    about = {**bars.about(), "pitches": pitches}
    return Item(name, ".mid", content, max(bars.start, 0.0), bars.stop, about)


def _voices_items(
    name: str, pitches: NDArray[np.float64], start: int, grid: BeatGrid
) -> list[Item]:
    """The same voices as arrays and as MIDI."""
    arrays = io.BytesIO()
    np.savez_compressed(arrays, pitches=pitches, roll=as_roll(pitches))
    beat = grid.metre.steps_per_beat
    n_beats = -(-len(pitches) // beat)
    seconds = [grid.step_seconds(start + index * beat) for index in range(n_beats + 1)]
    stop = grid.step_seconds(start + len(pitches))
    midi = score_midi(
        [Track(voice, notes) for voice, notes in zip(VOICES, sung(pitches), strict=True)],
        quarters_a_minute=60 * len(pitches) / 4 / (stop - seconds[0]),
        metre=grid.metre,
    )
    about = {
        "first_step": start,
        "steps_per_beat": beat,
        "beats": [round(second, 5) for second in seconds],
    }
    return [
        Item(name, suffix, content, max(seconds[0], 0.0), stop, about)
        for suffix, content in ((".npz", arrays.getvalue()), (".mid", midi))
    ]


def _moved(note: StepNote, pitch: int) -> StepNote:
    return StepNote(note.step, pitch, note.n_steps, note.velocity)


def _folded(pitch: int) -> int:
    """The pitch moved by octaves into the range."""
    while pitch < LOWEST:
        pitch += 12
    while pitch > HIGHEST:
        pitch -= 12
    return pitch


def _same(one: float, other: float) -> bool:
    return one == other or (np.isnan(one) and np.isnan(other))
