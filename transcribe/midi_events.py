"""The bytes of one track of a Standard MIDI File to its events, past what is damaged of them.

The next event begins with the ticks since the one before, a number of seven bits a byte. Then
comes its status, which may be left out where it is that of the last channel message (running
status), then its data.
"""

from __future__ import annotations

from transcribe.midi_file import (
    CONTROL,
    END_OF_TRACK,
    KEY_SIGNATURE,
    METRE,
    NOTE_OFF,
    NOTE_ON,
    PROGRAM,
    SYSTEM_EXCLUSIVE,
    TEMPO,
    DamagedError,
    MidiTrack,
)

_META = 0xFF
_KEPT = frozenset({NOTE_OFF, NOTE_ON, CONTROL, PROGRAM})
_DATA_BYTES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}
_SYSTEM_DATA_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}
"""Of system messages that belong on a cable, not in a file; of the others none."""
_META_SIZES = {
    0x00: 2,
    0x20: 1,
    0x21: 1,
    END_OF_TRACK: 0,
    TEMPO: 3,
    0x54: 5,
    METRE: 4,
    KEY_SIGNATURE: 2,
}
_CONVINCING = 4
"""So many events in a row are taken for events, not for chance; twice as many where the first
has no status of its own."""
_SOON = 8192
"""Ticks; after damage, what seems to be a longer pause is taken for more of the damage."""


class EventReader:
    """Reads the events of one track.

    Parameters
    ----------
    chunk : bytes
        The track's, without the header of the chunk.
    number : int
        Which track it is, counted from 1; for ``damage``.
    damage : list of str
        Gets a phrase for everything that is damaged.
    is_whole_chunk : bool
        Whether the track says itself that it is so long: then events may follow its end.
    """

    def __init__(
        self, chunk: bytes, number: int, damage: list[str], *, is_whole_chunk: bool
    ) -> None:
        self._chunk, self._number, self._damage = chunk, number, damage
        self._is_whole_chunk = is_whole_chunk
        self._track = MidiTrack()
        self.position = 0
        """Bytes that were read."""
        self._running = 0
        """The status of the last channel message; 0 for none."""
        self._n_beyond = 0
        """Values above 127."""
        self._ended = False

    def read(self) -> MidiTrack:
        """The track, as much as is whole of it."""
        while not self._ended:
            start = self.position
            if start >= len(self._chunk):
                self._report(f"has no end; it may be truncated after {self._track.end} ticks")
                break
            try:
                self._read_event()
            except (DamagedError, IndexError) as error:
                self._skip_damage(start, error)
        if self._n_beyond:
            values = "a value" if self._n_beyond == 1 else f"{self._n_beyond} values"
            self._report(f"has {values} above 127, taken for 127")
        return self._track

    def _report(self, what: str) -> None:
        self._damage.append(f"track {self._number} {what}")

    def _read_event(self) -> None:
        """Read the event at `position`; DamagedError, or IndexError where it goes beyond the end.

        The position then means nothing, but the time before a damaged event counts.
        """
        chunk, start = self._chunk, self.position
        delta, position = _variable_length(chunk, start)
        self._track.end += delta
        status = chunk[position]
        if status < 0x80:
            status = self._running
        else:
            position += 1
        if 0x80 <= status < 0xF0:
            self._read_channel_message(status, position)
        elif status == _META:
            self._read_meta_event(position)
        elif status in (0xF0, 0xF7):
            self._read_system_exclusive(status, position)
        elif status:
            self.position = position + _SYSTEM_DATA_BYTES.get(status, 0)
        else:
            raise DamagedError(
                f"expected an event at byte {start} of its events, found {chunk[position]:#x}"
            )

    def _read_channel_message(self, status: int, position: int) -> None:
        self._running = status
        kind = status & 0xF0
        n_bytes = _DATA_BYTES[kind]
        stop = position + n_bytes
        first = self._chunk[position]
        second = self._chunk[position + 1] if n_bytes == 2 else 0
        if first >= 0x80:
            raise _not_below_128(position, first)
        if second >= 0x80:
            if not _is_convincing(self._chunk, stop, status):
                raise _not_below_128(stop - 1, second)
            self._n_beyond += 1
            second = 127
        if kind in _KEPT:
            self._track.messages.append((self._track.end, status, first, second))
        self.position = stop

    def _read_meta_event(self, position: int) -> None:
        kind = self._chunk[position]
        size, start = _variable_length(self._chunk, position + 1)
        stop = self.position = start + self._meta_size(kind, start, size)
        if kind != END_OF_TRACK:
            self._track.metas.append((self._track.end, kind, self._chunk[start:stop]))
        else:
            self._ended = not (self._is_whole_chunk and self._goes_on(stop))

    def _meta_size(self, kind: int, start: int, size: int) -> int:
        """As the event says, unless its kind and what follows say otherwise."""
        proper = _META_SIZES.get(kind, size)
        if size != proper and (
            start + size > len(self._chunk)
            or start + proper == len(self._chunk)
            or _is_convincing(self._chunk, start + proper)
        ):
            self._report(f"has a meta event {kind:#04x} of {size} bytes in place of {proper}")
            return proper
        if start + size > len(self._chunk):
            raise IndexError(start + size)
        return size

    def _goes_on(self, stop: int) -> bool:
        """Whether there are events after the end of the track, within its chunk."""
        if not any(self._chunk[stop:]):
            return False
        goes_on = _is_convincing(self._chunk, stop)
        what = "read too" if goes_on else "not read"
        self._report(f"has {len(self._chunk) - stop} bytes after its end, {what}")
        return goes_on

    def _read_system_exclusive(self, status: int, position: int) -> None:
        start, stop = self._content_of_system_exclusive(status, position)
        self._track.metas.append((self._track.end, SYSTEM_EXCLUSIVE, self._chunk[start:stop]))
        self.position = stop

    def _content_of_system_exclusive(self, status: int, position: int) -> tuple[int, int]:
        """Where it begins and ends.

        Some programs write these messages as on a cable, without the length; then the length
        that seems to stand there covers events that follow.
        """
        chunk = self._chunk
        size, start = _variable_length(chunk, position)
        stop = start + size
        if status == 0xF0 and not (stop <= len(chunk) and _is_whole(chunk[start:stop])):
            last = position
            while last < len(chunk) and chunk[last] < 0x80:
                last += 1
            if _is_whole(chunk[position : last + 1]) and _is_convincing(chunk, last + 1):
                self._report("has a system exclusive message without its length")
                return position, last + 1
            if _takes_a_delta(chunk, start, stop):
                self._report("has a system exclusive message that is a byte too long")
                return start, stop - 1
            goes_beyond = stop > len(chunk) or any(byte >= 0x80 for byte in chunk[start:stop])
            if goes_beyond and (stop == len(chunk) or not _is_convincing(chunk, stop)):
                raise DamagedError("a system exclusive message does not end")
        if stop > len(chunk):
            raise IndexError(stop)
        return start, stop

    def _skip_damage(self, start: int, error: DamagedError | IndexError) -> None:
        """Go on after the damaged event at ``start``, where events seem to follow each other."""
        ticks = self._track.end
        found = _next_event(self._chunk, start + 1, self._running)
        if found is None and isinstance(error, IndexError):
            self._damage.append(f"truncated: track {self._number} is cut off after {ticks} ticks")
        else:
            what = error if isinstance(error, DamagedError) else "an event goes beyond its end"
            lost = "what follows is" if found is None else f"{found - start} bytes are"
            self._report(f"is damaged after {ticks} ticks: {what}; {lost} lost")
        self._ended = found is None
        self.position = len(self._chunk) if found is None else found


def _not_below_128(position: int, found: int) -> DamagedError:
    return DamagedError(
        f"expected a number below 128 at byte {position} of its events, found {found}"
    )


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
            elif status == _META:
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
        if status != _META and any(byte >= 0x80 for byte in chunk[position:stop]):
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
