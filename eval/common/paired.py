"""Whether one system is better than another: differences over the same recordings.

Two means with overlapping intervals may still differ for certain, because recordings are
hard for both alike. So the difference is taken recording by recording, and those are
bootstrapped: what is resampled is the pair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from transcribe.evaluation.aggregate import Summary, aggregate
from transcribe.evaluation.metrics import Scores


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


def recorded_differences(
    first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]
) -> dict[str, Summary]:
    """The same from what two records of `eval.accuracy.benchmark` say of each recording.

    Raises
    ------
    ValueError
        The records are not of the same recordings, by name and checksum of the sound.
    """
    if [_heard(each) for each in first] != [_heard(each) for each in second]:
        raise ValueError("expected two records of the same recordings; found others")
    return aggregate(
        [
            Scores({}, _recorded_difference(one["scores"], other["scores"]))
            for one, other in zip(first, second, strict=True)
        ]
    )


def _heard(recording: Mapping[str, Any]) -> tuple[str, str]:
    return recording["name"], recording["audio_sha256"]


def _recorded_difference(
    one: Mapping[str, Any], other: Mapping[str, Any]
) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name, value in one.items():
        against = other.get(name)
        if isinstance(value, Mapping) and isinstance(against, Mapping):
            if value["n_ref"]:
                found[name] = value["f1"] - against["f1"]
        elif isinstance(value, float) and isinstance(against, float):
            found[name] = value - against
    return found
