"""When the packets of an AVI file come, by its index.

FFmpeg counts the packets that it can read, and passes over a damaged stretch without a word: all
that follows would come early. The index, at the end of the file, knows of all packets.
"""

from __future__ import annotations

from av.audio.stream import AudioStream
from av.packet import Packet

_CHUNK_HEADER = 8
"""Bytes before a packet, where the index has its place."""


class AviClock:
    """Sets the times of packets right, one after the other."""

    def __init__(self, stream: AudioStream) -> None:
        entries = stream.index_entries
        self._times = {entry.pos + _CHUNK_HEADER: entry.timestamp for entry in entries}
        self._is_in_bytes = len(entries) > 1 and entries[1].timestamp == entries[0].size
        self._late = 0

    def suspect(self) -> None:
        """Nothing is to be found out when a packet was damaged: the index is right anyway."""

    def correct(self, packet: Packet) -> None:
        """Move a packet to where it belongs; a part of one, with the part before it."""
        if packet.pts is None:
            return
        time = self._times.get(packet.pos) if packet.pos is not None else None
        if time is not None:
            if self._is_in_bytes and packet.duration and packet.size % packet.duration == 0:
                time //= packet.size // packet.duration  # packets are in samples
            self._late = max(self._late, time - packet.pts)
        packet.pts += self._late
