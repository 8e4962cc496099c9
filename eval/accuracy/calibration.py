"""Does a note's confidence mean something? Of the notes called 0.7, are 70 % right?

    python -m eval.accuracy.calibration --data maps-real-dev --split test --out calibration.json \\
        --plot calibration.png

Every recording that has audio goes through `Transcriber`. A note is right if it can be
paired with a played note of its pitch whose onset lies within 50 ms, once the recording's
median onset deviation is taken off (`transcribe.evaluation.metrics`). Notes of all recordings
are pooled.

- *Reliability curve*: the notes in ten equally wide bins of confidence; in each their number,
  their mean confidence and the part of them that is right.
- *Expected calibration error*: the distance between those two, averaged over bins with the
  number of notes as weight; 0 is perfect. Its interval holds 95 % of the bootstrap resamples
  of the recordings; a distance can't fall below 0, so the interval leans upwards.
- *Brier score*: mean squared distance between a note's confidence and 1 if right, 0 if not.

Notes that were missed have no confidence: this judges what was written down.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eval.common.command import run
from eval.common.record import data_name
from eval.common.tables import markdown
from eval.common.transcribing import (
    Transcribe,
    audio_path,
    cut_at_end,
    dataset_parser,
    measure_each,
)
from transcribe.datasets import Recording, reference_performance
from transcribe.errors import DatasetError
from transcribe.evaluation.aggregate import LEAST_RECORDINGS
from transcribe.evaluation.figures import new_figure
from transcribe.evaluation.matching import match_aligned

N_BINS = 10
N_RESAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class Bin:
    """The notes whose confidence lies in [low, high); the last bin holds 1 as well."""

    low: float
    high: float
    n_notes: int
    confidence: float | None
    """Mean; None for no notes."""
    right: float | None
    """Part of the notes that is right, 0 to 1; None for no notes."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One recording's notes: how sure, and whether rightly."""

    name: str
    duration: float
    confidence: NDArray[np.float64]
    """Shape (n_notes,), 0 to 1."""
    right: NDArray[np.bool_]

    def as_json(self) -> dict[str, Any]:
        """Figures of this recording alone."""
        n_notes = len(self.right)
        return {
            "name": self.name,
            "duration": round(self.duration, 3),
            "n_notes": n_notes,
            "n_right": int(self.right.sum()),
            "mean_confidence": float(self.confidence.mean()) if n_notes else None,
            "expected_calibration_error": (
                expected_calibration_error(reliability(self.confidence, self.right))
                if n_notes
                else None
            ),
            "brier_score": brier_score(self.confidence, self.right) if n_notes else None,
        }


def reliability(confidence: ArrayLike, right: ArrayLike, n_bins: int = N_BINS) -> list[Bin]:
    """How often notes are right, by how sure they are.

    Parameters
    ----------
    confidence : array of float
        Shape (n_notes,), 0 to 1.
    right : array of bool
        Shape (n_notes,).
    n_bins : int
        Equally wide bins of [0, 1].

    Returns
    -------
    list of Bin
        From 0 to 1, empty ones too.

    Raises
    ------
    ValueError
        The shapes differ, there is no bin, or a confidence is no probability.
    """
    totals = _totals(confidence, right, n_bins)
    return [
        Bin(
            low=index / n_bins,
            high=(index + 1) / n_bins,
            n_notes=int(n_notes),
            confidence=float(sure / n_notes) if n_notes else None,
            right=float(n_right / n_notes) if n_notes else None,
        )
        for index, (n_notes, sure, n_right) in enumerate(totals)
    ]


def expected_calibration_error(bins: Iterable[Bin]) -> float:
    """Mean over notes of their bin's distance between confidence and part right.

    Raises ValueError where no bin has a note.
    """
    n_notes, distance = 0, 0.0
    for each in bins:
        if each.confidence is not None and each.right is not None:
            n_notes += each.n_notes
            distance += each.n_notes * abs(each.right - each.confidence)
    if not n_notes:
        raise ValueError("no notes have no calibration error; found none in any bin")
    return distance / n_notes


def brier_score(confidence: ArrayLike, right: ArrayLike) -> float:
    """Mean squared distance of confidences, 0 to 1, from what came true."""
    return float(np.mean((np.asarray(confidence, float) - np.asarray(right, float)) ** 2))


def error_interval(
    judged: Sequence[Judged], *, seed: int = 0, n_resamples: int = N_RESAMPLES
) -> tuple[float, float] | None:
    """Where 95 % of the bootstrap resamples of the recordings have their calibration error.

    None for fewer than six recordings with notes.
    """
    totals = np.array([_totals(each.confidence, each.right, N_BINS) for each in judged])
    totals = totals.reshape(-1, N_BINS, 3)
    totals = totals[totals[:, :, 0].sum(1) > 0]
    if len(totals) < LEAST_RECORDINGS:
        return None
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(totals), np.full(len(totals), 1 / len(totals)), size=n_resamples)
    drawn = np.tensordot(times.astype(float), totals, axes=1)
    errors = np.abs(drawn[:, :, 1] - drawn[:, :, 2]).sum(1) / drawn[:, :, 0].sum(1)
    low, high = np.percentile(errors, [2.5, 97.5])
    return float(low), float(high)


def judge(recording: Recording, transcribe: Transcribe, max_seconds: float | None) -> Judged:
    """Transcribe a recording and separate its right notes from the wrong."""
    transcription = transcribe(audio_path(recording))
    ref, est = reference_performance(recording), transcription.performance
    ref, est = cut_at_end((ref, est), transcription.duration, max_seconds)
    right = np.zeros(len(est.notes), bool)
    right[match_aligned(ref, est).pairs[:, 1]] = True
    confidence = np.array([note.confidence for note in est.notes], float)
    return Judged(recording.name, transcription.duration, confidence, right)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say; 0, or 1 with one line if a file is not as promised."""
    parser = dataset_parser("eval.accuracy.calibration", __doc__)
    parser.add_argument("--plot", type=Path, help="draw the reliability curve here (.png)")
    return run(parser, calibration, arguments, show=calibration_table)


def calibration(options: argparse.Namespace) -> dict[str, Any]:
    """Compare every recording, and draw the curve where asked to."""
    judged, record = measure_each(
        partial(judge, max_seconds=options.max_seconds),
        options,
        conventions=__doc__,
        line=lambda each: f"{each.name}: {each.right.sum()} of {len(each.right)} notes right",
    )
    confidence = np.concatenate([each.confidence for each in judged])
    right = np.concatenate([each.right for each in judged])
    if not len(right):
        raise DatasetError(
            f"no notes were found in any recording of {data_name(options.data)}; there are no "
            "confidences to judge"
        )
    bins = reliability(confidence, right)
    interval = error_interval(judged)
    record["summary"] = {
        "n_notes": len(right),
        "n_right": int(right.sum()),
        "mean_confidence": float(confidence.mean()),
        "expected_calibration_error": expected_calibration_error(bins),
        "expected_calibration_error_interval_95": list(interval) if interval else None,
        "brier_score": brier_score(confidence, right),
    }
    record["bins"] = [asdict(each) for each in bins]
    record["recordings"] = [each.as_json() for each in judged]
    if options.plot is not None:
        plot(record, options.plot)
    return record


def calibration_table(record: dict[str, Any]) -> str:
    """The curve and the figures below it as Markdown."""
    rows = [
        [
            f"{each['low']:.1f} to {each['high']:.1f}",
            str(each["n_notes"]),
            *("" if each[k] is None else f"{100 * each[k]:.1f}" for k in ("confidence", "right")),
        ]
        for each in record["bins"]
    ]
    summary = record["summary"]
    n_notes, right = summary["n_notes"], summary["n_right"] / summary["n_notes"]
    sure = f"{100 * summary['mean_confidence']:.1f}"
    rows.append(["**all**", str(n_notes), sure, f"{100 * right:.1f}"])
    interval = summary["expected_calibration_error_interval_95"]
    edges = "" if interval is None else f" [{interval[0]:.4f}, {interval[1]:.4f}]"
    return (
        markdown(("confidence", "notes", "mean confidence, %", "right, %"), rows)
        + f"\n\nExpected calibration error {summary['expected_calibration_error']:.4f}{edges}, "
        f"Brier score {summary['brier_score']:.4f}."
    )


def plot(record: dict[str, Any], path: Path) -> None:
    """Draw the reliability curve over the numbers of notes, as PNG.

    Raises
    ------
    TranscribeError
        matplotlib is not installed.
    """
    filled = [each for each in record["bins"] if each["right"] is not None]
    summary = record["summary"]
    figure = new_figure(5, 6)
    curve, counts = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    curve.plot([0, 1], [0, 1], color="0.6", linestyle="--", label="perfect")
    curve.plot(
        [each["confidence"] for each in filled],
        [each["right"] for each in filled],
        color="#0072B2",
        marker="o",
        label="transcribed",
    )
    curve.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="part of the notes that is right")
    curve.set_title(
        f"{record['system']['name']} on {record['data']['name']}\nexpected calibration error "
        f"{summary['expected_calibration_error']:.3f}, {summary['n_notes']} notes",
        fontsize=10,
    )
    curve.legend(loc="upper left", frameon=False)
    curve.grid(color="0.92")
    counts.bar(
        [each["low"] for each in filled],
        [each["n_notes"] for each in filled],
        width=1 / N_BINS,
        align="edge",
        color="#56B4E9",
        edgecolor="white",
    )
    counts.set(yscale="log", ylim=(1, None), ylabel="notes", xlabel="confidence of a note")
    counts.grid(color="0.92", axis="y")
    counts.set_axisbelow(True)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120, format="png")


def _totals(confidence: ArrayLike, right: ArrayLike, n_bins: int) -> NDArray[np.float64]:
    """Number of notes, sum of confidences, number of right notes: shape (n_bins, 3)."""
    sure, was_right = np.asarray(confidence, float), np.asarray(right, float)
    if sure.ndim != 1 or sure.shape != was_right.shape:
        raise ValueError(
            "expected confidences and rights of one shape (n_notes,); found "
            f"{sure.shape} and {was_right.shape}"
        )
    if n_bins < 1:
        raise ValueError(f"expected one bin or more; found {n_bins}")
    if not ((sure >= 0) & (sure <= 1)).all():
        raise ValueError("a confidence is 0 to 1; found one that is not")
    index = np.minimum((sure * n_bins).astype(int), n_bins - 1)
    columns = (None, sure, was_right)
    return np.stack([np.bincount(index, each, minlength=n_bins) for each in columns], 1).astype(
        float
    )


if __name__ == "__main__":
    sys.exit(main())
