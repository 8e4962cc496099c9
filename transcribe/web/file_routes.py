"""Sound, pictures and files of a recording, as addresses of the server."""

from __future__ import annotations

import asyncio
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from transcribe.web import continued, downloads, piano
from transcribe.web.errors import RefusedError, not_here
from transcribe.web.library import PAIRS_PER_SECOND
from transcribe.web.library_entry import LibraryEntry
from transcribe.web.names import disposition, download_name
from transcribe.web.score_service import KINDS
from transcribe.web.server_state import ServerState
from transcribe.web.sound import sound_response
from transcribe.web.spectrogram import LEVELS, tile
from transcribe.web.thumbnail import COLUMNS

_MOST_TILES = 100_000
"""Of a level; more are of no recording."""


class FileRoutes:
    """What is heard, drawn and taken away of a recording; and the piano that plays its notes."""

    def __init__(self, state: ServerState) -> None:
        self._state = state
        self._drawing = asyncio.Lock()

    def routes(self) -> list[Route]:
        """Addresses and what answers them."""
        return [
            Route("/api/recordings/{id}/thumbnail", self.thumbnail),
            Route("/api/recordings/{id}/waveform", self.waveform),
            Route("/api/recordings/{id}/spectrogram/{level:int}/{number:int}", self.spectrogram),
            Route("/api/recordings/{id}/sound", self.sound),
            Route("/api/recordings/{id}/original", self.original),
            Route("/api/recordings/{id}/download/{kind}", self.download),
            Route("/api/piano", self.piano),
            Route("/api/piano/{number:int}.wav", self.piano_note),
        ]

    async def thumbnail(self, request: Request) -> Response:
        """The notes as a small picture, for the list."""
        data = await asyncio.to_thread(self._state.thumbnails.of, self._state.entry(request))
        return Response(
            data,
            media_type="application/octet-stream",
            headers={"X-Columns": str(COLUMNS), "Cache-Control": "no-cache"},
        )

    async def waveform(self, request: Request) -> Response:
        """The least and greatest sample of every 1/50 s."""
        path = self._kept(self._state.entry(request), "waveform")
        data = await asyncio.to_thread(path.read_bytes)
        return Response(
            data[: len(data) // 2 * 2],
            media_type="application/octet-stream",
            headers={"X-Pairs-Per-Second": str(PAIRS_PER_SECOND)},
        )

    async def spectrogram(self, request: Request) -> Response:
        """A tile of the sound's spectrogram, one after the other."""
        sound = self._kept(self._state.entry(request), "sound.wav")
        level, number = request.path_params["level"], request.path_params["number"]
        if level >= LEVELS or number > _MOST_TILES:
            raise RefusedError(404, "There is no such part of the spectrogram.", "", kind="no_tile")
        async with self._drawing:
            data = await asyncio.to_thread(tile, sound, level, number)
        return Response(
            data,
            media_type="application/octet-stream",
            headers={"Cache-Control": "no-cache"},
        )

    async def sound(self, request: Request) -> Response:
        """What was decoded."""
        return sound_response(
            self._kept(self._state.entry(request), "sound.wav"), request.headers.get("range")
        )

    def _kept(self, entry: LibraryEntry, name: str) -> Path:
        path = self._state.library.transcription(entry) / name
        if not path.is_file():
            raise RefusedError(
                404, "This recording is not transcribed yet.", "Wait a moment.", kind="not_yet"
            )
        return path

    async def original(self, request: Request) -> Response:
        """The file that was uploaded."""
        entry = self._state.entry(request)
        path = self._state.library.original(entry)
        if not path.is_file():
            raise not_here()
        name = download_name(entry.name, Path(entry.name).suffix)
        return FileResponse(
            path,
            media_type="application/octet-stream",
            headers={"Content-Disposition": disposition(name)},
        )

    async def download(self, request: Request) -> Response:
        """The transcription, written down."""
        entry = self._state.entry(request)
        kind = request.path_params["kind"]
        query, gone = request.query_params, request.is_disconnected
        if kind == continued.KIND:
            wanted = continued.ContinuationWishes.of(query)
            return await continued.response(self._state.note_service, entry, wanted, gone)
        if kind in KINDS:
            return await self._state.score_service.download(entry, kind, query, gone)
        return await asyncio.to_thread(downloads.response, self._state.note_service, entry, kind)

    async def piano(self, _: Request) -> Response:
        """The notes that the page can play."""
        return JSONResponse({"samples": await asyncio.to_thread(piano.listing)})

    async def piano_note(self, request: Request) -> Response:
        """One of them."""
        data = await asyncio.to_thread(piano.note, request.path_params["number"])
        return Response(data, media_type="audio/wav", headers={"Cache-Control": "max-age=86400"})
