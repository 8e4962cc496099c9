"""Notes in musical time as a standard MIDI file: tempo, metre and tracks of one voice each.

`transcribe.midi` writes performances, in seconds; here a quarter note is `TICKS` ticks,
whatever the tempo, so that a reader quantises to the steps that are meant.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from transcribe.beats import Metre

TICKS = 480
"""A quarter note; a sixteenth is 120."""
STEP_TICKS = TICKS // 4
DRUM_CHANNEL = 9


@dataclass(frozen=True, slots=True, order=True)
class ScoreNote:
    """A note in sixteenth notes from the start of its file; they need not be whole."""

    step: float
    pitch: int
    n_steps: float
    velocity: int = 80


@dataclass(frozen=True, slots=True)
class Track:
    """One voice."""

    name: str
    notes: Sequence[ScoreNote]
    program: int = 0
    """General MIDI, from 0."""
    is_drum: bool = False


def score_midi(
    tracks: Iterable[Track], *, quarters_a_minute: float, metre: Metre, text: str = ""
) -> bytes:
    """A type 1 file: a track with tempo, metre and text, then a track for each voice."""
    numerator, power = metre.numerator, metre.denominator.bit_length() - 1
    microseconds = min(round(60e6 / quarters_a_minute), 0xFFFFFF)
    head = [
        (0, b"\xff\x51\x03" + microseconds.to_bytes(3, "big")),
        (0, bytes((0xFF, 0x58, 4, numerator, power, 24, 8))),
    ]
    if text:
        head.insert(0, (0, _text(0x01, text)))
    chunks = [_chunk(head)]
    channels = [channel for channel in range(16) if channel != DRUM_CHANNEL]
    for track in tracks:
        channel = DRUM_CHANNEL if track.is_drum else channels.pop(0)
        chunks.append(_chunk(_events(track, channel)))
    return struct.pack(">4sIHHH", b"MThd", 6, 1, len(chunks), TICKS) + b"".join(chunks)


def _events(track: Track, channel: int) -> list[tuple[int, bytes]]:
    events = [(0, _text(0x03, track.name)), (0, bytes((0xC0 | channel, track.program)))]
    timed = []
    for note in track.notes:
        onset = round(note.step * STEP_TICKS)
        offset = max(round((note.step + note.n_steps) * STEP_TICKS), onset + 1)
        timed.append((onset, 1, bytes((0x90 | channel, note.pitch, note.velocity))))
        timed.append((offset, 0, bytes((0x80 | channel, note.pitch, 0))))
    return events + [(tick, event) for tick, _, event in sorted(timed)]


def _chunk(events: Iterable[tuple[int, bytes]]) -> bytes:
    data = bytearray()
    now = 0
    for tick, event in events:
        data += _variable_length(tick - now) + event
        now = tick
    data += b"\x00\xff\x2f\x00"
    return struct.pack(">4sI", b"MTrk", len(data)) + bytes(data)


def _text(kind: int, text: str) -> bytes:
    data = text.encode("latin-1", "replace")
    return bytes((0xFF, kind)) + _variable_length(len(data)) + data


def _variable_length(number: int) -> bytes:
    septets = [number & 0x7F]
    while number := number >> 7:
        septets.append(number & 0x7F | 0x80)
    return bytes(reversed(septets))


def read_score_midi(content: bytes) -> tuple[Track, ...]:
    """The tracks of a file that `score_midi` wrote, back in sixteenth notes."""
    tracks = []
    position = 14
    while position < len(content):
        (size,) = struct.unpack_from(">I", content, position + 4)
        position += 8
        track = _read_track(content[position : position + size])
        position += size
        if track is not None:
            tracks.append(track)
    return tuple(tracks)


def _read_track(data: bytes) -> Track | None:
    """One voice; None for the track of tempo and metre."""
    name, program, channel = "", 0, None
    held: dict[int, tuple[int, int]] = {}
    notes = []
    position = now = 0
    while position < len(data):
        delta, position = _read_variable_length(data, position)
        now += delta
        status = data[position]
        if status == 0xFF:
            size, start = _read_variable_length(data, position + 2)
            if data[position + 1] == 0x03:
                name = data[start : start + size].decode("latin-1")
            position = start + size
            continue
        channel = status & 0x0F
        if status & 0xF0 == 0xC0:
            program = data[position + 1]
            position += 2
            continue
        pitch, velocity = data[position + 1], data[position + 2]
        if status & 0xF0 == 0x90:
            held[pitch] = (now, velocity)
        elif pitch in held:
            onset, struck = held.pop(pitch)
            step, n_steps = onset / STEP_TICKS, (now - onset) / STEP_TICKS
            notes.append(ScoreNote(step, pitch, n_steps, struck))
        position += 3
    if channel is None:
        return None
    return Track(name, tuple(sorted(notes)), program, channel == DRUM_CHANNEL)


def _read_variable_length(data: bytes, position: int) -> tuple[int, int]:
    number = 0
    while data[position] & 0x80:
        number = number << 7 | data[position] & 0x7F
        position += 1
    return number << 7 | data[position], position + 1
