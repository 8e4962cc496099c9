"""What a recording's header says, and how long it is, without decoding it."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer

from transcribe.audio.container import (
    AudioTrack,
    choose_track,
    header_seconds,
    open_recording,
    promised_seconds,
)
from transcribe.audio.joined import Part, parts_of

_LEAST_BIT_RATE = 50
"""Bits a second; digital silence in the most sparing codec takes more."""
_HEADERS_KNOW = ("aiff", "au", "caf", "matroska", "mov", "w64", "wav")
"""Formats that need not be read to the end to know how long they are."""
_PLACES = 32
"""Of an mp3 file without a tag, whose packets are looked at."""
_PADDING = 1
"""Bytes by which the packets of one bit rate differ."""


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What a recording's header says."""

    duration: float | None
    """Seconds that can be read; None where only decoding could show it, or the header says
    what cannot be."""
    sample_rate: int
    """Hertz."""
    n_channels: int
    codec: str


def probe(path: str | os.PathLike[str]) -> AudioInfo:
    """Look at a recording's header without decoding it.

    Raises
    ------
    AudioError
        For a file that is missing, unreadable, empty, or has no audio track.
    """
    return probe_track(Path(path), choose_track(Path(path)))


def probe_track(path: Path, track: AudioTrack) -> AudioInfo:
    """As `probe`, of a track that is chosen already."""
    with open_recording(path) as container:
        stream = container.streams.audio[track.index]
        codec = stream.codec_context
        seconds = header_seconds(path, container, stream)
        if _is_guess(path, container, stream):
            container.seek(0)
            seconds = _counted(container, stream)
        longest = 8 * path.stat().st_size / _LEAST_BIT_RATE
        return AudioInfo(
            duration=seconds if seconds is not None and 0 <= seconds <= longest else None,
            sample_rate=codec.sample_rate,
            n_channels=codec.layout.nb_channels,
            codec=codec.codec.canonical_name,
        )


def counted_seconds(path: str | os.PathLike[str]) -> float | None:
    """How long a recording is by the packets it holds: read, but not decoded.

    Much quicker than `reader.measured_seconds`, and right but for damaged packets. None where
    packets don't carry their durations.
    """
    path = Path(path)
    track = choose_track(path)
    info = probe_track(path, track)
    with open_recording(path) as container:
        known = container.format.name.partition(",")[0] in _HEADERS_KNOW
    if known and not parts_of(path):
        return info.duration
    seconds = 0.0
    parts: list[Part | None] = [*parts_of(path)]
    for part in parts or [None]:
        with open_recording(path, part) as container:
            if container.streams.audio:
                streams = container.streams.audio
                seconds += _counted(container, streams[min(track.index, len(streams) - 1)])
    return seconds or info.duration


def _is_guess(path: Path, container: InputContainer, stream: AudioStream) -> bool:
    """Whether a header's duration comes from the file's size, though the bit rate changes."""
    if container.format.name != "mp3" or promised_seconds(path, container, stream) is not None:
        return False
    sizes = set()
    for place in range(_PLACES):
        with contextlib.suppress(av.error.FFmpegError):
            container.seek((container.duration or 0) * place // _PLACES)
            sizes |= {packet.size for packet in islice(container.demux(stream), 2) if packet.size}
    return max(sizes, default=0) - min(sizes, default=0) > _PADDING


def _counted(container: InputContainer, stream: AudioStream) -> float:
    start = (container.start_time or 0) / av.time_base
    ticks, late = 0, None
    try:
        for packet in container.demux(stream):
            ticks += packet.duration or 0
            if late is None and packet.pts is not None:
                late = max(0.0, float(packet.pts * packet.time_base) - start)
    except av.error.FFmpegError:
        pass  # as far as it can be read
    return (late or 0.0) + (float(ticks * stream.time_base) if stream.time_base else 0.0)
