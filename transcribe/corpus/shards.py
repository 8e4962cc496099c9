"""The corpus as files: passages and their variants, in shards that are written once.

Conventions
-----------
- Without a target a shard is JSON Lines under gzip: one object a passage or variant, with
  columns of its notes (seconds, MIDI numbers). With one it is a tar file as WebDataset has
  it: the items' files, and beside each a ``.about.json`` with where it is from.
- A recording's shard follows from its checksum, so that shards are in no order of composers,
  and a new recording changes one shard.
- A shard that is there is finished. What it was made of is kept beside it as a checksum, and
  it is made again only where that differs. Equal content gives equal bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from transcribe.corpus.augment import AS_PLAYED, Variant, variants_of, vary
from transcribe.corpus.config import CorpusConfig
from transcribe.corpus.passages import Passage, take, take_beats
from transcribe.corpus.sources import TranscriptionSource, digests, read_source
from transcribe.errors import TranscribeError
from transcribe.files.atomic import atomic_path, write_atomically
from transcribe.files.checksum import sha256_of
from transcribe.files.json_text import parse_json
from transcribe.notes import Performance
from transcribe.score.file_beats import beats_of
from transcribe.score.score import Hints

_VERSION = 2
"""Of what is written; shards of another are made again."""
_DIGITS = 4
"""After the point of seconds."""


@dataclass(frozen=True, slots=True)
class ShardRecording:
    """A source that is used."""

    source: TranscriptionSource
    midi_sha256: str
    json_sha256: str
    piece: str
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class ShardJob:
    """One file to write, and of what."""

    path: Path
    memory: Path
    """Where it is remembered what the file was made of."""
    split: str
    recordings: tuple[ShardRecording, ...]
    config: CorpusConfig

    @property
    def key(self) -> str:
        """Checksum of all that the file follows from."""
        made_of = [
            {
                "source": each.source.name,
                "digests": (each.midi_sha256, each.json_sha256),
                "piece": each.piece,
                "passages": [(passage.start, passage.stop) for passage in each.passages],
            }
            for each in self.recordings
        ]
        values = json.dumps([_VERSION, self.split, made_of, self.config.as_json()])
        return hashlib.sha256(values.encode()).hexdigest()


@dataclass(slots=True)
class ShardCounts:
    """What there is in a shard or a split; ``played`` leaves out the variants."""

    n_records: int = 0
    n_notes: int = 0
    seconds: float = 0.0
    n_played_records: int = 0
    n_played_notes: int = 0
    played_seconds: float = 0.0
    n_items: int = 0
    """Files made for a target."""
    n_without_items: int = 0
    """Passages and variants with nothing for the target to read."""
    pitches: Counter[int] = field(default_factory=Counter)
    """Played notes by pitch."""
    velocities: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    """What a target could not be made of, and why."""

    def add(self, performance: Performance, seconds: float, *, played: bool) -> None:
        """Count a passage or a variant of one."""
        n_notes = len(performance.notes)
        self.n_records += 1
        self.n_notes += n_notes
        self.seconds += seconds
        if played:
            self.n_played_records += 1
            self.n_played_notes += n_notes
            self.played_seconds += seconds
            self.pitches.update(note.pitch for note in performance.notes)
            self.velocities.update(note.velocity for note in performance.notes)

    def __iadd__(self, other: ShardCounts) -> ShardCounts:
        for name in self.__slots__:
            value = getattr(self, name)
            value += getattr(other, name)
            setattr(self, name, value)
        return self

    def as_json(self) -> dict[str, Any]:
        """Everything, the pitches and velocities in order."""
        values = {name: getattr(self, name) for name in self.__slots__}
        for name in ("pitches", "velocities"):
            values[name] = {str(key): values[name][key] for key in sorted(values[name])}
        for name in ("seconds", "played_seconds"):
            values[name] = round(values[name], 3)
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ShardCounts:
        """Read what `as_json` values."""
        values = dict(values)
        for name in ("pitches", "velocities"):
            values[name] = Counter({int(key): n for key, n in values[name].items()})
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Shard:
    """A file that is written."""

    path: Path
    split: str
    sha256: str
    n_bytes: int
    counts: ShardCounts


def write_shard(job: ShardJob) -> Shard:
    """Write a shard, unless it is there.

    Raises
    ------
    TranscribeError
        A source is not what it was when it was read, or a package for the target is missing.
    OSError
        The file can't be written.
    """
    remembered = _remembered(job)
    if remembered is not None:
        return remembered
    counts = ShardCounts()
    job.path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(job.path) as temporary:
        with temporary.open("wb") as file:
            if job.config.target is None:
                _write_lines(file, job, counts)
            else:
                _write_tar(file, job, counts)
        sha256 = sha256_of(temporary)
        n_bytes = temporary.stat().st_size
    shard = Shard(job.path, job.split, sha256, n_bytes, counts)
    values = {
        "key": job.key,
        "sha256": shard.sha256,
        "n_bytes": n_bytes,
        "counts": counts.as_json(),
    }
    job.memory.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(job.memory, json.dumps(values))
    return shard


def _remembered(job: ShardJob) -> Shard | None:
    """The shard, if it is there and was made of the same."""
    try:
        values = parse_json(job.memory.read_bytes())
        if values["key"] != job.key or job.path.stat().st_size != values["n_bytes"]:
            return None
        counts = ShardCounts.from_json(values["counts"])
        return Shard(job.path, job.split, values["sha256"], values["n_bytes"], counts)
    except (OSError, ValueError, KeyError, TypeError):
        return None


@dataclass(frozen=True, slots=True)
class _Record:
    """A passage, or a variant of one."""

    id: str
    recording: ShardRecording
    passage: Passage
    variant: Variant
    performance: Performance
    own: Hints | None
    """Beats that its MIDI file states."""

    def about(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "recording": self.recording.midi_sha256,
            "piece": self.recording.piece,
            "source": self.recording.source.name,
            "start": round(self.passage.start, _DIGITS),
            "stop": round(self.passage.stop, _DIGITS),
            "confidence": round(self.passage.confidence, 3),
            "semitones": self.variant.semitones,
            "stretch": self.variant.stretch,
        }


def _records(job: ShardJob, counts: ShardCounts) -> Iterator[_Record]:
    """All passages and variants, counted; one recording is in memory at a time."""
    for recording in job.recordings:
        source = recording.source
        if digests(source) != (recording.midi_sha256, recording.json_sha256):
            raise TranscribeError(f"{source.path} has changed since it was read; run again")
        performance = read_source(source).performance
        own = None if job.config.target is None else beats_of(source.path)
        for n_passage, passage in enumerate(recording.passages):
            played = take(performance, passage)
            variants = variants_of(passage, recording.midi_sha256, job.split, job.config)
            for n_variant, variant in enumerate(variants):
                varied = vary(played, variant)
                seconds = passage.seconds * variant.stretch
                counts.add(varied, seconds, played=variant == AS_PLAYED)
                record_id = f"{recording.midi_sha256[:16]}-{n_passage:03}-{n_variant:02}"
                beats = take_beats(own, passage, variant.stretch)
                yield _Record(record_id, recording, passage, variant, varied, beats)


def _write_lines(file: IO[bytes], job: ShardJob, counts: ShardCounts) -> None:
    with gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=6, mtime=0) as lines:
        for record in _records(job, counts):
            notes, pedal = record.performance.notes, record.performance.pedal
            values = record.about() | {
                "onset": [round(note.onset, _DIGITS) for note in notes],
                "offset": [round(note.offset, _DIGITS) for note in notes],
                "pitch": [note.pitch for note in notes],
                "velocity": [note.velocity for note in notes],
                "pedal_onset": [round(press.onset, _DIGITS) for press in pedal],
                "pedal_offset": [round(press.offset, _DIGITS) for press in pedal],
            }
            lines.write(_json_bytes(values) + b"\n")


def _write_tar(file: IO[bytes], job: ShardJob, counts: ShardCounts) -> None:
    from transcribe.tokens import Settings, encode

    target = job.config.target
    assert target is not None
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for record in _records(job, counts):
            try:
                encoded = encode(target, record.performance, Settings(own=record.own))
            except ValueError as error:
                counts.failures.append(f"{record.recording.source.name}, {record.id}: {error}")
                continue
            counts.n_items += len(encoded.items)
            counts.n_without_items += not encoded.items
            for item in encoded.items:
                name = f"{record.id}-{item.name}"
                where = {"item_start": round(item.start, 5), "item_stop": round(item.stop, 5)}
                about = record.about() | {"target": target} | dict(encoded.about) | where
                _add(tar, f"{name}{item.suffix}", item.content)
                _add(tar, f"{name}.about.json", _json_bytes(about | dict(item.about)))


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def _json_bytes(values: Mapping[str, Any]) -> bytes:
    # A file name that is no Unicode holds lone surrogates; as "\udcff" JSON can say them.
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


def shard_of(midi_sha256: str, n_shards: int) -> int:
    """Which of so many shards a recording is in."""
    return int(midi_sha256[:8], 16) * n_shards >> 32


def n_shards_for(recordings: Iterable[ShardRecording], split: str, config: CorpusConfig) -> int:
    """How many shards a split takes: a power of two, so that growth seldom moves recordings."""
    times = 1 + (config.copies if split == "train" else 0)
    notes = [times * sum(p.n_notes for p in each.passages) for each in recordings]
    n_shards = 1
    while sum(notes) > n_shards * config.notes_per_shard and n_shards < len(notes):
        n_shards *= 2
    return n_shards
