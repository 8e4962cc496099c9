"""A folder of transcriptions becomes a training set: the whole flow on one screen.

    sources -> readings -> pairs of one piece -> splits -> shards -> report and card

Readings and shards are done one by one, each written atomically, so that a run that
was killed goes on where it was and comes to the same bytes as one that was not. Memory
grows by some 20 kB for each recording, not with its length.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from transcribe.corpus.card import write_card
from transcribe.corpus.config import SPLITS, CorpusConfig
from transcribe.corpus.corpus import Corpus
from transcribe.corpus.entries import (
    FILE_NAME,
    USED,
    CorpusEntry,
    read_earlier_splits,
    settle,
    write_entries,
)
from transcribe.corpus.grouping import find_pairs
from transcribe.corpus.parallel import in_parallel
from transcribe.corpus.reading import Reading, ReadingJob, read
from transcribe.corpus.shards import (
    Shard,
    ShardCounts,
    ShardJob,
    ShardRecording,
    n_shards_for,
    shard_of,
    write_shard,
)
from transcribe.corpus.sources import TranscriptionSource, sources_of
from transcribe.corpus.splits import assign
from transcribe.errors import DatasetError
from transcribe.files.atomic import write_atomically
from transcribe.files.json_text import parse_json
from transcribe.files.names import UNFINISHED_END, UNFINISHED_START
from transcribe.files.walking import walk
from transcribe.wording import what_is_at

WORK = ".work"
"""Folder of what is kept between runs; it may be deleted, then a run reads all again."""
DATA = "data"
Progress = Callable[[str, int, int], None]


def build_corpus(
    source: Path | str,
    dest: Path | str,
    config: CorpusConfig | None = None,
    *,
    splits: Mapping[str, str] | None = None,
    workers: int = 1,
    overwrite: bool = False,
    command: str = "",
    progress: Progress | None = None,
) -> Corpus:
    """Make a training set of a folder of transcriptions.

    Parameters
    ----------
    source : Path
        MIDI files, in subfolders too, and the ``.json`` beside them where there is one.
    dest : Path
        A folder: new, empty, or with a corpus of the same settings, which is gone on with or
        brought up to date.
    config : CorpusConfig, optional
        The settings.
    splits : mapping, optional
        Splits that are decided already, by name of file below ``source``; names are matched
        as `transcribe.files.names` says.
    workers : int
        Processes.
    overwrite : bool
        Make a corpus of other settings anew in its place.
    command : str
        How to make it again, for the card.
    progress : callable, optional
        Called with what is being done, how many of these are done, and how many there are.

    Returns
    -------
    Corpus
        Files that could not be used are among its entries, each with the reason.

    Raises
    ------
    DatasetError
        There are no transcriptions, or ``dest`` holds something else; ``splits`` name none
        of the transcriptions, or one that could be several.
    TranscribeError
        A package for the target is missing; a file changed while it was read.
    OSError
        Something can't be written.
    """
    source, dest, config = Path(source), Path(dest), config or CorpusConfig()
    if not source.is_dir():
        found = what_is_at(source) or "nothing"
        raise DatasetError(f"{source}: expected a folder of transcriptions, found {found}")
    real = Path(os.path.realpath(source))  # of links in a circle, too
    if Path(os.path.realpath(dest)) in (real, *real.parents):
        raise DatasetError(
            f"{dest}: expected another folder for the corpus, found that of the transcriptions, "
            "or one around it; choose another -o (a folder inside it will do)"
        )
    files, unreadable = walk(source, without=[dest])
    sources = sources_of(files, source)
    if not sources:
        where = "".join(f"; {folder}: {why}" for folder, why in [*unreadable.items()][:1])
        raise DatasetError(
            f"{source}: expected MIDI files, such as of transcribe; found none{where}"
        )
    _check_target(config)
    assigned = assign(splits or {}, [each.name for each in sources])
    settings = config.as_json() | {"splits": dict(sorted((splits or {}).items()))}
    _prepare(dest, settings, overwrite=overwrite)

    readings = _read_all(sources, config, dest, workers, progress)
    assigned_before = read_earlier_splits(dest / FILE_NAME)
    for reading in readings:
        if reading.name in assigned.splits and reading.midi_sha256:
            assigned_before[reading.midi_sha256] = assigned.splits[reading.name]
    compared = None if progress is None else lambda n: progress("comparing", n, len(readings))
    pairs = find_pairs([reading.landmarks for reading in readings], progress=compared)
    entries = settle(readings, pairs, assigned_before, config)
    shards = _write_shards(
        entries, {each.name: each for each in sources}, config, dest, workers, progress
    )
    lacking = {each.relative_to(source).as_posix(): why for each, why in unreadable.items()}
    corpus = Corpus(dest, tuple(entries), shards, _counted(shards), assigned, lacking)
    _remove_others(dest, shards)
    write_entries(entries, dest / FILE_NAME)
    write_card(corpus, config, command=command)
    return corpus


def _check_target(config: CorpusConfig) -> None:
    """Before any work, see that the target is one and its packages are here."""
    if config.target is not None:
        from transcribe.notes import Performance
        from transcribe.tokens import encode

        encode(config.target, Performance())


def _earlier_settings(place: Path) -> dict[str, Any]:
    """Settings of the corpus that is there; none where they can't be read."""
    try:
        earlier = parse_json(place.read_bytes())
    except ValueError:
        return {}
    return earlier if isinstance(earlier, dict) else {}


def _prepare(dest: Path, settings: Mapping[str, Any], *, overwrite: bool) -> None:
    """See that the folder may be written to and is of these settings; clear what was left."""
    place = dest / WORK / "settings.json"
    found = what_is_at(dest)
    if found and not dest.is_dir():
        raise DatasetError(f"{dest}: expected a folder for the corpus, found {found}")
    if dest.exists() and not place.exists() and any(dest.iterdir()):
        raise DatasetError(
            f"{dest}: expected a new or empty folder, or a corpus with its folder {WORK}; found "
            "other files"
        )
    if place.exists() and (earlier := _earlier_settings(place)) != settings:
        if not overwrite:
            differing = [key for key in settings if earlier.get(key) != settings[key]]
            raise DatasetError(
                f"{dest} holds a corpus made with other settings ({', '.join(differing)}); "
                "choose another folder, or use --overwrite to replace it"
            )
        shutil.rmtree(dest / DATA, ignore_errors=True)
        shutil.rmtree(dest / WORK / "shards", ignore_errors=True)
        (dest / FILE_NAME).unlink(missing_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    for left in dest.rglob(f"{UNFINISHED_START}*{UNFINISHED_END}"):
        left.unlink(missing_ok=True)
    write_atomically(place, json.dumps(settings))


def _read_all(
    sources: Sequence[TranscriptionSource],
    config: CorpusConfig,
    dest: Path,
    workers: int,
    progress: Progress | None,
) -> list[Reading]:
    """All readings, in the order that grouping wants."""
    jobs = (ReadingJob(each, config, dest / WORK / "readings") for each in sources)
    readings: list[Reading] = []
    for reading in in_parallel(read, jobs, workers=workers):
        readings.append(reading)
        if progress is not None:
            progress("reading", len(readings), len(sources))
    return sorted(readings, key=lambda reading: reading.order)


def _write_shards(
    entries: Sequence[CorpusEntry],
    sources: Mapping[str, TranscriptionSource],
    config: CorpusConfig,
    dest: Path,
    workers: int,
    progress: Progress | None,
) -> tuple[Shard, ...]:
    jobs = []
    suffix = ".jsonl.gz" if config.target is None else ".tar"
    for split in SPLITS:
        recordings = [
            _recording(entry, sources)
            for entry in sorted(entries, key=lambda entry: entry.reading.order)
            if entry.status == USED and entry.split == split
        ]
        n_shards = n_shards_for(recordings, split, config)
        shared: dict[int, list[ShardRecording]] = {}
        for each in recordings:
            shared.setdefault(shard_of(each.midi_sha256, n_shards), []).append(each)
        for number, these in sorted(shared.items()):
            path = dest / DATA / f"{split}-{number:05}{suffix}"
            memory = dest / WORK / "shards" / f"{path.name}.json"
            jobs.append(ShardJob(path, memory, split, tuple(these), config))
    shards = []
    for shard in in_parallel(write_shard, jobs, workers=workers):
        shards.append(shard)
        if progress is not None:
            progress("writing shards", len(shards), len(jobs))
    return tuple(sorted(shards, key=lambda shard: shard.path.name))


def _recording(entry: CorpusEntry, sources: Mapping[str, TranscriptionSource]) -> ShardRecording:
    reading = entry.reading
    return ShardRecording(
        sources[reading.name],
        reading.midi_sha256,
        reading.json_sha256,
        entry.piece,
        reading.cut.passages,
    )


def _counted(shards: Sequence[Shard]) -> dict[str, ShardCounts]:
    counts: dict[str, ShardCounts] = {}
    for shard in shards:
        total = counts.setdefault(shard.split, ShardCounts())
        total += shard.counts
    return {split: counts[split] for split in SPLITS if split in counts}


def _remove_others(dest: Path, shards: Sequence[Shard]) -> None:
    """Delete shards that an earlier run wrote and this one has no place for."""
    names = {shard.path.name for shard in shards}
    for path in (dest / DATA).glob("*"):
        if path.name not in names:
            path.unlink()
    for path in (dest / WORK / "shards").glob("*.json"):
        if path.name.removesuffix(".json") not in names:
            path.unlink()
