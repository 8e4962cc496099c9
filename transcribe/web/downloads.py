"""A transcription to take away, as the command writes it, or as sound or picture."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from starlette.responses import Response, StreamingResponse

from transcribe import __version__
from transcribe.decode import KEY, SUSTAINED
from transcribe.export import write_csv, write_json
from transcribe.midi import write_midi
from transcribe.notes import Performance
from transcribe.web import piano
from transcribe.web.answers import RefusedError
from transcribe.web.desk import Desk
from transcribe.web.library import Entry
from transcribe.web.names import disposition, download_name
from transcribe.web.picture import as_svg


def response(desk: Desk, entry: Entry, kind: str) -> Response:
    """A download of what the recording's notes are now.

    Parameters
    ----------
    desk : Desk
    entry : Entry
    kind : str
        One of `KINDS`.

    Raises
    ------
    RefusedError
        There is no such kind, or nothing was heard yet.
    """
    if kind not in KINDS:
        raise RefusedError(404, "There is no such download.", f"There are {', '.join(KINDS)}.")
    if not entry.decode:
        raise RefusedError(409, "Nothing of this recording was heard yet.", "Wait a moment.")
    return KINDS[kind](desk, entry)


def _headers(entry: Entry, suffix: str) -> dict[str, str]:
    return {"Content-Disposition": disposition(download_name(entry.name, suffix))}


def _written(write: Callable[[Path], None]) -> bytes:
    """What a function writes to a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "download"
        write(path)
        return path.read_bytes()


def _midi(desk: Desk, entry: Entry) -> Response:
    data = _written(lambda path: write_midi(desk.performance(entry), path, text=_text(entry)))
    return Response(data, media_type="audio/midi", headers=_headers(entry, ".mid"))


def _sustained_midi(desk: Desk, entry: Entry) -> Response:
    # Without the pedal: a player must not prolong the notes again.
    performance = Performance(desk.performance(entry, SUSTAINED).notes)
    data = _written(lambda path: write_midi(performance, path, text=_text(entry)))
    return Response(data, media_type="audio/midi", headers=_headers(entry, ".sustained.mid"))


def _text(entry: Entry) -> str:
    return f"Transcribed by {entry.model} (transcribe {__version__})"


def _csv(desk: Desk, entry: Entry) -> Response:
    data = _written(lambda path: write_csv(desk.performance(entry), path))
    return Response(data, media_type="text/csv; charset=utf-8", headers=_headers(entry, ".csv"))


def _json(desk: Desk, entry: Entry) -> Response:
    data = _written(
        lambda path: write_json(
            desk.performance(entry),
            path,
            recording=entry.name,
            model=entry.model,
            duration=entry.duration or 0.0,
            offsets=KEY,
            warnings=entry.remarks,
        )
    )
    return Response(data, media_type="application/json", headers=_headers(entry, ".json"))


def _wav(desk: Desk, entry: Entry) -> Response:
    n_bytes, pieces = piano.played(_some(desk, entry))
    headers = {**_headers(entry, ".piano.wav"), "Content-Length": str(n_bytes)}
    return StreamingResponse(pieces, media_type="audio/wav", headers=headers)


def _svg(desk: Desk, entry: Entry) -> Response:
    picture = as_svg(_some(desk, entry), entry.name)
    return Response(picture, media_type="image/svg+xml", headers=_headers(entry, ".svg"))


def _some(desk: Desk, entry: Entry) -> Performance:
    performance = desk.performance(entry)
    if not performance.notes:
        raise RefusedError(
            409, "There are no notes to play or to draw.", "Move the slider to more notes."
        )
    return performance


KINDS: dict[str, Callable[[Desk, Entry], Response]] = {
    "mid": _midi,
    "sustained.mid": _sustained_midi,
    "csv": _csv,
    "json": _json,
    "wav": _wav,
    "svg": _svg,
}
"""What can be taken away, by the end of its address."""
