"""This project's `Transcriber`, as it ships.

Beside ``NAME.mid``, with key releases and pedal, it writes ``NAME.sustained.mid`` with the
notes as long as they sound (``--offsets sustained``), which the network distinguishes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

SUSTAINED_SUFFIX = ".sustained.mid"


def load(
    n_threads: int, checkpoint: str | None = None, device: str = "cpu"
) -> Callable[[str, str], list[str]]:
    """Load the packaged weights, or those of a file."""
    from transcribe.midi import write_midi
    from transcribe.transcriber import Transcriber

    transcriber = Transcriber.load(checkpoint, device=device, threads=n_threads)

    def transcribe(audio: str, midi: str) -> list[str]:
        found = transcriber.transcribe(audio)
        write_midi(found.sustained, Path(midi).with_suffix(SUSTAINED_SUFFIX))
        write_midi(found.performance, midi)
        return [str(warning) for warning in found.warnings]

    return transcribe
