"""Mono samples of one rate to another, in a stream."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

from transcribe.audio.channels import Mixdown

FloatArray = NDArray[np.float32]

BLOCK_SECONDS = 10.0
"""About how much one block of a recording holds."""
_MOST_GATHERED = 1 << 24
"""Samples of all channels that are gathered at most before a block is given."""


class Resampler:
    """Blocks at one sample rate to blocks at another; together they equal the whole resampled.

    Parameters
    ----------
    rate, sample_rate : int
        Hertz of what is pushed and of what is given.
    prompt : bool
        Give samples 10 to 20 ms after they came rather than 20 to 40, at 16 bits' precision.
    """

    def __init__(self, rate: int, sample_rate: int, *, prompt: bool = False) -> None:
        self._stream: soxr.ResampleStream | None = None
        if rate != sample_rate:
            quality = "LQ" if prompt else "HQ"
            self._stream = soxr.ResampleStream(
                rate, sample_rate, 1, dtype="float32", quality=quality
            )

    def push(self, samples: FloatArray, *, last: bool = False) -> FloatArray:
        """Take a block of shape (n_samples,) and give what is ready; with ``last``, all."""
        if self._stream is None:
            return samples
        return self._stream.resample_chunk(samples, last=last)


class Gathered:
    """Decoded pieces of a recording, gathered to blocks, mixed to mono and resampled.

    Parameters
    ----------
    rate, sample_rate : int
        Hertz of the pieces and of the blocks.
    """

    def __init__(self, rate: int, sample_rate: int) -> None:
        self.rate = rate
        self._mixdown = Mixdown(rate)
        self._resampler = Resampler(rate, sample_rate)

    def push(self, samples: FloatArray, channels: FloatArray | None) -> FloatArray:
        """Take a piece (its mean and its channels); give a block, or no samples yet."""
        self._mixdown.push(samples, channels)
        n_channels = 1 if channels is None else len(channels)
        most = min(BLOCK_SECONDS * self.rate, _MOST_GATHERED / n_channels)
        if self._mixdown.n_pending < most:
            return np.zeros(0, np.float32)
        return self._resampler.push(self._mixdown.take())

    @property
    def seconds_turned(self) -> float:
        """How much was given of which a channel was turned round."""
        return self._mixdown.n_turned / self.rate

    def finish(self) -> FloatArray:
        """The rest."""
        return self._resampler.push(self._mixdown.take(), last=True)
