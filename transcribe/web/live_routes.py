"""Notes while the page records, as addresses of the server."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from transcribe.web.live_service import MOST_BYTES
from transcribe.web.server_state import ServerState


class LiveRoutes:
    """Sound comes in pieces, and notes go out."""

    def __init__(self, state: ServerState) -> None:
        self._state = state

    def routes(self) -> list[Route]:
        """Addresses and what answers them."""
        return [
            Route("/api/live", self.open, methods=["POST"]),
            Route("/api/live/{id}", self.push, methods=["POST"]),
            Route("/api/live/{id}", self.close, methods=["DELETE"]),
        ]

    async def open(self, request: Request) -> Response:
        """Begin to show notes while the page records."""
        return JSONResponse(
            await self._state.live_service.open(request.query_params.get("latency")), 201
        )

    async def push(self, request: Request) -> Response:
        """Take a piece of the sound; answer with what it decides."""
        content = bytearray()
        async for part in request.stream():
            content += part
            if len(content) > MOST_BYTES:
                break  # which `LiveService.push` refuses
        name = request.path_params["id"]
        return JSONResponse(await self._state.live_service.push(name, bytes(content)))

    async def close(self, request: Request) -> Response:
        """The recording has stopped."""
        return JSONResponse(await self._state.live_service.close(request.path_params["id"]))
