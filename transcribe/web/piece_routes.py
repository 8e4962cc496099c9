"""What is known of a piece and made of it, as addresses of the server."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from transcribe.web import continued
from transcribe.web.request_body import json_object
from transcribe.web.score_service import wishes_of
from transcribe.web.server_state import ServerState


class PieceRoutes:
    """Beats, sheet music, and how the music could go on."""

    def __init__(self, state: ServerState) -> None:
        self._state = state

    def routes(self) -> list[Route]:
        """Addresses and what answers them."""
        return [
            Route("/api/recordings/{id}/wishes", self.wish, methods=["PUT"]),
            Route("/api/recordings/{id}/beats", self.beats),
            Route("/api/recordings/{id}/score", self.score),
            Route("/api/recordings/{id}/paper/{what}", self.paper),
            Route("/api/recordings/{id}/continuation", self.go_on, methods=["POST"]),
        ]

    async def wish(self, request: Request) -> Response:
        """Keep what a person knows of the piece."""
        wishes = wishes_of(await json_object(request))
        async with self._state.changing(request) as entry:
            await asyncio.to_thread(self._state.library.change, entry, wishes=wishes)
        return self._state.told(entry)

    async def beats(self, request: Request) -> Response:
        """Beats and bars, with what a person knows of the piece."""
        entry, service = self._state.entry(request), self._state.score_service
        return JSONResponse(
            await service.beats(entry, request.query_params, request.is_disconnected)
        )

    async def score(self, request: Request) -> Response:
        """The notes as sheet music, with what a person knows of the piece."""
        entry, loop = self._state.entry(request), asyncio.get_running_loop()
        publish = self._state.streams.publish

        def tell(share: float) -> None:
            loop.call_soon_threadsafe(publish, entry.id, "engraving", {"share": share})

        shown = await self._state.score_service.shown(
            entry, request.query_params, request.is_disconnected, tell
        )
        return await asyncio.to_thread(JSONResponse, shown)

    async def paper(self, request: Request) -> Response:
        """The score or the roll on pages of A4."""
        entry, what = self._state.entry(request), request.path_params["what"]
        made = await self._state.score_service.paper(
            entry, what, request.query_params, request.is_disconnected
        )
        return await asyncio.to_thread(JSONResponse, made)

    async def go_on(self, request: Request) -> Response:
        """How the music could go on, to be heard before it is kept."""
        wanted = continued.ContinuationWishes.of(await json_object(request))
        entry, gone = self._state.entry(request), request.is_disconnected
        return JSONResponse(await continued.shown(self._state.note_service, entry, wanted, gone))
