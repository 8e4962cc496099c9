"""How well the melody is found among all notes, against the MELODY tracks of POP909.

    python -m eval.downstream.melodies --data pop909.csv --out eval/results/melodies.json
    python -m eval.downstream.melodies --data pop909.csv --fit

All tracks are joined as one piano; a note of the melody is found if a note of its pitch
within 50 ms is in the line. F1, precision and recall, means over the songs of the validation
split, for the melody that `transcribe.music.melody.find_melody` finds and for the plain skyline.
``--fit`` prints the weights fitted on songs of the train split, 80 seconds of each.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pretty_midi
from numpy.typing import NDArray

from eval.common.command import new_parser, run
from eval.common.logistic import fit_logistic
from transcribe.music.melody import (
    MelodyWeights,
    best_path,
    find_melody,
    line_features,
    note_features,
    skyline,
)
from transcribe.notes import HIGHEST_PITCH, LOWEST_PITCH, Note, Performance, without_overlaps

TOLERANCE = 0.05
FIRST_BIAS, SECOND_BIAS = 0.5, 1.0
"""Added to the fitted biases: a path needs notes to go over, chosen on the songs fitted on."""
SONGS_TO_FIT = 40
FIT_SECONDS = (30.0, 110.0)


@dataclass(frozen=True)
class Song:
    """All notes, and those of the melody."""

    name: str
    performance: Performance
    melody: tuple[tuple[float, int], ...]
    """Onset and pitch."""


def songs(index: Path, split: str, *, every: int = 1) -> Iterator[Song]:
    """The songs of a split, or every n-th of them."""
    rows = csv.DictReader(index.read_text("utf-8").splitlines())
    chosen = [row["midi_filename"] for row in rows if row["split"] == split][::every]
    for name in chosen:
        midi = pretty_midi.PrettyMIDI(str(index.with_suffix("") / name))
        notes = [
            Note(onset=note.start, pitch=note.pitch, offset=note.end, velocity=note.velocity)
            for track in midi.instruments
            for note in track.notes
            if LOWEST_PITCH <= note.pitch <= HIGHEST_PITCH and note.end > note.start
        ]
        melody = [
            (note.start, note.pitch)
            for track in midi.instruments
            if track.name == "MELODY"
            for note in track.notes
        ]
        yield Song(name, Performance(without_overlaps(notes)), tuple(sorted(melody)))


def compared(line: Sequence[Note], melody: Sequence[tuple[float, int]]) -> dict[str, float]:
    """Precision, recall and F1 of a line."""
    left = list(melody)
    n_hits = 0
    for note in line:
        for place, (onset, pitch) in enumerate(left):
            if pitch == note.pitch and abs(onset - note.onset) < TOLERANCE:
                del left[place]
                n_hits += 1
                break
    return {
        "precision": n_hits / max(len(line), 1),
        "recall": n_hits / max(len(melody), 1),
        "f1": 2 * n_hits / max(len(line) + len(melody), 1),
    }


def fitted(parts: Sequence[Song]) -> dict[str, list[float]]:
    """The weights of both passes of `find_melody`."""
    features = [note_features(song.performance.notes) for song in parts]
    labels = [_is_melody(song) for song in parts]
    first = fit_logistic(np.concatenate(features), np.concatenate(labels))
    first[-1] += FIRST_BIAS
    more = []
    for song, own in zip(parts, features, strict=True):
        notes = song.performance.notes
        path = best_path(notes, own @ first[:-1] + first[-1], MelodyWeights())
        more.append(np.concatenate([own, line_features(notes, path)], axis=1))
    second = fit_logistic(np.concatenate(more), np.concatenate(labels))
    second[-1] += SECOND_BIAS
    return {"FIRST": first.round(2).tolist(), "SECOND": second.round(2).tolist()}


def _is_melody(song: Song) -> NDArray[np.bool_]:
    onsets = np.array([onset for onset, _ in song.melody])
    pitches = np.array([pitch for _, pitch in song.melody])
    return np.array(
        [
            bool(((pitches == note.pitch) & (np.abs(onsets - note.onset) < TOLERANCE)).any())
            for note in song.performance.notes
        ]
    )


def _part(song: Song) -> Song:
    start, stop = FIT_SECONDS
    notes = tuple(note for note in song.performance.notes if start <= note.onset < stop)
    melody = tuple(each for each in song.melody if start <= each[0] < stop)
    return Song(song.name, Performance(notes), melody)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print, or fit and print; 0, or 1 with one line."""
    parser = new_parser("eval.downstream.melodies", __doc__)
    parser.add_argument("--data", type=Path, required=True, help="POP909's index, pop909.csv")
    parser.add_argument("--fit", action="store_true", help="print weights")
    return run(parser, measure, arguments, show=_shown)


def measure(options: argparse.Namespace) -> dict[str, Any] | None:
    """The figures of every song and their means; None where weights were fitted."""
    if options.fit:
        parts = [_part(song) for song in songs(options.data, "train", every=20)]
        for name, weights in fitted(parts[:SONGS_TO_FIT]).items():
            print(f"{name} = {tuple(weights)}")
        return None
    rows: dict[str, Any] = {}
    for song in songs(options.data, "validation"):
        lines = {"melody": find_melody(song.performance), "skyline": skyline(song.performance)}
        rows[song.name] = {name: compared(each, song.melody) for name, each in lines.items()}
    summary = {
        kind: {
            figure: float(np.mean([row[kind][figure] for row in rows.values()]))
            for figure in ("f1", "precision", "recall")
        }
        for kind in ("melody", "skyline")
    }
    return {"n_songs": len(rows), "summary": summary, "songs": rows}


def _shown(record: Mapping[str, Any]) -> str:
    return "\n".join(
        " ".join([kind, *(f"{name} {value:.3f}" for name, value in figures.items())])
        for kind, figures in record["summary"].items()
    )


if __name__ == "__main__":
    sys.exit(main())
