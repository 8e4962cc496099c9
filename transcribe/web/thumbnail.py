"""A recording's notes as a small picture for the list: how hard each few keys are struck, when."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock

import numpy as np

from transcribe.notes import HIGHEST_PITCH, LOWEST_PITCH, Note
from transcribe.web.library import RecordingLibrary
from transcribe.web.library_entry import LibraryEntry
from transcribe.web.note_service import NoteService

COLUMNS, ROWS = 120, 30
_PITCHES_PER_ROW = -(-(HIGHEST_PITCH - LOWEST_PITCH + 1) // ROWS)
_MOST_KEPT = 500
"""Pictures in memory."""


def thumbnail(notes: Iterable[Note], duration: float) -> bytes:
    """The picture of some notes.

    Parameters
    ----------
    notes : iterable of Note
    duration : float
        Seconds that the columns cover.

    Returns
    -------
    bytes
        The greatest velocity in each cell, 0 for none: `ROWS` times `COLUMNS`, row by row, the
        highest keys first.
    """
    cells = np.zeros((ROWS, COLUMNS), np.uint8)
    scale = COLUMNS / max(duration, 1e-3)
    for note in notes:
        row = (HIGHEST_PITCH - note.pitch) // _PITCHES_PER_ROW
        start = min(int(note.onset * scale), COLUMNS - 1)
        part = cells[row, start : max(int(note.offset * scale), start + 1)]
        np.maximum(part, note.velocity, out=part)
    return cells.tobytes()


class Thumbnails:
    """Makes the pictures of recordings and keeps them while the server runs."""

    def __init__(self, library: RecordingLibrary, note_service: NoteService) -> None:
        self._library, self._note_service = library, note_service
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = Lock()

    def of(self, entry: LibraryEntry) -> bytes:
        """The picture of a recording as it is now; may take a second, in any thread."""
        name = f"{entry.id} {self._library.notes_version(entry)} {entry.state}"
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
        notes = self._note_service.notes(entry).values()
        end = max((note.offset for note in notes), default=0.0)
        made = thumbnail(notes, entry.duration or end)
        with self._lock:
            self._kept[name] = made
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return made
