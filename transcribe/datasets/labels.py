"""Notes as text: one line each, columns separated by tabs or commas, times in seconds.

- ``.tsv``: onset, offset, pitch, velocity, after a first line that begins with ``#``;
- ``.txt`` as in MAPS [1]_: ``OnsetTime  OffsetTime  MidiPitch``, without velocities.

References
----------
.. [1] V. Emiya, R. Badeau, B. David, "Multipitch Estimation of Piano Sounds Using a New
   Probabilistic Spectral Smoothness Principle", IEEE TASLP 18(6), 2010.
"""

from __future__ import annotations

from pathlib import Path

from transcribe.errors import DatasetError
from transcribe.notes import Note, without_overlaps

UNKNOWN_VELOCITY = 64
"""What notes get whose labels say nothing about loudness."""


def labels_beside(audio_path: Path, *, has_midi: bool) -> Path | None:
    """The text labels to use: a ``.tsv``, or where there is no MIDI file a ``.txt``."""
    for suffix in (".tsv",) if has_midi else (".tsv", ".txt"):
        path = audio_path.with_suffix(suffix)
        if path.is_file():
            return path
    return None


def read_labels(path: Path | str) -> tuple[Note, ...]:
    """Notes of a ``.tsv`` or ``.txt`` file, sorted, cut where a pitch is struck again.

    Raises
    ------
    DatasetError
        The file can't be read, or a line is no note: it says which.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: expected notes as text: {error}") from error
    notes: list[Note] = []
    for number, line in enumerate(lines, start=1):
        columns = line.replace(",", "\t").split()
        if not columns or line.startswith("#") or columns[0] == "OnsetTime":
            continue
        try:
            onset, offset, pitch, *velocity = (float(column) for column in columns)
            notes.append(
                Note(
                    onset=onset,
                    offset=offset,
                    pitch=int(pitch),
                    velocity=int(velocity[0]) if velocity else UNKNOWN_VELOCITY,
                )
            )
        except ValueError as error:
            raise DatasetError(
                f"{path}, line {number}: expected onset, offset, pitch and maybe velocity; "
                f"found {line!r}: {error}"
            ) from error
    return without_overlaps(notes)
