"""The notes of a recording: what was heard, at the chosen settings, with the edits by hand."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from transcribe.decode.decoder import DecodeConfig, Decoder
from transcribe.decode.events import EVENT, Evidence
from transcribe.frames import FrameGrid
from transcribe.notes import KEY, SUSTAINED, Note, PedalPress, Performance, sustained
from transcribe.web.edits import ByHand, by_hand
from transcribe.web.library import Entry, Library
from transcribe.web.note_rows import BY_HAND, BY_MODEL, Row, model_id, note_row

_MOST_KEPT = 4
"""Recordings whose notes are held in memory, ready for the next question."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the model heard at some settings: notes by id, and the pedal."""

    key: dict[str, Note]
    """Ending with the key."""
    sounding: dict[str, Note]
    """The same notes, as long as they sound."""
    pedal: tuple[PedalPress, ...]


def decode_config(entry: Entry) -> DecodeConfig:
    """The model's settings with what the person has chosen in their place."""
    known = {field.name for field in fields(DecodeConfig)}
    config = DecodeConfig(**{key: value for key, value in entry.decode.items() if key in known})
    if entry.threshold is not None:
        config = replace(config, onset_threshold=entry.threshold)
    if entry.minimum_duration is not None:
        config = replace(config, minimum_duration=entry.minimum_duration)
    return config


def read_evidence(folder: Path) -> Evidence:
    """The evidence in the folder of a hearing, as far as it is written."""
    return Evidence(_records(folder / "events", EVENT), _records(folder / "pedal", np.dtype("<f4")))


def _records(path: Path, kind: np.dtype[Any]) -> np.ndarray[Any, Any]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return np.zeros(0, kind)
    return np.frombuffer(data, kind, count=len(data) // kind.itemsize)


class Desk:
    """Makes the notes of recordings and holds those that were asked for last.

    Every method may be called from any thread, and should be from one that may wait: an
    hour of music takes about a second.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._kept: OrderedDict[tuple[Any, ...], Heard] = OrderedDict()
        self._lock = threading.Lock()

    def heard(self, entry: Entry) -> Heard:
        """What the model heard of a recording so far, at the person's settings."""
        folder = self._library.heard(entry)
        evidence = read_evidence(folder)
        config = decode_config(entry)
        question = (entry.id, entry.attempt, len(evidence.events), len(evidence.pedal), str(config))
        with self._lock:
            kept = self._kept.get(question)
            if kept is not None:
                self._kept.move_to_end(question)
                return kept
        made = _decoded(evidence, FrameGrid(entry.sample_rate, entry.hop_length), config)
        with self._lock:
            self._kept[question] = made
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return made

    def notes(self, entry: Entry) -> dict[str, Note]:
        """The notes as they are now, by id: the model's, with the edits."""
        return _edited(self.heard(entry).key, by_hand(self._library.edits(entry)))

    def performance(self, entry: Entry, offsets: str = KEY) -> Performance:
        """The notes as they are now, ending with the key or where they cease to sound.

        A note that was changed by hand sounds as the pedal lets it.
        """
        heard, edits = self.heard(entry), by_hand(self._library.edits(entry))
        notes = _edited(heard.key, edits)
        if not notes:
            return Performance()
        performance = Performance(tuple(notes.values()), heard.pedal)
        if offsets == KEY:
            return performance
        long = {
            (note.onset, note.pitch, note.velocity): note for note in sustained(performance).notes
        }
        sounding = {
            name: long[note.onset, note.pitch, note.velocity]
            if name in edits
            else heard.sounding[name]
            for name, note in notes.items()
        }
        return Performance(tuple(sounding.values()))

    def answer(self, entry: Entry) -> dict[str, Any]:
        """What the page is told of the notes."""
        heard, edits = self.heard(entry), by_hand(self._library.edits(entry))
        rows: list[Row] = [
            note_row(name, note, BY_HAND if name in edits else BY_MODEL)
            for name, note in _edited(heard.key, edits).items()
        ]
        rows.sort(key=lambda row: (row[1], row[2]))
        n_undo, n_redo = self._library.n_edits(entry)
        return {
            "notes": rows,
            "pedal": [[round(press.onset, 4), round(press.offset, 4)] for press in heard.pedal],
            "settings": settings(entry),
            "can_undo": n_undo > 0,
            "can_redo": n_redo > 0,
        }


def settings(entry: Entry, *, default: bool = False) -> dict[str, float]:
    """The threshold and the minimum duration: as chosen, or as the model has them."""
    config = decode_config(
        replace(entry, threshold=None, minimum_duration=None) if default else entry
    )
    return {"threshold": config.onset_threshold, "minimum_duration": config.minimum_duration}


def _decoded(evidence: Evidence, grid: FrameGrid, config: DecodeConfig) -> Heard:
    decoder = Decoder(grid, config)
    decoder.take(evidence)
    decoder.finish()
    by_convention = (
        {model_id(peak, note.pitch): note for peak, note in decoder.struck(offsets=offsets)}
        for offsets in (KEY, SUSTAINED)
    )
    key, sounding = by_convention
    return Heard(key, sounding, decoder.pedal)


def _edited(notes: dict[str, Note], edits: ByHand) -> dict[str, Note]:
    if not edits:
        return notes
    joined: dict[str, Note | None] = {**notes, **edits}
    return {name: note for name, note in joined.items() if note is not None}
