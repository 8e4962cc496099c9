"""A performance from a MIDI file or from a recording, for commands that take either."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from transcribe.audio.probing import probe
from transcribe.files.beginnings import holds_midi
from transcribe.midi import load_midi
from transcribe.model.device import find_device
from transcribe.notes import Performance
from transcribe.options import usage_errors
from transcribe.terminal import progress_of, say
from transcribe.transcriber import Transcriber


class PerformanceReader:
    """Reads MIDI files and transcribes recordings, with warnings on standard error.

    The network is loaded when the first recording comes.

    Parameters
    ----------
    prog : str
        The command, such as ``"transcribe tokens"``.
    options : Namespace
        With ``checkpoint``, ``device``, ``quiet`` and, if the command has it, ``threads``.
    """

    def __init__(self, prog: str, options: argparse.Namespace) -> None:
        self._prog, self._options = prog, options
        self.transcriber: Transcriber | None = None
        """Once a recording was read."""

    def read(self, path: Path) -> Performance:
        """What was played; raises TranscribeError for a file that can't be used."""
        if holds_midi(path):
            reading = load_midi(path)
            self._warn(path, reading.warnings)
            return reading.performance
        options = self._options
        duration = probe(path).duration
        if self.transcriber is None:
            with usage_errors():
                device = find_device(options.device)
            self.transcriber = Transcriber.load(
                options.checkpoint, device=device, threads=getattr(options, "threads", None)
            )
        with progress_of(path.name, duration, quiet=options.quiet) as progress:
            transcription = self.transcriber.transcribe(path, progress=progress)
        self._warn(path, transcription.warnings)
        return transcription.performance

    def _warn(self, path: Path, warnings: tuple[object, ...]) -> None:
        for warning in warnings:
            say(f"{self._prog}: {path}: warning: {warning}", sys.stderr)
