"""An index of recordings: one CSV with MAESTRO's columns, one row a recording.

The columns are ``canonical_composer, canonical_title, split, year, midi_filename,
audio_filename, duration``, as in MAESTRO [1]_; any order, more are ignored. File names are
relative to the index's root. An empty ``midi_filename`` is allowed where labels lie beside
the audio file (`labels.read_labels`), an empty ``audio_filename`` for music to be rendered.

References
----------
.. [1] C. Hawthorne et al., "Enabling Factorized Piano Music Modeling and Generation with
   the MAESTRO Dataset", ICLR 2019.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from transcribe.datasets.labels import labels_beside, read_labels
from transcribe.errors import DatasetError
from transcribe.files.relative import fault_of
from transcribe.midi import read_midi
from transcribe.notes import Performance

SPLITS = ("train", "validation", "test")
COLUMNS = (
    "canonical_composer",
    "canonical_title",
    "split",
    "year",
    "midi_filename",
    "audio_filename",
    "duration",
)


@dataclass(frozen=True, slots=True)
class Recording:
    """One performance: where its labels are, and its sound where there is any."""

    title: str
    composer: str
    split: str
    """``"train"``, ``"validation"`` or ``"test"``."""
    year: int | None
    midi_path: Path | None
    """None if only `labels_path` has the notes."""
    audio_path: Path | None
    """None: to be rendered."""
    duration: float
    labels_path: Path | None = None
    """Notes as text beside the audio, if any; see `reference_performance`."""
    absent_audio: Path | None = None
    """The audio that the index names, where `audio_path` is None since it isn't there."""

    @property
    def name(self) -> str:
        """File name without its ending, for reports."""
        path = self.audio_path or self.midi_path
        return path.stem if path else self.title


def has_pedal(recording: Recording) -> bool:
    """Whether the labels know about the sustain pedal: text labels don't."""
    return recording.midi_path is not None


def has_velocity(recording: Recording) -> bool:
    """Whether the labels know how loud a note is: MAPS's ``.txt`` doesn't."""
    labels = recording.labels_path
    return recording.midi_path is not None or (labels is not None and labels.suffix != ".txt")


def reference_performance(recording: Recording) -> Performance:
    """What was played, to train on and to score against; offsets are key releases.

    Notes come from the text labels (`Recording.labels_path`) if there are any, otherwise
    from the MIDI file; the pedal comes from the MIDI file. Where not `has_pedal`, the pedal
    is not up but unknown, and where not `has_velocity`, every velocity is
    `labels.UNKNOWN_VELOCITY`.
    """
    from_midi = Performance() if recording.midi_path is None else read_midi(recording.midi_path)
    if recording.labels_path is None:
        return from_midi
    return Performance(read_labels(recording.labels_path), from_midi.pedal)


def read_index(
    csv_path: Path | str, *, root: Path | str | None = None, require_audio: bool = False
) -> tuple[Recording, ...]:
    """Read an index and find its files.

    Parameters
    ----------
    csv_path : Path
        The index; MAESTRO's own as ``.json`` will do as well.
    root : Path, optional
        What its file names are relative to. Not given: for ``NAME.csv`` beside a folder
        ``NAME`` that folder, otherwise the folder the index is in.
    require_audio : bool
        Whether audio that is absent is an error, or makes a recording to be rendered.

    Returns
    -------
    tuple of Recording
        In the order of the rows.

    Raises
    ------
    DatasetError
        The index or a column is missing, a value is no split, year or duration, a file is
        named twice, or files are absent: it says how many and the first.
    """
    csv_path = Path(csv_path)
    root = _root(csv_path) if root is None else Path(root)
    rows = _rows(csv_path)
    recordings = tuple(_recording(row, root, f"{csv_path}, line {line}") for line, row in rows)
    midi_named = [root / row["midi_filename"] for _, row in rows if row["midi_filename"]]
    audio_named = [root / row["audio_filename"] for _, row in rows if row["audio_filename"]]
    for kind, named in (("MIDI", midi_named), ("audio", audio_named)):
        if len(set(named)) < len(named):
            twice = next(path for index, path in enumerate(named) if path in named[:index])
            raise DatasetError(f"{csv_path} names a {kind} file twice: {twice}")
    refuse_missing("MIDI", [path for path in midi_named if not path.is_file()], len(rows), root)
    if require_audio:
        silent = [
            root / (row["audio_filename"] or "(none named)")
            for (_, row), recording in zip(rows, recordings, strict=True)
            if recording.audio_path is None
        ]
        refuse_missing("audio", silent, len(rows), root)
    for recording, (line, _) in zip(recordings, rows, strict=True):
        if recording.midi_path is None and recording.labels_path is None:
            raise DatasetError(
                f"{csv_path}, line {line}: expected a MIDI file, or labels (.tsv or .txt) "
                f"beside the audio file; found neither for {recording.title!r}"
            )
    return recordings


def refuse_missing(kind: str, missing: Sequence[Path], n_expected: int, root: Path) -> None:
    """Raise a `DatasetError` that counts the missing files and names the first."""
    if missing:
        raise DatasetError(
            f"{len(missing)} of {n_expected} {kind} files are missing, the first is "
            f"{missing[0]}; is the data set unpacked in {root}?"
        )


def _root(csv_path: Path) -> Path:
    namesake = csv_path.with_suffix("")
    return namesake if namesake.is_dir() else csv_path.parent


def _rows(csv_path: Path) -> list[tuple[int, dict[str, str]]]:
    """Rows with their line numbers."""
    if not csv_path.is_file():
        raise DatasetError(f"expected an index of recordings (CSV); found no file {csv_path}")
    if csv_path.suffix == ".json":
        return _json_rows(csv_path)
    try:
        with csv_path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            _refuse_absent_columns(csv_path, reader.fieldnames or ())
            return [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{csv_path}: expected a CSV file in UTF-8: {error}") from error


def _json_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Rows of MAESTRO's JSON with their numbers: a list of them (v1, v2), or columns (v3)."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict):
            numbers = dict.fromkeys(key for column in content.values() for key in column)
            content = [{name: content[name][key] for name in content} for key in numbers]
        rows = [{name: str(value) for name, value in row.items()} for row in content]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DatasetError(
            f"{path}: expected recordings as MAESTRO's JSON has them, a list of rows or a "
            f"dictionary of columns: {error!r}"
        ) from error
    for row in rows:
        _refuse_absent_columns(path, row)
    return list(enumerate(rows, start=1))


def _refuse_absent_columns(path: Path, found: Collection[str]) -> None:
    absent = [column for column in COLUMNS if column not in found]
    if absent:
        raise DatasetError(
            f"{path}: expected the columns {', '.join(COLUMNS)}; missing {', '.join(absent)}"
        )


def _recording(row: dict[str, str], root: Path, place: str) -> Recording:
    if row["split"] not in SPLITS:
        raise DatasetError(
            f"{place}: expected the split {', '.join(SPLITS)}; found {row['split']!r}"
        )
    try:
        year = int(row["year"]) if row["year"] else None
        duration = float(row["duration"])
    except ValueError as error:
        raise DatasetError(f"{place}: year and duration (seconds) are numbers: {error}") from error
    if not (math.isfinite(duration) and duration > 0):
        raise DatasetError(f"{place}: expected a duration above 0 s; found {row['duration']!r}")
    for column in ("midi_filename", "audio_filename"):
        fault = fault_of(row[column]) if row[column] else ""
        if fault:
            raise DatasetError(
                f"{place}: expected {column} of a file inside {root}; {fault}: {row[column]!r}"
            )
    midi_path = root / row["midi_filename"] if row["midi_filename"] else None
    audio_path = root / row["audio_filename"] if row["audio_filename"] else None
    labels_path = labels_beside(audio_path, has_midi=midi_path is not None) if audio_path else None
    absent_audio = None
    if audio_path is not None and not audio_path.is_file():
        audio_path, absent_audio = None, audio_path
    return Recording(
        title=row["canonical_title"],
        composer=row["canonical_composer"],
        split=row["split"],
        year=year,
        midi_path=midi_path,
        audio_path=audio_path,
        duration=duration,
        labels_path=labels_path,
        absent_audio=absent_audio,
    )
