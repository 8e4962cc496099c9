"""Performance events for Performance RNN and Music Transformer: ids as note-seq numbers them.

A performance is told as strikes, releases, shifts of 1 to 100 steps of 10 ms, and the
velocity bin, of 32, that holds from there on [1]_. The sustain pedal has no event: notes
last as long as it lets them sound. An item is JSON with the ids of one recording under
``"ids"``; it begins with the first note. Beside it, ``primer`` is the same as a MIDI file, which is
what the programs themselves read: they do not look at the pedal (CC64), so each note in it lasts
as long as the pedal lets it sound, and there is no pedal.

- ``performance-rnn``: the classes of note-seq's `PerformanceOneHotEncoding`, all 128 pitches:
  strikes 0 to 127, releases 128 to 255, shifts 256 to 355, velocities 356 to 387.
- ``music-transformer``: the same for the 88 keys alone, two higher, as score2perf's encoder
  has them: 0 is padding, 1 the end, which is not written.

References
----------
.. [1] S. Oore et al., "This Time with Feeling: Learning Expressive Musical Performance",
   Neural Computing and Applications, 2018.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from transcribe.files.json_text import parse_json
from transcribe.midi import midi_bytes, performance_of
from transcribe.midi_parser import parse_midi
from transcribe.notes import (
    HIGHEST_PITCH,
    LOWEST_PITCH,
    Note,
    Performance,
    sustained,
    without_overlaps,
)
from transcribe.tokens.encoded import Encoded, Item, Settings
from transcribe.wording import count

STEPS_A_SECOND = 100
_LONGEST_SHIFT = 100
"""Steps of one event; a longer pause has several."""
_BIN_WIDTH, _N_BINS = 4, 32
"""MIDI velocities of a bin, and how many bins there are."""
NOTE_ON, NOTE_OFF, TIME_SHIFT, VELOCITY = range(1, 5)
"""As note-seq numbers the kinds of events."""
PerformanceEvent = tuple[int, int]
"""A kind, and its pitch, steps or velocity bin."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """How events are numbered."""

    lowest: int
    highest: int
    n_reserved: int

    @property
    def ranges(self) -> tuple[tuple[int, int, int], ...]:
        """Kind, least and greatest value, in the order of the ids."""
        return (
            (NOTE_ON, self.lowest, self.highest),
            (NOTE_OFF, self.lowest, self.highest),
            (TIME_SHIFT, 1, _LONGEST_SHIFT),
            (VELOCITY, 1, _N_BINS),
        )

    @property
    def size(self) -> int:
        """How many ids there are, those reserved among them."""
        return self.n_reserved + sum(most - least + 1 for _, least, most in self.ranges)

    def id_of(self, event: PerformanceEvent) -> int:
        """The id of an event."""
        first = self.n_reserved
        for kind, least, most in self.ranges:
            if kind == event[0]:
                return first + event[1] - least
            first += most - least + 1
        raise ValueError(f"expected an event of a kind from 1 to 4; found {event}")

    def event_of(self, number: int) -> PerformanceEvent:
        """The event of an id."""
        left = number - self.n_reserved
        for kind, least, most in self.ranges:
            if 0 <= left <= most - least:
                return kind, least + left
            left -= most - least + 1
        raise ValueError(
            f"expected an id from {self.n_reserved} to {self.size - 1}; found {number}"
        )


VOCABULARIES = {
    "performance-rnn": Vocabulary(0, 127, 0),
    "music-transformer": Vocabulary(LOWEST_PITCH, HIGHEST_PITCH, 2),
}


def encode(performance: Performance, settings: Settings, *, target: str) -> Encoded:
    """The ids of a performance; tempo and metre don't matter.

    Parameters
    ----------
    performance : Performance
        Offsets are key releases.
    settings : Settings
        Not looked at.
    target : str
        A name of `VOCABULARIES`.
    """
    vocabulary = VOCABULARIES[target]
    about: dict[str, Any] = {
        "steps_per_second": STEPS_A_SECOND,
        "velocity_bins": _N_BINS,
        "vocabulary_size": vocabulary.size,
        "pitches": [vocabulary.lowest, vocabulary.highest],
        "reserved_ids": vocabulary.n_reserved,
        "offsets": "sustained",
    }
    in_steps = _in_steps(performance)
    if not in_steps:
        return Encoded(target, (), about, ("no notes",))
    first, last = in_steps[0].onset, max(note.offset for note in in_steps)
    ids = [vocabulary.id_of(event) for event in _events(in_steps)]
    n_lost = len(performance.notes) - len(in_steps)
    item = Item(
        name="events",
        suffix=".json",
        content=json.dumps({"ids": ids}, separators=(",", ":")).encode(),
        start=first / STEPS_A_SECOND,
        stop=last / STEPS_A_SECOND,
        about={"n_events": len(ids), "n_notes": len(in_steps), "n_notes_lost": n_lost},
    )
    primer = Item(
        name="primer",
        suffix=".mid",
        content=midi_bytes(_in_seconds(in_steps, first)),
        start=item.start,
        stop=item.stop,
        about=item.about,
    )
    remarks: tuple[str, ...] = ()
    if n_lost:
        remarks = (f"{count(n_lost, 'note')} struck twice within a step of 10 ms left out",)
    return Encoded(target, (item, primer), about, remarks)


def decode(item: Item, *, target: str) -> Performance:
    """The notes that an item's ids say, as long as they sound; no pedal."""
    if item.suffix == ".mid":
        read = performance_of(parse_midi(item.content)).performance.notes
        moved = (
            replace(note, onset=note.onset + item.start, offset=note.offset + item.start)
            for note in read
        )
        return Performance(notes=tuple(moved))
    vocabulary = VOCABULARIES[target]
    notes: list[Note] = []
    held: dict[int, list[tuple[int, int]]] = {}
    step = round(item.start * STEPS_A_SECOND)
    velocity = 64
    for number in parse_json(item.content)["ids"]:
        kind, value = vocabulary.event_of(number)
        if kind == TIME_SHIFT:
            step += value
        elif kind == VELOCITY:
            velocity = 1 + (value - 1) * _BIN_WIDTH
        elif kind == NOTE_ON:
            held.setdefault(value, []).append((step, velocity))
        elif held.get(value):
            onset, touch = held[value].pop(0)
            if onset < step:
                notes.append(
                    Note(
                        onset=onset / STEPS_A_SECOND,
                        pitch=value,
                        offset=step / STEPS_A_SECOND,
                        velocity=touch,
                    )
                )
    return Performance(notes=tuple(notes))


def _in_steps(performance: Performance) -> tuple[Note, ...]:
    """Notes as long as they sound, in whole steps, one at least; none overlap."""
    notes = []
    for note in sustained(performance).notes:
        onset = _step(note.onset)
        offset = max(_step(note.offset), onset + 1)
        notes.append(Note(onset=onset, pitch=note.pitch, offset=offset, velocity=note.velocity))
    return without_overlaps(notes)


def _in_seconds(notes: tuple[Note, ...], first: float) -> Performance:
    """Notes in steps as seconds from the first of them."""
    return Performance(
        tuple(
            replace(
                note,
                onset=(note.onset - first) / STEPS_A_SECOND,
                offset=(note.offset - first) / STEPS_A_SECOND,
            )
            for note in notes
        )
    )


def _step(seconds: float) -> int:
    """The nearest step; halves go up, as in note-seq."""
    return int(seconds * STEPS_A_SECOND + 0.5)


def _events(notes: tuple[Note, ...]) -> Iterator[PerformanceEvent]:
    """Notes in steps as events, in the order in which note-seq has them."""
    moments = sorted(
        (step, index, released)
        for index, note in enumerate(notes)
        for step, released in ((int(note.onset), False), (int(note.offset), True))
    )
    now, touch = moments[0][0], 0
    for step, index, released in moments:
        while step > now:
            shift = min(step - now, _LONGEST_SHIFT)
            yield TIME_SHIFT, shift
            now += shift
        note = notes[index]
        velocity = (note.velocity - 1) // _BIN_WIDTH + 1
        if not released and velocity != touch:
            touch = velocity
            yield VELOCITY, velocity
        yield NOTE_OFF if released else NOTE_ON, note.pitch
