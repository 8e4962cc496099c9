"""MusicVAE: melodies of 2, 4 and 16 bars and trios of 16, as its converters take them.

What Magenta's ``OneHotMelodyConverter`` and ``TrioConverter`` ask of a file, and each item
here keeps: one tempo, 4/4; a melody's first note in the first bar, no rest of a bar or
longer, a note that sounds in the last bar; programs 0 to 31 for a melody, 32 to 39 for a
bass; pitches 21 to 108. So each item gives its converter exactly one tensor: 32, 64 or 256
steps of 90 classes, and for trios 256 of 90 + 90 + 512.

An item's ``about`` has the same as ``events``, one a step: of a melody as in `melody_rnn`; of a
trio those of ``melody`` and ``bass``, and of ``drums`` the drum's pitch, or null.

A piano has no drums: a trio's drums tap the rhythm of the performance, the bass drum where
the bass line begins a note, the closed hi-hat at all other onsets.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from transcribe.music.beat_grid import COMMON_TIME, BeatGrid
from transcribe.music.melody import find_melody, in_one_voice
from transcribe.notes import Note, Performance
from transcribe.tokens.encoded import Encoded, Item, Settings
from transcribe.tokens.melody_rnn import melody_events, melody_item
from transcribe.tokens.quantised import (
    BarRange,
    bars_of,
    grid_about,
    line_on_grid,
    on_grid,
    performed,
)
from transcribe.tokens.score_midi import StepNote, Track, read_score_midi, score_midi

STEPS_PER_BAR = 16
MELODY_PROGRAM, BASS_PROGRAM = 0, 32
BASS_DRUM, CLOSED_HIHAT = 36, 42
MELODY_BARS = (2, 4, 16)
"""As MusicVAE's models read them; 4 is what Magenta Studio's Interpolate and Generate want."""
TRIO_BARS = 16
_TRIO_GAP_BARS = 2
"""From a bar of a trio, at most, to one in which a voice plays."""
_HIGHEST_BASS = 60
"""MIDI pitch."""
_CHORD_SECONDS = 0.05
"""Onsets within it are one chord, of which the lowest note may be the bass."""


def encode(performance: Performance, settings: Settings, *, target: str) -> Encoded:
    """Melodies of 2, 4 and 16 bars, and trios of 16, one after the other without overlap."""
    grid = settings.grid_of(performance).in_common_time()
    about = grid_about(grid)
    if grid.metre != COMMON_TIME:
        remark = f"MusicVAE reads 4/4 only, found {grid.metre} (use --metre 4/4 if that is wrong)"
        return Encoded(target, (), about, (remark,))
    melody = line_on_grid(find_melody(performance), grid)
    bass = line_on_grid(find_bass(performance), grid)
    drums = tapped(performance, bass, grid)
    items = []
    for n_bars in MELODY_BARS:
        for number, bars in enumerate(_windows(melody, n_bars, grid), 1):
            items.append(melody_item(f"melody-{n_bars}bar-{number:03}", melody, bars))
    number = 0
    whole = bars_of((*melody, *bass, *drums), grid)
    first = whole.first
    while first + TRIO_BARS <= whole.first + whole.n_bars:
        bars = BarRange(grid, first, TRIO_BARS)
        voices = [bars.cut(voice) for voice in (melody, bass, drums)]
        if is_trio(*voices):
            number += 1
            items.append(_trio_item(f"trio-16bar-{number:03}", voices, bars))
            first += TRIO_BARS
        else:
            first += 1
    return Encoded(target, tuple(items), about)


def decode(item: Item, *, target: str) -> Performance:
    """The notes of melody and bass where they were played; drums have no pitch to put back."""
    tracks = read_score_midi(item.content).tracks
    notes = [note for track in tracks if not track.is_drum for note in track.notes]
    return performed(notes, item.about)


def is_melody(notes: Sequence[StepNote], n_bars: int) -> bool:
    """Whether the melody converter makes exactly one tensor of these notes.

    Steps are from the start of the window, which the notes do not leave.
    """
    if not notes or notes[0].step >= STEPS_PER_BAR:
        return False
    rests = (b.step - (a.step + a.n_steps) for a, b in itertools.pairwise(notes))
    if any(rest >= STEPS_PER_BAR for rest in rests):
        return False
    return notes[-1].step + notes[-1].n_steps > (n_bars - 1) * STEPS_PER_BAR


def is_trio(*voices: Sequence[StepNote]) -> bool:
    """Whether the trio converter takes these voices, 16 bars long, as one window.

    Each voice has notes, within two bars of every bar but the first and last two, where any
    voice will do; some voice sounds in the last bar.
    """
    covered = []
    for notes in voices:
        bars = {
            bar
            for note in notes
            for bar in range(
                int(note.step) // STEPS_PER_BAR,
                -(-int(note.step + note.n_steps) // STEPS_PER_BAR),
            )
        }
        if not bars:
            return False
        covered.append(bars)
    if not any(TRIO_BARS - 1 in bars for bars in covered):
        return False
    return all(
        any(abs(bar - other) <= _TRIO_GAP_BARS for other in bars)
        for bars in covered
        for bar in range(TRIO_BARS)
    )


def find_bass(performance: Performance) -> tuple[Note, ...]:
    """The lowest note of each onset below middle C, unless a lower one still sounds."""
    line: list[Note] = []
    chord_onset = -1.0
    for note in performance.notes:
        if note.pitch > _HIGHEST_BASS:
            continue
        if line and note.onset - chord_onset <= _CHORD_SECONDS:
            if note.pitch < line[-1].pitch:
                line[-1] = note
            continue
        if line and line[-1].pitch < note.pitch and line[-1].offset > note.onset + _CHORD_SECONDS:
            continue
        line.append(note)
        chord_onset = note.onset
    return in_one_voice(line)


def tapped(
    performance: Performance, bass: Sequence[StepNote], grid: BeatGrid
) -> tuple[StepNote, ...]:
    """The rhythm of a performance on two drums, a step long each."""
    loudest: dict[float, int] = {}
    for note in on_grid(performance.notes, grid):
        loudest[note.step] = max(note.velocity, loudest.get(note.step, 0))
    low = {note.step for note in bass}
    return tuple(
        StepNote(step, BASS_DRUM if step in low else CLOSED_HIHAT, 1, velocity)
        for step, velocity in sorted(loudest.items())
    )


def _windows(melody: Sequence[StepNote], n_bars: int, grid: BeatGrid) -> Iterator[BarRange]:
    """Stretches of so many bars that the converter takes, the next where the last ends."""
    whole = bars_of(melody, grid)
    first = whole.first
    while first + n_bars <= whole.first + whole.n_bars:
        bars = BarRange(grid, first, n_bars)
        if is_melody(bars.cut(melody), n_bars):
            yield bars
            first += n_bars
        else:
            first += 1


def _trio_item(name: str, voices: Sequence[Sequence[StepNote]], bars: BarRange) -> Item:
    melody, bass, drums = voices
    content = score_midi(
        [
            Track("Melody", melody, MELODY_PROGRAM),
            Track("Bass", bass, BASS_PROGRAM),
            Track("Drums", drums, is_drum=True),
        ],
        quarters_a_minute=bars.quarters_a_minute,
        metre=bars.grid.metre,
    )
    hits: list[int | None] = [None] * bars.n_steps
    for note in drums:
        hits[int(note.step)] = note.pitch
    about = {
        **bars.about(),
        "drums": "tapped: bass drum with the bass line, hi-hat elsewhere",
        "events": {
            "melody": melody_events(melody, bars.n_steps),
            "bass": melody_events(bass, bars.n_steps),
            "drums": hits,
        },
    }
    return Item(name, ".mid", content, max(bars.start, 0.0), bars.stop, about)
