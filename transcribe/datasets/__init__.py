"""Recordings with labels: MAESTRO, MAPS, SMD, and anything with an index of MAESTRO's columns.

`load_dataset` distinguishes them; `reference_performance` reads what was played.
"""

from __future__ import annotations

import logging
from pathlib import Path

from transcribe.datasets.cache import cached_samples
from transcribe.datasets.index import (
    SPLITS,
    Recording,
    has_pedal,
    has_velocity,
    read_index,
    reference_performance,
)
from transcribe.datasets.labels import read_labels
from transcribe.datasets.maestro import maestro_indexes, read_maestro
from transcribe.datasets.maps import PIECES_PATTERN, read_maps
from transcribe.datasets.smd import NAME_PATTERN, read_smd
from transcribe.errors import DatasetError
from transcribe.files.walking import walk

__all__ = [
    "SPLITS",
    "Recording",
    "cached_samples",
    "check_split",
    "has_pedal",
    "has_velocity",
    "load_dataset",
    "maestro_indexes",
    "read_index",
    "read_labels",
    "read_maestro",
    "read_maps",
    "read_smd",
    "reference_performance",
]

logger = logging.getLogger(__name__)


def check_split(split: str) -> None:
    """Raise ValueError for what is none of `SPLITS`."""
    if split not in SPLITS:
        raise ValueError(f"expected the split {', '.join(SPLITS)}; found {split!r}")


def load_dataset(
    path: Path | str, *, split: str | None = None, require_audio: bool = False
) -> tuple[Recording, ...]:
    """Recordings of a data set, whichever kind it is.

    Parameters
    ----------
    path : Path
        An index (``.csv``), a folder with one called ``index.csv``, or a MAESTRO, MAPS or SMD
        folder as downloaded.
    split : str, optional
        ``"train"``, ``"validation"`` or ``"test"``; None for all.
    require_audio : bool
        Whether audio that is absent is an error, or makes a recording to be rendered.

    Raises
    ------
    DatasetError
        The folder is none of these, files are missing, or the split is empty.
    """
    path = Path(path)
    if split is not None:
        check_split(split)
    if path.suffix == ".csv":
        recordings = read_index(path, require_audio=require_audio)
    elif (path / "index.csv").is_file():
        recordings = read_index(path / "index.csv", require_audio=require_audio)
    elif maestro_indexes(path):
        recordings = read_maestro(path, require_audio=require_audio)
    elif path.is_dir():
        recordings = _without_index(path)
    else:
        raise DatasetError(f"expected a folder with recordings or an index (.csv); found {path}")
    chosen = tuple(each for each in recordings if split is None or each.split == split)
    if not chosen:
        found = ", ".join(sorted({each.split for each in recordings})) or "no recordings"
        raise DatasetError(f"{path} has no recordings in the split {split!r}; found {found}")
    return chosen


def _without_index(folder: Path) -> tuple[Recording, ...]:
    """The recordings of a folder that is known by the names of its files."""
    files, unreadable = walk(folder)
    for each, why in unreadable.items():
        logger.warning("%s: %s; recordings in it are left out", each, why)
    if any(path.match(PIECES_PATTERN) for path in files):
        return read_maps(folder)
    if any(path.match(NAME_PATTERN) for path in files):
        return read_smd(folder)
    inside = sorted(each.name for each in folder.iterdir())
    found = ", ".join(inside[:5]) + (", ..." if len(inside) > 5 else "")
    raise DatasetError(
        f"expected recordings in {folder}: MAESTRO as unpacked, with its index maestro-v*.csv "
        "or maestro-v*.json; MAPS, with its pieces <instrument>/MUS/MAPS_MUS-*; SMD, with "
        "its performances *-SMD.mid and their audio; or an index of MAESTRO's columns called "
        f"index.csv. Found {found or 'an empty folder'}"
    )
