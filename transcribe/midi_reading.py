"""The events of a Standard MIDI File as a performance: strikes and releases joined, pedal read.

A file of any type and division is read (`midi_parser` reads its bytes): the reader is our own,
as symusic 0.6 loses the pedal where it has a track for itself (four of ten files of
piano-midi.de) and keys never released, and mido is five times slower. "All sound off", "all
notes off" and the changes of mode (controllers 120, 123 to 127) release the keys of their
channel, "reset all controllers" (121) its pedal, a reset of the whole instrument (General
MIDI, GS, XG) both on all channels. A controller in a track with notes of that channel
speaks for that track, in a track without them for all.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from transcribe.midi_file import (
    CONTROL,
    DRUM_CHANNEL,
    NOTE_OFF,
    NOTE_ON,
    SUSTAIN_CONTROLLER,
    SYSTEM_EXCLUSIVE,
    DamagedError,
    MidiFile,
    MidiTrack,
)
from transcribe.notes import (
    HIGHEST_PITCH,
    LOWEST_PITCH,
    Note,
    PedalPress,
    Performance,
    without_overlaps,
)

_DOWN = 64
"""The least value of the sustain controller that means "down"."""
NOTES_OFF = frozenset({120, 123, 124, 125, 126, 127})
"""Controllers that release all keys of their channel."""
_RESET_CONTROLLERS = 121
LONGEST_SECONDS = 48 * 3600.0
"""Seconds; what a file has later than this is damage, not music."""
_MOST_TOLD = 3
"""Damages listed one by one."""


@dataclass(frozen=True, slots=True)
class MidiReading:
    """The performance in a MIDI file, and what is doubtful about it."""

    performance: Performance
    warnings: tuple[str, ...] = ()
    """Damage, and what was left out; a phrase each, without the file's name."""
    is_pedal_held: bool = False
    """Whether the pedal is never lifted again after its last press, as often in recordings."""


class _Played:
    """The strikes, releases and pedal of a track; times in ticks.

    A release ends the earliest strike of its key that is still held.
    """

    def __init__(self, track: MidiTrack) -> None:
        self.notes: list[tuple[int, int, int, int, int]] = []
        """Onset, offset, pitch, velocity, channel."""
        self.sustain: list[tuple[int, int, bool]] = []
        """Time, channel, whether down."""
        self.notes_off: list[tuple[int, int]] = []
        """Time and channel of "all notes off", where the track has no notes of the channel."""
        self.n_drums = 0
        self._held: defaultdict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
        """By channel and pitch, onset and velocity of each strike."""
        self._last_release: dict[tuple[int, int], int] = {}
        self._channels = {
            status & 0x0F
            for _, status, _, velocity in track.messages
            if status & 0xF0 == NOTE_ON and velocity
        }
        for message in _with_resets(track):
            self._read(*message)
        self.n_held = sum(map(len, self._held.values()))
        """Keys that are never released."""
        self._end_held(track.end)

    def _read(self, tick: int, status: int, first: int, second: int) -> None:
        kind, channel = status & 0xF0, status & 0x0F
        if kind == SYSTEM_EXCLUSIVE:
            for each in range(16):
                self._release_all(tick, each)
                self.sustain.append((tick, each, False))
        elif channel == DRUM_CHANNEL:
            self.n_drums += kind == NOTE_ON and second > 0
        elif kind == NOTE_ON and second:
            self._held[channel, first].append((tick, second))
        elif kind in (NOTE_OFF, NOTE_ON):
            strikes = self._held[channel, first]
            if strikes:
                onset, velocity = strikes.pop(0)
                self.notes.append((onset, tick, first, velocity, channel))
                self._last_release[channel, first] = tick
        elif kind == CONTROL and first == SUSTAIN_CONTROLLER:
            self.sustain.append((tick, channel, second >= _DOWN))
        elif kind == CONTROL and first == _RESET_CONTROLLERS:
            self.sustain.append((tick, channel, False))
        elif kind == CONTROL and first in NOTES_OFF:
            self._release_all(tick, channel)

    def _release_all(self, tick: int, channel: int) -> None:
        for key in [key for key, strikes in self._held.items() if strikes and key[0] == channel]:
            for onset, velocity in self._held.pop(key):
                self.notes.append((onset, tick, key[1], velocity, channel))
            self._last_release[key] = tick
        if channel not in self._channels:
            self.notes_off.append((tick, channel))

    def _end_held(self, end: int) -> None:
        """Keys that are never released last to the key's last release, else to the end."""
        for (channel, pitch), strikes in self._held.items():
            for onset, velocity in strikes:
                release = self._last_release.get((channel, pitch), 0)
                offset = release if release > onset else end
                self.notes.append((onset, offset, pitch, velocity, channel))


def performance_of(file: MidiFile) -> MidiReading:
    """Join the tracks of a file; DamagedError where damage has left nothing to join."""
    played = [_Played(track) for track in file.tracks]
    if file.kind == 2:
        clocks = [file.clock(track) for track in file.tracks]
    else:
        clocks = [file.clock()] * len(file.tracks)
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
            elif start >= LONGEST_SECONDS:
                n_late += 1
            elif start < stop:
                stop = min(stop, LONGEST_SECONDS)
                notes.append(Note(onset=start, pitch=pitch, offset=stop, velocity=velocity))
            else:
                n_empty += 1
    presses, is_held = _presses(file.tracks, played, clocks)
    n_drums = sum(part.n_drums for part in played)
    if file.damage and not (notes or presses or n_drums or n_empty or n_off_keyboard):
        raise DamagedError("; ".join(_few(file.damage)))
    n_playing = sum(bool(part.notes) for part in played)
    warnings = doubts_of(
        file,
        n_drums=n_drums,
        n_off_keyboard=n_off_keyboard,
        n_empty=n_empty,
        n_late=n_late,
        n_held=sum(part.n_held for part in played),
        n_playing=n_playing,
    )
    return MidiReading(Performance(without_overlaps(notes), presses), warnings, is_held)


def doubts_of(
    file: MidiFile,
    *,
    n_drums: int = 0,
    n_off_keyboard: int = 0,
    n_empty: int = 0,
    n_late: int = 0,
    n_held: int = 0,
    n_playing: int = 0,
) -> tuple[str, ...]:
    """What is doubtful about a file, a phrase each.

    Parameters
    ----------
    file : MidiFile
        Its damage is told.
    n_drums, n_off_keyboard, n_empty, n_late : int
        Notes that were left out, as they are percussion, off the keyboard, without length, or
        later than `LONGEST_SECONDS`.
    n_held : int
        Keys that are never released.
    n_playing : int
        Tracks with notes.
    """
    doubts = [
        *_few(file.damage),
        *_counted(n_drums, "note", "of percussion (channel 10) left out"),
        *_counted(n_off_keyboard, "note", "off the keyboard (below A0 or above C8) left out"),
        *_counted(n_empty, "note", "without length left out"),
        *_counted(n_late, "note", f"later than {LONGEST_SECONDS / 3600:g} hours left out"),
        *_counted(n_held, "key", "never released, until the end"),
    ]
    if file.kind == 2 and n_playing > 1:
        doubts.append(
            f"type 2: its {n_playing} tracks are independent of each other; they are read as if "
            "played together"
        )
    return tuple(doubts)


def _few(damage: Sequence[str]) -> list[str]:
    listed = list(damage[:_MOST_TOLD])
    if len(damage) > _MOST_TOLD:
        listed.append(f"and {len(damage) - _MOST_TOLD} more places are damaged")
    return listed


def _counted(number: int, what: str, fate: str) -> list[str]:
    return [f"{number} {what}{'s' * (number != 1)} {fate}"] if number else []


def _with_resets(track: MidiTrack) -> Sequence[tuple[int, int, int, int]]:
    """The messages of a track, and the resets of the instrument among its other events."""
    resets = [
        (tick, SYSTEM_EXCLUSIVE, 0, 0)
        for tick, kind, content in track.metas
        if kind == SYSTEM_EXCLUSIVE and _is_reset(content)
    ]
    if not resets:
        return track.messages
    return sorted([*resets, *track.messages], key=lambda message: message[0])


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
        if onset < min(offset, LONGEST_SECONDS):
            yield PedalPress(onset=onset, offset=min(offset, LONGEST_SECONDS))
