"""Whether one system is better than another: differences over the same recordings.

Two means with overlapping intervals may still differ for certain, because recordings are
hard for both alike. So the difference is taken recording by recording. Its interval is that of
`transcribe.evaluation.aggregate`; two tests say how likely a difference so large would be if the
systems were alike, both two-sided and over recordings: Wilcoxon's signed-rank test, which asks
who is better how often and by how much in ranks, and a bootstrap of the mean of the differences
moved to zero. No correction is made for the number of metrics that are looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wilcoxon

from transcribe.evaluation.aggregate import LEAST_RECORDINGS, aggregate
from transcribe.evaluation.metrics import Scores

N_RESAMPLES = 10_000


def differences(
    first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Mean of first minus second by metric (of ratios the F1), its interval and the tests.

    Parameters
    ----------
    first, second : sequence of mapping
        What a record of `eval.accuracy.benchmark` says of each recording. A recording counts
        in a metric if both have it and the reference is not empty.

    Returns
    -------
    dict
        By metric `Summary.as_json`, with ``wilcoxon_p`` and ``bootstrap_p``; None for fewer
        than six recordings.

    Raises
    ------
    ValueError
        The records are not of the same recordings, by name and checksum of the sound.
    """
    if [_sound(each) for each in first] != [_sound(each) for each in second]:
        raise ValueError("expected two records of the same recordings; found others")
    gaps = [
        _difference(one["scores"], other["scores"])
        for one, other in zip(first, second, strict=True)
    ]
    found = {}
    for name, summary in aggregate([Scores({}, gap) for gap in gaps]).items():
        values = np.array([gap[name] for gap in gaps if gap.get(name) is not None], float)
        found[name] = summary.as_json() | paired_tests(values)
    return found


def paired_tests(values: NDArray[np.float64], *, seed: int = 0) -> dict[str, float | None]:
    """How likely differences, shape (n,), are this far from zero by chance; 0 to 1."""
    if len(values) < LEAST_RECORDINGS:
        return {"wilcoxon_p": None, "bootstrap_p": None}
    if not values.any():
        return {"wilcoxon_p": 1.0, "bootstrap_p": 1.0}
    centred = values - values.mean()
    drawn = np.random.default_rng(seed).integers(len(values), size=(N_RESAMPLES, len(values)))
    as_far = np.abs(centred[drawn].mean(axis=1)) >= abs(values.mean()) - 1e-12
    return {
        "wilcoxon_p": float(wilcoxon(values, zero_method="zsplit").pvalue),
        "bootstrap_p": float((1 + as_far.sum()) / (1 + N_RESAMPLES)),
    }


def _sound(recording: Mapping[str, Any]) -> tuple[str, str]:
    return recording["name"], recording["audio_sha256"]


def _difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name, value in one.items():
        against = other.get(name)
        if isinstance(value, Mapping) and isinstance(against, Mapping):
            if value["n_ref"]:
                found[name] = value["f1"] - against["f1"]
        elif isinstance(value, (int, float)) and isinstance(against, (int, float)):
            found[name] = value - against
    return found
