"""MelodyRNN: monophonic melodies on a 16th grid, as MIDI files to prime or train it with.

``primer-4bar`` and ``primer-8bar`` are the last bars of the melody, which end on a bar line, so
that what is generated after them begins on one; with ``--num_steps`` above 64 or 128 it goes on.

Magenta's extractor ends a melody at a bar of rest, so each phrase between such rests is an
item; phrases that fill fewer than `FEWEST_BARS` bars are left out. Each item's ``about``
has the same melody as ``events``, ready for ``--primer_melody``: a MIDI number where a note
begins, -1 where it ends, -2 where nothing happens, one for every sixteenth note.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from transcribe.music.beat_grid import BeatGrid
from transcribe.music.melody import find_melody
from transcribe.notes import Performance
from transcribe.tokens.encoded import Encoded, Item, Settings
from transcribe.tokens.quantised import BarRange, bars_of, grid_about, line_on_grid, performed
from transcribe.tokens.score_midi import StepNote, Track, read_score_midi, score_midi
from transcribe.wording import count

FEWEST_BARS = 2
PRIMER_BARS = (4, 8)
NOTE_OFF, NO_EVENT = -1, -2
PROGRAM = 0
"""General MIDI, from 0: a piano."""


def encode(performance: Performance, settings: Settings, *, target: str) -> Encoded:
    """The phrases of the melody, each a MIDI file of one voice."""
    grid = settings.grid_of(performance)
    line = line_on_grid(find_melody(performance), grid)
    items: list[Item] = []
    n_short = 0
    for phrase in phrases(line, grid.metre.steps_per_bar):
        bars = bars_of(phrase, grid)
        if bars.n_bars < FEWEST_BARS:
            n_short += 1
            continue
        items.append(melody_item(f"phrase-{len(items) + 1:03}", phrase, bars))
    items += _primers(line, grid)
    remarks = []
    if n_short:
        remarks.append(f"{count(n_short, 'phrase')} of fewer than {FEWEST_BARS} bars left out")
    return Encoded(target, tuple(items), grid_about(grid), tuple(remarks))


def _primers(line: Sequence[StepNote], grid: BeatGrid) -> list[Item]:
    """The last bars of the melody, up to the bar line after which no note begins.

    The last note sounds to that bar line, so that Magenta's extractor keeps the bars whole.
    """
    if not line:
        return []
    per_bar = grid.metre.steps_per_bar
    stop = int(line[-1].step // per_bar) + 1
    items = []
    for n_bars in PRIMER_BARS:
        bars = BarRange(grid, stop - n_bars, n_bars)
        inside = bars.cut(line)
        if not inside or inside[0].step >= per_bar:
            continue  # it would not begin in the first bar, or there is not as much
        to_the_end = [*inside[:-1], replace(inside[-1], n_steps=bars.n_steps - inside[-1].step)]
        items.append(_item(f"primer-{n_bars}bar", to_the_end, bars))
    return items


def decode(item: Item, *, target: str) -> Performance:
    """The notes of a melody where they were played, on the grid."""
    return performed(read_score_midi(item.content).notes, item.about)


def melody_item(name: str, notes: Sequence[StepNote], bars: BarRange) -> Item:
    """A stretch of a melody as a MIDI file."""
    return _item(name, bars.cut(notes), bars)


def _item(name: str, cut: Sequence[StepNote], bars: BarRange) -> Item:
    """Notes in steps from the first bar."""
    content = score_midi(
        [Track("Melody", cut, PROGRAM)],
        quarters_a_minute=bars.quarters_a_minute,
        metre=bars.grid.metre,
    )
    about = {**bars.about(), "events": melody_events(cut, bars.n_steps)}
    return Item(name, ".mid", content, max(bars.start, 0.0), bars.stop, about)


def melody_events(notes: Sequence[StepNote], n_steps: int) -> list[int]:
    """Magenta's melody events, one a step: pitch, `NOTE_OFF` or `NO_EVENT`."""
    events = [NO_EVENT] * n_steps
    for note in notes:
        stop = int(note.step + note.n_steps)
        if stop < n_steps:
            events[stop] = NOTE_OFF
    for note in notes:
        events[int(note.step)] = note.pitch
    return events


def phrases(line: Sequence[StepNote], steps_per_bar: int) -> Iterator[tuple[StepNote, ...]]:
    """A line cut where it rests for a bar or longer."""
    phrase: list[StepNote] = []
    for note in line:
        if phrase and note.step - (phrase[-1].step + phrase[-1].n_steps) >= steps_per_bar:
            yield tuple(phrase)
            phrase = []
        phrase.append(note)
    if phrase:
        yield tuple(phrase)
