"""What a corpus needs to know of one transcription, worked out once and kept."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from transcribe.corpus.config import CorpusConfig
from transcribe.corpus.fingerprint import Landmarks, find_landmarks
from transcribe.corpus.passages import Cut, Passage, find_passages
from transcribe.corpus.sources import TranscriptionSource, digests, read_source
from transcribe.errors import MidiError
from transcribe.files.atomic import write_atomically
from transcribe.files.json_text import parse_json
from transcribe.notes import Performance
from transcribe.wording import reason

_VERSION = 2
"""Of what is kept; another one is not read."""
_SAME_NOTES = 0.01
"""Seconds to which times are rounded before they are compared for equality."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One source: whether it can be used, which music it is, and its passages."""

    name: str
    midi_sha256: str = ""
    json_sha256: str = ""
    error: str = ""
    """Why it can't be read."""
    n_notes: int = 0
    seconds: float = 0.0
    music: str = ""
    """Equal for equal notes at equal times, transposed or begun later, whatever else differs."""
    landmarks: Landmarks = field(default_factory=lambda: find_landmarks(()))
    cut: Cut = field(default_factory=lambda: Cut(()))
    has_confidences: bool = False
    confidence: float = 1.0
    """Mean of its notes'."""
    model: str = ""
    weights_sha256: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[str, bool, str]:
        """Where it stands among others: by content; of equal files the best informed first."""
        return self.midi_sha256, not self.has_confidences, self.name

    def as_json(self) -> dict[str, Any]:
        """All but the name, for `from_json`."""
        values = asdict(self)
        values["landmarks"] = base64.b64encode(self.landmarks.packed).decode("ascii")
        del values["name"]
        return values | {"version": _VERSION}

    @classmethod
    def from_json(cls, name: str, values: dict[str, Any]) -> Reading:
        """Read what `as_json` values; KeyError, TypeError or ValueError for anything else."""
        if values.pop("version") != _VERSION:
            raise ValueError("another version")
        cut = values.pop("cut")
        passages = tuple(Passage(**each) for each in cut.pop("passages"))
        landmarks = Landmarks.unpacked(base64.b64decode(values.pop("landmarks")))
        remarks = tuple(values.pop("remarks"))
        return cls(name, landmarks=landmarks, cut=Cut(passages, **cut), remarks=remarks, **values)


@dataclass(frozen=True, slots=True)
class ReadingJob:
    """A source to read, and where readings are kept."""

    source: TranscriptionSource
    config: CorpusConfig
    kept: Path


def read(job: ReadingJob) -> Reading:
    """The reading of a source, from where it is kept if its files are as they were."""
    source = job.source
    try:
        midi, json_ = digests(source)
    except OSError as error:
        return Reading(source.name, error=reason(error, about=source.path))
    place = job.kept / midi[:2] / f"{_key(midi, json_, job.config)}.json"
    try:
        return Reading.from_json(source.name, parse_json(place.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        pass
    reading = _read(source, midi, json_, job.config)
    place.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(place, json.dumps(reading.as_json()))
    return reading


def _read(source: TranscriptionSource, midi: str, json_: str, config: CorpusConfig) -> Reading:
    try:
        loaded = read_source(source)
    except MidiError as error:
        return Reading(source.name, midi, json_, error=reason(error, about=source.path))
    performance = loaded.performance
    notes = performance.notes
    return Reading(
        source.name,
        midi,
        json_,
        n_notes=len(notes),
        seconds=round(performance.duration, 4),
        music=music_of(performance),
        landmarks=find_landmarks(notes),
        cut=find_passages(performance, config),
        has_confidences=loaded.has_confidences,
        confidence=sum(note.confidence for note in notes) / len(notes) if notes else 1.0,
        model=loaded.model,
        weights_sha256=loaded.weights_sha256,
        remarks=loaded.remarks,
    )


def music_of(performance: Performance) -> str:
    """A checksum of the notes: intervals from the first, and times from its onset."""
    if not performance.notes:
        return ""
    first = performance.notes[0]
    values = [
        (round((note.onset - first.onset) / _SAME_NOTES), note.pitch - first.pitch)
        for note in performance.notes
    ]
    return hashlib.sha256(repr(values).encode()).hexdigest()


def _key(midi: str, json_: str, config: CorpusConfig) -> str:
    """Of a reading: the files, and the settings that it depends on."""
    settings = (config.confidence, config.silence, config.shortest, config.fewest_notes)
    return hashlib.sha256(f"{_VERSION} {midi} {json_} {settings}".encode()).hexdigest()
