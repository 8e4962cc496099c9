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

from transcribe.midi_file import (
    CONTROL,
    END_OF_TRACK,
    FRAME_RATES,
    METRE,
    NOTE_OFF,
    NOTE_ON,
    PROGRAM,
    SYSTEM_EXCLUSIVE,
    TEMPO,
    DamagedError,
    MidiFile,
    MidiTrack,
)

_DATA_BYTES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}
_SYSTEM_DATA_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}
"""Of system messages that belong on a cable, not in a file; of the others none."""
_META_SIZES = {0x00: 2, 0x20: 1, 0x21: 1, END_OF_TRACK: 0, TEMPO: 3, 0x54: 5, METRE: 4, 0x59: 2}
_MOST_BEFORE_HEADER = 256
"""Bytes that may stand before the MIDI file itself."""
_CONVINCING = 4
"""So many events in a row are taken for events, not for chance; twice as many where the first
has no status of its own."""
_SOON = 8192
"""Ticks; after damage, what seems to be a longer pause is taken for more of the damage."""


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
        raise DamagedError(f"truncated: expected {n_tracks or 'some'} tracks, found 0")
    if len(tracks) < n_tracks:
        damage.append(f"truncated: expected {n_tracks} tracks, found {len(tracks)}")
    elif len(tracks) > n_tracks:
        damage.append(f"its header counts {n_tracks} tracks, found {len(tracks)}; all are read")
    return MidiFile(kind, division, tuple(tracks), tuple(damage))


def _read_header(data: bytes, damage: list[str]) -> tuple[int, int, int, int]:
    """Where the first chunk after the header begins; type, number of tracks, division."""
    header = data.find(b"MThd", 0, _MOST_BEFORE_HEADER)
    if header < 0 and data[4:8] == b"\0\0\0\6" and data[14:18] == b"MTrk":
        header = 0
        damage.append(f"its first bytes are {data[:4]!r} in place of 'MThd'")
    if header < 0 or len(data) < header + 14:
        raise DamagedError("not a MIDI file: it has no MThd header")
    size, kind, n_tracks, division = struct.unpack_from(">IHHH", data, header + 4)
    position = header + 8 + size
    if size != 6 and not _is_chunk_name(data[position : position + 4]):
        damage.append(f"expected a header of 6 bytes, found one of {size}")
        position = header + 14
    if kind > 2:
        damage.append(f"expected a file of type 0, 1 or 2, found {kind}; it is read as type 1")
        kind = 1
    return position, kind, n_tracks, division


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
    track, n_read = _read_events(data[start:stop], number, damage, whole_chunk=stop == declared)
    tracks.append(track)
    if stop == declared:
        return stop
    ends = data[start : start + n_read].endswith(b"\xff\x2f\x00")
    if start + n_read != declared and (ends or declared <= len(data)):
        damage.append(
            f"track {number} is said to have {declared - start} bytes, found {n_read}; all are read"
        )
    return start + n_read


def _read_events(
    chunk: bytes, number: int, damage: list[str], *, whole_chunk: bool
) -> tuple[MidiTrack, int]:
    """The events of a track, and how many of its bytes they are."""
    track = MidiTrack()
    messages, metas = track.messages, track.metas
    position = tick = running = at = n_beyond = 0
    size_of = _DATA_BYTES
    ended = False
    while not ended:
        try:
            while position < len(chunk):
                at = position
                byte = chunk[position]
                position += 1
                if byte < 0x80:
                    tick += byte
                else:
                    delta, position = _variable_length(chunk, at)
                    tick += delta
                status = chunk[position]
                if status < 0x80:
                    status = running  # left out, as the event before had the same
                else:
                    position += 1
                kind = status & 0xF0
                if 0x80 <= status < 0xF0:
                    running = status
                    first = chunk[position]
                    second = chunk[position + 1] if size_of[kind] == 2 else 0
                    if first >= 0x80:
                        raise DamagedError(
                            f"expected a number below 128 at byte {position} of its events, "
                            f"found {first}"
                        )
                    position += size_of[kind]
                    if second >= 0x80:
                        if not _is_convincing(chunk, position, running):
                            raise DamagedError(
                                f"expected a number below 128 at byte {position - 1} of its "
                                f"events, found {second}"
                            )
                        n_beyond += 1
                        second = 127
                    if kind in (NOTE_OFF, NOTE_ON, CONTROL, PROGRAM):
                        messages.append((tick, status, first, second))
                elif status == 0xFF:
                    meta, (size, position) = chunk[position], _variable_length(chunk, position + 1)
                    size = _meta_size(chunk, position, meta, size, damage, number)
                    position += size
                    if meta == END_OF_TRACK:
                        ended = not (whole_chunk and _goes_on(chunk, position, number, damage))
                        if ended:
                            break
                    else:
                        metas.append((tick, meta, chunk[position - size : position]))
                elif status in (0xF0, 0xF7):
                    begin, position = _system_exclusive(chunk, position, status, damage, number)
                    metas.append((tick, SYSTEM_EXCLUSIVE, chunk[begin:position]))
                elif status:
                    position += _SYSTEM_DATA_BYTES.get(status, 0)
                else:
                    raise DamagedError(
                        f"expected an event at byte {at} of its events, found {chunk[position]:#x}"
                    )
            if not ended:
                damage.append(f"track {number} has no end; it may be truncated after {tick} ticks")
                ended = True
        except (DamagedError, IndexError) as error:
            found = _next_event(chunk, at + 1, running)
            if isinstance(error, IndexError) and found is None:
                damage.append(f"truncated: track {number} is cut off after {tick} ticks")
            else:
                what = error if isinstance(error, DamagedError) else "an event goes beyond its end"
                lost = "what follows is" if found is None else f"{found - at} bytes are"
                damage.append(f"track {number} is damaged after {tick} ticks: {what}; {lost} lost")
            ended = found is None
            position = len(chunk) if found is None else found
    if n_beyond:
        values = "a value" if n_beyond == 1 else f"{n_beyond} values"
        damage.append(f"track {number} has {values} above 127, taken for 127")
    track.end = tick
    return track, position


def _meta_size(
    chunk: bytes, position: int, meta: int, size: int, damage: list[str], number: int
) -> int:
    """How long a meta event is: as it says, unless its kind and what follows say otherwise."""
    proper = _META_SIZES.get(meta, size)
    if size != proper and (
        position + size > len(chunk)
        or position + proper == len(chunk)
        or _is_convincing(chunk, position + proper)
    ):
        damage.append(
            f"track {number} has a meta event {meta:#04x} of {size} bytes in place of {proper}"
        )
        return proper
    if position + size > len(chunk):
        raise IndexError(position + size)
    return size


def _goes_on(chunk: bytes, position: int, number: int, damage: list[str]) -> bool:
    """Whether there are events after the end of the track, within its chunk."""
    if not any(chunk[position:]):
        return False
    goes_on = _is_convincing(chunk, position)
    what = "read too" if goes_on else "not read"
    damage.append(f"track {number} has {len(chunk) - position} bytes after its end, {what}")
    return goes_on


def _system_exclusive(
    chunk: bytes, position: int, status: int, damage: list[str], number: int
) -> tuple[int, int]:
    """Where the content of a system exclusive message begins and ends.

    Some programs write these as on a cable, without the length; then the length that
    seems to stand there covers events that follow.
    """
    size, begin = _variable_length(chunk, position)
    end = begin + size
    if status == 0xF0 and not (end <= len(chunk) and _is_whole(chunk[begin:end])):
        stop = position
        while stop < len(chunk) and chunk[stop] < 0x80:
            stop += 1
        if _is_whole(chunk[position : stop + 1]) and _is_convincing(chunk, stop + 1):
            damage.append(f"track {number} has a system exclusive message without its length")
            return position, stop + 1
        if _takes_a_delta(chunk, begin, end):
            damage.append(f"track {number} has a system exclusive message that is a byte too long")
            return begin, end - 1
        goes_beyond = end > len(chunk) or any(byte >= 0x80 for byte in chunk[begin:end])
        if goes_beyond and (end == len(chunk) or not _is_convincing(chunk, end)):
            raise DamagedError("a system exclusive message does not end")
    if end > len(chunk):
        raise IndexError(end)
    return begin, end


def _takes_a_delta(chunk: bytes, begin: int, end: int) -> bool:
    """Whether the last byte of a system exclusive message begins the time of the next event."""
    last = end - 1
    return (
        begin < end <= len(chunk)
        and all(byte < 0x80 for byte in chunk[begin:last])
        and chunk[last] != 0xF7
        and (chunk[last] >= 0x80 or not _is_convincing(chunk, end))
        and _is_convincing(chunk, last)
    )


def _is_whole(content: bytes) -> bool:
    """Whether a system exclusive message ends where it should, and not before."""
    return content.endswith(b"\xf7") and all(byte < 0x80 for byte in content[:-1])


def _next_event(chunk: bytes, position: int, running: int) -> int | None:
    """The first place from a position on where events seem to follow each other."""
    for place in range(position, len(chunk) - 2):
        if _is_convincing(chunk, place) or _is_convincing(
            chunk, place, running, n_events=2 * _CONVINCING
        ):
            return place
    return None


def _is_convincing(
    chunk: bytes, position: int, running: int = 0, *, n_events: int = _CONVINCING
) -> bool:
    """Whether the next few bytes are events, the first soon, and if need be with a status."""
    for n in range(n_events):
        if position >= len(chunk):
            return n > 0
        try:
            delta, position = _variable_length(chunk, position)
            status = chunk[position]
            if status >= 0x80:
                position += 1
            status = status if status >= 0x80 else running
            if 0x80 <= status < 0xF0:
                running = status
                size = _DATA_BYTES[status & 0xF0]
            elif status == 0xFF:
                meta = chunk[position]
                size, position = _variable_length(chunk, position + 1)
                if meta >= 0x80 or size != _META_SIZES.get(meta, size):
                    return False
                if meta == END_OF_TRACK:
                    return True
            else:
                return False
        except (IndexError, DamagedError):
            return False
        stop = position + size
        if stop > len(chunk) or (n == 0 and delta > _SOON):
            return False
        if status != 0xFF and any(byte >= 0x80 for byte in chunk[position:stop]):
            return False
        position = stop
    return True


def _variable_length(data: bytes, position: int) -> tuple[int, int]:
    """A number of seven bits a byte, and the position after it."""
    byte = data[position]
    position += 1
    number = byte & 0x7F
    while byte & 0x80:
        if number >> 21:
            raise DamagedError(f"expected a number of four bytes or less at byte {position}")
        byte = data[position]
        position += 1
        number = number << 7 | byte & 0x7F
    return number, position
