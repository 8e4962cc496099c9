"""The bytes of a Standard MIDI File to its tracks and events, as much as is whole of them.

Conventions
-----------
- Read is what a careful reader reads [1]_: types 0, 1 and 2, any division, running status
  (also after meta events), system messages that other programs left in a track, chunks of
  other kinds, a RIFF or Macintosh header before the file.
- Of a damaged file, what is whole is read, and `MidiFile.damage` says what is not: sizes
  and counts that contradict the events give way to the events; after bytes that are no
  event, reading goes on at the next place where events with a status of their own follow
  each other. Only a file without a readable track is refused.

References
----------
.. [1] MIDI Manufacturers Association, "Standard MIDI Files 1.0", RP-001.
"""

from __future__ import annotations

import struct

from transcribe.files.beginnings import begins_recording
from transcribe.midi_events import EventReader
from transcribe.midi_file import FRAME_RATES, DamagedError, MidiFile, MidiTrack
from transcribe.wording import count

_MOST_BEFORE_HEADER = 256
"""Bytes that may stand before the MIDI file itself."""


def parse_midi(data: bytes) -> MidiFile:
    """Read the bytes of a MIDI file.

    Raises
    ------
    DamagedError
        There is no header, no track, or no unit of time in it.
    """
    damage: list[str] = []
    position, kind, n_tracks, division = _read_header(data, damage)
    _check_division(division, damage)
    tracks: list[MidiTrack] = []
    while position + 8 <= len(data):
        name, size = struct.unpack_from(">4sI", data, position)
        start, stop = position + 8, position + 8 + size
        if name == b"MThd" and tracks:
            damage.append("another MIDI file follows in the same file; the first one is read")
            break
        if name == b"MTrk" or _is_misnamed_track(data, start, stop, len(tracks) < n_tracks):
            if name != b"MTrk":
                damage.append(f"track {len(tracks) + 1} is called {name!r} in place of 'MTrk'")
            position = _read_chunk(data, start, stop, tracks, damage)
        elif _is_chunk_name(name) and stop <= len(data):
            position = stop  # of a kind that is none of ours
        else:
            following = data.find(b"MTrk", position)
            if following < 0:
                break  # what comes after the last track is no harm
            damage.append(f"expected a track at byte {position}, found one at byte {following}")
            position = following
    if not tracks:
        raise DamagedError(f"truncated: expected {_tracks(n_tracks)}, found none")
    if len(tracks) < n_tracks:
        damage.append(f"truncated: expected {_tracks(n_tracks)}, found {len(tracks)}")
    elif len(tracks) > n_tracks:
        damage.append(
            f"its header counts {count(n_tracks, 'track')}, found {len(tracks)}; all are read"
        )
    return MidiFile(kind, division, tuple(tracks), tuple(damage))


def _tracks(number: int) -> str:
    return count(number, "track") if number else "a track"


def _read_header(data: bytes, damage: list[str]) -> tuple[int, int, int, int]:
    """Where the first chunk after the header begins; type, number of tracks, division."""
    header = data.find(b"MThd", 0, _MOST_BEFORE_HEADER)
    if header < 0 and data[4:8] == b"\0\0\0\6" and data[14:18] == b"MTrk":
        header = 0
        damage.append(f"its first bytes are {data[:4]!r} in place of 'MThd'")
    if header < 0:
        raise DamagedError(_why_no_midi(data))
    if len(data) < header + 14:
        raise DamagedError("truncated: this MIDI file ends within its header")
    size, kind, n_tracks, division = struct.unpack_from(">IHHH", data, header + 4)
    position = header + 8 + size
    if size != 6 and not _is_chunk_name(data[position : position + 4]):
        damage.append(f"expected a header of 6 bytes, found one of {size}")
        position = header + 14
    if kind > 2:
        damage.append(f"expected a file of type 0, 1 or 2, found {kind}; it is read as type 1")
        kind = 1
    return position, kind, n_tracks, division


def _why_no_midi(data: bytes) -> str:
    if not data:
        return "expected a MIDI file, found an empty file (0 bytes)"
    if begins_recording(data):
        return "expected a MIDI file, found a recording; transcribe it first"
    return "not a MIDI file: it has no MThd header"


def _check_division(division: int, damage: list[str]) -> None:
    if not division:
        raise DamagedError("expected a number of ticks a quarter note, found 0")
    if division & 0x8000:
        frame_rate = 256 - (division >> 8)
        if not division & 0xFF:
            raise DamagedError("expected a number of ticks a frame, found 0")
        if frame_rate not in FRAME_RATES:
            damage.append(f"expected 24, 25, 29 or 30 frames a second, found {frame_rate}")


def _is_chunk_name(name: bytes) -> bool:
    return len(name) == 4 and all(0x20 <= byte < 0x7F for byte in name)


def _is_misnamed_track(data: bytes, start: int, stop: int, wanted: bool) -> bool:
    """Whether a chunk of another name is one of the tracks that the header counts."""
    return wanted and stop <= len(data) and data[start:stop].endswith(b"\xff\x2f\x00")


def _read_chunk(
    data: bytes, start: int, declared: int, tracks: list[MidiTrack], damage: list[str]
) -> int:
    """Read one track, wherever its chunk says that it ends; the position after it."""
    following = data.find(b"MTrk", start)
    limit = len(data) if following < 0 else following
    swallows = start < limit < declared and (
        declared > len(data) or data[limit - 3 : limit] == b"\xff\x2f\x00"
    )
    fits = declared == len(data) or (
        declared + 8 <= len(data) and _is_chunk_name(data[declared : declared + 4])
    )
    stop = declared if fits and not swallows else limit
    number = len(tracks) + 1
    reader = EventReader(data[start:stop], number, damage, is_whole_chunk=stop == declared)
    tracks.append(reader.read())
    if stop == declared:
        return stop
    n_read = reader.position
    ends = data[start : start + n_read].endswith(b"\xff\x2f\x00")
    if start + n_read != declared and (ends or declared <= len(data)):
        damage.append(
            f"track {number} is said to have {count(declared - start, 'byte')}, found {n_read}; "
            "all are read"
        )
    return start + n_read
