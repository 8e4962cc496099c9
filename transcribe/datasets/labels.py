"""Notes as text: one line each, columns separated by tabs or commas, times in seconds.

- ``.tsv``: onset, offset, pitch, velocity, after a first line that begins with ``#``;
- ``.txt`` as in MAPS [1]_: ``OnsetTime  OffsetTime  MidiPitch``, without velocities.

What a MIDI file may say, labels may say too: notes off the keyboard or without length are
left out. Velocities are 0 to 127, or all of them 0 to 1 with some between; 0 counts as 1,
and where all are 0 nothing is known of them.

References
----------
.. [1] V. Emiya, R. Badeau, B. David, "Multipitch Estimation of Piano Sounds Using a New
   Probabilistic Spectral Smoothness Principle", IEEE TASLP 18(6), 2010.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from transcribe.errors import DatasetError
from transcribe.files.endings import beside
from transcribe.files.names import decode_text
from transcribe.files.ordinary import read_ordinary
from transcribe.notes import HIGHEST_PITCH, LOWEST_PITCH, Note, without_overlaps
from transcribe.wording import count, reason

UNKNOWN_VELOCITY = 64
"""What notes get whose labels say nothing about loudness."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Labels:
    """What a file of labels says, and what of it was left out or understood otherwise."""

    notes: tuple[Note, ...]
    warnings: tuple[str, ...] = ()
    """A phrase each, without the file's name."""


def labels_beside(audio_path: Path, *, has_midi: bool) -> Path | None:
    """The text labels to use: a ``.tsv``, or where there is no MIDI file a ``.txt``."""
    return beside(audio_path, (".tsv",) if has_midi else (".tsv", ".txt"))


def read_labels(path: Path | str) -> tuple[Note, ...]:
    """The notes of `load_labels`; its warnings go to the log."""
    labels = load_labels(path)
    for warning in labels.warnings:
        _log.warning("%s: %s", path, warning)
    return labels.notes


def load_labels(path: Path | str) -> Labels:
    """Notes of a ``.tsv`` or ``.txt`` file, sorted, cut where a pitch is struck again.

    Raises
    ------
    DatasetError
        The file can't be read, or a line is no note: it says which.
    """
    path = Path(path)
    try:
        lines = decode_text(read_ordinary(path)).splitlines()
    except OSError as error:
        raise DatasetError(
            f"{path}: expected notes as text: {reason(error, about=path)}"
        ) from error
    rows = list(_rows(lines, path))
    velocities, warnings = _velocities([velocity for *_, velocity in rows])
    notes: list[Note] = []
    n_off_keyboard = n_empty = 0
    for (onset, offset, pitch, _), velocity in zip(rows, velocities, strict=True):
        if not LOWEST_PITCH <= pitch <= HIGHEST_PITCH:
            n_off_keyboard += 1
        elif onset == offset:
            n_empty += 1
        else:
            notes.append(Note(onset=onset, offset=offset, pitch=pitch, velocity=velocity))
    if n_off_keyboard:
        warnings.append(f"{count(n_off_keyboard, 'note')} off the keyboard (21 to 108) left out")
    if n_empty:
        warnings.append(f"{count(n_empty, 'note')} without length left out")
    return Labels(without_overlaps(notes), tuple(warnings))


def _rows(lines: Sequence[str], path: Path) -> Iterator[tuple[float, float, int, float | None]]:
    """Onset, offset, pitch and velocity, if there is one, of every line with a note."""
    for number, line in enumerate(lines, start=1):
        columns = _columns(line)
        if not columns or line.startswith("#") or columns[0].lower().startswith("onset"):
            continue
        try:
            onset, offset, pitch, *more = (float(column) for column in columns)
            velocity = more[0] if more else None
            if not all(map(math.isfinite, (offset, pitch, *more))) or not 0 <= onset <= offset:
                raise ValueError("a note needs 0 <= onset <= offset, in seconds")
            if velocity is not None and velocity < 0:
                raise ValueError("a velocity is 0 to 127")
        except ValueError as error:
            raise DatasetError(
                f"{path}, line {number}: expected onset, offset, pitch and maybe velocity; "
                f"found {line!r}: {error}"
            ) from error
        yield onset, offset, int(pitch), velocity


def _columns(line: str) -> list[str]:
    """Separated by tabs or commas; between digits of a column a comma may be the decimal point."""
    if "\t" in line:
        line = re.sub(r"(?<=\d),(?=\d)", ".", line)
    return line.replace(",", "\t").split()


def _velocities(given: Sequence[float | None]) -> tuple[list[int], list[str]]:
    """MIDI velocities, 1 to 127, of what labels say; and what is to be known about it."""
    known = [velocity for velocity in given if velocity is not None]
    if not any(known):
        warnings = ["all velocities are 0, so they are not known"] if known else []
        return [UNKNOWN_VELOCITY] * len(given), warnings
    warnings = []
    scale = 1.0
    if max(known) <= 1 and any(velocity % 1 for velocity in known):
        scale = 127.0
        warnings.append("velocities from 0 to 1 were multiplied by 127")
    elif any(velocity > 127 for velocity in known):
        n_beyond = sum(velocity > 127 for velocity in known)
        warnings.append(f"{n_beyond} velocities above 127, taken for 127")
    found = [
        UNKNOWN_VELOCITY if velocity is None else min(max(round(velocity * scale), 1), 127)
        for velocity in given
    ]
    return found, warnings
