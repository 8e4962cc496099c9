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

from transcribe import __version__
from transcribe.archive.ahead import ahead
from transcribe.archive.batches import Batcher
from transcribe.archive.judge import warnings_of
from transcribe.archive.work import CSV, DONE, MIDI, Beat, Outcome, Settings
from transcribe.audio import AudioReader
from transcribe.errors import AudioError
from transcribe.export import csv_bytes, json_bytes
from transcribe.midi import midi_bytes
from transcribe.notes import Performance
from transcribe.remarks import CLIPPED_LEVEL
from transcribe.transcriber import SILENCE_DB, Transcriber
from transcribe.tuning import TuningMeter


@dataclass(frozen=True, slots=True)
class Heard:
    """What a recording gave."""

    performance: Performance
    outcome: Outcome


class Hearer:
    """Loads the weights once; then hears as the settings say."""

    def __init__(self, settings: Settings) -> None:
        torch.set_num_threads(settings.threads)
        self.settings = settings
        self.transcriber = Transcriber.load(settings.checkpoint, device=settings.device)
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
        transcriber, longest = self.transcriber, self.settings.longest
        sample_rate = transcriber.checkpoint.features.sample_rate
        reader = AudioReader(path, sample_rate=sample_rate)
        refusal = f"the recording is longer than {longest / 3600:g} hours; cut it into parts"
        if (reader.info.duration or 0) > longest:
            raise AudioError(refusal)
        tuning = TuningMeter(sample_rate)
        n_clipped = 0

        def listened() -> Iterator[NDArray[np.float32]]:
            nonlocal n_clipped
            for block in reader:
                if reader.seconds_read > longest:
                    raise AudioError(refusal)
                tuning.push(block)
                n_clipped += int(np.count_nonzero(np.abs(block) >= CLIPPED_LEVEL))
                yield block

        together = self._batcher.listening() if self._batcher else contextlib.nullcontext()
        with together, contextlib.closing(ahead(listened())) as blocks:
            heard = transcriber.transcribe(blocks, progress=beat)
        notes = heard.performance.notes
        confidence = float(np.mean([note.confidence for note in notes])) if notes else None
        silent = reader.peak < 10 ** (SILENCE_DB / 20)
        warnings = warnings_of(
            [*reader.warnings, *heard.warnings],
            silent=silent,
            duration=heard.duration,
            confidence=confidence,
            n_notes=len(notes),
            clipped=n_clipped / max(heard.duration * sample_rate, 1),
            tuning=tuning.cents if notes else None,
        )
        outcome = Outcome(
            state=DONE,
            duration=heard.duration,
            sample_rate=reader.info.sample_rate,
            codec=reader.info.codec,
            n_notes=len(notes),
            n_presses=len(heard.performance.pedal),
            confidence=confidence,
            tuning=tuning.cents if notes else None,
            warnings=warnings,
        )
        return Heard(heard.performance, outcome)

    def content(self, kind: str, recording: str, heard: Heard) -> bytes:
        """What an output of a kind holds."""
        performance = heard.performance
        if self.settings.offsets == "sustained":
            performance = replace(performance, pedal=())  # players must not prolong them again
        if kind == MIDI:
            text = f"Transcribed by {self.model} (transcribe {__version__})"
            return midi_bytes(performance, text=text)
        if kind == CSV:
            return csv_bytes(performance)
        return json_bytes(
            performance,
            recording=recording,
            model=self.model,
            duration=heard.outcome.duration or 0.0,
            offsets=self.settings.offsets,
            warnings=heard.outcome.warnings,
        )
