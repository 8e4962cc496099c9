"""Scores of many recordings as one figure each, with its uncertainty.

From `LEAST_RECORDINGS` on a figure has a 95 % interval over recordings: fewer say too little
about others, and a bootstrap of five can't hold 95 % of anything. Below `MANY_RECORDINGS` the
interval is Student's, from the figures with one recording left out at a time (of a mean, that is
the usual t interval), because percentiles of a small bootstrap are too narrow; from there on it
is a percentile bootstrap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from transcribe.evaluation.counts import Correlation, Mean, Ratio, Scores

FloatArray = NDArray[np.float64]
LEAST_RECORDINGS = 6
MANY_RECORDINGS = 15


@dataclass(frozen=True, slots=True)
class Summary:
    """One metric over several recordings.

    ``mean`` weighs every recording equally, ``pooled`` every note. Intervals are of 95 %, as
    this module's opening says; None for fewer than `LEAST_RECORDINGS`.
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
    """Mean, 95 % interval and pooled value of every metric over recordings.

    A recording counts in a metric's mean if the metric is defined for it: not absent, not
    None, and the reference not empty (a piece without a pedal press has no pedal F1). What
    was found where the reference is empty still counts in ``pooled``.

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
            interval=_in_unit(bootstrap.of_mean(f1)),
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
        n = len(values)
        if n < LEAST_RECORDINGS:
            return None
        if n < MANY_RECORDINGS:
            return _student(float(values.mean()), (values.sum() - values) / (n - 1))
        return _middle(self.times_drawn(len(values)) @ values / len(values))

    def of_pooled_f1(self, ratios: Sequence[Ratio]) -> tuple[float, float] | None:
        """Interval of the F1 of all notes together."""
        if len(ratios) < LEAST_RECORDINGS:
            return None
        counts = np.array([[2 * each.n_matched, each.n_ref + each.n_est] for each in ratios])
        if len(ratios) < MANY_RECORDINGS:
            whole = counts.sum(axis=0)
            return _in_unit(_student(float(_shares(whole[None])[0]), _shares(whole - counts)))
        return _middle(_shares(self.times_drawn(len(ratios)) @ counts))


def _shares(counts: FloatArray) -> FloatArray:
    """First column over second, 0 where that is 0; counts of shape (n, 2)."""
    agree, total = counts.T.astype(float)
    return np.divide(agree, total, out=np.zeros_like(agree), where=total > 0)


def _student(value: float, left_out: FloatArray) -> tuple[float, float]:
    """Interval of a figure from its values with each recording left out, shape (n,)."""
    n = len(left_out)
    error = np.sqrt((n - 1) / n * np.square(left_out - left_out.mean()).sum())
    reach = float(student.ppf(0.975, n - 1) * error)
    return value - reach, value + reach


def _in_unit(interval: tuple[float, float] | None) -> tuple[float, float] | None:
    """A share lies within 0 and 1, and so does what is known of it."""
    return None if interval is None else (max(interval[0], 0.0), min(interval[1], 1.0))


def _middle(values: FloatArray) -> tuple[float, float]:
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
