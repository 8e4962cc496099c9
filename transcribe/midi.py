"""Performance to a standard MIDI file and back. Ticks exist only here.

Conventions
-----------
We write type 1 at 120 quarter notes a minute: a track with tempo and text, then one
piano track, with the sustain pedal as controller 64 (127 down, 0 up). The resolution is
960 ticks a quarter note, so that a tick is about half a millisecond, and coarser only
where the file would come to ten million ticks, which pretty_midi refuses to read: up to
about three and a half hours every time is right within 0.7 ms.

Events of one tick come in this order: pedal up, pedal down, key releases, key strikes.
So a pedal that goes down as a key comes up still catches the note, as `notes.sustained`
has it.

The reader is our own: symusic 0.6 loses the pedal where it has a track for itself (four
of ten files of piano-midi.de) and keys never released, and mido is five times slower.
"""

from __future__ import annotations

import bisect
import io
import itertools
import os
import struct
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pretty_midi

from transcribe.errors import MidiError
from transcribe.export import write_aside
from transcribe.notes import (
    HIGHEST_PITCH,
    LOWEST_PITCH,
    Note,
    PedalPress,
    Performance,
    without_overlaps,
)

SUSTAIN_CONTROLLER = 64
_DOWN = 64
"""The least value of the sustain controller that means "down"."""
_QUARTERS_A_MINUTE = 120
_RESOLUTIONS = (960, 480, 384, 240, 192, 96, 48, 24)
"""Ticks a quarter note, all common in sequencers; the finest that fits is taken."""
_MOST_TICKS = 9_990_000
_DRUMS = 9
"""The channel on which a MIDI file has percussion."""
_DEFAULT_TEMPO = 500_000
"""Microseconds a quarter note."""


def write_midi(performance: Performance, path: str | os.PathLike[str], *, text: str = "") -> None:
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

    Raises
    ------
    MidiError
        For a place that can't be written to.
    """
    try:
        write_aside(path, midi_bytes(performance, text=text))
    except OSError as error:
        raise MidiError(f"{path}: can't be written: {error.strerror}") from error


def midi_bytes(performance: Performance, *, text: str = "") -> bytes:
    """What `write_midi` writes."""
    resolution = _resolution(performance.duration)
    ticks_a_second = resolution * _QUARTERS_A_MINUTE / 60
    in_ticks = _quantise(performance, ticks_a_second)
    piano = pretty_midi.Instrument(program=0, name="Piano")
    for note in in_ticks.notes:
        onset, offset = note.onset / ticks_a_second, note.offset / ticks_a_second
        piano.notes.append(pretty_midi.Note(note.velocity, note.pitch, onset, offset))
    for press in in_ticks.pedal:
        for value, tick in ((127, press.onset), (0, press.offset)):
            piano.control_changes.append(
                pretty_midi.ControlChange(SUSTAIN_CONTROLLER, value, tick / ticks_a_second)
            )
    midi = pretty_midi.PrettyMIDI(resolution=resolution, initial_tempo=_QUARTERS_A_MINUTE)
    midi.instruments.append(piano)
    if text:
        latin = text.encode("latin-1", "replace").decode("latin-1")
        midi.text_events.append(pretty_midi.Text(latin, 0.0))
    content = io.BytesIO()
    midi.write(content)
    return content.getvalue()


def _resolution(duration: float) -> int:
    """Ticks a quarter note, as fine as a file of so many seconds allows."""
    for resolution in _RESOLUTIONS:
        if duration * resolution * _QUARTERS_A_MINUTE / 60 < _MOST_TICKS:
            return resolution
    return _RESOLUTIONS[-1]


def _quantise(performance: Performance, ticks_a_second: float) -> Performance:
    """The performance with whole ticks for seconds; nothing overlaps or is empty."""
    notes = []
    for note in performance.notes:
        onset = round(note.onset * ticks_a_second)
        offset = max(round(note.offset * ticks_a_second), onset + 1)
        notes.append(Note(onset=onset, pitch=note.pitch, offset=offset, velocity=note.velocity))
    pedal: list[PedalPress] = []
    up = 0
    for press in performance.pedal:
        down = max(round(press.onset * ticks_a_second), up)
        up = max(round(press.offset * ticks_a_second), down + 1)
        pedal.append(PedalPress(onset=down, offset=up))
    return Performance(notes=without_overlaps(notes), pedal=tuple(pedal))


def read_midi(path: str | os.PathLike[str]) -> Performance:
    """Read a MIDI file of any type as one piano performance.

    All tracks and channels but percussion are joined. Notes off the keyboard or without
    length are left out, overlapping notes of one pitch are cut, keys and pedals never
    released are released at the end of their track.

    Raises
    ------
    MidiError
        For a file that is missing, unreadable, truncated, or not MIDI.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise MidiError(f"{path}: there is no such file") from error
    except IsADirectoryError as error:
        raise MidiError(f"{path}: expected a MIDI file, found a folder") from error
    except OSError as error:
        raise MidiError(f"{path}: can't be read: {error.strerror}") from error
    try:
        return _performance(data)
    except _DamagedError as error:
        raise MidiError(f"{path}: {error}") from error


class _DamagedError(ValueError):
    """What is wrong with the bytes of a MIDI file."""


@dataclass(slots=True)
class _Track:
    """What we keep of a track; times in ticks."""

    notes: list[tuple[int, int, int, int]] = field(default_factory=list)
    """Onset, offset, pitch, velocity."""
    sustain: list[tuple[int, int, bool]] = field(default_factory=list)
    """Time, channel, whether down."""
    tempos: list[tuple[int, int]] = field(default_factory=list)
    """Time, microseconds a quarter note."""
    end: int = 0


def _performance(data: bytes) -> Performance:
    header = data.find(b"MThd", 0, 256)  # a RIFF or Macintosh header may come first
    if header < 0 or len(data) < header + 14:
        raise _DamagedError("not a MIDI file: it has no MThd header")
    header_size, _, n_tracks, division = struct.unpack_from(">IHHH", data, header + 4)
    tracks: list[_Track] = []
    position = header + 8 + header_size
    while len(tracks) < n_tracks:
        if position + 8 > len(data):
            raise _DamagedError(f"truncated: expected {n_tracks} tracks, found {len(tracks)}")
        kind, size = struct.unpack_from(">4sI", data, position)
        position += 8
        if kind == b"MTrk":
            tracks.append(_read_track(data, position, position + size))
        position += size
    tempos = sorted(
        itertools.chain(*(track.tempos for track in tracks)), key=lambda tempo: tempo[0]
    )
    seconds = _clock(division, tempos)
    notes = []
    for onset, offset, pitch, velocity in itertools.chain(*(track.notes for track in tracks)):
        start, stop = seconds(onset), seconds(offset)
        if start < stop and LOWEST_PITCH <= pitch <= HIGHEST_PITCH:
            notes.append(Note(onset=start, pitch=pitch, offset=stop, velocity=min(velocity, 127)))
    return Performance(notes=without_overlaps(notes), pedal=tuple(_presses(tracks, seconds)))


def _read_track(data: bytes, position: int, stop: int) -> _Track:
    """Read events from ``position`` to the end-of-track event or ``stop``.

    A release ends the earliest strike of its key that is still held.
    """
    track = _Track()
    held: defaultdict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    last_release: dict[tuple[int, int], int] = {}
    tick = running = 0
    try:
        while position < stop:
            delta, position = _variable_length(data, position)
            tick += delta
            status = data[position]
            if status < 0x80:
                status = running  # left out, as the event before had the same
            else:
                position += 1
            kind, channel = status & 0xF0, status & 0x0F
            if kind < 0xF0:
                running = status
            if kind in (0x80, 0x90):
                pitch, velocity = data[position], data[position + 1]
                position += 2
                if channel == _DRUMS:
                    continue
                strikes = held[channel, pitch]
                if kind == 0x90 and velocity:
                    strikes.append((tick, velocity))
                elif strikes:
                    onset, velocity = strikes.pop(0)
                    track.notes.append((onset, tick, pitch, velocity))
                    last_release[channel, pitch] = tick
            elif kind == 0xB0:
                if data[position] == SUSTAIN_CONTROLLER and channel != _DRUMS:
                    track.sustain.append((tick, channel, data[position + 1] >= _DOWN))
                position += 2
            elif kind in (0xA0, 0xE0):
                position += 2
            elif kind in (0xC0, 0xD0):
                position += 1
            elif status in (0xF0, 0xF7):
                size, position = _variable_length(data, position)
                position += size
            elif status == 0xFF:
                meta = data[position]
                size, position = _variable_length(data, position + 1)
                if meta == 0x2F:
                    break
                if meta == 0x51:
                    track.tempos.append(
                        (tick, int.from_bytes(data[position : position + 3], "big"))
                    )
                position += size
            else:
                raise _DamagedError(f"expected an event at byte {position}, found {status:#04x}")
    except IndexError as error:
        raise _DamagedError(f"truncated: a track is cut off after {tick} ticks") from error
    for (channel, pitch), strikes in held.items():
        for onset, velocity in strikes:
            release = last_release.get((channel, pitch), 0)
            track.notes.append((onset, release if release > onset else tick, pitch, velocity))
    track.end = tick
    return track


def _variable_length(data: bytes, position: int) -> tuple[int, int]:
    """A number of seven bits a byte, and the position after it."""
    byte = data[position]
    position += 1
    number = byte & 0x7F
    while byte & 0x80:
        if number >> 21:
            raise _DamagedError(f"expected a number of four bytes or less at byte {position}")
        byte = data[position]
        position += 1
        number = number << 7 | byte & 0x7F
    return number, position


def _clock(division: int, tempos: Iterable[tuple[int, int]]) -> Callable[[int], float]:
    """A function from ticks to seconds."""
    if division & 0x8000:  # frames of film a second, and ticks a frame
        frame_rate = 256 - (division >> 8)
        ticks_a_second = (30 / 1.001 if frame_rate == 29 else float(frame_rate)) * (division & 0xFF)
        if not ticks_a_second:
            raise _DamagedError("expected a number of ticks a frame, found 0")
        return lambda tick: tick / ticks_a_second
    if not division:
        raise _DamagedError("expected a number of ticks a quarter note, found 0")
    ticks, seconds, scales = [0], [0.0], [_DEFAULT_TEMPO / 1e6 / division]
    for tick, tempo in tempos:
        if tempo:
            seconds.append(seconds[-1] + (tick - ticks[-1]) * scales[-1])
            ticks.append(tick)
            scales.append(tempo / 1e6 / division)

    def convert(tick: int) -> float:
        index = bisect.bisect_right(ticks, tick) - 1
        return seconds[index] + (tick - ticks[index]) * scales[index]

    return convert


def _presses(tracks: list[_Track], seconds: Callable[[int], float]) -> Iterator[PedalPress]:
    """When the pedal of any channel is down."""
    end = max((track.end for track in tracks), default=0)
    events = sorted(
        itertools.chain(*(track.sustain for track in tracks)), key=lambda event: event[0]
    )
    pressed: list[tuple[int, int]] = []
    down_since: dict[int, int] = {}
    releases = [(end, channel, False) for channel in range(16)]
    for tick, channel, down in itertools.chain(events, releases):
        if down:
            down_since.setdefault(channel, tick)
        elif channel in down_since:
            pressed.append((down_since.pop(channel), tick))
    merged: list[tuple[int, int]] = []
    for onset, offset in sorted(pressed):
        if merged and onset < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(offset, merged[-1][1]))
        else:
            merged.append((onset, offset))
    for onset, offset in merged:
        if seconds(onset) < seconds(offset):
            yield PedalPress(onset=seconds(onset), offset=seconds(offset))
