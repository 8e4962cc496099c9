"""What all routes of the page's server share: the library, its services, the queue."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from transcribe.web.description import described
from transcribe.web.event_stream import EventStreams
from transcribe.web.job_queue import JobQueue
from transcribe.web.library import RecordingLibrary
from transcribe.web.library_entry import QUEUED, LibraryEntry
from transcribe.web.live_service import LiveService
from transcribe.web.note_service import NoteService
from transcribe.web.score_service import ScoreService
from transcribe.web.thumbnail import Thumbnails
from transcribe.web.uploads import UploadLimits
from transcribe.web.waiting import Wait


class ServerState:
    """The library and whatever answers questions about it.

    Parameters
    ----------
    library : RecordingLibrary
    limits : UploadLimits
    n_jobs : int
        How many recordings are transcribed at once.
    worker_options : sequence of str
        Arguments of `transcribe.web.worker`.
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
        self.quit: Callable[[], None] | None = None
        """Ends the program; None where whoever uses the page may not."""
        self._n_jobs, self._worker_options = n_jobs, worker_options
        self._queue: JobQueue | None = None

    @property
    def queue(self) -> JobQueue:
        """The queue and its workers, while the application runs."""
        if self._queue is None:
            raise RuntimeError("the application does not run")
        return self._queue

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
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

    def entry(self, request: Request) -> LibraryEntry:
        """The recording that a request is about, to be read; `changing` to be changed."""
        return self.queue.entry(request.path_params["id"])

    def changing(self, request: Request) -> AbstractAsyncContextManager[LibraryEntry]:
        """The recording that a request changes; nothing else does meanwhile."""
        return self.queue.changing(request.path_params["id"])

    def told(self, entry: LibraryEntry) -> Response:
        """The recording as it is now, told to all who watch it too."""
        content = self.describe(entry)
        self.streams.publish(entry.id, "state", content)
        return JSONResponse(content)
