"""Whether onsets deviate from the labels because a system is inexact, or because labels are.

    python -m eval.accuracy.deviations --data maps-real-dev --ours FOLDER --theirs FOLDER

Two systems that have nothing in common wrote their MIDI into the folders (``midi_out`` of
`eval.accuracy.benchmark`). Where both are early or late by the same amount, the sound was;
where they differ, at least one of them is wrong. For notes that both found within 100 ms, by
loudness:

- ``ours``, ``theirs``: interquartile range of a system's onset deviations from the labels,
  its own median over the recording taken off;
- ``correlation``: of the two systems' deviations;
- ``between``: interquartile range of the difference of the two, labels out of the game;
- ``late_by_both``: share of the notes that both find more than 20 ms off the label, on the
  same side. No good system can be within 20 ms of those labels.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.common.command import new_parser, run
from eval.common.record import data_name
from eval.common.tables import markdown
from transcribe.datasets import Recording, has_velocity, load_dataset, reference_performance
from transcribe.errors import DatasetError
from transcribe.evaluation.error_types import BREAKDOWNS, NEARLY
from transcribe.evaluation.matching import Events, match, onset_deviation
from transcribe.midi import read_midi
from transcribe.notes import Performance

OFF = 0.02
"""Seconds off the label that count in ``late_by_both``."""


def shared_deviations(
    ref: Performance, ours: Performance, theirs: Performance
) -> NDArray[np.float64]:
    """Of the notes that both systems found: (our deviation, theirs, velocity), shape (n, 3).

    Deviations are estimated minus reference onset in seconds, each system's median
    deviation taken off; velocities are the reference's.
    """
    played = Events.of_notes(ref)
    found = []
    for est in (ours, theirs):
        estimated = Events.of_notes(est).moved(-onset_deviation(ref, est))
        pairs = match(played, estimated, onset_tolerance=NEARLY)
        deviations = np.full(len(played.pitches), np.nan)
        gaps = estimated.intervals[pairs[:, 1], 0] - played.intervals[pairs[:, 0], 0]
        deviations[pairs[:, 0]] = gaps
        found.append(deviations)
    rows = np.stack([*found, played.velocities], axis=1)
    both: NDArray[np.float64] = rows[~np.isnan(rows).any(axis=1)]
    return both


def describe(rows: NDArray[np.float64]) -> dict[str, float | int | None]:
    """The figures of this module's docstring for rows of `shared_deviations`."""
    if len(rows) < 2:
        return {"n_notes": len(rows)}
    ours, theirs = rows[:, 0], rows[:, 1]
    same_side = np.sign(ours) == np.sign(theirs)
    off = (np.minimum(np.abs(ours), np.abs(theirs)) > OFF) & same_side
    spread = bool(np.ptp(ours) and np.ptp(theirs))
    return {
        "n_notes": len(rows),
        "ours": _range(ours),
        "theirs": _range(theirs),
        "correlation": float(np.corrcoef(ours, theirs)[0, 1]) if spread else None,
        "between": _range(ours - theirs),
        "late_by_both": float(off.mean()),
    }


def _range(values: NDArray[np.float64]) -> float:
    return float(np.ptp(np.percentile(values, [25, 75])))


def deviations_table(record: Mapping[str, Any]) -> str:
    """The record as Markdown; times in milliseconds."""
    head = (
        "velocity",
        "notes",
        "ours, ms",
        "theirs, ms",
        "correlation",
        "between, ms",
        "both off, %",
    )
    rows = []
    for name, found in record["by_velocity"].items():
        cells = [""] * 5
        if "ours" in found:
            ours, theirs, between = (
                f"{1000 * found[k]:.0f}" for k in ("ours", "theirs", "between")
            )
            correlation = "" if found["correlation"] is None else f"{found['correlation']:.2f}"
            cells = [ours, theirs, correlation, between, f"{100 * found['late_by_both']:.1f}"]
        rows.append([name, str(found["n_notes"]), *cells])
    return markdown(head, rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say; 0, or 1 with one line."""
    parser = new_parser("eval.accuracy.deviations", __doc__)
    parser.add_argument("--data", type=Path, required=True, help="data set with velocities")
    parser.add_argument("--split", default="test", help="default: test")
    parser.add_argument("--ours", type=Path, required=True, help="folder of MIDI")
    parser.add_argument("--theirs", type=Path, required=True, help="folder of MIDI")
    return run(parser, compare, arguments, show=deviations_table)


def compare(options: argparse.Namespace) -> dict[str, Any]:
    """The record of two systems on a data set."""
    recordings = [
        recording
        for recording in load_dataset(options.data, split=options.split)
        if has_velocity(recording)
    ]
    if not recordings:
        raise DatasetError(
            f"{options.data}: expected recordings with velocities in split {options.split!r}; "
            "found none"
        )
    rows = np.concatenate([_of_recording(each, options) for each in recordings])
    loudness = BREAKDOWNS["loudness"]
    classes = loudness.of(rows[:, 2])
    by_velocity = {name: describe(rows[classes == i]) for i, name in enumerate(loudness.names)}
    return {
        "data": {"name": data_name(options.data), "n_recordings": len(recordings)},
        "by_velocity": {**by_velocity, "all": describe(rows)},
    }


def _of_recording(recording: Recording, options: argparse.Namespace) -> NDArray[np.float64]:
    ref = reference_performance(recording)
    ours, theirs = (
        read_midi(folder / f"{recording.name}.mid") for folder in (options.ours, options.theirs)
    )
    return shared_deviations(ref, ours, theirs)


if __name__ == "__main__":
    sys.exit(main())
