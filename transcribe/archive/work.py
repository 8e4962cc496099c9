"""What one worker does with one recording: fetch, transcribe, write; errors become outcomes.

Torch is imported only where a `Worker` is made.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from transcribe.archive.diagnosis import DISK_FULL, KEPT, UNWRITABLE, classify_error
from transcribe.archive.escaping import escaped
from transcribe.archive.jobs import DONE, FAILED, Job, JobSettings, OnProgress, Outcome, Output
from transcribe.archive.storage.base import Store, StoredFile
from transcribe.archive.storage.opening import open_store
from transcribe.errors import TranscribeError
from transcribe.files.checksum import sha256_of
from transcribe.hardware import peak_memory
from transcribe.wording import reason

if TYPE_CHECKING:
    from transcribe.archive.transcription import Transcription

log = logging.getLogger(__name__)

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class Worker:
    """Transcribes recordings with weights that are loaded once.

    Parameters
    ----------
    settings : JobSettings

    Raises
    ------
    CheckpointError
        The weights can't be loaded.
    ValueError
        There is no such device.
    """

    def __init__(self, settings: JobSettings) -> None:
        from transcribe.archive.transcription import ArchiveTranscriber

        self.settings = settings
        self._transcriber = ArchiveTranscriber(settings)

    def __call__(self, job: Job, on_progress: OnProgress | None = None) -> Outcome:
        """Transcribe one recording and write its outputs; what is wrong with it is in the outcome.

        Raises
        ------
        RuntimeError
            A GPU failed, and with it this worker.
        """
        started = time.monotonic()
        outcome = self._outcome(job, on_progress or (lambda seconds: None))
        return replace(
            outcome,
            model=self._transcriber.model,
            model_sha256=self._transcriber.model_sha256,
            seconds=time.monotonic() - started,
            peak_memory=peak_memory(),
        )

    def _outcome(self, job: Job, on_progress: OnProgress) -> Outcome:
        path = Path(job.place)
        found: StoredFile | None = None
        digest = None
        try:
            source = open_store(job.source)
            found = source.stat(job.place)
            if found is None:
                raise FileNotFoundError(errno.ENOENT, "no such file")
            with source.fetch(job.place) as path:
                digest = sha256_of(path, lambda: on_progress(0.0))
                transcription, outcome = self._transcriber.transcribe(path, on_progress)
            if source.stat(job.place) != found:
                raise OSError(errno.EBUSY, "the recording changed while it was read")
            outputs, kept = self._write(job, transcription)
        except _WriteError as error:
            cause = UNWRITABLE if error.__cause__.errno not in _NO_ROOM else DISK_FULL
            outcome = Outcome(state=FAILED, cause=cause, error=str(error), may_pass=True)
        except Exception as error:
            if isinstance(error, RuntimeError) and self.settings.device != "cpu":
                raise  # a GPU may fail at everything from here on; a fresh process has it anew
            # A decoder or a store may raise anything at all over a bad file.
            if not isinstance(error, (TranscribeError, OSError, MemoryError)):
                log.exception("%s", job.name)
            cause, message, may_pass = classify_error(error, path)
            outcome = Outcome(state=FAILED, cause=cause, error=message, may_pass=may_pass)
        else:
            outcome = replace(outcome, outputs=outputs)
            if kept:
                warning = f"{KEPT}: {', '.join(map(escaped, kept))}"
                outcome = replace(outcome, warnings=(*outcome.warnings, warning))
        return replace(outcome, recording=found, sha256=digest)

    def _write(
        self, job: Job, transcription: Transcription
    ) -> tuple[tuple[Output, ...], list[str]]:
        """Write what the job asks for; what had to be moved out of the way."""
        destination = open_store(job.destination)
        outputs, kept = [], []
        try:
            for kind, name in job.outputs:
                content = self._transcriber.content(kind, job.name, transcription)
                if job.keep_existing:
                    kept += _keep(destination, name, content)
                put = destination.put(name, content)
                digest = hashlib.sha256(content).hexdigest()
                outputs.append(Output(kind, name, len(content), digest, put.modified))
        except OSError as error:
            raise _WriteError(reason(error)) from error
        return tuple(outputs), kept


class Prober:
    """Only looks at recordings, without torch; its outcomes hold no more.

    Parameters
    ----------
    counting : bool
        Whether to read a recording to its end, where its header can only guess how long it is.
    """

    def __init__(self, *, counting: bool = False) -> None:
        self.counting = counting

    def __call__(self, job: Job, on_progress: OnProgress | None = None) -> Outcome:
        """Duration, sample rate and codec of a recording."""
        from transcribe.audio.probing import counted_seconds, probe

        path = Path(job.place)
        try:
            with open_store(job.source).fetch(job.place) as path:
                info = probe(path)
                duration = counted_seconds(path) if self.counting else info.duration
        except Exception as error:
            cause, message, may_pass = classify_error(error, path)
            return Outcome(state=FAILED, cause=cause, error=message, may_pass=may_pass)
        return Outcome(
            state=DONE, duration=duration, sample_rate=info.sample_rate, codec=info.codec
        )


class _WriteError(Exception):
    """The destination refused; its cause is the OSError."""

    __cause__: OSError


def _keep(destination: Store, name: str, content: bytes) -> list[str]:
    """Rename what is in the place of an output, if it is another; the new name."""
    found = destination.stat(name)
    if found is None or not found.size:
        return []
    with destination.fetch(name) as path:
        if found.size == len(content) and path.read_bytes() == content:
            return []
    n = 1
    while destination.stat(f"{name}.kept-{n}") is not None:
        n += 1
    destination.rename(name, f"{name}.kept-{n}")
    return [f"{name}.kept-{n}"]
