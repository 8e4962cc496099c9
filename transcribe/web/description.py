"""A recording as the page is told of it; ``docs/web.md`` lists the words."""

from __future__ import annotations

from typing import Any

from transcribe.web.library import RecordingLibrary, heard_seconds
from transcribe.web.library_entry import WORKING, LibraryEntry
from transcribe.web.note_service import settings
from transcribe.web.waiting import RunningJob, Wait


def described(
    library: RecordingLibrary,
    entry: LibraryEntry,
    job: RunningJob | None = None,
    wait: Wait | None = None,
) -> dict[str, Any]:
    """A recording as the interface gives it.

    Parameters
    ----------
    library : RecordingLibrary
    entry : LibraryEntry
    job : RunningJob, optional
        The work on it, while there is any.
    wait : Wait, optional
        What a queued one waits for.
    """
    if entry.state != WORKING:
        job = None
    heard = job.heard_seconds if job is not None else heard_seconds(library, entry)
    return {
        "id": entry.id,
        "name": entry.name,
        "created": entry.created,
        "bytes": entry.n_bytes,
        "duration": entry.duration,
        "part": entry.part,
        "state": entry.state,
        "heard_seconds": round(heard, 3),
        "n_before": wait.n_before if wait is not None else None,
        "seconds_before": wait.seconds if wait is not None else None,
        "seconds_left": job.seconds_left if job is not None else None,
        "error": entry.error,
        "hint": entry.hint,
        "error_kind": entry.error_kind,
        "error_values": entry.error_values,
        "warnings": entry.warnings,
        "remarks": entry.remarks,
        "n_notes": job.n_notes if job is not None else entry.n_notes,
        "notes_version": library.notes_version(entry),
        "edited": library.n_edits(entry)[0] > 0,
        "wishes": entry.wishes,
        "settings": settings(entry),
        "settings_default": settings(entry, default=True),
    }
