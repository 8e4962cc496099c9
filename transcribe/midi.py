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

Read is a file of any type and division (`midi_parser` reads its bytes): the reader is our own,
as symusic 0.6 loses the pedal where it has a track for itself (four of ten files of
piano-midi.de) and keys never released, and mido is five times slower. "All sound off", "all
notes off" and the changes of mode (controllers 120, 123 to 127) release the keys of their
channel, "reset all controllers" (121) its pedal, a reset of the whole instrument (General
MIDI, GS, XG) both on all channels. A controller in a track with notes of that channel
speaks for that track, in a track without them for all.
"""

from __future__ import annotations

import bisect
import io
import itertools
import logging
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from transcribe.errors import MidiError
from transcribe.extras import needing
from transcribe.files.atomic import write_atomically
from transcribe.midi_file import (
    CONTROL,
    DRUM_CHANNEL,
    NOTE_OFF,
    NOTE_ON,
    PROGRAM,
    SYSTEM_EXCLUSIVE,
    TEXT,
    TRACK_NAME,
    DamagedError,
    MidiFile,
    MidiTrack,
    metre_event,
    midi_file_bytes,
    tempo_event,
    text_event,
)
from transcribe.midi_parser import parse_midi
from transcribe.notes import (
    HIGHEST_PITCH,
    LOWEST_PITCH,
    Note,
    PedalPress,
    Performance,
    without_overlaps,
)

if TYPE_CHECKING:
    import pretty_midi

    from transcribe.music.tempo_map import TempoMap

SUSTAIN_CONTROLLER = 64
_DOWN = 64
"""The least value of the sustain controller that means "down"."""
_NOTES_OFF = frozenset({120, 123, 124, 125, 126, 127})
"""Controllers that release all keys of their channel."""
_RESET_CONTROLLERS = 121
_QUARTERS_A_MINUTE = 120
_RESOLUTIONS = (960, 480, 384, 240, 192, 96, 48, 24)
"""Ticks a quarter note, all common in sequencers; the finest that fits is taken."""
_MOST_TICKS = 9_990_000
_LONGEST = 48 * 3600.0
"""Seconds; what a file has later than this is damage, not music."""
_MOST_TOLD = 3
"""Damages listed one by one."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MidiReading:
    """The performance in a MIDI file, and what is doubtful about it."""

    performance: Performance
    warnings: tuple[str, ...] = ()
    """Damage, and what was left out; a phrase each, without the file's name."""
    is_pedal_held: bool = False
    """Whether the pedal is never lifted again after its last press, as often in recordings."""


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
        raise MidiError(f"{path}: can't be written: {error.strerror}") from error


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
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise MidiError(f"{path}: no such file") from error
    except IsADirectoryError as error:
        raise MidiError(f"{path}: expected a MIDI file, found a folder") from error
    except OSError as error:
        raise MidiError(f"{path}: can't be read: {error.strerror}") from error
    try:
        return performance_of(parse_midi(data))
    except DamagedError as error:
        raise MidiError(f"{path}: {error}") from error


@dataclass(slots=True)
class _Played:
    """The strikes, releases and pedal of a track; times in ticks."""

    notes: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    """Onset, offset, pitch, velocity, channel."""
    sustain: list[tuple[int, int, bool]] = field(default_factory=list)
    """Time, channel, whether down."""
    notes_off: list[tuple[int, int]] = field(default_factory=list)
    """Time and channel of "all notes off", where the track has no notes of the channel."""
    n_drums: int = 0
    n_held: int = 0
    """Keys that are never released."""


def performance_of(file: MidiFile) -> MidiReading:
    """Join the tracks of a file; DamagedError where damage has left nothing to join."""
    played = [_played(track) for track in file.tracks]
    clocks = [file.clock(track if file.kind == 2 else None) for track in file.tracks]
    resets: defaultdict[int, list[int]] = defaultdict(list)
    for tick, channel in sorted(each for part in played for each in part.notes_off):
        resets[channel].append(tick)
    notes = []
    n_empty = n_off_keyboard = n_late = 0
    for part, seconds in zip(played, clocks, strict=True):
        for onset, offset, pitch, velocity, channel in part.notes:
            ends = resets.get(channel, ())
            next_end = bisect.bisect_right(ends, onset)
            if next_end < len(ends):
                offset = min(offset, ends[next_end])
            start, stop = seconds(onset), seconds(offset)
            if not LOWEST_PITCH <= pitch <= HIGHEST_PITCH:
                n_off_keyboard += 1
            elif start >= _LONGEST:
                n_late += 1
            elif start < stop:
                stop = min(stop, _LONGEST)
                notes.append(Note(onset=start, pitch=pitch, offset=stop, velocity=velocity))
            else:
                n_empty += 1
    presses, is_held = _presses(file.tracks, played, clocks)
    n_drums = sum(part.n_drums for part in played)
    if file.damage and not (notes or presses or n_drums or n_empty or n_off_keyboard):
        raise DamagedError("; ".join(_few(file.damage)))
    n_playing = sum(bool(part.notes) for part in played)
    warnings = [
        *_few(file.damage),
        *_counted(n_drums, "note", "of percussion (channel 10) left out"),
        *_counted(n_off_keyboard, "note", "off the keyboard (below A0 or above C8) left out"),
        *_counted(n_empty, "note", "without length left out"),
        *_counted(n_late, "note", f"later than {_LONGEST / 3600:g} hours left out"),
        *_counted(sum(part.n_held for part in played), "key", "never released, until the end"),
    ]
    if file.kind == 2 and n_playing > 1:
        warnings.append(
            f"type 2: its {n_playing} tracks are independent of each other; they are read as if "
            "played together"
        )
    return MidiReading(Performance(without_overlaps(notes), presses), tuple(warnings), is_held)


def _few(damage: Sequence[str]) -> list[str]:
    listed = list(damage[:_MOST_TOLD])
    if len(damage) > _MOST_TOLD:
        listed.append(f"and {len(damage) - _MOST_TOLD} more places are damaged")
    return listed


def _counted(number: int, what: str, fate: str) -> list[str]:
    return [f"{number} {what}{'s' * (number != 1)} {fate}"] if number else []


def _played(track: MidiTrack) -> _Played:
    """Join strikes and releases: a release ends the earliest strike of its key still held."""
    found = _Played()
    held: defaultdict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    last_release: dict[tuple[int, int], int] = {}
    channels = {each[1] & 0x0F for each in track.messages if each[1] & 0xF0 == NOTE_ON and each[3]}

    def release_all(tick: int, channel: int) -> None:
        for key in [key for key, strikes in held.items() if strikes and key[0] == channel]:
            for onset, velocity in held.pop(key):
                found.notes.append((onset, tick, key[1], velocity, channel))
            last_release[key] = tick
        if channel not in channels:
            found.notes_off.append((tick, channel))

    resets = [
        (tick, SYSTEM_EXCLUSIVE, 0, 0)
        for tick, kind, content in track.metas
        if kind == SYSTEM_EXCLUSIVE and _is_reset(content)
    ]
    messages: Sequence[tuple[int, int, int, int]] = track.messages
    if resets:
        messages = sorted([*resets, *messages], key=lambda message: message[0])
    for tick, status, first, second in messages:
        kind, channel = status & 0xF0, status & 0x0F
        if kind == SYSTEM_EXCLUSIVE:
            for each in range(16):
                release_all(tick, each)
                found.sustain.append((tick, each, False))
        elif channel == DRUM_CHANNEL:
            found.n_drums += kind == NOTE_ON and second > 0
        elif kind == NOTE_ON and second:
            held[channel, first].append((tick, second))
        elif kind in (NOTE_OFF, NOTE_ON):
            strikes = held[channel, first]
            if strikes:
                onset, velocity = strikes.pop(0)
                found.notes.append((onset, tick, first, velocity, channel))
                last_release[channel, first] = tick
        elif kind == CONTROL and first == SUSTAIN_CONTROLLER:
            found.sustain.append((tick, channel, second >= _DOWN))
        elif kind == CONTROL and first == _RESET_CONTROLLERS:
            found.sustain.append((tick, channel, False))
        elif kind == CONTROL and first in _NOTES_OFF:
            release_all(tick, channel)
    for (channel, pitch), strikes in held.items():
        for onset, velocity in strikes:
            release = last_release.get((channel, pitch), 0)
            offset = release if release > onset else track.end
            found.notes.append((onset, offset, pitch, velocity, channel))
        found.n_held += len(strikes)
    return found


def _is_reset(content: bytes) -> bool:
    """Whether a system exclusive message resets the instrument: General MIDI, GS or XG."""
    return (
        (content[:1] == b"\x7e" and content[2:3] == b"\x09" and content[3:4] in b"\1\2\3")
        or (content[:1] == b"\x41" and content[2:7] == b"\x42\x12\x40\x00\x7f")
        or (content[:1] == b"\x43" and content[2:6] == b"\x4c\x00\x00\x7e")
    )


def _presses(
    tracks: Sequence[MidiTrack],
    played: Sequence[_Played],
    clocks: Sequence[Callable[[int], float]],
) -> tuple[tuple[PedalPress, ...], bool]:
    """When the pedal of any channel is down; and whether it is when the file ends."""
    pairs = list(zip(tracks, clocks, strict=True))
    end = max((seconds(track.end) for track, seconds in pairs), default=0.0)
    events = sorted(
        (
            (seconds(tick), channel, down)
            for part, seconds in zip(played, clocks, strict=True)
            for tick, channel, down in part.sustain
        ),
        key=lambda event: event[0],
    )
    pressed: list[tuple[float, float]] = []
    down_since: dict[int, float] = {}
    for time, channel, down in events:
        if down:
            down_since.setdefault(channel, time)
        elif channel in down_since:
            pressed.append((down_since.pop(channel), time))
    pressed += [(since, end) for since in down_since.values()]
    merged: list[tuple[float, float]] = []
    for onset, offset in sorted(pressed):
        if merged and onset < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(offset, merged[-1][1]))
        else:
            merged.append((onset, offset))
    return tuple(_within_reason(merged)), bool(down_since)


def _within_reason(presses: Sequence[tuple[float, float]]) -> Iterator[PedalPress]:
    for onset, offset in presses:
        if onset < min(offset, _LONGEST):
            yield PedalPress(onset=onset, offset=min(offset, _LONGEST))
