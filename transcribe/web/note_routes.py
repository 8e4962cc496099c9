"""The notes of a recording and changes to them, as addresses of the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from weakref import WeakValueDictionary

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from transcribe.web.edits import LONGEST, resolved
from transcribe.web.library import LOWEST_THRESHOLD
from transcribe.web.library_entry import WORKING, LibraryEntry
from transcribe.web.request_body import json_object, number
from transcribe.web.server_state import ServerState

THRESHOLDS = (LOWEST_THRESHOLD, 0.95)
"""How far the slider goes."""
LONGEST_MINIMUM = 2.0
"""Seconds; the longest that a shortest note may be."""


class NoteRoutes:
    """Notes are asked for, chosen by a threshold, changed by hand."""

    def __init__(self, state: ServerState) -> None:
        self._state = state
        self._editing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def routes(self) -> list[Route]:
        """Addresses and what answers them."""
        return [
            Route("/api/recordings/{id}/notes", self.notes),
            Route("/api/recordings/{id}/faint", self.faint),
            Route("/api/recordings/{id}/settings", self.set, methods=["PUT"]),
            Route("/api/recordings/{id}/edits", self.edit, methods=["POST"]),
            Route("/api/recordings/{id}/undo", self.undo, methods=["POST"]),
            Route("/api/recordings/{id}/redo", self.redo, methods=["POST"]),
        ]

    async def notes(self, request: Request) -> Response:
        """The notes as they are now."""
        entry, since = self._state.entry(request), request.query_params.get("since", "")
        answer = await asyncio.to_thread(self._state.note_service.answer, entry, since)
        return await asyncio.to_thread(JSONResponse, answer)

    async def faint(self, request: Request) -> Response:
        """What was too faint to be a note."""
        rows = await asyncio.to_thread(self._state.note_service.faint, self._state.entry(request))
        return await asyncio.to_thread(JSONResponse, {"notes": rows})

    async def _changed(
        self, request: Request, change: Callable[[LibraryEntry], object]
    ) -> Response:
        """Make one change after the other, each in a thread; answer with what is different."""
        name = self._state.entry(request).id
        async with self._editing.setdefault(name, asyncio.Lock()):
            async with self._state.changing(request) as entry:
                await asyncio.to_thread(change, entry)
            since = request.query_params.get("since", "")
            answer = await asyncio.to_thread(self._state.note_service.answer, entry, since)
            async with self._state.changing(request) as entry:
                if entry.state != WORKING:
                    entry.n_notes = answer["n_notes"]
                    await asyncio.to_thread(self._state.library.save, entry)
        self._state.streams.publish(entry.id, "state", self._state.describe(entry))
        self._state.streams.publish(entry.id, "edited", {"version": answer["version"]})
        return await asyncio.to_thread(JSONResponse, answer)

    async def set(self, request: Request) -> Response:
        """Choose threshold and minimum duration; null is the model's own."""
        wanted = await json_object(request)
        lowest, highest = THRESHOLDS
        threshold = number(wanted, "threshold", lowest, highest)
        minimum = number(wanted, "minimum_duration", 0.0, LONGEST_MINIMUM)

        said = {"threshold": threshold, "minimum_duration": minimum}

        def change(entry: LibraryEntry) -> None:
            known = {name: value for name, value in said.items() if name in wanted}
            self._state.library.change(entry, **known)

        return await self._changed(request, change)

    async def edit(self, request: Request) -> Response:
        """Add, change and delete notes, as one step."""
        wanted = await json_object(request)

        def change(entry: LibraryEntry) -> None:
            changes = resolved(
                wanted.get("changes"),
                self._state.note_service.notes(entry),
                entry.duration or LONGEST,
            )
            self._state.library.add_edit(entry, changes)

        return await self._changed(request, change)

    async def undo(self, request: Request) -> Response:
        """Take the last step back."""
        return await self._changed(request, self._state.library.undo)

    async def redo(self, request: Request) -> Response:
        """Do the step again that was taken back last."""
        return await self._changed(request, self._state.library.redo)
