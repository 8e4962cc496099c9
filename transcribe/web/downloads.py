"""Downloads: a transcription as the command writes it, or as sound or picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from starlette.responses import Response, StreamingResponse

from transcribe.audio.quality import KINDS as KINDS_OF_WARNINGS
from transcribe.audio.quality import AudioWarning
from transcribe.export import CSV, JSON, MIDI, export_bytes
from transcribe.music.tempo_map import TempoMap
from transcribe.notes import KEY, SUSTAINED, Performance
from transcribe.web import piano
from transcribe.web.errors import RefusedError
from transcribe.web.library_entry import LibraryEntry
from transcribe.web.names import disposition, download_name
from transcribe.web.note_service import NoteService
from transcribe.web.picture import as_svg

Answer: TypeAlias = Callable[[NoteService, LibraryEntry], Response]


def response(note_service: NoteService, entry: LibraryEntry, kind: str) -> Response:
    """A download of what the recording's notes are now.

    Parameters
    ----------
    note_service : NoteService
    entry : LibraryEntry
    kind : str
        One of `KINDS`.

    Raises
    ------
    RefusedError
        There is no such kind, or nothing is transcribed yet.
    """
    if kind not in KINDS:
        raise RefusedError(
            404,
            "There is no such download.",
            f"There are {', '.join(KINDS)}.",
            kind="no_download",
        )
    if not entry.decode:
        raise RefusedError(
            409, "This recording is not transcribed yet.", "Wait a moment.", kind="not_yet"
        )
    return KINDS[kind](note_service, entry)


def exported(
    entry: LibraryEntry,
    performance: Performance,
    kind: str,
    *,
    offsets: str = KEY,
    beats: TempoMap | None = None,
) -> bytes:
    """Notes of a recording as a file that the command line and the archive write too."""
    return export_bytes(
        performance,
        kind,
        recording=entry.name,
        model=entry.model,
        duration=entry.seconds_of_work or 0.0,
        excerpt=entry.span,
        offsets=offsets,
        warnings=[
            AudioWarning(each["kind"], each["values"])
            for each in entry.remarks
            if each["kind"] in KINDS_OF_WARNINGS
        ],
        beats=beats,
    )


def _headers(entry: LibraryEntry, suffix: str) -> dict[str, str]:
    return {"Content-Disposition": disposition(download_name(entry.name, suffix))}


def _file(kind: str, offsets: str, media_type: str, suffix: str) -> Answer:
    """What answers with a file as the command line and the archive write it."""

    def answer(note_service: NoteService, entry: LibraryEntry) -> Response:
        data = exported(entry, note_service.performance(entry, offsets), kind, offsets=offsets)
        return Response(data, media_type=media_type, headers=_headers(entry, suffix))

    return answer


def _wav(note_service: NoteService, entry: LibraryEntry) -> Response:
    n_bytes, pieces = piano.played(sounding(note_service, entry))
    headers = {**_headers(entry, ".piano.wav"), "Content-Length": str(n_bytes)}
    return StreamingResponse(pieces, media_type="audio/wav", headers=headers)


def _svg(note_service: NoteService, entry: LibraryEntry) -> Response:
    picture = as_svg(sounding(note_service, entry), entry.name)
    return Response(picture, media_type="image/svg+xml", headers=_headers(entry, ".svg"))


def sounding(note_service: NoteService, entry: LibraryEntry) -> Performance:
    """The notes, of which there is one at least; raises RefusedError where there is none."""
    performance = note_service.performance(entry)
    if not performance.notes:
        raise RefusedError(
            409,
            "There are no notes to play or to draw.",
            "Move the slider to more notes.",
            kind="no_notes",
        )
    return performance


KINDS: dict[str, Answer] = {
    "mid": _file(MIDI, KEY, "audio/midi", ".mid"),
    "sustained.mid": _file(MIDI, SUSTAINED, "audio/midi", ".sustained.mid"),
    "csv": _file(CSV, KEY, "text/csv; charset=utf-8", ".csv"),
    "json": _file(JSON, KEY, "application/json", ".json"),
    "wav": _wav,
    "svg": _svg,
}
"""The kinds of download, by the end of their address."""
