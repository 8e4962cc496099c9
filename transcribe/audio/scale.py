"""Floating-point samples that are not at full scale 1, such as integers written as floats.

A program that forgets to divide leaves 16-bit numbers in a float file, 32768 times too loud.
Recorders with 32-bit floats may also be some way above full scale on purpose. `Scale`
counts the samples by size and says what to divide them by.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

TOO_LOUD = 8.0
"""Times full scale; nothing that is recorded goes so far above it."""
_HEADROOM = 2.0
"""Times full scale; up to here samples are left as they are."""
_INTEGERS = (7, 15, 23, 31)
"""Full scale of signed integers of 1 to 4 bytes, as powers of 2."""
_BEYOND = 1e-3
"""Share of the samples, those that are 0 left out, that must lie beyond; fewer are clicks."""
_CLICKS = 1e-5
"""Share of the samples whose size is not asked."""
_LARGEST = 64
"""Powers of 2; samples above the last one are counted there."""
_ABSURD = 1e12
"""A sample of this size or more is as little a sample as NaN."""


def sanitised(samples: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """The samples with 0 for those that are none (NaN, infinite, absurd), and how many were."""
    usable = np.abs(samples) < _ABSURD
    n_unusable = int(usable.size - np.count_nonzero(usable))
    return (np.where(usable, samples, 0) if n_unusable else samples), n_unusable


class Scale:
    """Counts samples by their size."""

    def __init__(self) -> None:
        self.peak = 0.0
        """Largest absolute sample."""
        self._counts = np.zeros(_LARGEST, np.int64)
        """Of samples from 2 ** (k - 1) to 2 ** k, the first of all smaller ones."""

    def push(self, samples: NDArray[np.floating]) -> None:
        """Take finite samples of any shape."""
        sizes = np.abs(samples[samples != 0])
        if len(sizes):
            self.peak = max(self.peak, float(sizes.max()))
            _, exponents = np.frexp(sizes)
            self._counts += np.bincount(
                np.clip(exponents, 0, _LARGEST - 1).ravel(), minlength=_LARGEST
            )

    @property
    def divisor(self) -> int:
        """What full scale seems to be: 1, a power of 2 somewhat above it, or that of integers."""
        total = int(self._counts.sum())
        # Of samples from 2 ** (k - 1) on.
        at_least = np.cumsum(self._counts[::-1])[::-1]
        if not total or at_least[int(np.log2(_HEADROOM)) + 1] <= _BEYOND * total:
            return 1
        power = int(np.flatnonzero(at_least > _CLICKS * total)[-1])
        if power > _INTEGERS[0]:
            power = next((each for each in _INTEGERS if power <= each + 1), power)
        return 2**power
