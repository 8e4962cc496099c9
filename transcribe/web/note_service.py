"""The notes of a recording: the model's, at the chosen settings, with the changes made by hand.

A page that says which version of the notes it has gets what is different since then, not
all of them again: an hour of dense music is a megabyte of notes.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from transcribe.decode.config import DecodeConfig
from transcribe.decode.decoder import Decoder
from transcribe.decode.events import EVENT, Candidates
from transcribe.frames import FrameGrid
from transcribe.notes import KEY, SUSTAINED, Note, Performance, sustained
from transcribe.web.edits import ByHand, by_hand, pedal_by_hand
from transcribe.web.library import LOWEST_THRESHOLD, RecordingLibrary
from transcribe.web.library_entry import LibraryEntry
from transcribe.web.note_rows import BY_HAND, BY_MODEL, Row, model_id, note_row

_MOST_KEPT = 4
"""Settings of recordings whose notes are held in memory, ready for the next question."""
_MOST_ANSWERED = 12
"""Versions of notes that are held in memory, to show pages what has changed since."""


class DecodedNotes:
    """The model's notes at some settings, by id, and the pedal."""

    def __init__(self, candidates: Candidates, grid: FrameGrid, config: DecodeConfig) -> None:
        self._decoder = Decoder(grid, config)
        self._decoder.take(candidates)
        self._decoder.finish()
        self.size = f"{len(candidates.events)}-{len(candidates.pedal)}"
        """How much of the recording this is."""
        self.key = self._by_id(KEY)
        """Ending with the key."""
        self.rows = {name: note_row(name, note, BY_MODEL) for name, note in self.key.items()}
        """The same notes as the page gets them."""
        self.pedal = self._decoder.pedal

    @cached_property
    def sounding(self) -> dict[str, Note]:
        """The same notes, as long as they sound."""
        return self._by_id(SUSTAINED)

    def _by_id(self, offsets: str) -> dict[str, Note]:
        return {
            model_id(peak, note.pitch): note for peak, note in self._decoder.struck(offsets=offsets)
        }


@dataclass(frozen=True, slots=True)
class _Answered:
    """The notes of one version, as a page was given them."""

    rows: dict[str, Row]
    pedal: list[list[float]]


def decode_config(entry: LibraryEntry) -> DecodeConfig:
    """The model's settings with what the person has chosen in their place."""
    known = {field.name for field in fields(DecodeConfig)}
    config = DecodeConfig(**{key: value for key, value in entry.decode.items() if key in known})
    if entry.threshold is not None:
        config = replace(config, onset_threshold=entry.threshold)
    if entry.minimum_duration is not None:
        config = replace(config, minimum_duration=entry.minimum_duration)
    return config


def read_candidates(folder: Path) -> Candidates:
    """The candidates in the folder of a transcription, as far as they are written."""
    return Candidates(
        _records(folder / "events", EVENT), _records(folder / "pedal", np.dtype("<f4"))
    )


def _records(path: Path, kind: np.dtype[Any]) -> np.ndarray[Any, Any]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return np.zeros(0, kind)
    return np.frombuffer(data, kind, count=len(data) // kind.itemsize)


class NoteService:
    """Makes the notes of recordings and keeps those that were asked for last.

    Every method may be called from any thread, and should be from one that may wait: an
    hour of music takes about a second.
    """

    def __init__(self, library: RecordingLibrary) -> None:
        self._library = library
        self._kept: OrderedDict[tuple[Any, ...], DecodedNotes] = OrderedDict()
        self._answered: OrderedDict[tuple[str, str], _Answered] = OrderedDict()
        self._lock = threading.Lock()

    def decoded(self, entry: LibraryEntry) -> DecodedNotes:
        """The model's notes of a recording so far, at the person's settings."""
        folder = self._library.transcription(entry)
        candidates = read_candidates(folder)
        config = decode_config(entry)
        question = (
            entry.id,
            entry.attempt,
            len(candidates.events),
            len(candidates.pedal),
            str(config),
        )
        with self._lock:
            kept = self._kept.get(question)
            if kept is not None:
                self._kept.move_to_end(question)
                return kept
        made = DecodedNotes(candidates, FrameGrid(entry.sample_rate, entry.hop_length), config)
        with self._lock:
            self._kept[question] = made
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return made

    def notes(self, entry: LibraryEntry) -> dict[str, Note]:
        """The notes as they are now, by id: the model's, with the edits."""
        notes = self.decoded(entry).key
        return _edited(notes, by_hand(self._library.edits(entry), notes))

    def faint(self, entry: LibraryEntry) -> list[Row]:
        """What the model took for too faint at the chosen threshold, as rows, by onset.

        Notes that were changed or deleted by hand are not among them.
        """
        known = self.decoded(entry).rows
        all_rows = self.decoded(replace(entry, threshold=LOWEST_THRESHOLD)).rows
        edits = by_hand(self._library.edits(entry), all_rows)
        rows = [row for name, row in all_rows.items() if name not in known and name not in edits]
        return sorted(rows, key=lambda row: (row[1], row[2]))

    def performance(self, entry: LibraryEntry, offsets: str = KEY) -> Performance:
        """The notes as they are now, ending with the key or where they cease to sound.

        A note that was changed by hand sounds as the pedal lets it, and where the pedal was
        changed, every note does.
        """
        steps = self._library.edits(entry)
        decoded = self.decoded(entry)
        edits = by_hand(steps, decoded.key)
        pedal = pedal_by_hand(steps, decoded.pedal)
        notes = _edited(decoded.key, edits)
        if not notes:
            return Performance()
        performance = Performance(tuple(notes.values()), pedal)
        if offsets == KEY:
            return performance
        long = {
            (note.onset, note.pitch, note.velocity): note for note in sustained(performance).notes
        }
        sounding = {
            name: long[note.onset, note.pitch, note.velocity]
            if name in edits or pedal != decoded.pedal
            else decoded.sounding[name]
            for name, note in notes.items()
        }
        return Performance(tuple(sounding.values()))

    def answer(self, entry: LibraryEntry, since: str = "") -> dict[str, Any]:
        """The notes for the page.

        Parameters
        ----------
        entry : LibraryEntry
        since : str
            The version of the notes that the page has.

        Returns
        -------
        dict
            With ``notes``, all of them; or, where that version is still known, with
            ``since``, ``changed`` (rows that are new or different) and ``removed`` (ids).
            ``pedal`` is left out where it is the same.
        """
        steps = self._library.edits(entry)
        decoded = self.decoded(entry)
        edits = by_hand(steps, decoded.key)
        rows = dict(decoded.rows)
        for name, note in edits.items():
            if note is None:
                rows.pop(name, None)
            else:
                rows[name] = note_row(name, note, BY_HAND)
        presses = pedal_by_hand(steps, decoded.pedal)
        pedal = [[round(press.onset, 4), round(press.offset, 4)] for press in presses]
        version = self._version(entry, decoded, steps[-1].step if steps else 0)
        with self._lock:
            before = self._answered.get((entry.id, since))
            self._answered[entry.id, version] = _Answered(rows, pedal)
            self._answered.move_to_end((entry.id, version))
            while len(self._answered) > _MOST_ANSWERED:
                self._answered.popitem(last=False)
        n_undo, n_redo = self._library.n_edits(entry)
        answer: dict[str, Any] = {
            "version": version,
            "n_notes": len(rows),
            "settings": settings(entry),
            "can_undo": n_undo > 0,
            "can_redo": n_redo > 0,
        }
        if before is None:
            notes = sorted(rows.values(), key=lambda row: (row[1], row[2]))
            return {**answer, "notes": notes, "pedal": pedal}
        changed = [row for name, row in rows.items() if before.rows.get(name) != row]
        removed = [name for name in before.rows if name not in rows]
        answer |= {"since": since, "changed": changed, "removed": removed}
        return answer if before.pedal == pedal else {**answer, "pedal": pedal}

    def _version(self, entry: LibraryEntry, decoded: DecodedNotes, step: int) -> str:
        """Names what `answer` depends on; the last step that counts stands for all before it."""
        kept = decode_config(entry)
        chosen = f"{kept.onset_threshold:g}-{kept.minimum_duration:g}"
        return f"{entry.attempt}.{decoded.size}.{chosen}.{step}"


def settings(entry: LibraryEntry, *, default: bool = False) -> dict[str, float]:
    """The threshold and the minimum duration: as chosen, or as the model has them."""
    config = decode_config(
        replace(entry, threshold=None, minimum_duration=None) if default else entry
    )
    return {"threshold": config.onset_threshold, "minimum_duration": config.minimum_duration}


def _edited(notes: dict[str, Note], edits: ByHand) -> dict[str, Note]:
    if not edits:
        return notes
    joined: dict[str, Note | None] = {**notes, **edits}
    return {name: note for name, note in joined.items() if note is not None}
