"""MAESTRO as downloaded: audio and MIDI of piano competitions, 172 to 199 hours [1]_.

The versions differ in which recordings they hold and in their splits: figures on one are
no figures on another, so the version is in the name of the index, ``maestro-vN.0.0.csv``.

References
----------
.. [1] C. Hawthorne et al., "Enabling Factorized Piano Music Modeling and Generation with
   the MAESTRO Dataset", ICLR 2019.
"""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

from transcribe.datasets.index import SPLITS, Recording, read_index
from transcribe.errors import DatasetError

INDEX_PATTERNS = ("maestro-v*.csv", "maestro-v*.json")
"""Each version comes with both, which say the same; the first that is there is read."""
PUBLISHED_COUNTS = {
    "maestro-v1.0.0": {"train": 954, "validation": 105, "test": 125},
    "maestro-v2.0.0": {"train": 967, "validation": 137, "test": 178},
    "maestro-v3.0.0": {"train": 962, "validation": 137, "test": 177},
}
"""Recordings of each split, by the index's name."""

logger = logging.getLogger(__name__)


def maestro_indexes(folder: Path) -> list[Path]:
    """The indexes in a folder, of the first of `INDEX_PATTERNS` that is there."""
    found = (sorted(folder.glob(pattern)) for pattern in INDEX_PATTERNS)
    return next((each for each in found if each), [])


def read_maestro(folder: Path | str, *, require_audio: bool = True) -> tuple[Recording, ...]:
    """Every recording of a MAESTRO folder, any version.

    A split that has not the published number of recordings is logged as a warning: such a
    folder can be trained on, but its figures can't be compared with anyone's.

    Parameters
    ----------
    folder : Path
        Holds ``maestro-v*.csv`` (or the same as ``.json``) and the folders of the years.
    require_audio : bool
        False for the download that has MIDI alone.

    Raises
    ------
    DatasetError
        No index or several, or see `index.read_index`.
    """
    folder = Path(folder)
    indexes = maestro_indexes(folder)
    if len(indexes) != 1:
        raise DatasetError(
            f"expected one index {' or '.join(INDEX_PATTERNS)} in {folder}; found "
            f"{', '.join(path.name for path in indexes) or 'none'}"
        )
    recordings = read_index(indexes[0], root=folder, require_audio=require_audio)
    found = Counter(recording.split for recording in recordings)
    published = PUBLISHED_COUNTS.get(indexes[0].stem)
    for split in SPLITS:
        if published is not None and found[split] != published[split]:
            logger.warning(
                "%s: expected %d recordings in the %s split, as published; found %d",
                indexes[0].name,
                published[split],
                split,
                found[split],
            )
    return recordings
