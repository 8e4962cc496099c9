"""The addresses of the server; ``docs/web.md`` describes each."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from transcribe.files.endings import RECORDING_SUFFIXES
from transcribe.web import continued, downloads, piano
from transcribe.web.description import described
from transcribe.web.edits import LONGEST, resolved
from transcribe.web.error_answers import HANDLERS
from transcribe.web.errors import RefusedError, not_here
from transcribe.web.event_stream import EventStreams
from transcribe.web.job_queue import JobQueue, Wait
from transcribe.web.library import (
    CANCELLED,
    FAILED,
    LOWEST_THRESHOLD,
    PAIRS_PER_SECOND,
    QUEUED,
    WORKING,
    LibraryEntry,
    RecordingLibrary,
)
from transcribe.web.live_service import MOST_BYTES, LiveService
from transcribe.web.names import disposition, download_name
from transcribe.web.note_service import NoteService
from transcribe.web.request_body import json_object, number
from transcribe.web.score_service import KINDS, ScoreService, wishes_of
from transcribe.web.sound import sound_response
from transcribe.web.static_files import STATIC, PageFiles
from transcribe.web.thumbnail import COLUMNS, Thumbnails
from transcribe.web.uploads import UploadLimits, receive

THRESHOLDS = (LOWEST_THRESHOLD, 0.95)
"""How far the slider goes."""
_LONGEST_MINIMUM = 2.0
_Result = TypeVar("_Result")


class Server:
    """The routes of the page's server, and what they need.

    Parameters
    ----------
    library : RecordingLibrary
    limits : UploadLimits
    n_jobs : int
        How many recordings are transcribed at once.
    worker_options : sequence of str
        UserMessage for `transcribe.web.worker`.
    checkpoint : Path, optional
        Weights for notes while the page records; the packaged ones if left out.
    """

    def __init__(
        self,
        library: RecordingLibrary,
        limits: UploadLimits | None = None,
        *,
        n_jobs: int = 1,
        worker_options: Sequence[str] = (),
        checkpoint: Path | None = None,
    ) -> None:
        self.library = library
        self.limits = limits or UploadLimits()
        self.note_service = NoteService(library)
        self.score_service = ScoreService(self.note_service)
        self.live_service = LiveService(checkpoint)
        self.thumbnails = Thumbnails(library, self.note_service)
        self.streams = EventStreams()
        self.files = PageFiles()
        self.quit: Callable[[], None] | None = None
        """Ends the program; None where whoever uses the page may not."""
        self._n_jobs, self._worker_options = n_jobs, worker_options
        self._editing: dict[str, asyncio.Lock] = {}
        self._queue: JobQueue | None = None

    @property
    def queue(self) -> JobQueue:
        """The queue and its workers, while the application runs."""
        if self._queue is None:
            raise RuntimeError("the application does not run")
        return self._queue

    @asynccontextmanager
    async def running(self, _: Starlette) -> AsyncIterator[None]:
        """Workers come when the application starts and go when it ends."""
        self._queue = JobQueue(
            self.library,
            self.streams,
            self.describe,
            n_jobs=self._n_jobs,
            options=self._worker_options,
        )
        self._queue.start()
        try:
            yield
        finally:
            self.streams.close()
            self.score_service.close()
            await self._queue.stop()

    def application(self) -> Starlette:
        """The routes; without access control."""
        one = "/api/recordings/{id}"
        routes = [
            Route("/", self.index),
            Route("/favicon.ico", self.icon),
            Route("/api/recordings", self.list, methods=["GET"]),
            Route("/api/recordings", self.upload, methods=["POST"]),
            Route("/api/events", self.all_events),
            Route("/api/quit", self.end, methods=["POST"]),
            Route(one, self.one, methods=["GET"]),
            Route(one, self.rename, methods=["PATCH"]),
            Route(one, self.delete, methods=["DELETE"]),
            Route(f"{one}/cancel", self.cancel, methods=["POST"]),
            Route(f"{one}/again", self.again, methods=["POST"]),
            Route(f"{one}/events", self.events),
            Route(f"{one}/notes", self.notes),
            Route(f"{one}/faint", self.faint),
            Route(f"{one}/settings", self.set, methods=["PUT"]),
            Route(f"{one}/edits", self.edit, methods=["POST"]),
            Route(f"{one}/undo", self.undo, methods=["POST"]),
            Route(f"{one}/redo", self.redo, methods=["POST"]),
            Route(f"{one}/wishes", self.wish, methods=["PUT"]),
            Route(f"{one}/beats", self.beats),
            Route(f"{one}/score", self.score),
            Route(f"{one}/thumbnail", self.thumbnail),
            Route(f"{one}/continuation", self.go_on, methods=["POST"]),
            Route(f"{one}/waveform", self.waveform),
            Route(f"{one}/sound", self.sound),
            Route(f"{one}/original", self.original),
            Route(f"{one}/download/{{kind}}", self.download),
            Route("/api/live", self.live_open, methods=["POST"]),
            Route("/api/live/{id}", self.live_push, methods=["POST"]),
            Route("/api/live/{id}", self.live_close, methods=["DELETE"]),
            Route("/api/piano", self.piano),
            Route("/api/piano/{number:int}.wav", self.piano_note),
            *self.files.routes(),
        ]
        return Starlette(routes=routes, lifespan=self.running, exception_handlers=HANDLERS)

    # --- the page ---

    async def index(self, _: Request) -> Response:
        """The page."""
        return await asyncio.to_thread(self.files.index)

    async def icon(self, _: Request) -> Response:
        """What browsers ask for by themselves."""
        return FileResponse(STATIC / "icon.svg", headers={"Cache-Control": "no-cache"})

    # --- recordings ---

    def describe(self, entry: LibraryEntry, wait: Wait | None = None) -> dict[str, Any]:
        """A recording as the interface gives it.

        Parameters
        ----------
        entry : LibraryEntry
        wait : Wait, optional
            What a queued one waits for, where that is known already.
        """
        if entry.state == QUEUED and wait is None and self._queue is not None:
            wait = self._queue.waits().get(entry.id)
        job = self._queue.running.get(entry.id) if self._queue is not None else None
        return described(self.library, entry, job, wait)

    def _entry(self, request: Request) -> LibraryEntry:
        """The recording that a request is about, as the workers see it if they do."""
        name = request.path_params["id"]
        job = self._queue.running.get(name) if self._queue is not None else None
        return job.entry if job is not None else self.library.entry(name)

    async def list(self, _: Request) -> Response:
        """All recordings, the newest first, and the limits."""
        running, waits = self.queue.running, self.queue.waits()
        entries = await asyncio.to_thread(self.library.entries)
        shown = [running[entry.id].entry if entry.id in running else entry for entry in entries]
        return JSONResponse(
            {
                "recordings": [self.describe(entry, waits.get(entry.id)) for entry in shown],
                "limits": {
                    "upload_bytes": self.limits.n_bytes,
                    "n_recordings": self.limits.n_recordings,
                    "endings": RECORDING_SUFFIXES,
                    "threshold": THRESHOLDS,
                    "minimum_duration": (0.0, _LONGEST_MINIMUM),
                },
                "can_quit": self.quit is not None,
                "disk_free_bytes": shutil.disk_usage(self.library.folder).free,
            }
        )

    async def upload(self, request: Request) -> Response:
        """Take a recording in."""
        entry = await receive(request, self.library, self.limits)
        content = self.describe(entry)
        self.streams.publish(entry.id, "state", content)
        self.queue.wake()
        return JSONResponse(content, 201)

    async def one(self, request: Request) -> Response:
        """One recording."""
        return JSONResponse(self.describe(self._entry(request)))

    async def rename(self, request: Request) -> Response:
        """Call a recording something else."""
        wanted = (await json_object(request)).get("name")
        if not isinstance(wanted, str) or not wanted.strip():
            raise RefusedError(
                422, "A recording needs a name.", "Type a letter at least.", kind="no_name"
            )
        entry = self._entry(request)
        await asyncio.to_thread(self.library.rename, entry, wanted)
        return self._told(entry)

    def _told(self, entry: LibraryEntry) -> Response:
        """The recording as it is now, told to all who watch it too."""
        content = self.describe(entry)
        self.streams.publish(entry.id, "state", content)
        return JSONResponse(content)

    async def delete(self, request: Request) -> Response:
        """Forget a recording."""
        entry = self._entry(request)
        await self.queue.cancel(entry)
        await asyncio.to_thread(self.library.delete, entry)
        self.streams.publish(entry.id, "deleted", {"id": entry.id})
        self.streams.end(entry.id)
        self._editing.pop(entry.id, None)
        return Response(status_code=204)

    async def cancel(self, request: Request) -> Response:
        """Stop the work on a recording."""
        entry = self._entry(request)
        await self.queue.cancel(entry)
        return self._told(self.library.entry(entry.id))

    async def again(self, request: Request) -> Response:
        """Queue a recording that failed or was cancelled."""
        entry = self._entry(request)
        if entry.state not in (FAILED, CANCELLED):
            raise RefusedError(
                409, "This recording is in work or done already.", "", kind="done_already"
            )
        await asyncio.to_thread(self.library.queue_again, entry)
        self.queue.wake()
        return self._told(entry)

    async def end(self, _: Request) -> Response:
        """End the program; unfinished work goes on next time."""
        if self.quit is None:
            raise RefusedError(
                403,
                "The program is not ended from here.",
                "End it on the computer that it runs on.",
                kind="no_quit",
            )
        self.quit()
        return Response(status_code=204)

    async def events(self, request: Request) -> Response:
        """What happens to one recording."""
        entry = self._entry(request)
        return _stream(self.streams.listen(entry.id, "state", self.describe(entry)))

    async def all_events(self, _: Request) -> Response:
        """What happens to any recording."""
        return _stream(self.streams.listen(None, "state", None))

    # --- notes ---

    async def notes(self, request: Request) -> Response:
        """The notes as they are now."""
        entry, since = self._entry(request), request.query_params.get("since", "")
        answer = await asyncio.to_thread(self.note_service.answer, entry, since)
        return await asyncio.to_thread(JSONResponse, answer)

    async def faint(self, request: Request) -> Response:
        """What was too faint to be a note."""
        rows = await asyncio.to_thread(self.note_service.faint, self._entry(request))
        return await asyncio.to_thread(JSONResponse, {"notes": rows})

    async def _changed(
        self, request: Request, change: Callable[[LibraryEntry], object]
    ) -> Response:
        """Make one change after the other, each in a thread; answer with what is different."""
        name = self._entry(request).id
        async with self._editing.setdefault(name, asyncio.Lock()):
            entry = self._entry(request)
            await asyncio.to_thread(change, entry)
            since = request.query_params.get("since", "")
            answer = await asyncio.to_thread(self.note_service.answer, entry, since)
            if entry.state != WORKING:
                entry.n_notes = answer["n_notes"]
                await asyncio.to_thread(self.library.save, entry)
        self.streams.publish(entry.id, "state", self.describe(entry))
        self.streams.publish(entry.id, "edited", {"version": answer["version"]})
        return await asyncio.to_thread(JSONResponse, answer)

    async def set(self, request: Request) -> Response:
        """Choose threshold and minimum duration; null is the model's own."""
        wanted = await json_object(request)
        lowest, highest = THRESHOLDS
        threshold = number(wanted, "threshold", lowest, highest)
        minimum = number(wanted, "minimum_duration", 0.0, _LONGEST_MINIMUM)

        def change(entry: LibraryEntry) -> None:
            if "threshold" in wanted:
                entry.threshold = threshold
            if "minimum_duration" in wanted:
                entry.minimum_duration = minimum
            self.library.save(entry)

        return await self._changed(request, change)

    async def edit(self, request: Request) -> Response:
        """Add, change and delete notes, as one step."""
        wanted = await json_object(request)

        def change(entry: LibraryEntry) -> None:
            changes = resolved(
                wanted.get("changes"), self.note_service.notes(entry), entry.duration or LONGEST
            )
            self.library.add_edit(entry, changes)

        return await self._changed(request, change)

    async def undo(self, request: Request) -> Response:
        """Take the last step back."""
        return await self._changed(request, self.library.undo)

    async def redo(self, request: Request) -> Response:
        """Do the step again that was taken back last."""
        return await self._changed(request, self.library.redo)

    # --- while the page records ---

    async def live_open(self, request: Request) -> Response:
        """Begin to show notes while the page records."""
        return JSONResponse(await self.live_service.open(request.query_params.get("latency")), 201)

    async def live_push(self, request: Request) -> Response:
        """Take a piece of the sound; answer with what it decides."""
        content = bytearray()
        async for part in request.stream():
            content += part
            if len(content) > MOST_BYTES:
                break  # which `LiveService.push` refuses
        name = request.path_params["id"]
        return JSONResponse(await self.live_service.push(name, bytes(content)))

    async def live_close(self, request: Request) -> Response:
        """The recording has stopped."""
        return JSONResponse(await self.live_service.close(request.path_params["id"]))

    # --- sound and files ---

    async def thumbnail(self, request: Request) -> Response:
        """The notes as a small picture, for the list."""
        data = await asyncio.to_thread(self.thumbnails.of, self._entry(request))
        return Response(
            data,
            media_type="application/octet-stream",
            headers={"X-Columns": str(COLUMNS), "Cache-Control": "no-cache"},
        )

    async def waveform(self, request: Request) -> Response:
        """The least and greatest sample of every 1/50 s."""
        path = self._kept(self._entry(request), "waveform")
        data = await asyncio.to_thread(path.read_bytes)
        return Response(
            data[: len(data) // 2 * 2],
            media_type="application/octet-stream",
            headers={"X-Pairs-Per-Second": str(PAIRS_PER_SECOND)},
        )

    async def sound(self, request: Request) -> Response:
        """What was decoded."""
        return sound_response(
            self._kept(self._entry(request), "sound.wav"), request.headers.get("range")
        )

    def _kept(self, entry: LibraryEntry, name: str) -> Path:
        path = self.library.transcription(entry) / name
        if not path.is_file():
            raise RefusedError(
                404, "This recording is not transcribed yet.", "Wait a moment.", kind="not_yet"
            )
        return path

    async def original(self, request: Request) -> Response:
        """The file that was uploaded."""
        entry = self._entry(request)
        path = self.library.original(entry)
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
        entry = self._entry(request)
        kind = request.path_params["kind"]
        if kind == continued.KIND:
            wanted = continued.ContinuationWishes.of(request.query_params)
            gone = request.is_disconnected
            return await continued.response(self.note_service, entry, wanted, gone)
        if kind in KINDS:
            return await self.score_service.download(entry, kind, request.query_params)
        return await asyncio.to_thread(downloads.response, self.note_service, entry, kind)

    async def wish(self, request: Request) -> Response:
        """Keep what a person knows of the piece."""
        wishes = wishes_of(await json_object(request))
        entry = self._entry(request)
        entry.wishes = wishes
        await asyncio.to_thread(self.library.save, entry)
        return self._told(entry)

    async def beats(self, request: Request) -> Response:
        """Beats and bars, with what a person knows of the piece."""
        entry = self._entry(request)
        return JSONResponse(await self.score_service.beats(entry, request.query_params))

    async def score(self, request: Request) -> Response:
        """The notes as sheet music, with what a person knows of the piece."""
        entry = self._entry(request)
        shown = await self.score_service.shown(entry, request.query_params)
        return await asyncio.to_thread(JSONResponse, shown)

    async def go_on(self, request: Request) -> Response:
        """How the music could go on, to be heard before it is kept."""
        wanted = continued.ContinuationWishes.of(await json_object(request))
        entry, gone = self._entry(request), request.is_disconnected
        return JSONResponse(await continued.shown(self.note_service, entry, wanted, gone))

    async def piano(self, _: Request) -> Response:
        """The notes that the page can play."""
        return JSONResponse({"samples": await asyncio.to_thread(piano.listing)})

    async def piano_note(self, request: Request) -> Response:
        """One of them."""
        data = await asyncio.to_thread(piano.note, request.path_params["number"])
        return Response(data, media_type="audio/wav", headers={"Cache-Control": "max-age=86400"})


def _stream(events: AsyncIterator[str]) -> Response:
    return StreamingResponse(events, media_type="text/event-stream")
