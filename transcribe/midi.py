"""Performance to a standard MIDI file and back. Ticks exist only here.

Conventions
-----------
We write type 1 at 120 quarter notes a minute: a track with tempo and text, then one
piano track, with the sustain pedal as controller 64 (127 down, 0 up). The resolution is
960 ticks a quarter note, so that a tick is about half a millisecond, and coarser only
where the file would come to ten million ticks, which pretty_midi refuses to read: up to
about three and a half hours every time is right within 0.7 ms.

Events of one tick come in this order: pedal up, pedal down, key releases, key strikes.
So a pedal that goes down as a key comes up still holds the note, as `notes.sustained`
has it.

`midi_reading` makes performances of the files of any type and division that are read.
"""

from __future__ import annotations

import io
import itertools
import logging
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from transcribe.errors import MidiError
from transcribe.extras import needing
from transcribe.files.atomic import write_atomically
from transcribe.midi_file import (
    CONTROL,
    DRUM_CHANNEL,
    NOTE_ON,
    PROGRAM,
    SUSTAIN_CONTROLLER,
    TEXT,
    TRACK_NAME,
    DamagedError,
    metre_event,
    midi_file_bytes,
    tempo_event,
    text_event,
)
from transcribe.midi_parser import parse_midi
from transcribe.midi_reading import MidiReading, performance_of
from transcribe.notes import (
    Note,
    PedalPress,
    Performance,
    without_overlaps,
)
from transcribe.wording import absence, reason

if TYPE_CHECKING:
    import pretty_midi

    from transcribe.music.tempo_map import TempoMap

_QUARTERS_A_MINUTE = 120
"""Tempo of the files that are written without beats."""
_RESOLUTIONS = (960, 480, 384, 240, 192, 96, 48, 24)
"""Ticks a quarter note, all common in sequencers; the finest that fits is taken."""
_MOST_TICKS = 9_990_000
"""Of a file: pretty_midi refuses those of 10 million and more."""
_log = logging.getLogger(__name__)


def write_midi(
    performance: Performance,
    path: str | os.PathLike[str],
    *,
    text: str = "",
    beats: TempoMap | None = None,
) -> None:
    """Write a performance as a MIDI file; it appears under its name only when it is whole.

    Parameters
    ----------
    performance : Performance
        Offsets are key releases. Notes of one pitch that overlap are cut; each note and
        pedal press lasts a tick at least.
    path : path
        Its folder must exist; an existing file is replaced.
    text : str
        A text event at the start, such as which model wrote this; outside Latin-1,
        characters become question marks.
    beats : TempoMap, optional
        Tempos and time signatures that the file states; times stay what they are. Without it
        the file runs at 120 quarters a minute.

    Raises
    ------
    MidiError
        For a place that can't be written to.
    """
    try:
        write_atomically(path, midi_bytes(performance, text=text, beats=beats))
    except OSError as error:
        raise MidiError(f"{path}: can't be written: {reason(error, about=Path(path))}") from error


def midi_bytes(performance: Performance, *, text: str = "", beats: TempoMap | None = None) -> bytes:
    """What `write_midi` writes."""
    return parts_midi_bytes([InstrumentPart("Piano", performance)], text=text, beats=beats)


@dataclass(frozen=True, slots=True)
class InstrumentPart:
    """A performance with a track of its own."""

    name: str
    performance: Performance
    program: int = 0
    """General MIDI, from 0."""
    is_drum: bool = False


def parts_midi_bytes(
    voices: Sequence[InstrumentPart], *, text: str = "", beats: TempoMap | None = None
) -> bytes:
    """A file as `write_midi` writes it, with a track and a channel for each voice."""
    duration = max((voice.performance.duration for voice in voices), default=0.0)
    resolution = _resolution(duration)
    if beats is None:
        ticks_a_second = resolution * _QUARTERS_A_MINUTE / 60

        def clock(seconds: float) -> int:
            return round(seconds * ticks_a_second)

        head = [(0, tempo_event(60_000_000 // _QUARTERS_A_MINUTE)), (0, metre_event(4, 4))]
    else:
        clock = beats.clock(resolution).tick
        head = beats.events(resolution)
    if text:
        n_first = sum(tick == 0 for tick, _ in head)
        head.insert(n_first, (0, text_event(TEXT, text)))
    channels = itertools.cycle(each for each in range(16) if each != DRUM_CHANNEL)
    tracks = [
        _track(voice, DRUM_CHANNEL if voice.is_drum else next(channels), clock) for voice in voices
    ]
    return midi_file_bytes(resolution, (head, *tracks))


def _track(
    voice: InstrumentPart, channel: int, clock: Callable[[float], int]
) -> list[tuple[int, bytes]]:
    in_ticks = _quantise(voice.performance, clock)
    control, note_on = CONTROL | channel, NOTE_ON | channel
    events = []
    for press in in_ticks.pedal:
        for tick, value in ((press.onset, 127), (press.offset, 0)):
            events.append((int(tick), control, SUSTAIN_CONTROLLER, value))
    for note in in_ticks.notes:  # a release is a strike of velocity 0
        events.append((int(note.onset), note_on, note.pitch, note.velocity))
        events.append((int(note.offset), note_on, note.pitch, 0))
    # Of one tick the pedal first, up before down; of one key the release before the strike.
    order = {control: 0, note_on: 1}
    events.sort(key=lambda event: (event[0], order[event[1]], *event[2:]))
    track = [
        (0, text_event(TRACK_NAME, voice.name)),
        (0, bytes((PROGRAM | channel, voice.program))),
    ]
    return track + [(tick, bytes(event)) for tick, *event in events]


def to_pretty_midi(performance: Performance) -> pretty_midi.PrettyMIDI:
    """The performance as an object of pretty_midi, with the notes and pedal of `write_midi`.

    For piano rolls, chroma, synthesis and whatever else that library is used for.

    Parameters
    ----------
    performance : Performance
        Offsets are key releases, as for `write_midi`.

    Returns
    -------
    pretty_midi.PrettyMIDI
        One piano; the sustain pedal is its controller 64.

    Raises
    ------
    TranscribeError
        pretty_midi is not installed.
    """
    with needing("eval", "pretty_midi"):
        import pretty_midi
    return pretty_midi.PrettyMIDI(io.BytesIO(midi_bytes(performance)))


def _resolution(duration: float) -> int:
    """Ticks a quarter note, as fine as a file of so many seconds allows."""
    for resolution in _RESOLUTIONS:
        if duration * resolution * _QUARTERS_A_MINUTE / 60 < _MOST_TICKS:
            return resolution
    return _RESOLUTIONS[-1]


def _quantise(performance: Performance, tick: Callable[[float], int]) -> Performance:
    """The performance with whole ticks for seconds; nothing overlaps or is empty."""
    notes = []
    for note in performance.notes:
        onset = tick(note.onset)
        offset = max(tick(note.offset), onset + 1)
        notes.append(Note(onset=onset, pitch=note.pitch, offset=offset, velocity=note.velocity))
    pedal: list[PedalPress] = []
    up = 0
    for press in performance.pedal:
        down = max(tick(press.onset), up)
        up = max(tick(press.offset), down + 1)
        pedal.append(PedalPress(onset=down, offset=up))
    return Performance(notes=without_overlaps(notes), pedal=tuple(pedal))


def read_midi(path: str | os.PathLike[str]) -> Performance:
    """The performance of `load_midi`; its warnings go to the log."""
    reading = load_midi(path)
    for warning in reading.warnings:
        _log.warning("%s: %s", path, warning)
    return reading.performance


def load_midi(path: str | os.PathLike[str]) -> MidiReading:
    """Read a MIDI file of any type as one piano performance.

    All tracks and channels but percussion are joined. Notes off the keyboard or without
    length are left out, overlapping notes of one pitch are cut, keys and pedals never
    released are released at the end of their track. Of a damaged file, what is whole is
    read; the warnings say what is not.

    Raises
    ------
    MidiError
        For a file that is missing, unreadable, not MIDI, or so damaged that no note and no
        press of the pedal can be read.
    """
    path = Path(path)
    try:
        return performance_of(parse_midi(midi_content(path)))
    except DamagedError as error:
        raise MidiError(f"{path}: {error}") from error


def midi_content(path: Path) -> bytes:
    """The bytes of what is called a MIDI file; of a pipe, which may never end, none.

    Raises
    ------
    MidiError
        It is missing, can't be read, or is no ordinary file.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise MidiError(f"{path}: expected a MIDI file, found a folder")
        if not stat.S_ISREG(mode):
            raise MidiError(f"{path}: expected a MIDI file, found no ordinary file")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise MidiError(f"{path}: {absence(path)}") from error
    except OSError as error:
        raise MidiError(f"{path}: can't be read: {reason(error, about=path)}") from error
