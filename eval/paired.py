"""Whether one system is better than another: differences over the same recordings.

Two means with overlapping intervals may still differ for certain, because recordings are
hard for both alike. So the difference is taken recording by recording, and those are
bootstrapped: what is resampled is the pair.
"""

from __future__ import annotations

from collections.abc import Sequence

from transcribe.metrics import Scores
from transcribe.summary import Summary, aggregate


def differences(first: Sequence[Scores], second: Sequence[Scores]) -> dict[str, Summary]:
    """Mean of first minus second, with its 95 % interval, by metric (of ratios the F1).

    Parameters
    ----------
    first, second : sequence of Scores
        Of the same recordings in the same order. A recording counts in a metric if both
        have it and the reference is not empty.
    """
    return aggregate(
        [Scores({}, _difference(one, other)) for one, other in zip(first, second, strict=True)]
    )


def _difference(one: Scores, other: Scores) -> dict[str, float | None]:
    found: dict[str, float | None] = {
        name: ratio.f1 - other.ratios[name].f1
        for name, ratio in one.ratios.items()
        if name in other.ratios and ratio.n_ref
    }
    for name, number in one.numbers.items():
        against = other.numbers.get(name)
        if number is not None and against is not None:
            found[name] = number - against
    return found
