"""Scores of many recordings as one figure each, with its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from transcribe.metrics import Ratio, Scores


@dataclass(frozen=True, slots=True)
class Summary:
    """One metric over several recordings.

    ``mean`` weighs every recording equally, ``pooled`` every note. The interval holds
    the mean of 95 % of the bootstrap resamples of the recordings; None for fewer than two.
    """

    n_recordings: int
    mean: float
    interval: tuple[float, float] | None
    mean_precision: float | None = None
    mean_recall: float | None = None
    pooled: Ratio | None = None

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
            summary["pooled"] = self.pooled.as_json()
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
    summaries: dict[str, Summary] = {}
    for name in dict.fromkeys(name for each in scores for name in each.ratios):
        present = [each.ratios[name] for each in scores if name in each.ratios]
        defined = [ratio for ratio in present if ratio.n_ref]
        if not defined:
            continue
        summaries[name] = replace(
            _summary([ratio.f1 for ratio in defined], seed, n_resamples),
            mean_precision=float(np.mean([ratio.precision for ratio in defined])),
            mean_recall=float(np.mean([ratio.recall for ratio in defined])),
            pooled=sum(present, Ratio(0, 0, 0)),
        )
    for name in dict.fromkeys(name for each in scores for name in each.numbers):
        numbers = [each.numbers.get(name) for each in scores]
        values = [number for number in numbers if number is not None]
        if values:
            summaries[name] = _summary(values, seed, n_resamples)
    return summaries


def _summary(values: Sequence[float], seed: int, n_resamples: int) -> Summary:
    sample = np.asarray(values, float)
    interval = None
    if len(sample) > 1:
        drawn = np.random.default_rng(seed).integers(len(sample), size=(n_resamples, len(sample)))
        low, high = np.percentile(sample[drawn].mean(axis=1), [2.5, 97.5])
        interval = (float(low), float(high))
    return Summary(len(sample), float(sample.mean()), interval)
