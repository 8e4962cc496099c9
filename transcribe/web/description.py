"""A recording as the page is told of it; ``docs/web.md`` lists the words."""

from __future__ import annotations

from typing import Any

from transcribe.web.job_queue import RunningJob, Wait
from transcribe.web.library import DONE, WORKING, LibraryEntry, RecordingLibrary
from transcribe.web.note_service import settings


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
    return {
        "id": entry.id,
        "name": entry.name,
        "created": entry.created,
        "bytes": entry.n_bytes,
        "duration": entry.duration,
        "state": entry.state,
        "heard_seconds": round(_heard_seconds(library, entry, job), 3),
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


def _heard_seconds(library: RecordingLibrary, entry: LibraryEntry, job: RunningJob | None) -> float:
    """How much of a recording is transcribed."""
    if job is not None:
        return job.heard_seconds
    if entry.state == DONE:
        return entry.duration or 0.0
    pedal = library.transcription(entry) / "pedal"
    n_frames = pedal.stat().st_size // 4 if pedal.is_file() else 0
    return n_frames * entry.hop_length / entry.sample_rate
