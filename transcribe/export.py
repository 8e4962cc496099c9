"""A performance as a table for spreadsheets (CSV) or as data for programs (JSON).

Times are seconds from the start of the recording, rounded to a tenth of a millisecond.
What the offsets of the notes mean is up to the caller, who says so (``"key"``: the key
is released; ``"sustained"``: the sound ends, the sustain pedal being counted in).
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from transcribe.files.atomic import write_atomically
from transcribe.notes import Performance

MIDI, CSV, JSON = "mid", "csv", "json"
KINDS = (MIDI, CSV, JSON)
"""Kinds of files that a transcription becomes, by the endings of their names."""
CSV_COLUMNS = ("onset", "offset", "pitch", "name", "velocity", "confidence")
_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def pitch_name(pitch: int) -> str:
    """Name of a key: 60 is C4 (middle C), 21 A0, 70 A#4."""
    return f"{_NAMES[pitch % 12]}{pitch // 12 - 1}"


def no_formula(text: str) -> str:
    """A cell of a table that no spreadsheet takes for a formula, as which it could do harm.

    Blanks do not hide a formula's sign, and East Asian spreadsheets know it in full width too.

    >>> no_formula(" =1+1")
    "' =1+1"
    """
    return f"'{text}" if text.lstrip()[:1] in tuple("=+-@\uff1d\uff0b\uff0d\uff20") else text


def write_csv(performance: Performance, path: str | os.PathLike[str]) -> None:
    """Write the notes as a table: one line of `CSV_COLUMNS`, then one line a note.

    Raises OSError where the file can't be written; then none is left.
    """
    write_atomically(path, csv_bytes(performance))


def csv_bytes(performance: Performance) -> bytes:
    """What `write_csv` writes."""
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


def write_json(
    performance: Performance,
    path: str | os.PathLike[str],
    *,
    recording: str,
    model: str,
    duration: float,
    offsets: str = "key",
    warnings: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write notes, pedal presses and where they come from, as one JSON object.

    Parameters
    ----------
    performance : Performance
        Notes and pedal presses.
    path : path
        The file; replaced if there is one.
    recording : str
        Name of the recording.
    model : str
        Which weights heard it.
    duration : float
        Seconds of music.
    offsets : str
        ``"key"`` or ``"sustained"``: what the notes' offsets are.
    warnings : sequence of mappings
        What was not as expected, as `AudioWarning.as_json` says it.

    Raises
    ------
    OSError
        The file can't be written; then none is left.
    """
    content = json_bytes(
        performance,
        recording=recording,
        model=model,
        duration=duration,
        offsets=offsets,
        warnings=warnings,
    )
    write_atomically(path, content)


def json_bytes(
    performance: Performance,
    *,
    recording: str,
    model: str,
    duration: float,
    offsets: str = "key",
    warnings: Sequence[Mapping[str, Any]] = (),
) -> bytes:
    """What `write_json` writes."""
    content = {
        "recording": recording,
        "model": model,
        "duration": round(duration, 4),
        "offsets": offsets,
        "warnings": [dict(warning) for warning in warnings],
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
