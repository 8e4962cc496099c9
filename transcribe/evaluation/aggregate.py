"""Scores of many recordings as one figure each, with its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcribe.evaluation.counts import Correlation, Mean, Ratio, Scores

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Summary:
    """One metric over several recordings.

    ``mean`` weighs every recording equally, ``pooled`` every note. The intervals hold the
    value of 95 % of the bootstrap resamples of the recordings; None for fewer than two.
    """

    n_recordings: int
    mean: float
    interval: tuple[float, float] | None
    mean_precision: float | None = None
    mean_recall: float | None = None
    pooled: Ratio | None = None
    """Of a ratio."""
    pooled_interval: tuple[float, float] | None = None
    """Of a ratio's pooled F1."""
    pooled_number: float | None = None
    """Of a mean or a correlation; a recording's median deviation can't be pooled."""

    def as_json(self) -> dict[str, Any]:
        """Plain dictionaries of floats; a ratio's mean is its F1's."""
        summary: dict[str, Any] = {
            "n_recordings": self.n_recordings,
            "mean": self.mean,
            "interval_95": list(self.interval) if self.interval else None,
        }
        if self.pooled is not None:
            summary["mean_precision"] = self.mean_precision
            summary["mean_recall"] = self.mean_recall
            interval = self.pooled_interval
            summary["pooled"] = self.pooled.as_json()
            summary["pooled"]["f1_interval_95"] = list(interval) if interval else None
        elif self.pooled_number is not None:
            summary["pooled"] = self.pooled_number
        return summary


def aggregate(
    scores: Sequence[Scores], *, seed: int = 0, n_resamples: int = 10_000
) -> dict[str, Summary]:
    """Mean, 95 % bootstrap interval and pooled value of every metric over recordings.

    A recording counts in a metric's mean if the metric is defined for it: not absent, not
    None, and the reference not empty (a piece without a pedal press has no pedal F1). What
    was heard where the reference is empty still counts in ``pooled``.

    Parameters
    ----------
    scores : sequence of Scores
        One for each recording.
    seed : int
        Of the bootstrap: equal scores and seed give equal intervals.
    n_resamples : int
        How many times as many recordings are drawn, with replacement.

    Returns
    -------
    dict
        A `Summary` by metric name; a metric that no recording defines is absent.
    """
    bootstrap = _Bootstrap(seed, n_resamples)
    summaries: dict[str, Summary] = {}
    for name in dict.fromkeys(name for each in scores for name in each.ratios):
        present = [each.ratios[name] for each in scores if name in each.ratios]
        defined = [ratio for ratio in present if ratio.n_ref]
        if not defined:
            continue
        f1 = np.array([ratio.f1 for ratio in defined])
        summaries[name] = Summary(
            n_recordings=len(defined),
            mean=float(f1.mean()),
            interval=bootstrap.of_mean(f1),
            mean_precision=float(np.mean([ratio.precision for ratio in defined])),
            mean_recall=float(np.mean([ratio.recall for ratio in defined])),
            pooled=reduce(add, present),
            pooled_interval=bootstrap.of_pooled_f1(present),
        )
    for name in dict.fromkeys(name for each in scores for name in each.numbers):
        numbers = [each.numbers.get(name) for each in scores]
        values = np.array([number for number in numbers if number is not None])
        if len(values):
            summaries[name] = Summary(
                n_recordings=len(values),
                mean=float(values.mean()),
                interval=bootstrap.of_mean(values),
                pooled_number=_pooled([each.sums[name] for each in scores if name in each.sums]),
            )
    return summaries


def _pooled(sums: Sequence[Mean | Correlation]) -> float | None:
    means = [each for each in sums if isinstance(each, Mean)]
    if means:
        return reduce(add, means).value
    correlations = [each for each in sums if isinstance(each, Correlation)]
    return reduce(add, correlations).value if correlations else None


class _Bootstrap:
    """Recordings drawn with replacement, the same draws for every metric of as many."""

    def __init__(self, seed: int, n_resamples: int) -> None:
        self.seed, self.n_resamples = seed, n_resamples
        self.drawn: dict[int, FloatArray] = {}

    def times_drawn(self, n: int) -> FloatArray:
        """How often each of n recordings is in each resample: shape (n_resamples, n)."""
        if n not in self.drawn:
            rng = np.random.default_rng(self.seed)
            drawn = rng.integers(n, size=(self.n_resamples, n))
            cells = (np.arange(self.n_resamples)[:, None] * n + drawn).ravel()
            counts = np.bincount(cells, minlength=self.n_resamples * n)
            self.drawn[n] = counts.reshape(-1, n).astype(float)
        return self.drawn[n]

    def of_mean(self, values: FloatArray) -> tuple[float, float] | None:
        """Interval of the mean of values, shape (n,)."""
        if len(values) < 2:
            return None
        return _middle(self.times_drawn(len(values)) @ values / len(values))

    def of_pooled_f1(self, ratios: Sequence[Ratio]) -> tuple[float, float] | None:
        """Interval of the F1 of all notes together."""
        if len(ratios) < 2:
            return None
        counts = np.array([[2 * each.n_matched, each.n_ref + each.n_est] for each in ratios])
        agree, total = (self.times_drawn(len(ratios)) @ counts).T
        return _middle(np.divide(agree, total, out=np.zeros_like(agree), where=total > 0))


def _middle(values: FloatArray) -> tuple[float, float]:
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
