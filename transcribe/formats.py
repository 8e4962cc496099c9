"""A transcription as the bytes of a file: MIDI, a table, or data.

Whatever writes a transcription (the command line, the archive, the page) asks here, so that
one recording gives the same bytes at each of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from transcribe import __version__
from transcribe.audio.quality import AudioWarning
from transcribe.decode.decoder import KEY, SUSTAINED
from transcribe.export import CSV, JSON, KINDS, MIDI, csv_bytes, json_bytes
from transcribe.midi import midi_bytes
from transcribe.notes import Performance


def content(
    kind: str,
    performance: Performance,
    *,
    recording: str,
    model: str,
    duration: float,
    offsets: str = KEY,
    warnings: Sequence[AudioWarning] = (),
) -> bytes:
    """What a file of a kind holds.

    Parameters
    ----------
    kind : str
        One of `export.KINDS`.
    performance : Performance
    recording : str
        Name of the recording.
    model : str
        Which weights heard it.
    duration : float
        Seconds of music.
    offsets : str
        ``"key"`` or ``"sustained"``: what the notes' offsets are. Sustained notes are
        written without the pedal, so that a player does not prolong them again.
    warnings : sequence of AudioWarning
        What was not as expected.

    Raises
    ------
    ValueError
        There is no such kind.
    """
    if offsets == SUSTAINED:
        performance = Performance(performance.notes)
    if kind == MIDI:
        return midi_bytes(performance, text=f"Transcribed by {model} (transcribe {__version__})")
    if kind == CSV:
        return csv_bytes(performance)
    if kind == JSON:
        return json_bytes(
            performance,
            recording=recording,
            model=model,
            duration=duration,
            offsets=offsets,
            warnings=[warning.as_json() for warning in warnings],
        )
    raise ValueError(f"a kind is one of {', '.join(KINDS)}; found {kind!r}")
