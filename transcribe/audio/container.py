"""A recording's container: opening it, or why that fails, and its duration according to its header.

What a header says is not always so: a truncated file still promises its whole length, and
for some formats the decoder's duration is only a guess from the file's size. `audio` uses
both figures to know how much of a recording is missing.
"""

from __future__ import annotations

import contextlib
import re
import stat
import struct
import zlib
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition

from transcribe.audio.headers import TruthfulFile, caf_chunks, find_samples
from transcribe.audio.joined import Part, PartOfFile
from transcribe.errors import AudioError, AudioProblem
from transcribe.files.beginnings import begins_midi
from transcribe.files.endings import MIDI_IS_NO_RECORDING
from transcribe.wording import absence, reason

_READABLE = "wav, flac, mp3, ogg, opus, m4a, aac, aiff, wma, or a video with sound"
_DEMUXERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,eac3,flac,flv,matroska,webm,mov,mp3,mpeg,mpegts,"
    "ogg,tta,w64,wav,wv"
)
"""No playlists, which would make the decoder open other files and addresses."""
SAMPLE_RATES = range(1000, 1_000_001)
"""Hertz that a recording may have; a header that says anything else is damaged."""
_OGG_HEAD, _OGG_LAST = 27, 4
"""Bytes of a page before the sizes of its segments, and what marks the last page."""
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_LENIENT_TAGS: dict[str, Any] = (
    {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
)
"""Tags in no known encoding are no reason to refuse a recording; PyAV 19 agrees by itself."""
_NO_DECODER = "no decoder for its audio track"
_BUFFER = 1 << 20
"""Bytes read at once where reading goes through Python."""
_BEGIN_ANYWHERE = ("aac", "ac3", "eac3", "flac", "mp3")
"""FFmpeg's names of formats without a header, or for which it does without one."""
_SEARCHED = 1 << 26
"""Bytes of these in which there must be a beginning."""
_TRIED = 24
"""Packets of a track that are decoded to see whether it can be."""
_ASIDE = (
    Disposition.comment
    | Disposition.descriptions
    | Disposition.visual_impaired
    | Disposition.hearing_impaired
)
"""Marks of tracks that speak about what is in another."""
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def open_recording(path: Path, part: Part | None = None) -> InputContainer:
    """Open a recording, or one part of a file, or say why that can't be done."""
    head = _head_of(path)
    if begins_midi(head):
        raise AudioError(f"{path}: {MIDI_IS_NO_RECORDING}", kind="midi")
    samples = find_samples(path)
    mended: TruthfulFile | PartOfFile | None = None
    if part is not None:
        mended = PartOfFile(path, part)
    elif samples is not None and samples.patches:
        mended = TruthfulFile(path, samples.patches)
    elif path.stat().st_size > _SEARCHED:
        _refuse_endless(path)
    try:
        container = _opened(mended or path)
    except av.error.FFmpegError as error:
        lacking = _lacking(path, head)
        if lacking:
            raise AudioError(
                f"{path}: this {lacking}, as it was cut off before it was finished; copy or "
                "export it again",
                kind="cut_off",
            ) from error
        raise AudioError(
            f"{path}: not a recording; expected {_READABLE}", kind="not_a_recording"
        ) from error
    return container


def _opened(source: Path | TruthfulFile | PartOfFile) -> InputContainer:
    return av.open(
        f"file:{source.absolute()}" if isinstance(source, Path) else source,
        buffer_size=32768 if isinstance(source, Path) else _BUFFER,
        options={"format_whitelist": _DEMUXERS, "protocol_whitelist": "file"},
        **_LENIENT_TAGS,
    )


def _refuse_endless(path: Path) -> None:
    """Refuse a large file that has only the name of a recording that begins anywhere.

    In one of these FFmpeg looks for a beginning to the very end.
    """
    with (
        contextlib.suppress(av.error.FFmpegError),
        _opened(PartOfFile(path, (0, _SEARCHED))) as container,
    ):
        is_found = not all(map(_problem, container.streams.audio))
        if container.format.name in _BEGIN_ANYWHERE and not is_found:
            raise AudioError(
                f"{path}: not a recording, or its first {_SEARCHED >> 20} MB are lost; expected "
                f"{_READABLE}",
                kind="not_a_recording",
            )


def _lacking(path: Path, head: bytes) -> str:
    """What a file lacks that can't be opened without it, where that is written last."""
    if head[4:8] == b"ftyp":
        return "mp4/m4a has no index"
    if head[:4] == b"caff" and {b"desc", b"data"} <= (names := set(caf_chunks(path))):
        return "" if b"pakt" in names else "caf has no table of packets"
    return ""


def _head_of(path: Path) -> bytes:
    """The first 12 bytes of a file that may be a recording."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise AudioError(f"{path}: expected a recording, found a folder", kind="not_a_file")
        if not stat.S_ISREG(status.st_mode):
            raise AudioError(
                f"{path}: expected a recording, found no ordinary file", kind="not_a_file"
            )
        if status.st_size == 0:
            raise AudioError(
                f"{path}: expected a recording, found an empty file (0 bytes)", kind="empty"
            )
        with path.open("rb") as file:
            return file.read(12)
    except FileNotFoundError as error:
        raise AudioError(f"{path}: {absence(path)}", kind="not_found") from error
    except PermissionError as error:
        raise AudioError(
            f"{path}: no permission to read this file", kind="no_permission"
        ) from error
    except OSError as error:
        raise AudioError(
            f"{path}: can't be read: {reason(error, about=path)}", kind="unreadable"
        ) from error


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """Which of a file's audio tracks is transcribed."""

    index: int
    """Among the audio tracks, from 0."""
    n_tracks: int
    unreadable: int | None = None
    """The track that should be transcribed, where it can't be decoded."""
    n_alike: int = 1
    """Tracks that could as well have been chosen, with this one: none is marked for it."""


def choose_track(path: Path) -> AudioTrack:
    """The track that a player would play: the one marked default, or the first.

    Of several tracks, one that can't be decoded is passed over. Where the marks tell nothing
    and the first is shorter than half of the longest, the longest is taken: it may hold no more
    than a sound check.

    Raises
    ------
    AudioError
        For a file that is missing or no recording, or in which no track can be decoded.
    """
    with open_recording(path) as container:
        streams = container.streams.audio
        ranked = sorted(range(len(streams)), key=lambda index: _rank(streams[index]))
        problems = [_problem(stream) for stream in streams]
        lengths = [header_seconds(path, container, stream) or 0.0 for stream in streams]
        marks = [_rank(stream)[:2] for stream in streams]
    if not ranked:
        raise AudioError(
            f"{path}: no audio track in this file; expected {_READABLE}", kind="no_audio_track"
        )
    usable = [index for index in ranked if not problems[index]]
    if not usable:
        kind: AudioProblem = "no_decoder" if _NO_DECODER in problems else "damaged"
        raise AudioError(f"{path}: {problems[ranked[0]]}; expected {_READABLE}", kind=kind)
    alike = [index for index in usable if marks[index] == marks[usable[0]]]
    longest = max(alike, key=lengths.__getitem__)
    if 2 * lengths[alike[0]] < lengths[longest]:
        usable.sort(key=longest.__ne__)
    chosen = usable[0]
    if len(streams) > 1:
        chosen = next((index for index in usable if _decodes(path, index)), chosen)
    failed = ranked[0] if problems[ranked[0]] else usable[0]
    return AudioTrack(
        chosen,
        len(problems),
        None if chosen == failed else failed,
        len(alike) if chosen in alike else 1,
    )


def _rank(stream: AudioStream) -> tuple[bool, bool, int]:
    marks = stream.disposition
    return bool(marks & _ASIDE), not marks & Disposition.default, stream.index


def _problem(stream: AudioStream) -> str:
    """Why a track can't be decoded, as far as its header shows; empty if it can."""
    codec = stream.codec_context
    if codec is None:
        return _NO_DECODER
    if codec.sample_rate <= 0:
        return "its audio track has no sample rate; the header is damaged"
    if codec.sample_rate not in SAMPLE_RATES:
        return f"its audio track says {codec.sample_rate} Hz; the header is damaged"
    return ""


def _decodes(path: Path, index: int) -> bool:
    """Whether more of a track's first packets can be decoded than not."""
    n_good = n_tried = 0
    try:
        with open_recording(path) as container:
            for packet in islice(container.demux(container.streams.audio[index]), _TRIED):
                n_tried += 1
                with contextlib.suppress(av.error.FFmpegError):
                    n_good += bool(packet.decode())
    except av.error.FFmpegError:
        n_tried += 1
    return 2 * n_good >= n_tried > 0


def header_seconds(path: Path, container: InputContainer, stream: AudioStream) -> float | None:
    """The duration that the decoder found in the header, or estimated."""
    if container.format.name == "aac":
        return None  # estimated from the first packets, and often wrong by a factor
    samples = find_samples(path)
    if samples is not None:
        return samples.seconds_held
    if stream.duration is not None and stream.time_base is not None:
        late = 0.0
        keeps_time = container.format.name.startswith(("mov", "mpegts"))
        if keeps_time and stream.start_time is not None and container.start_time is not None:
            late = float(stream.start_time * stream.time_base) - container.start_time / av.time_base
        if container.format.name == "asf":  # it gives the end of the track, which may begin late
            ends = float(stream.duration * stream.time_base)
            return ends - max(0.0, (container.start_time or 0) / av.time_base)
        return float(stream.duration * stream.time_base) + max(0.0, late)
    ends_at = re.fullmatch(r"(\d+):(\d+):([\d.]+)", stream.metadata.get("DURATION", ""))
    if ends_at is not None:  # Matroska; it gives the end of the track, which may begin late
        ends = int(ends_at[1]) * 3600 + int(ends_at[2]) * 60 + float(ends_at[3])
        return ends - max(0.0, (container.start_time or 0) / av.time_base)
    return None if container.duration is None else container.duration / av.time_base


def promised_seconds(path: Path, container: InputContainer, stream: AudioStream) -> float | None:
    """How long the recording was when it was whole; None where that is unknown.

    The decoder's own duration is no promise where it comes from the file's size: there
    the header is read again.
    """
    kind = container.format.name
    samples = find_samples(path)
    if samples is not None:
        return max(samples.seconds_held, samples.seconds_declared or 0.0)
    seconds = header_seconds(path, container, stream)
    if stream.duration is None and len(container.streams) > 1 and "DURATION" not in stream.metadata:
        return None  # that of the picture
    if kind == "avi" and _holds_all_its_riff(path):
        return None  # what is said of a track that begins late is when it ends, not that it does
    with path.open("rb") as file:
        head = file.read(1 << 16)
        if kind == "mp3" and head[:3] == b"ID3":
            a, b, c, d = head[6:10]  # seven bits each
            file.seek(10 + (a << 21 | b << 14 | c << 7 | d))
            head = file.read(1 << 16)
    head += bytes(128)  # so that no field reaches beyond
    if kind == "mp3":
        tag = max(head.find(b"Xing", 0, 4096), head.find(b"Info", 0, 4096))
        if tag < 0 or not head[tag + 7] & 1:
            return None
        n_frames = int.from_bytes(head[tag + 8 : tag + 12], "big")
        rate = stream.codec_context.sample_rate
        return n_frames * (1152 if rate >= 32000 else 576) / rate
    if kind == "asf":
        properties = head.find(_ASF_PROPERTIES)
        if properties < 0:
            return None
        play, _, preroll = struct.unpack_from("<QQQ", head, properties + 64)
        return play / 1e7 - preroll / 1e3 - max(0.0, (container.start_time or 0) / av.time_base)
    return seconds


def _holds_all_its_riff(path: Path) -> bool:
    """Whether a RIFF file has as many bytes as the sizes of its outermost chunks say."""
    place, end = 0, path.stat().st_size
    with path.open("rb") as file:
        while (head := file.read(8))[:4] == b"RIFF" and len(head) == 8:
            size = int.from_bytes(head[4:], "little")
            if size <= 4:
                return False  # never filled in
            place += 8 + size + (size & 1)
            file.seek(place)
    return 0 < place <= end + 1


def has_end(path: Path, kind: str) -> bool:
    """Whether a file goes on to where it says that it ends, if its kind (FFmpeg's name) says so."""
    if kind == "avi":
        return _holds_all_its_riff(path)
    return kind != "ogg" or _ogg_has_end(path)


def _ogg_has_end(path: Path) -> bool:
    """Whether an ogg file's last page is whole, and says that it is the last.

    The decoder leaves out pages with a wrong checksum.
    """
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - (1 << 17)))
        tail = file.read()
    page = tail[max(tail.rfind(b"OggS"), 0) :]
    if len(page) < _OGG_HEAD or not page[5] & _OGG_LAST:
        return False
    sizes = page[_OGG_HEAD : _OGG_HEAD + page[_OGG_HEAD - 1]]
    page = page[: _OGG_HEAD + len(sizes) + sum(sizes)]
    return page[22:26] == _ogg_checksum(page[:22] + bytes(4) + page[26:])


def _ogg_checksum(page: bytes) -> bytes:
    """As RFC 3533 has it: the usual polynomial, highest bit first, from 0 on."""
    mirrored = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2).to_bytes(4, "little")
