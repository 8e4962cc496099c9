"""Standard MIDI Files written byte by byte, and what is read of them."""

from __future__ import annotations

import struct

from transcribe.midi_parser import parse_midi
from transcribe.midi_reading import MidiReading, performance_of

END = b"\0\xff\x2f\0"

QUARTER = b"\x83\x60"
"""480 ticks, half a second."""


def header(n_tracks: int = 1, *, kind: int = 1, division: bytes = b"\x01\xe0") -> bytes:
    return b"MThd\0\0\0\6" + struct.pack(">HH", kind, n_tracks) + division


def chunk(events: bytes, size: int | None = None, name: bytes = b"MTrk") -> bytes:
    return name + struct.pack(">I", len(events) if size is None else size) + events


def scale(*pitches: int, channel: int = 0) -> bytes:
    """Notes of half a second, one after the other, every event with its status."""
    return b"".join(
        bytes((0, 0x90 | channel, p, 80)) + QUARTER + bytes((0x80 | channel, p, 64))
        for p in pitches
    )


def read(data: bytes) -> MidiReading:
    return performance_of(parse_midi(data))


def onsets(reading: MidiReading) -> list[tuple[float, int]]:
    return [(note.onset, note.pitch) for note in reading.performance.notes]


FOUR = [(0.0, 60), (0.5, 62), (1.0, 64), (1.5, 65)]

SCALE = scale(60, 62, 64, 65)

HIGHER = scale(72, 74, 76, 77)
