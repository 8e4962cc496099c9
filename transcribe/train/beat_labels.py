"""Beats of music that has none, as the networks of a score find them, to learn from in turn.

    python -m transcribe.train.beat_labels midi/maestro-v3.0.0.csv -o outputs/maestro-beats

A performance of each piece, at most four minutes of it; those that the networks are surest of
are kept [1]_. What shares music with a piece that `score_data` keeps for validation or test is
left out. Writes ``maestro-beats/NAME.npz`` and ``maestro-beats.csv``, a source of kind
``labelled``. Bars and metres are not told.

References
----------
.. [1] Q. Xie et al., "Self-training with Noisy Student improves ImageNet classification", CVPR
   2020.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from transcribe.datasets import load_dataset
from transcribe.datasets.annotated import UNKNOWN, AnnotatedPerformance, without_labels
from transcribe.datasets.index import COLUMNS, Recording, reference_performance
from transcribe.errors import TranscribeError
from transcribe.files.atomic import write_csv
from transcribe.notes import Performance
from transcribe.score.beat_targets import PLACES
from transcribe.score.beats import BeatSettings, track_beats
from transcribe.score.networks import ScoreNetworks
from transcribe.score.onset_features import NoteArrays
from transcribe.train.held_out import HeldOut
from transcribe.train.score_data import read_split
from transcribe.weights_file import FOLDER

_LONGEST = 240.0
"""Seconds of a performance."""
_FEWEST = 150
"""Notes."""
_SAME_PLACE = 0.05
"""Beats within which an onset is at a place."""
_BEFORE = 0.03
"""Seconds before a beat from which what is struck belongs to it."""


def held_out_pieces(split: Path, midi: Path) -> list[Recording]:
    """All performances of the pieces that a split keeps; its indices lie in ``midi``."""
    kept = {key for key, part in read_split(split).items() if part != "train"}
    return [
        recording
        for index in sorted({name for name, _, _ in kept})
        for recording in load_dataset(midi / f"{index}.csv", split="train")
        if (index, recording.composer, recording.title) in kept
    ]


def labelled(
    performance: Performance, networks: ScoreNetworks, settings: BeatSettings
) -> tuple[AnnotatedPerformance, float]:
    """A performance with the beats that are found, and their mean probability."""
    evidence = networks.hear(NoteArrays.of(performance))
    beats, onset = track_beats(evidence, settings)
    odds = np.where(onset >= 0, evidence.beat[np.maximum(onset, 0)], settings.missing)
    result = without_labels(performance, beats)
    gaps = np.diff(beats)
    beat = np.searchsorted(beats, result.onset + _BEFORE, side="right") - 1
    known = (beat >= 0) & (beat < len(gaps))
    inside = np.clip(beat, 0, len(gaps) - 1)
    place = np.clip((result.onset - beats[inside]) / gaps[inside], 0, 0.999)
    distance = np.abs(PLACES - place[:, None])
    nearest = distance.argmin(axis=1)
    place = np.where(distance.min(axis=1) < _SAME_PLACE, PLACES[nearest], place)
    sure = float((1 / (1 + np.exp(-odds))).mean())
    beat, place = np.where(known, beat, UNKNOWN), np.where(known, place, 0.0)
    return replace(result, beat=beat, place=place), sure


def _one_of_each(recordings: Sequence[Recording]) -> Iterator[Recording]:
    seen: set[tuple[str, str]] = set()
    for recording in recordings:
        piece = (recording.composer, recording.title)
        if piece not in seen:
            seen.add(piece)
            yield recording


def _start_of(performance: Performance) -> Performance:
    start = performance.notes[0].onset if performance.notes else 0.0
    notes = tuple(note for note in performance.notes if note.onset < start + _LONGEST)
    pedal = tuple(press for press in performance.pedal if press.onset < start + _LONGEST)
    return Performance(notes, pedal)


def main(arguments: Sequence[str] | None = None) -> int:
    """Find beats and write them; 1 with one line where that can't be done."""
    parser = argparse.ArgumentParser(
        prog="python -m transcribe.train.beat_labels",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("index", type=Path, help="CSV file with MAESTRO's columns")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--weights", type=Path, default=FOLDER, help="folder of networks")
    parser.add_argument("--split", type=Path, default=Path("recipes/score/split.csv"))
    parser.add_argument("--keep", type=float, default=0.65, help="share that is kept")
    parser.add_argument("--cache", type=Path, default=Path("outputs/cache"))
    options = parser.parse_args(arguments)
    try:
        _write(options)
    except TranscribeError as error:
        print(f"transcribe.train.beat_labels: {error}", file=sys.stderr)
        return 1
    return 0


def _write(options: argparse.Namespace) -> None:
    networks, settings = ScoreNetworks(options.weights), BeatSettings()
    recordings = list(_one_of_each(load_dataset(options.index, split="train")))
    tested = HeldOut(held_out_pieces(options.split, options.index.parent), options.cache)
    left_out = {each.recording for each in tested.find(options.index.stem, recordings)}
    found: list[tuple[float, Recording, AnnotatedPerformance]] = []
    for recording in recordings:
        if recording in left_out:
            continue
        performance = _start_of(reference_performance(recording))
        if len(performance.notes) >= _FEWEST:
            each, sure = labelled(performance, networks, settings)
            found.append((sure, recording, each))
    found.sort(key=lambda item: -item[0])
    options.output.mkdir(parents=True, exist_ok=True)
    index = options.output.parent / f"{options.output.name}.csv"
    kept = found[: int(options.keep * len(found))]
    rows: list[Sequence[object]] = [COLUMNS]
    for number, (_, recording, each) in enumerate(kept):
        name = f"{number:04}.npz"
        each.save(options.output / name)
        duration = f"{each.offset.max():.3f}"
        row = (recording.composer, recording.title, "train", recording.year or "")
        rows.append((*row, name, "", duration))
    write_csv(index, rows)
    print(f"{index}: {len(kept)} of {len(found)} performances")


if __name__ == "__main__":
    sys.exit(main())
