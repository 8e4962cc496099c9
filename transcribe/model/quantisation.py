"""Numbers in 8 bits: how far activations spread, and weights that lose little.

Weights are signed 8-bit numbers with a scale for each output channel. Activations are
unsigned, spread from the least to the greatest value that was measured. Processors without
VNNI add the products of two neighbours in 16 bits, and stop there at 32,767 without a word
[1]_. So a scale is chosen by which no two neighbours can come to that, whatever they are
multiplied with: it costs less than a bit, where halving all weights would cost a whole one.

Rounded weights shift what a channel comes to on average, and that shift goes on through all
layers. It follows from the mean of the input, and is taken off the bias [2]_.

References
----------
.. [1] https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html, "When and
   why do I need to try U8U8?"
.. [2] M. Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias
   Correction", ICCV 2019.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LARGEST = 127
_LARGEST_PAIR = 128
"""255 * 128 is the most that 16 bits hold."""


@dataclass(frozen=True)
class Spread:
    """What is known of a tensor of activations."""

    least: float
    greatest: float
    means: NDArray[np.float64]
    """Of each channel, shape (n_channels,)."""

    @property
    def scale(self) -> np.float32:
        """The step from one 8-bit number to the next."""
        return np.float32((max(self.greatest, 1e-6) - min(self.least, 0.0)) / 255)

    @property
    def zero_point(self) -> int:
        """The 8-bit number that stands for 0."""
        return round(-min(self.least, 0.0) / self.scale)


Spreads = Mapping[str, Spread]
"""By the names that a network's export gives to its tensors."""


@dataclass(frozen=True)
class Rounded:
    """Weights in 8 bits."""

    values: NDArray[np.int8]
    scale: NDArray[np.float32]
    """To multiply them with; the summed axes have length 1."""
    missing: NDArray[Any]
    """What rounding took away: the true weights less these."""


def rounded(weight: NDArray[Any], *, pairs: int, summed: tuple[int, ...]) -> Rounded:
    """Weights in 8 bits.

    Parameters
    ----------
    weight : array
        Any shape.
    pairs : int
        The axis along which neighbours (0 and 1, 2 and 3, ...) are added in 16 bits.
    summed : tuple of int
        The axes over which products are added up, ``pairs`` among them.
    """
    row = np.moveaxis(weight, pairs, 0)
    if len(row) % 2:
        row = np.repeat(row, 2, axis=0)  # whatever comes next to it may be as large
    largest = np.maximum(
        *(np.moveaxis(part[::2] + part[1::2], 0, pairs).max(summed, keepdims=True)
          for part in (np.maximum(row, 0), np.maximum(-row, 0)))
    )  # fmt: skip
    alone = np.abs(weight).max(summed, keepdims=True)
    scale = np.maximum(np.maximum(alone / _LARGEST, largest / _LARGEST_PAIR), 1e-12)
    scale = scale.astype(np.float32)
    values = np.rint(weight / scale).astype(np.int8)
    return Rounded(values, scale, weight - values * scale)
