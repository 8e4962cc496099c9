"""A transcription as the bytes of a file: MIDI, a table for spreadsheets (CSV), or data (JSON).

Whatever writes a transcription (the command line, the archive, the page) calls
`export_bytes`, so that one recording gives the same bytes from each of them. In tables and
data, times are seconds from the start of the recording, rounded to a tenth of a
millisecond.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from transcribe.audio.quality import AudioWarning
from transcribe.excerpt import WHOLE, Excerpt
from transcribe.midi import midi_bytes
from transcribe.notes import KEY, SUSTAINED, Performance, pitch_name
from transcribe.version import __version__

if TYPE_CHECKING:
    from transcribe.music.tempo_map import TempoMap

MIDI, CSV, JSON = "mid", "csv", "json"
KINDS = (MIDI, CSV, JSON)
"""Kinds of files that a transcription becomes, by the endings of their names."""
CSV_COLUMNS = ("onset", "offset", "pitch", "name", "velocity", "confidence")


def export_bytes(
    performance: Performance,
    kind: str,
    *,
    recording: str,
    model: str,
    duration: float,
    excerpt: Excerpt = WHOLE,
    offsets: str = KEY,
    warnings: Sequence[AudioWarning] = (),
    beats: TempoMap | None = None,
) -> bytes:
    """The content of a file of a kind.

    Parameters
    ----------
    performance : Performance
        Notes and pedal presses.
    kind : str
        One of `KINDS`.
    recording : str
        Name of the recording.
    model : str
        Name of the weights that transcribed it.
    duration : float
        Seconds of the recording, or of the excerpt of it.
    excerpt : Excerpt
        What of the recording was transcribed; for JSON, where it is not all of it.
    offsets : str
        What the notes' offsets are: `notes.KEY` or `notes.SUSTAINED`. Sustained notes are
        written without the pedal, so that a player does not prolong them again.
    warnings : sequence of AudioWarning
        About the recording; for JSON.
    beats : TempoMap, optional
        For MIDI, as for `midi.write_midi`.

    Raises
    ------
    ValueError
        There is no such kind.
    """
    if offsets == SUSTAINED:
        performance = Performance(performance.notes)
    if kind == MIDI:
        text = f"Transcribed by {model} (transcribe {__version__})"
        return midi_bytes(performance, text=text, beats=beats)
    if kind == CSV:
        return _csv(performance)
    if kind != JSON:
        raise ValueError(f"a kind is one of {', '.join(KINDS)}; found {kind!r}")
    content = {
        "recording": recording,
        "model": model,
        "duration": round(duration, 4),
        **_part(excerpt),
        "offsets": offsets,
        "warnings": [warning.as_json() for warning in warnings],
        "notes": [
            {
                "onset": round(note.onset, 4),
                "offset": round(note.offset, 4),
                "pitch": note.pitch,
                "velocity": note.velocity,
                "confidence": round(note.confidence, 3),
            }
            for note in performance.notes
        ],
        "pedal": [
            {"onset": round(press.onset, 4), "offset": round(press.offset, 4)}
            for press in performance.pedal
        ],
    }
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    # A file name that is no Unicode holds lone surrogates; as "\udcff" JSON can say them.
    return text.encode("utf-8", "backslashreplace")


def _part(excerpt: Excerpt) -> dict[str, list[float | None]]:
    """From where to where, in seconds, null for the recording's end; nothing of all of it."""
    if excerpt.is_whole:
        return {}
    stop = None if excerpt.stop == math.inf else float(excerpt.stop)
    return {"part": [float(excerpt.start), stop]}


def _csv(performance: Performance) -> bytes:
    """One line of `CSV_COLUMNS`, then one line a note."""
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for note in performance.notes:
        writer.writerow(
            [
                f"{note.onset:.4f}",
                f"{note.offset:.4f}",
                note.pitch,
                pitch_name(note.pitch),
                note.velocity,
                f"{note.confidence:.3f}",
            ]
        )
    return table.getvalue().encode("utf-8")


def no_formula(text: str) -> str:
    """A cell of a table that no spreadsheet takes for a formula, as which it could do harm.

    Blanks do not hide a formula's sign, and East Asian spreadsheets know it in full width too.

    >>> no_formula(" =1+1")
    "' =1+1"
    """
    return f"'{text}" if text.lstrip()[:1] in tuple("=+-@\uff1d\uff0b\uff0d\uff20") else text
