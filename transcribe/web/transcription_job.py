"""One recording transcribed in a worker, and what is kept of it in a folder.

The folder of a transcription holds

- ``events`` and ``pedal``: the candidates (`transcribe.decode.events`) as raw records, appended
  as the work goes on;
- ``sound.wav`` and ``waveform``: what was decoded (`kept_sound`), all of it also where only a
  part is transcribed;
- ``unfinished``, until the work is done: where to go on (`unfinished`).

A transcription that is interrupted leaves files that are right as far as they go, and the same
call goes on with them.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from transcribe.decode.decoder import Decoder
from transcribe.decode.events import Candidates
from transcribe.excerpt import Excerpt
from transcribe.transcriber import Transcriber
from transcribe.unfinished import ResumePoint, UnfinishedTranscription
from transcribe.version import __version__
from transcribe.web.kept_sound import KeptSound
from transcribe.web.library import LOWEST_THRESHOLD
from transcribe.web.note_rows import as_row
from transcribe.web.unfinished import UnfinishedWork, forget_unfinished, read_unfinished

LONGEST = 12 * 3600.0
"""Seconds; a longer recording is refused, as it would fill the disk with silence."""
_BETWEEN_MESSAGES = 0.2
"""Seconds, at the least, from one message with notes to the next."""

Send = Callable[[dict[str, Any]], None]


def transcribe_into(
    transcriber: Transcriber,
    recording: Path,
    folder: Path,
    send: Send,
    excerpt: Excerpt | None = None,
) -> None:
    """Transcribe a recording into a folder, and send messages on the way.

    Parameters
    ----------
    transcriber : Transcriber
        Does all of the work.
    recording : Path
        A file of any kind that `AudioReader` takes.
    folder : Path
        Made if need be. Work that was interrupted there goes on, if it was begun alike; else
        what is in it is replaced.
    send : callable
        Is given a message (a dictionary for JSON) at the beginning, now and then, and at
        the end.
    excerpt : Excerpt, optional
        What of the recording to transcribe.

    Raises
    ------
    AudioError
        The recording can't be used.
    OSError
        The disk is full, or the folder can't be written to.
    """
    excerpt = excerpt or Excerpt()
    grid = transcriber.grid
    reader = transcriber.reader(recording, longest=LONGEST)
    made_by = _made_by(transcriber, excerpt)
    unfinished = read_unfinished(folder, made_by)
    if unfinished is None:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    n_frames = 0 if unfinished is None else len(unfinished.candidates.pedal)
    send(
        {
            "kind": "begun",
            "duration": reader.info.duration,
            "decode": asdict(transcriber.decode),
            "model": transcriber.name,
            "sample_rate": grid.sample_rate,
            "hop_length": grid.hop_length,
            "seconds": grid.seconds(n_frames),
        }
    )
    with (
        KeptSound(folder, reader) as sound,
        _Notes(folder, send, made_by, unfinished) as notes,
    ):
        heard = transcriber.transcribe(
            sound,
            excerpt=excerpt,
            candidates=notes.take,
            candidate_threshold=LOWEST_THRESHOLD,
            progress=notes.report,
            unfinished=unfinished,
        )
        notes.finish()
        duration = sound.drain()
    if heard.is_silent:
        for name in ("events", "pedal"):
            (folder / name).write_bytes(b"")
    forget_unfinished(folder)
    send(
        {
            "kind": "done",
            "duration": duration,
            "n_notes": len(heard.performance.notes),
            "warnings": [warning.as_json() for warning in heard.warnings],
        }
    )


def _made_by(transcriber: Transcriber, excerpt: Excerpt) -> dict[str, Any]:
    """What the candidates depend on beside the recording."""
    checkpoint = transcriber.checkpoint
    return {
        "version": __version__,
        "model": [transcriber.name, checkpoint.metadata.get("sha256", "")],
        "features": asdict(checkpoint.features),
        "windows": asdict(checkpoint.windows),
        "decode": asdict(transcriber.decode),
        "a4": transcriber.a4,
        "excerpt": [excerpt.start, str(excerpt.stop)],
    }


class _Notes:
    """Keeps the candidates, and sends the notes as far as they are known."""

    def __init__(
        self,
        folder: Path,
        send: Send,
        made_by: dict[str, Any],
        unfinished: UnfinishedTranscription | None,
    ) -> None:
        self._folder, self._send, self._made_by = folder, send, made_by
        self._decoder: Decoder | None = None
        self._n_settled = 0
        self._open: dict[str, list[Any]] = {}
        self._n_events = self._n_frames = 0
        self._sent_at = 0.0
        if unfinished is not None:
            self._n_events = len(unfinished.candidates.events)
            self._n_frames = len(unfinished.candidates.pedal)

    def __enter__(self) -> _Notes:
        mode = "ab" if self._n_frames else "wb"
        self._events = (self._folder / "events").open(mode)
        self._pedal = (self._folder / "pedal").open(mode)
        return self

    def __exit__(self, *exception: object) -> None:
        self._events.close()
        self._pedal.close()

    def finish(self) -> None:
        """Send of what has not been told yet."""
        self._sent_at = 0.0
        self.report(None)

    def take(self, candidates: Candidates, decoder: Decoder, point: ResumePoint | None) -> None:
        """Keep the candidates that the decoder has just taken, and where to go on after them."""
        if self._decoder is None and self._n_frames:
            self._n_settled = decoder.n_settled  # what was told before the interruption
        self._decoder = decoder
        self._events.write(candidates.events.tobytes())
        self._pedal.write(candidates.pedal.astype("<f4").tobytes())
        self._events.flush()
        self._pedal.flush()
        self._n_events += len(candidates.events)
        self._n_frames += len(candidates.pedal)
        if point is not None:
            work = UnfinishedWork(self._made_by, point, self._n_events, self._n_frames)
            work.write(self._folder)

    def report(self, seconds: float | None) -> None:
        """Send how far it is and which notes are new or have changed, not too often."""
        now = time.monotonic()
        if self._decoder is None or now - self._sent_at < _BETWEEN_MESSAGES:
            return
        self._sent_at = now
        n_settled = self._decoder.n_settled
        rows = {row[0]: row for row in map(as_row, self._decoder.struck(self._n_settled))}
        news = [row for name, row in rows.items() if self._open.get(name) != row]
        self._n_settled, self._open = n_settled, rows
        self._send(
            {
                "kind": "heard",
                "seconds": seconds,
                "n_events": self._n_events,
                "n_frames": self._n_frames,
                "n_notes": self._decoder.n_notes,
                "notes": news,
            }
        )
