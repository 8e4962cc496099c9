"""Music that is tested on, found in what is trained on: whoever plays it, in whatever key.

Names don't show it. MAPS calls one étude ``chpn-e01`` on the Disklavier and ``chpn_op10_e01`` on
software pianos, MAESTRO has it inside "12 Études", a piano roll has a number. So every
recording to train on is compared with every recording to test on by its landmarks [1]_, all
of them, so that a minute is found in an hour; what shares music is left out whole.

Landmarks of a recording are worked out once and kept. Music of a dozen chords, or of nothing but
trills, scales and repeated notes, has too few to be found.

References
----------
.. [1] `transcribe.corpus.fingerprint`, and what it cites.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from transcribe.corpus.fingerprint import (
    FEWEST_COMMON,
    Landmarks,
    Likeness,
    compare,
    find_landmarks,
)
from transcribe.datasets import Recording, check_split, load_dataset, reference_performance
from transcribe.errors import DatasetError
from transcribe.files.atomic import write_atomically, write_csv

_VERSION = 1
"""Of the landmarks that are kept."""
_WORTH_PROCESSES = 32
"""Recordings to read, from which on every core reads some."""
_N_NAMED = 5

logger = logging.getLogger(__name__)


@dataclass
class HeldOutConfig:
    """Recordings whose music is kept out of training, beside the test splits of its sources."""

    index: str = ""
    """CSV file, or a MAESTRO or MAPS folder; see `datasets.load_dataset`."""
    split: str = "test"

    def check(self) -> None:
        """Raise ValueError for a split that there isn't."""
        check_split(self.split)


class IndexedSource(Protocol):
    """A source of music to train on: an index and one of its splits."""

    index: str
    split: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A recording that is not trained on, and the one that shows why."""

    source: str
    recording: Recording
    tested: Recording
    likeness: Likeness


class HeldOut:
    """The music of some recordings.

    Parameters
    ----------
    recordings : sequence of Recording
        What is tested on.
    cache : Path
        Where landmarks are kept.
    """

    def __init__(self, recordings: Sequence[Recording], cache: Path) -> None:
        self.recordings, self.cache = tuple(recordings), cache
        self._landmarks = landmarks_of(self.recordings, cache)
        codes = [each.codes for each in self._landmarks]
        owners = np.repeat(np.arange(len(codes)), [len(each) for each in codes])
        together = np.concatenate([np.zeros(0, np.uint32), *codes])
        order = np.argsort(together, kind="stable")
        self._codes, self._owners = together[order], owners[order]

    def find(self, source: str, recordings: Sequence[Recording]) -> list[LeftOut]:
        """Those of a source's recordings that share music with any of these, in their order."""
        if not self.recordings:
            return []
        found = []
        every = zip(recordings, landmarks_of(recordings, self.cache), strict=True)
        for recording, landmarks in every:
            likest = self._likest(landmarks)
            if likest is not None:
                found.append(LeftOut(source, recording, *likest))
        return found

    def _likest(self, landmarks: Landmarks) -> tuple[Recording, Likeness] | None:
        """The recording of these that is most like, if it is the same music."""
        starts = np.searchsorted(self._codes, landmarks.codes, "left")
        stops = np.searchsorted(self._codes, landmarks.codes, "right")
        bearers = [self._owners[start:stop] for start, stop in zip(starts, stops, strict=True)]
        n_common = np.bincount(np.concatenate([np.zeros(0, np.int64), *bearers]))
        alike: list[tuple[float, int, Likeness]] = []
        for place in np.flatnonzero(n_common >= FEWEST_COMMON).tolist():
            likeness = compare(landmarks, self._landmarks[place])
            if likeness is not None and likeness.is_same_piece:
                alike.append((-likeness.beyond_chance, place, likeness))
        if not alike:
            return None
        _, place, likeness = min(alike, key=lambda each: each[:2])
        return self.recordings[place], likeness


def held_out(
    sources: Mapping[str, IndexedSource], more: Mapping[str, HeldOutConfig], cache: Path
) -> HeldOut:
    """What no source may teach: the test splits of all of them, and more.

    A source that is itself a test split holds nothing out: who names one wants it so.

    Raises
    ------
    DatasetError
        See `datasets.load_dataset`.
    """
    tested: list[Recording] = []
    for each in more.values():
        tested += load_dataset(Path(each.index), split=each.split)
    for index in dict.fromkeys(each.index for each in sources.values() if each.split != "test"):
        tested += [each for each in load_dataset(Path(index)) if each.split == "test"]
    once = {(each.midi_path, each.labels_path): each for each in tested}
    return HeldOut(tuple(once.values()), cache)


def without(
    held: HeldOut, source: str, recordings: Sequence[Recording]
) -> tuple[tuple[Recording, ...], tuple[LeftOut, ...]]:
    """A source's recordings less the music that is tested on, and what that is; it is logged.

    Raises
    ------
    DatasetError
        Nothing would be left.
    """
    found = held.find(source, recordings)
    if not found:
        return tuple(recordings), ()
    gone = {id(each.recording) for each in found}
    kept = tuple(each for each in recordings if id(each) not in gone)
    named = [
        f"{each.recording.title!r} ({each.recording.name}) is {each.tested.name}"
        for each in found[:_N_NAMED]
    ]
    if len(found) > _N_NAMED:
        named.append(f"and {len(found) - _N_NAMED} more")
    what = (
        f"data.sources.{source}: {len(found)} of {len(recordings)} recordings are music that is "
        f"tested on: {'; '.join(named)}"
    )
    if not kept:
        raise DatasetError(
            f"{what}. Nothing is left to train on; data.leave_out_test_music=false trains on "
            "them all the same"
        )
    logger.info("left out of training, %s", what)
    return kept, tuple(found)


def training_recordings(
    sources: Mapping[str, IndexedSource],
    held_out_too: Mapping[str, HeldOutConfig],
    cache: Path,
    *,
    leave_out_test_music: bool = True,
) -> tuple[dict[str, Sequence[Recording]], list[LeftOut]]:
    """The recordings of each source, less the music that is tested on, and what that is.

    Raises
    ------
    DatasetError
        A source can't be read, or is all music that is tested on.
    """
    held = held_out(sources, held_out_too, cache) if leave_out_test_music else None
    kept: dict[str, Sequence[Recording]] = {}
    left_out: list[LeftOut] = []
    for name, source in sources.items():
        kept[name] = load_dataset(Path(source.index), split=source.split)
        if held is not None:
            kept[name], gone = without(held, name, kept[name])
            left_out += gone
    return kept, left_out


def write_left_out(found: Sequence[LeftOut], path: Path) -> None:
    """A table of what was left out and why, one row a recording."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = ("source", "title", "file", "tested", "semitones", "landmarks_in_order")
    rows = (
        (
            each.source,
            each.recording.title,
            each.recording.name,
            each.tested.name,
            each.likeness.transposition,
            each.likeness.n_in_order,
        )
        for each in found
    )
    write_csv(path, (head, *rows))


def landmarks_of(recordings: Sequence[Recording], cache: Path) -> list[Landmarks]:
    """All landmarks of recordings, from where they are kept if their labels are as they were."""
    places = [cache / "landmarks" / _cache_name(each) for each in recordings]
    missing = [n for n, place in enumerate(places) if not place.is_file()]
    jobs = [(recordings[n], places[n]) for n in missing]
    if len(missing) < _WORTH_PROCESSES:
        for job in jobs:
            _find(job)
    else:
        logger.info("computing fingerprints of %d recordings; they are cached", len(missing))
        with ProcessPoolExecutor() as pool:
            list(pool.map(_find, jobs, chunksize=4))
    return [Landmarks.unpacked(place.read_bytes()) for place in places]


def _find(job: tuple[Recording, Path]) -> None:
    recording, place = job
    landmarks = find_landmarks(reference_performance(recording).notes, most=None)
    place.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(place, landmarks.packed)


def _cache_name(recording: Recording) -> str:
    """Of the labels' files: their paths, sizes and times of change."""
    parts = [str(_VERSION)]
    for path in (recording.midi_path, recording.labels_path):
        if path is not None and path.is_file():
            status = os.stat(path)
            parts.append(f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}")
    digest = hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()
    return f"{digest[:2]}/{digest}"
