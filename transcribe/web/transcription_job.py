"""One recording transcribed in a worker, and what is kept of it in a folder.

The folder of a transcription holds

- ``events`` and ``pedal``: the candidates (`transcribe.decode.events`) as raw records, appended
  as the work goes on;
- ``sound.wav``: what was decoded, mono 16-bit, its header right after every block;
- ``waveform``: for every 1/50 s the least and the greatest sample, as signed bytes.

A transcription that is interrupted leaves files that are right as far as they go.
"""

from __future__ import annotations

import shutil
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcribe.audio.quality import AudioWarning
from transcribe.audio.reader import AudioReader
from transcribe.decode.decoder import Decoder
from transcribe.decode.events import Candidates
from transcribe.transcriber import Transcriber
from transcribe.web.library import LOWEST_THRESHOLD, PAIRS_PER_SECOND
from transcribe.web.note_rows import as_row

LONGEST = 12 * 3600.0
"""Seconds; a longer recording is refused, as it would fill the disk with silence."""
SPARE_DISK = 100 * 1024 * 1024
"""Bytes that are left free on the disk, so that the lists can still be written."""
_BETWEEN_MESSAGES = 0.2

Send = Callable[[dict[str, Any]], None]
Floats = NDArray[np.float32]


def transcribe_into(transcriber: Transcriber, recording: Path, folder: Path, send: Send) -> None:
    """Transcribe a recording into a folder, and send messages on the way.

    Parameters
    ----------
    transcriber : Transcriber
        Does all of the work.
    recording : Path
        A file of any kind that `AudioReader` takes.
    folder : Path
        Made if need be; what is in it is replaced.
    send : callable
        Is given a message (a dictionary for JSON) at the beginning, now and then, and at
        the end.

    Raises
    ------
    AudioError
        The recording can't be used.
    OSError
        The disk is full, or the folder can't be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    grid = transcriber.grid
    reader = transcriber.reader(recording, longest=LONGEST)
    send(
        {
            "kind": "begun",
            "duration": reader.info.duration,
            "decode": asdict(transcriber.decode),
            "model": transcriber.name,
            "sample_rate": grid.sample_rate,
            "hop_length": grid.hop_length,
        }
    )
    with _Sound(folder, reader) as sound, _Notes(folder, send) as notes:
        heard = transcriber.transcribe(
            sound,
            candidates=notes.take,
            candidate_threshold=LOWEST_THRESHOLD,
            progress=notes.report,
        )
        notes.finish()
    if heard.is_silent:
        for name in ("events", "pedal"):
            (folder / name).write_bytes(b"")
    send(
        {
            "kind": "done",
            "duration": heard.duration,
            "n_notes": len(heard.performance.notes),
            "warnings": [warning.as_json() for warning in heard.warnings],
        }
    )


class _Sound:
    """The blocks of a recording, each saved as sound and waveform before it is passed on."""

    def __init__(self, folder: Path, reader: AudioReader) -> None:
        self._folder, self._reader = folder, reader
        self._per_pair = reader.sample_rate // PAIRS_PER_SECOND
        self._rest = np.zeros(0, np.float32)

    def __enter__(self) -> _Sound:
        self._waveform = (self._folder / "waveform").open("wb")
        self._file = (self._folder / "sound.wav").open("w+b")
        self._wav = wave.open(self._file, "wb")
        self._wav.setnchannels(1)
        self._wav.setsampwidth(2)
        self._wav.setframerate(self._reader.sample_rate)
        return self

    def __exit__(self, *exception: object) -> None:
        self._wav.close()
        self._file.close()
        self._waveform.close()

    @property
    def warnings(self) -> tuple[AudioWarning, ...]:
        """Of the recording, as far as it was read."""
        return self._reader.warnings

    def __iter__(self) -> Iterator[Floats]:
        for block in self._reader:
            self._write(block)
            yield block
        self._write_pairs(np.pad(self._rest, (0, -len(self._rest) % self._per_pair)))

    def _write(self, block: Floats) -> None:
        if shutil.disk_usage(self._folder).free < SPARE_DISK:
            raise DiskFullError
        clipped = np.clip(block, -1, 1)
        self._wav.writeframes(np.round(clipped * 32767).astype("<i2").tobytes())
        self._file.flush()
        self._rest = np.concatenate([self._rest, clipped])
        whole = len(self._rest) // self._per_pair * self._per_pair
        self._write_pairs(self._rest[:whole])
        self._rest = self._rest[whole:]

    def _write_pairs(self, samples: Floats) -> None:
        rows = samples.reshape(-1, self._per_pair)
        pairs = np.stack([rows.min(axis=1, initial=1), rows.max(axis=1, initial=-1)], axis=1)
        self._waveform.write(np.round(pairs * 127).astype("i1").tobytes())
        self._waveform.flush()


class DiskFullError(OSError):
    """There is too little room left on the disk to go on."""


class _Notes:
    """Keeps the candidates, and sends the notes as far as they are known."""

    def __init__(self, folder: Path, send: Send) -> None:
        self._folder, self._send = folder, send
        self._decoder: Decoder | None = None
        self._n_settled = 0
        self._open: dict[str, list[Any]] = {}
        self._n_events = self._n_frames = 0
        self._sent_at = 0.0

    def __enter__(self) -> _Notes:
        self._events = (self._folder / "events").open("wb")
        self._pedal = (self._folder / "pedal").open("wb")
        return self

    def __exit__(self, *exception: object) -> None:
        self._events.close()
        self._pedal.close()

    def finish(self) -> None:
        """Send of what has not been told yet."""
        self._sent_at = 0.0
        self.report(None)

    def take(self, candidates: Candidates, decoder: Decoder) -> None:
        """Keep the candidates that the decoder has just taken."""
        self._decoder = decoder
        self._events.write(candidates.events.tobytes())
        self._pedal.write(candidates.pedal.astype("<f4").tobytes())
        self._events.flush()
        self._pedal.flush()
        self._n_events += len(candidates.events)
        self._n_frames += len(candidates.pedal)

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
