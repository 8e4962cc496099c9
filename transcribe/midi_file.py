"""What a Standard MIDI File holds (tracks, events, tempo map, bars), and how it is written.

Times are ticks. Every reader of MIDI in this package goes through `midi_parser.parse_midi`,
every writer through `midi_file_bytes`; `transcribe.midi` makes performances of them,
`tokens.score_midi` notes in musical time.
"""

from __future__ import annotations

import bisect
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

DRUM_CHANNEL = 9
"""The channel on which a MIDI file has percussion: the tenth, counted from 0."""
DEFAULT_TEMPO = 500_000
"""Microseconds a quarter note, where a file says nothing."""
NOTE_OFF, NOTE_ON, CONTROL, PROGRAM = 0x80, 0x90, 0xB0, 0xC0
"""Kinds of channel messages that are kept: the upper half of the status byte."""
SUSTAIN_CONTROLLER = 64
"""The number of the sustain pedal among the controllers."""
TEXT, TRACK_NAME, END_OF_TRACK = 0x01, 0x03, 0x2F
TEMPO, METRE, KEY_SIGNATURE = 0x51, 0x58, 0x59
"""Kinds of meta events."""
SYSTEM_EXCLUSIVE = 0xF0

FRAME_RATES = {24: 24.0, 25: 25.0, 29: 30 / 1.001, 30: 30.0}
"""Of film, by the number that stands for them in a division."""


class DamagedError(ValueError):
    """Nothing can be read of these bytes; the message says what was expected and found."""


@dataclass(slots=True)
class MidiTrack:
    """Events of a track in the order of the file; times are ticks from its start."""

    messages: list[tuple[int, int, int, int]] = field(default_factory=list)
    """Tick, status byte, first and second data byte: keys, controllers, programs (then 0)."""
    metas: list[tuple[int, int, bytes]] = field(default_factory=list)
    """Tick, kind and content of meta events; also of `SYSTEM_EXCLUSIVE`."""
    end: int = 0
    """Tick of its end."""

    @property
    def name(self) -> str:
        """Its title, or nothing."""
        names = (content for _, kind, content in self.metas if kind == TRACK_NAME)
        return next(names, b"").decode("latin-1")


@dataclass(frozen=True, slots=True)
class MidiFile:
    """What a MIDI file holds."""

    kind: int
    """0: one track; 1: tracks played together; 2: tracks that are independent of each other."""
    division: int
    """Ticks a quarter note, or from 0x8000 on frames a second and ticks a frame."""
    tracks: tuple[MidiTrack, ...]
    damage: tuple[str, ...] = ()
    """What could not be read, or contradicts itself; empty for most files."""

    @property
    def ticks_a_quarter(self) -> int | None:
        """None where ticks divide seconds (SMPTE)."""
        return None if self.division & 0x8000 else self.division

    @property
    def end(self) -> int:
        """Tick at which the last track ends."""
        return max((track.end for track in self.tracks), default=0)

    def tempos(self, track: MidiTrack | None = None) -> tuple[tuple[int, int], ...]:
        """The tempo map: ticks, rising, and microseconds a quarter note from there on.

        Of all tracks together, or of one alone, as in a file of type 2.
        """
        found = [
            (tick, int.from_bytes(content[:3], "big"))
            for each in (self.tracks if track is None else (track,))
            for tick, kind, content in each.metas
            if kind == TEMPO and len(content) >= 3 and any(content[:3])
        ]
        return tuple(sorted(found, key=lambda tempo: tempo[0]))

    def metres(self) -> tuple[tuple[int, int, int], ...]:
        """Ticks, rising, and the time signature from there on: numerator and denominator."""
        found = [
            (tick, content[0], 2 ** content[1])
            for each in self.tracks
            for tick, kind, content in each.metas
            if kind == METRE and len(content) >= 2 and content[0] and content[1] <= 6
        ]
        return tuple(sorted(found, key=lambda metre: metre[0]))

    def bars(self) -> Iterator[int]:
        """The ticks at which bars begin, to the end; 4/4 until a time signature comes.

        A time signature begins a bar. None where ticks divide seconds.
        """
        quarter = self.ticks_a_quarter
        if quarter is None:
            return
        changes = {tick: (numerator, power) for tick, numerator, power in self.metres()}
        starts = sorted({0, *changes})
        for start, stop in zip(starts, [*starts[1:], self.end + 1], strict=True):
            numerator, denominator = changes.get(start, (4, 4))
            length = max(4 * quarter * numerator // denominator, 1)
            yield from range(start, stop, length)

    def clock(self, track: MidiTrack | None = None) -> Callable[[int], float]:
        """A function from ticks to seconds, by the tempos of all tracks or of one."""
        if self.division & 0x8000:
            ticks_a_second = smpte_rate(self.division)
            return lambda tick: tick / ticks_a_second
        ticks, seconds, scales = [0], [0.0], [DEFAULT_TEMPO / 1e6 / self.division]
        for tick, tempo in self.tempos(track):
            seconds.append(seconds[-1] + (tick - ticks[-1]) * scales[-1])
            ticks.append(tick)
            scales.append(tempo / 1e6 / self.division)

        def convert(tick: int) -> float:
            index = bisect.bisect_right(ticks, tick) - 1
            return seconds[index] + (tick - ticks[index]) * scales[index]

        return convert


def smpte_rate(division: int) -> float:
    """Ticks a second of a division that counts frames of film (SMPTE); 29 means 29.97."""
    frame_rate = 256 - (division >> 8)
    return FRAME_RATES.get(frame_rate, float(frame_rate)) * (division & 0xFF)


def midi_file_bytes(division: int, tracks: Iterable[Sequence[tuple[int, bytes]]]) -> bytes:
    """A file of type 1, with running status.

    Parameters
    ----------
    division : int
        Ticks a quarter note.
    tracks : iterable of sequences
        Ticks from the start, not falling, each with an event: its status byte and data. The
        end of the track is added a tick after the last event.
    """
    chunks = [_chunk(events) for events in tracks]
    header = struct.pack(">4sIHHH", b"MThd", 6, 1, len(chunks), division)
    return header + b"".join(chunks)


def meta_event(kind: int, content: bytes) -> bytes:
    """A meta event, for `midi_file_bytes`."""
    return bytes((0xFF, kind)) + _variable_length_bytes(len(content)) + content


def text_event(kind: int, text: str) -> bytes:
    """A meta event of text; outside Latin-1, characters become question marks."""
    return meta_event(kind, text.encode("latin-1", "replace"))


def tempo_event(microseconds: int) -> bytes:
    """Microseconds a quarter note, as far as a file can say: 1 to 16777215."""
    return meta_event(TEMPO, min(max(microseconds, 1), 0xFFFFFF).to_bytes(3, "big"))


def metre_event(numerator: int, denominator: int) -> bytes:
    """A time signature; the denominator is a power of two."""
    return meta_event(METRE, bytes((numerator, denominator.bit_length() - 1, 24, 8)))


def _chunk(events: Sequence[tuple[int, bytes]]) -> bytes:
    data = bytearray()
    now = running = 0
    for tick, event in events:
        data += _variable_length_bytes(tick - now)
        status = event[0]
        data += event[1:] if status == running else event
        running = status if status < 0xF0 else 0
        now = tick
    data += b"\x01" + meta_event(END_OF_TRACK, b"")
    return struct.pack(">4sI", b"MTrk", len(data)) + bytes(data)


def _variable_length_bytes(number: int) -> bytes:
    septets = [number & 0x7F]
    while number := number >> 7:
        septets.append(number & 0x7F | 0x80)
    return bytes(reversed(septets))
