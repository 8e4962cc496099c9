"""Counts and sums that can be added over recordings, and the figures that they give.

A figure of one recording is a `Ratio` (precision, recall, F1), a `Mean` or a `Correlation`.
Added up, each is the *pooled* figure, in which every note weighs the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many things the reference has, how many the estimate, how many agree."""

    n_ref: int
    n_est: int
    n_matched: int

    @property
    def precision(self) -> float:
        """Part of the estimate that is right; 0 for an empty estimate."""
        return self.n_matched / self.n_est if self.n_est else 0.0

    @property
    def recall(self) -> float:
        """Part of the reference that was found; 0 for an empty reference."""
        return self.n_matched / self.n_ref if self.n_ref else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 where both are."""
        total = self.n_ref + self.n_est
        return 2 * self.n_matched / total if total else 0.0

    @property
    def n_missed(self) -> int:
        """How many of the reference were not found."""
        return self.n_ref - self.n_matched

    @property
    def n_false(self) -> int:
        """How many of the estimate are not in the reference."""
        return self.n_est - self.n_matched

    def __add__(self, other: Ratio) -> Ratio:
        return Ratio(
            self.n_ref + other.n_ref, self.n_est + other.n_est, self.n_matched + other.n_matched
        )

    def as_json(self) -> dict[str, float]:
        """Counts and the three ratios."""
        return {
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "n_ref": self.n_ref,
            "n_est": self.n_est,
            "n_matched": self.n_matched,
        }


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over things, as their sum and their number."""

    total: float
    n: int

    @classmethod
    def of(cls, values: ArrayLike) -> Mean:
        """Of values, shape (n,)."""
        array = np.asarray(values, float)
        return cls(float(array.sum()), len(array))

    @property
    def value(self) -> float | None:
        """None for no things."""
        return self.total / self.n if self.n else None

    def __add__(self, other: Mean) -> Mean:
        return Mean(self.total + other.total, self.n + other.n)


@dataclass(frozen=True, slots=True)
class Correlation:
    """Pearson's correlation of pairs, as their number and the sums that it is made of."""

    n: int
    x: float
    y: float
    xx: float
    yy: float
    xy: float

    @classmethod
    def of(cls, x: ArrayLike, y: ArrayLike) -> Correlation:
        """Of pairs of whole numbers, such as velocities, both of shape (n,)."""
        xs, ys = np.asarray(x, float), np.asarray(y, float)
        sums = (xs.sum(), ys.sum(), (xs * xs).sum(), (ys * ys).sum(), (xs * ys).sum())
        return cls(len(xs), *map(float, sums))

    @property
    def value(self) -> float | None:
        """From -1 to 1; None where one side does not vary."""
        spread_x = self.n * self.xx - self.x**2
        spread_y = self.n * self.yy - self.y**2
        if spread_x <= 0 or spread_y <= 0:
            return None
        shared = self.n * self.xy - self.x * self.y
        return max(-1.0, min(1.0, shared / math.sqrt(spread_x * spread_y)))

    def __add__(self, other: Correlation) -> Correlation:
        return Correlation(
            self.n + other.n,
            self.x + other.x,
            self.y + other.y,
            self.xx + other.xx,
            self.yy + other.yy,
            self.xy + other.xy,
        )


@dataclass(frozen=True, slots=True)
class Scores:
    """One recording's metrics by name, such as ``"aligned/sustained/onset_offset"``.

    Numbers are None where they are undefined: no matched notes, or no spread to
    correlate. What the reference does not hold (pedal, velocity) is absent.
    """

    ratios: dict[str, Ratio]
    numbers: dict[str, float | None]
    sums: dict[str, Mean | Correlation] = field(default_factory=dict)
    """What those numbers are made of that can be pooled over recordings."""

    @classmethod
    def of(
        cls,
        ratios: Mapping[str, Ratio],
        sums: Mapping[str, Mean | Correlation],
        numbers: Mapping[str, float | None] | None = None,
    ) -> Scores:
        """With a number for every sum, and others that can't be pooled before them."""
        values = dict(numbers or {}) | {name: each.value for name, each in sums.items()}
        return cls(dict(ratios), values, dict(sums))

    def as_json(self) -> dict[str, Any]:
        """Plain dictionaries of floats."""
        return {name: ratio.as_json() for name, ratio in self.ratios.items()} | self.numbers
