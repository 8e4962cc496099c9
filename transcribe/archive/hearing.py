"""One recording heard: its performance, what is to be known of it, and the files it makes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from transcribe.archive.batching import Batcher
from transcribe.archive.diagnosis import line
from transcribe.archive.jobs import DONE, Beat, JobSettings, Outcome
from transcribe.archive.prefetch import ahead
from transcribe.audio.quality import AudioWarning
from transcribe.audio.reader import AudioReader
from transcribe.export import export_bytes
from transcribe.transcriber import Transcriber
from transcribe.transcription import Transcription


@dataclass(frozen=True, slots=True)
class Heard:
    """What a recording gave."""

    transcription: Transcription
    outcome: Outcome


class Hearer:
    """Loads the weights once; then hears as the settings say."""

    def __init__(self, settings: JobSettings) -> None:
        torch.set_num_threads(settings.threads)
        self.settings = settings
        self.transcriber = Transcriber.load(
            settings.checkpoint, device=settings.device, a4=settings.a4
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
        if settings.side_by_side > 1:
            network = self.transcriber.checkpoint.model
            self._batcher = Batcher(network.batch_activations, settings.side_by_side)
            self.transcriber.activations = self._batcher
        self.model = self.transcriber.name
        self.model_sha256 = self.transcriber.checkpoint.metadata.get("sha256", "")

    def hear(self, path: Path, beat: Beat) -> Heard:
        """The performance, and all that is to be known of the recording.

        Raises
        ------
        AudioError
            The recording can't be used.
        """
        reader = self.transcriber.reader(path, longest=self.settings.longest)
        together = self._batcher.listening() if self._batcher else contextlib.nullcontext()
        with together, contextlib.closing(_Ahead(reader)) as blocks:
            heard = self.transcriber.transcribe(blocks, progress=beat)
        outcome = Outcome(
            state=DONE,
            duration=heard.duration,
            sample_rate=reader.info.sample_rate,
            codec=reader.info.codec,
            notes=len(heard.performance.notes),
            pedal_presses=len(heard.performance.pedal),
            confidence=heard.confidence,
            tuning=heard.tuning,
            warnings=tuple(map(line, heard.warnings)),
        )
        return Heard(heard, outcome)

    def content(self, kind: str, recording: str, heard: Heard) -> bytes:
        """What an output of a kind holds."""
        return export_bytes(
            heard.transcription.performance,
            kind,
            recording=recording,
            model=self.model,
            duration=heard.transcription.duration,
            offsets=self.settings.offsets,
            warnings=heard.transcription.warnings,
        )


class _Ahead:
    """A recording's blocks, read ahead of the network, and what the reader warns of."""

    def __init__(self, reader: AudioReader) -> None:
        self._reader = reader
        self._blocks = ahead(reader)

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return self._blocks

    @property
    def warnings(self) -> tuple[AudioWarning, ...]:
        """Of what was read so far."""
        return self._reader.warnings

    def close(self) -> None:
        """Stop reading."""
        self._blocks.close()
