"""The server of the page as one application; ``docs/web.md`` describes its addresses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from transcribe.web.error_answers import HANDLERS
from transcribe.web.file_routes import FileRoutes
from transcribe.web.live_routes import LiveRoutes
from transcribe.web.note_routes import NoteRoutes
from transcribe.web.piece_routes import PieceRoutes
from transcribe.web.recording_routes import RecordingRoutes
from transcribe.web.server_state import ServerState
from transcribe.web.static_files import STATIC, PageFiles


class Server(ServerState):
    """The routes of the page's server, and what they need."""

    def application(self) -> Starlette:
        """The routes; without access control."""
        files = PageFiles()

        async def index(_: Request) -> Response:
            return await asyncio.to_thread(files.index)

        async def icon(_: Request) -> Response:
            """What browsers ask for by themselves."""
            return FileResponse(STATIC / "icon.svg", headers={"Cache-Control": "no-cache"})

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            async with self.running():
                yield

        groups = (RecordingRoutes, NoteRoutes, PieceRoutes, FileRoutes, LiveRoutes)
        routes = [
            Route("/", index),
            Route("/favicon.ico", icon),
            *(route for group in groups for route in group(self).routes()),
            *files.routes(),
        ]
        return Starlette(routes=routes, lifespan=lifespan, exception_handlers=HANDLERS)
