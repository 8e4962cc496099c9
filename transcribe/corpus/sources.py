"""The transcriptions in a folder: which there are, and each with its notes' confidences."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from transcribe.files.endings import beside, is_midi
from transcribe.files.json_text import parse_json
from transcribe.midi import load_midi
from transcribe.notes import Note, Performance

_SAME_ONSET = 0.005
"""Seconds: a note of the MIDI file is the one of the JSON file if their onsets are this near."""


@dataclass(frozen=True, slots=True)
class TranscriptionSource:
    """One MIDI file, and the JSON file that ``transcribe --json`` left beside it."""

    path: Path
    name: str
    """Below the folder, with slashes on every system."""
    json: Path | None = None


@dataclass(frozen=True, slots=True)
class LoadedTranscription:
    """What the files of one source say."""

    performance: Performance
    has_confidences: bool = False
    """Otherwise every confidence is 1."""
    model: str = ""
    """Which weights made it, where the JSON file says so."""
    weights_sha256: str = ""
    remarks: tuple[str, ...] = ()


def sources_of(files: Iterable[Path], folder: Path) -> tuple[TranscriptionSource, ...]:
    """The MIDI files among those of a folder, sorted by name."""
    found = (
        TranscriptionSource(path, path.relative_to(folder).as_posix(), beside(path, (".json",)))
        for path in files
        if is_midi(path)
    )
    return tuple(sorted(found, key=lambda source: source.name))


def digests(source: TranscriptionSource) -> tuple[str, str]:
    """SHA-256 of the MIDI file, and of the JSON file (empty without one); OSError if unreadable."""
    midi = hashlib.sha256(source.path.read_bytes()).hexdigest()
    json_ = "" if source.json is None else hashlib.sha256(source.json.read_bytes()).hexdigest()
    return midi, json_


def read_source(source: TranscriptionSource) -> LoadedTranscription:
    """Notes and pedal from the MIDI file, confidences from the JSON file.

    The MIDI file is what counts: it may have been corrected. A note that the JSON file does
    not have is sure.

    Raises
    ------
    MidiError
        The MIDI file can't be read.
    """
    read = load_midi(source.path)
    performance = read.performance
    if source.json is None:
        return LoadedTranscription(performance, remarks=read.warnings)
    try:
        content = parse_json(source.json.read_bytes())
    except (OSError, ValueError) as error:
        remark = f"{source.json.name} is not readable as JSON, so confidences are not known"
        return LoadedTranscription(performance, remarks=(*read.warnings, f"{remark}: {error}"))
    if not (isinstance(content, dict) and isinstance(content.get("notes"), list)):
        return LoadedTranscription(performance, remarks=read.warnings)
    try:
        notes = _with_confidences(performance.notes, content["notes"])
    except (KeyError, TypeError, ValueError) as error:
        remark = f"{source.json.name}: expected notes with onset, pitch and confidence"
        return LoadedTranscription(
            performance, remarks=(*read.warnings, f"{remark}; found {error!r}")
        )
    return LoadedTranscription(
        Performance(notes, performance.pedal),
        has_confidences=bool(content["notes"]),
        model=_text(content.get("model")),
        weights_sha256=_text(content.get("weights_sha256")),
        remarks=(*read.warnings, *map(_remark, content.get("warnings") or ())),
    )


def _with_confidences(notes: Sequence[Note], values: Sequence[Any]) -> tuple[Note, ...]:
    confidences_of: defaultdict[int, list[tuple[float, float]]] = defaultdict(list)
    for each in values:
        confidences_of[int(each["pitch"])].append((float(each["onset"]), float(each["confidence"])))
    for strikes in confidences_of.values():
        strikes.sort()
    return tuple(
        replace(note, confidence=_confidence(confidences_of.get(note.pitch, []), note.onset))
        for note in notes
    )


def _confidence(strikes: Sequence[tuple[float, float]], onset: float) -> float:
    place = bisect_left(strikes, (onset - _SAME_ONSET,))
    near = [each for each in strikes[place : place + 2] if each[0] <= onset + _SAME_ONSET]
    if not near:
        return 1.0
    return min(near, key=lambda each: abs(each[0] - onset))[1]


def _remark(warning: object) -> str:
    """A warning of a transcription's JSON: an object with a message, or once a sentence."""
    return _text(warning.get("message") if isinstance(warning, dict) else warning)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
