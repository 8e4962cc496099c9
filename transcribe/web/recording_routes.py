"""The list of recordings and the work on them, as addresses of the server."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from transcribe.files.endings import RECORDING_SUFFIXES
from transcribe.web.errors import RefusedError
from transcribe.web.library_entry import CANCELLED, FAILED, PAUSED, QUEUED, WORKING
from transcribe.web.note_routes import LONGEST_MINIMUM, THRESHOLDS
from transcribe.web.request_body import json_object, part_of
from transcribe.web.server_state import ServerState
from transcribe.web.uploads import receive


class RecordingRoutes:
    """Recordings come and go, are transcribed, and tell of it."""

    def __init__(self, state: ServerState) -> None:
        self._state = state

    def routes(self) -> list[Route]:
        """Addresses and what answers them."""
        return [
            Route("/api/recordings", self.list, methods=["GET"]),
            Route("/api/recordings", self.upload, methods=["POST"]),
            Route("/api/events", self.all_events),
            Route("/api/quit", self.end, methods=["POST"]),
            Route("/api/recordings/{id}", self.one, methods=["GET"]),
            Route("/api/recordings/{id}", self.rename, methods=["PATCH"]),
            Route("/api/recordings/{id}", self.delete, methods=["DELETE"]),
            Route("/api/recordings/{id}/cancel", self.cancel, methods=["POST"]),
            Route("/api/recordings/{id}/pause", self.pause, methods=["POST"]),
            Route("/api/recordings/{id}/again", self.again, methods=["POST"]),
            Route("/api/recordings/{id}/part", self.part, methods=["PUT"]),
            Route("/api/recordings/{id}/events", self.events),
        ]

    async def list(self, _: Request) -> Response:
        """All recordings, the newest first, and the limits."""
        running, waits = self._state.queue.running, self._state.queue.waits()
        entries = await asyncio.to_thread(self._state.library.entries)
        shown = [running[entry.id].entry if entry.id in running else entry for entry in entries]
        return JSONResponse(
            {
                "recordings": [self._state.describe(entry, waits.get(entry.id)) for entry in shown],
                "limits": {
                    "upload_bytes": self._state.limits.n_bytes,
                    "n_recordings": self._state.limits.n_recordings,
                    "endings": RECORDING_SUFFIXES,
                    "threshold": THRESHOLDS,
                    "minimum_duration": (0.0, LONGEST_MINIMUM),
                },
                "can_quit": self._state.quit is not None,
                "disk_free_bytes": shutil.disk_usage(self._state.library.folder).free,
            }
        )

    async def upload(self, request: Request) -> Response:
        """Take a recording in."""
        entry = await receive(request, self._state.library, self._state.limits)
        content = self._state.describe(entry)
        self._state.streams.publish(entry.id, "state", content)
        self._state.queue.wake()
        return JSONResponse(content, 201)

    async def one(self, request: Request) -> Response:
        """One recording."""
        return JSONResponse(self._state.describe(self._state.entry(request)))

    async def rename(self, request: Request) -> Response:
        """Call a recording something else."""
        wanted = (await json_object(request)).get("name")
        if not isinstance(wanted, str) or not wanted.strip():
            raise RefusedError(
                422, "A recording needs a name.", "Type a letter at least.", kind="no_name"
            )
        async with self._state.changing(request) as entry:
            await asyncio.to_thread(self._state.library.rename, entry, wanted)
        return self._state.told(entry)

    async def delete(self, request: Request) -> Response:
        """Forget a recording."""
        name = request.path_params["id"]
        async with self._state.queue.resting(name, to_forget=True) as entry:
            await asyncio.to_thread(self._state.library.delete, entry)
        self._state.streams.publish(entry.id, "deleted", {"id": entry.id})
        self._state.streams.end(entry.id)
        return Response(status_code=204)

    async def cancel(self, request: Request) -> Response:
        """Stop the work on a recording."""
        name = request.path_params["id"]
        return self._state.told(await self._state.queue.stop_work(name, CANCELLED))

    async def pause(self, request: Request) -> Response:
        """Stop the work on a recording, to go on from there; others have their turn meanwhile."""
        entry = self._state.entry(request)
        if entry.state not in (QUEUED, WORKING, PAUSED):
            raise RefusedError(409, "This recording is not in work.", "", kind="not_in_work")
        return self._state.told(await self._state.queue.stop_work(entry.id, PAUSED))

    async def again(self, request: Request) -> Response:
        """Queue what was paused, failed or cancelled; the work goes on where it was."""
        async with self._state.changing(request) as entry:
            if entry.state not in (PAUSED, FAILED, CANCELLED):
                raise RefusedError(
                    409, "This recording is in work or done already.", "", kind="done_already"
                )
            await asyncio.to_thread(self._state.library.queue_again, entry)
        self._state.queue.wake()
        return self._state.told(entry)

    async def part(self, request: Request) -> Response:
        """Transcribe a part of a recording only, or all of it, from the beginning."""
        part = part_of(await json_object(request), self._state.entry(request).duration)
        async with self._state.queue.resting(request.path_params["id"]) as entry:
            await asyncio.to_thread(self._state.library.queue_part, entry, part)
        self._state.queue.wake()
        return self._state.told(entry)

    async def end(self, _: Request) -> Response:
        """End the program; unfinished work goes on next time."""
        if self._state.quit is None:
            raise RefusedError(
                403,
                "The program is not ended from here.",
                "End it on the computer that it runs on.",
                kind="no_quit",
            )
        self._state.quit()
        return Response(status_code=204)

    async def events(self, request: Request) -> Response:
        """What happens to one recording."""
        entry = self._state.entry(request)
        return _stream(self._state.streams.listen(entry.id, "state", self._state.describe(entry)))

    async def all_events(self, _: Request) -> Response:
        """What happens to any recording."""
        return _stream(self._state.streams.listen(None, "state", None))


def _stream(events: AsyncIterator[str]) -> Response:
    return StreamingResponse(events, media_type="text/event-stream")
