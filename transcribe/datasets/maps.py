"""MAPS as downloaded: seven software pianos, and a Disklavier recorded twice [1]_.

Only whole pieces are used, ``<instrument>/MUS/MAPS_MUS-<piece>_<instrument>.wav`` with a
``.mid`` and a ``.txt`` of the same name. The instrument's folder may be called anything
(``AkPnBcht``, ``AkPnBcht_2``, ``MAPS_AkPnBcht_2/AkPnBcht``); its name is in the files'.

The split is that of "Onsets and Frames" [2]_: the Disklavier, close (ENSTDkCl) and ambient
(ENSTDkAm), is the test; train is the software pianos without any piece of the test.

MAPS's onsets deviate from the sound by a constant in every recording: compare only figures
that are all aligned or all as found (`transcribe.evaluation.metrics`).

References
----------
.. [1] V. Emiya, R. Badeau, B. David, "Multipitch Estimation of Piano Sounds Using a New
   Probabilistic Spectral Smoothness Principle", IEEE TASLP 18(6), 2010.
.. [2] C. Hawthorne et al., "Onsets and Frames: Dual-Objective Piano Transcription",
   ISMIR 2018.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

from transcribe.audio.probing import probe
from transcribe.datasets.index import Recording, refuse_missing
from transcribe.datasets.labels import labels_beside
from transcribe.errors import DatasetError
from transcribe.files.walking import walk

TEST_INSTRUMENTS = ("ENSTDkAm", "ENSTDkCl")
_PREFIX = "MAPS_MUS-"
PIECES_PATTERN = f"MUS/{_PREFIX}*_*"
_AUDIO_SUFFIXES = (".wav", ".flac")
_YEAR = 2010

logger = logging.getLogger(__name__)


class _Piece(NamedTuple):
    instrument: str
    title: str
    path: Path


def read_maps(folder: Path | str) -> tuple[Recording, ...]:
    """The pieces of a MAPS folder, train and test, sorted by instrument and piece.

    The title is the piece, the composer ``MAPS <instrument>``.

    Raises
    ------
    DatasetError
        No pieces found, or MIDI files missing.
    """
    folder = Path(folder)
    found = sorted(
        _piece(path)
        for path in walk(folder).files
        if path.match(PIECES_PATTERN) and path.suffix in _AUDIO_SUFFIXES
    )
    if not found:
        raise DatasetError(
            f"expected pieces named <instrument>/MUS/{_PREFIX}<piece>_<instrument>.wav in "
            f"{folder}; found none"
        )
    midi_paths = [piece.path.with_suffix(".mid") for piece in found]
    missing = [path for path in midi_paths if not path.is_file()]
    refuse_missing("MIDI", missing, len(found), folder)
    absent = set(TEST_INSTRUMENTS) - {piece.instrument for piece in found}
    if absent:
        logger.warning(
            "%s has no recordings of %s: their pieces are not kept out of train",
            folder.name,
            ", ".join(sorted(absent)),
        )
    test_titles = {piece.title for piece in found if piece.instrument in TEST_INSTRUMENTS}
    recordings = []
    for instrument, title, path in found:
        is_test = instrument in TEST_INSTRUMENTS
        if not is_test and title in test_titles:
            continue
        recordings.append(
            Recording(
                title=title,
                composer=f"MAPS {instrument}",
                split="test" if is_test else "train",
                year=_YEAR,
                midi_path=path.with_suffix(".mid"),
                audio_path=path,
                duration=_duration(path),
                labels_path=labels_beside(path, has_midi=True),
            )
        )
    logger.info("%d pieces left out of train: they are in the test", len(found) - len(recordings))
    return tuple(recordings)


def _piece(path: Path) -> _Piece:
    title, instrument = path.stem.removeprefix(_PREFIX).rsplit("_", 1)
    return _Piece(instrument, title, path)


def _duration(path: Path) -> float:
    duration = probe(path).duration
    if duration is None:
        raise DatasetError(f"{path} does not say how long it is; expected a whole .wav file")
    return duration
