"""One recording transcribed: its performance, what the manifest keeps of it, and its files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcribe.archive.batching import Batcher
from transcribe.archive.diagnosis import as_line
from transcribe.archive.jobs import DONE, JobSettings, OnProgress, Outcome
from transcribe.archive.prefetch import prefetch
from transcribe.audio.quality import AudioWarning
from transcribe.audio.reader import AudioReader
from transcribe.export import export_bytes
from transcribe.transcriber import Transcriber
from transcribe.transcription import Transcription


class ArchiveTranscriber:
    """Loads the weights once; then transcribes as the settings say."""

    def __init__(self, settings: JobSettings) -> None:
        self.settings = settings
        self.transcriber = Transcriber.load(
            settings.checkpoint, device=settings.device, a4=settings.a4, threads=settings.threads
        )
        chosen: dict[str, Any] = {
            "onset_threshold": settings.onset_threshold,
            "frame_threshold": settings.frame_threshold,
            "minimum_duration": settings.minimum_note,
            "offsets": settings.offsets,
        }
        chosen = {name: value for name, value in chosen.items() if value is not None}
        self.transcriber.decode = replace(self.transcriber.decode, **chosen)
        self._batcher: Batcher | None = None
        if settings.n_parallel > 1:
            network = self.transcriber.checkpoint.model
            self._batcher = Batcher(network.batch_activations, settings.n_parallel)
            self.transcriber.activations = self._batcher
        self.model = self.transcriber.name
        self.model_sha256 = self.transcriber.checkpoint.metadata.get("sha256", "")

    def transcribe(self, path: Path, on_progress: OnProgress) -> tuple[Transcription, Outcome]:
        """The transcription, and all that the manifest keeps of the recording.

        Raises
        ------
        AudioError
            The recording can't be used.
        """
        reader = self.transcriber.reader(path, longest=self.settings.longest)
        together = self._batcher.active() if self._batcher else contextlib.nullcontext()
        with together, contextlib.closing(_PrefetchedBlocks(reader)) as blocks:
            transcription = self.transcriber.transcribe(blocks, progress=on_progress)
        return transcription, Outcome(
            state=DONE,
            duration=transcription.duration,
            sample_rate=reader.info.sample_rate,
            codec=reader.info.codec,
            notes=len(transcription.performance.notes),
            pedal_presses=len(transcription.performance.pedal),
            confidence=transcription.confidence,
            tuning=transcription.tuning,
            warnings=tuple(map(as_line, transcription.warnings)),
        )

    def content(self, kind: str, recording: str, transcription: Transcription) -> bytes:
        """What an output of a kind holds."""
        return export_bytes(
            transcription.performance,
            kind,
            recording=recording,
            model=self.model,
            duration=transcription.duration,
            offsets=self.settings.offsets,
            warnings=transcription.warnings,
        )


class _PrefetchedBlocks:
    """A recording's blocks, decoded ahead of the network, and the reader's warnings."""

    def __init__(self, reader: AudioReader) -> None:
        self._reader = reader
        self._blocks = prefetch(reader)

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return self._blocks

    @property
    def warnings(self) -> tuple[AudioWarning, ...]:
        """Of what was read so far."""
        return self._reader.warnings

    def close(self) -> None:
        """Stop reading."""
        self._blocks.close()
