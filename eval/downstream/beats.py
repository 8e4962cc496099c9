"""How well beats are found in what pianists played, against ASAP's annotations.

    python -m eval.downstream.beats --data asap.csv --out eval/results/beats.json
    python -m eval.downstream.beats --data asap.csv --fit transcribe/weights/rhythm.json

Pieces fall into two parts by the checksum of their names: on the first the model was
counted (``--fit``) and its settings chosen, on the second it is reported, one performance a
piece, from its first note for so many seconds. F1 within 70 ms (`mir_eval.beat.f_measure`,
nothing trimmed), means over performances:

- ``beats``: as found; ``any_level``: the better of that, of every other beat, and of twice
  as many; ``downbeats``: the beats that begin bars;
- ``steady``: beats of 92 a minute from first to last, laid where they fit best, for
  comparison;
- ``metre``: share of those pieces with one metre throughout in which two or four beats a
  bar are distinguished from three; ``division``: beats in two from beats in three.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mir_eval
import numpy as np
from numpy.typing import NDArray

from eval.common.command import new_parser, run
from eval.common.logistic import fit_logistic
from transcribe.midi import read_midi
from transcribe.music.beat_grid import Metre, find_beats
from transcribe.music.beat_tracking import beat_features, find_onsets
from transcribe.notes import Performance
from transcribe.options import positive_seconds

Array = NDArray[np.float64]

N_CLASSES, N_PLACES = 4, 72
TOTAL_RATES = (3.0, 3.15)
"""Onsets a beat that the model expects, in beats of two and of three; lower than counted, so
that faster beats are found, and nearly equal, so that sparse music is not taken for duple."""
PERFORMANCES_TO_FIT = 3
"""Of each piece."""


@dataclass(frozen=True)
class Annotated:
    """A performance with its beats."""

    piece: str
    performance: Performance
    beats: Array
    is_down: NDArray[np.bool_]
    metres: tuple[Metre, ...]

    @property
    def is_compound(self) -> bool | None:
        """Whether beats are in three; None where some are and some are not."""
        kinds = {metre.is_compound for metre in self.metres}
        return kinds.pop() if len(kinds) == 1 else None


def annotated(index: Path, *, part: int, most: int) -> Iterator[Annotated]:
    """Performances of a part (0 or 1), at most so many a piece."""
    taken: dict[str, int] = {}
    root = index.with_suffix("")
    for row in csv.DictReader(index.read_text("utf-8").splitlines()):
        piece = row["canonical_composer"] + row["canonical_title"]
        path = root / row["midi_filename"]
        labels = path.with_name(path.stem + "_annotations.txt")
        if zlib.crc32(piece.encode()) % 2 != part or taken.get(piece, 0) >= most:
            continue
        if not labels.exists():
            continue
        taken[piece] = taken.get(piece, 0) + 1
        rows = [line.split("\t") for line in labels.read_text("utf-8").splitlines()]
        marks = [row[2].split(",") for row in rows]
        metres = [mark for each in marks for mark in each if "/" in mark]
        yield Annotated(
            piece=piece,
            performance=read_midi(path),
            beats=np.array([float(row[0]) for row in rows]),
            is_down=np.array([mark[0] == "db" for mark in marks]),
            metres=tuple(_metres(metres)),
        )


def _metres(texts: Sequence[str]) -> Iterator[Metre]:
    for text in texts:
        numerator, denominator = map(int, text.split("/"))
        if denominator == 16 and numerator % 2 == 0:  # 6/16 is counted as 6/8 is
            denominator = 8
        if denominator in (2, 4, 8) and numerator <= 16:
            yield Metre(numerator, denominator)


def fitted(pieces: Sequence[Annotated]) -> dict[str, Any]:
    """What `transcribe.music.beat_tracking.Rhythm` holds, counted on these performances."""
    rows, labels, counts, downs, down_labels, down_counts = [], [], [], [], [], []
    onsets = [find_onsets(each.performance.notes) for each in pieces]
    for each, found in zip(pieces, onsets, strict=True):
        inside = (found.times > each.beats[0] - 0.05) & (found.times < each.beats[-1] + 0.05)
        distance = np.abs(found.times[:, None] - each.beats[None, :]).min(axis=1)
        rows.append(found.features[inside])
        labels.append(distance[inside] < 0.06)
        counts.append(np.full(inside.sum(), 1000 / max(inside.sum(), 1)))
    weights = fit_logistic(np.concatenate(rows), np.concatenate(labels), np.concatenate(counts))
    accent = weights[:-1]
    edges = np.quantile(np.concatenate(rows) @ accent, np.arange(1, N_CLASSES) / N_CLASSES)
    rates = np.zeros((2, N_CLASSES, N_PLACES))
    for each, found in zip(pieces, onsets, strict=True):
        if each.is_compound is None:
            continue
        inside = (found.times >= each.beats[0]) & (found.times < each.beats[-1])
        index = np.searchsorted(each.beats, found.times[inside], side="right") - 1
        gaps = np.diff(each.beats)
        place = (found.times[inside] - each.beats[index]) / gaps[index]
        kinds = np.searchsorted(edges, found.features[inside] @ accent)
        places = np.round(place * N_PLACES).astype(int) % N_PLACES
        np.add.at(rates[int(each.is_compound)], (kinds, places), 1000 / len(each.beats))
    distance = np.minimum(np.arange(N_PLACES), N_PLACES - np.arange(N_PLACES))
    kernel = np.exp(-0.5 * distance**2.0)
    smooth = np.fft.ifft(np.fft.fft(rates) * np.fft.fft(kernel / kernel.sum())).real
    smooth *= (np.array(TOTAL_RATES) / smooth.sum(axis=(1, 2)))[:, None, None]
    rhythm = {"accent_weights": accent, "accent_edges": edges, "rates": np.maximum(smooth, 1e-4)}
    for each, found in zip(pieces, onsets, strict=True):
        downs.append(beat_features(each.beats, found, accent)[:, :-1])
        down_labels.append(each.is_down)
        down_counts.append(np.full(len(each.beats), 100 / len(each.beats)))
    rhythm["downbeat_weights"] = fit_logistic(
        np.concatenate(downs), np.concatenate(down_labels), np.concatenate(down_counts)
    )
    return {
        "about": "Counted on annotated performances of ASAP (CC BY-NC-SA 4.0) by "
        "python -m eval.downstream.beats --fit.",
        **{name: np.round(values, 5).tolist() for name, values in rhythm.items()},
    }


def measured(each: Annotated, seconds: float) -> dict[str, float]:
    """The figures of one performance."""
    notes = each.performance.notes
    end = notes[0].onset + seconds
    part = Performance(tuple(note for note in notes if note.onset < end))
    grid = find_beats(part)
    beats = np.array(grid.beats)
    doubled = np.sort(np.concatenate([beats, (beats[1:] + beats[:-1]) / 2]))
    ref, ref_down = each.beats[each.beats <= end], each.beats[each.is_down & (each.beats <= end)]

    def score(est: Array, ref: Array = ref) -> float:
        inside = (est > ref[0] - 0.07) & (est < ref[-1] + 0.07)
        return float(mir_eval.beat.f_measure(ref, est[inside]))

    steady = find_beats(part, tempo=92, metre=each.metres[0] if each.metres else None)
    figures = {
        "beats": score(beats),
        "any_level": max(map(score, (beats, doubled, beats[::2], beats[1::2]))),
        "downbeats": score(np.array(grid.downbeats), ref_down),
        "steady": score(np.array(steady.beats)),
    }
    if len(set(each.metres)) == 1:
        threes = each.metres[0].beats_per_bar % 3 == 0
        figures["metre"] = float((grid.metre.beats_per_bar % 3 == 0) == threes)
        figures["division"] = float(grid.metre.is_compound == each.is_compound)
    return figures


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print, or fit and write; 0, or 1 with one line."""
    parser = new_parser("eval.downstream.beats", __doc__)
    parser.add_argument("--data", type=Path, required=True, help="ASAP's index, asap.csv")
    parser.add_argument("--seconds", type=positive_seconds, default=75.0, help="default: 75")
    parser.add_argument("--fit", type=Path, help="count the model on the first part, write it")
    return run(parser, measure, arguments, show=_shown)


def measure(options: argparse.Namespace) -> dict[str, Any] | None:
    """The figures of every piece and their means; None where the model was fitted."""
    if options.fit is not None:
        pieces = list(annotated(options.data, part=0, most=PERFORMANCES_TO_FIT))
        text = json.dumps(fitted(pieces), separators=(",", ":"))
        options.fit.write_text(text + "\n", "utf-8")
        return None
    rows = {
        each.piece: measured(each, options.seconds)
        for each in annotated(options.data, part=1, most=1)
    }
    names = ("beats", "any_level", "downbeats", "steady", "metre", "division")
    columns = {name: [row[name] for row in rows.values() if name in row] for name in names}
    summary = {
        name: {"mean": float(np.mean(column)), "n": len(column)} for name, column in columns.items()
    }
    return {"summary": summary, "pieces": rows}


def _shown(record: Mapping[str, Any]) -> str:
    return "\n".join(
        f"{name:10} {each['mean']:.3f} (n {each['n']})" for name, each in record["summary"].items()
    )


if __name__ == "__main__":
    sys.exit(main())
