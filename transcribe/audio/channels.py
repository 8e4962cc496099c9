"""The channels of a recording as one: their mean, unless they would cancel each other.

One channel of a stereo recording may be upside down (a cable, an adapter, a plug-in). The
mean of such channels is nothing, or the room without the piano. So the energy of the mean
is watched, second by second, against what channels that know nothing of each other would
give; where it falls far below, the channels that run against the loudest one are turned
round before the mean is taken. What is not turned is the plain mean, to the last bit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

_CANCELLED = 0.25
"""Energy of the mean, as a share of that of unrelated channels, that is cancellation if it
lasts; microphones apart from each other give about 1, and 2 where they agree."""
_SURELY_CANCELLED = 0.05
"""And the share that is, if only for a second."""
_AGREEING, _SURELY_AGREEING = 1.0, 1.5
"""The shares from which channels that were turned are taken as they are again."""
_MEMORY = 0.9
"""What of one second counts in the next."""
_FADE = 0.05
"""Seconds from one way of taking the mean to the other."""


class Mixdown:
    """Gathers the samples of a recording and gives their mean, which may be turned.

    Parameters
    ----------
    rate : int
        Hertz.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.n_pending = 0
        """Samples gathered and not yet given."""
        self.n_turned = 0
        """Samples given so far of which a channel was turned round."""
        self._pieces: list[tuple[Floats, Floats | None]] = []
        self._seen: Floats | None = None
        """Products of the channels in the last seconds, shape (n_channels, n_channels)."""
        self._signs: Floats | None = None
        """Of the channels; None for the plain mean."""
        self._has_begun = False

    def push(self, mean: Floats, channels: Floats | None = None) -> None:
        """Take samples in.

        Parameters
        ----------
        mean : array
            Shape (n_samples,).
        channels : array, optional
            What it is the mean of, shape (n_channels, n_samples); of one channel, or of
            silence, no warning is needed.
        """
        several = channels is not None and len(channels) > 1
        self._pieces.append((mean, channels if several else None))
        self.n_pending += len(mean)

    def take(self) -> Floats:
        """What was gathered, shape (n_samples,)."""
        seconds = self._seconds()
        products = [_products([channels for _, channels in second]) for second in seconds]
        given: list[Floats] = []
        for second, product in zip(seconds, products, strict=True):
            if product is not None and self._seen is not None and self._seen.shape != product.shape:
                self._seen = self._signs = None  # another number of channels from here on
            if product is not None and self._seen is None:
                self._seen = np.zeros_like(product)
                for each in products:
                    if each is not None and each.shape == product.shape:
                        self._seen = self._seen + each
            before = self._signs
            if product is not None:
                self._decide(product)
            given += self._mixed(second, before)
            self._has_begun = True
        self._pieces, self.n_pending = [], 0
        return np.concatenate([*given, np.zeros(0, np.float32)])

    def _seconds(self) -> list[list[tuple[Floats, Floats | None]]]:
        """The pieces in groups of about a second."""
        seconds: list[list[tuple[Floats, Floats | None]]] = []
        n_samples = self.rate
        shape = None
        for piece in self._pieces:
            mean, channels = piece
            if channels is not None and shape not in (None, len(channels)):
                n_samples = self.rate
            shape = shape if channels is None else len(channels)
            if n_samples >= self.rate:
                seconds.append([])
                n_samples = 0
            seconds[-1].append(piece)
            n_samples += len(mean)
        return seconds

    def _decide(self, product: Floats) -> None:
        """Whether the channels are turned in the second that the product is of."""
        assert self._seen is not None
        self._seen = _MEMORY * self._seen + product
        now, lately = _share(product), _share(self._seen)
        if now is None or lately is None:
            return
        before = self._signs
        if self._signs is None and (now < _SURELY_CANCELLED or lately < _CANCELLED):
            signs = _signs_of(product if now < _SURELY_CANCELLED else self._seen)
            self._signs = signs if (signs < 0).any() else None
        elif now > _SURELY_AGREEING or lately > _AGREEING:
            self._signs = None
        if self._signs is not before:
            self._seen = product  # what was before is another matter

    def _mixed(
        self, second: list[tuple[Floats, Floats | None]], before: Floats | None
    ) -> list[Floats]:
        if before is None and self._signs is None:
            return [mean for mean, _ in second]
        fades = self._has_begun and before is not self._signs
        n_fade = round(_FADE * self.rate) if fades else 0
        given, position = [], 0
        for mean, channels in second:
            mixed = _turned(mean, channels, self._signs)
            if position < n_fade:
                rising = np.clip((position + np.arange(len(mean))) / n_fade, 0, 1)
                mixed = rising * mixed + (1 - rising) * _turned(mean, channels, before)
            self.n_turned += len(mean) if self._signs is not None else 0
            given.append(mixed.astype(mean.dtype, copy=False))
            position += len(mean)
        return given


def _products(pieces: list[Floats | None]) -> Floats | None:
    """Products of all pairs of channels, summed; None without channels."""
    total: Floats | None = None
    for channels in pieces:
        if channels is not None:
            product = (channels @ channels.T).astype(np.float64)
            total = product if total is None else total + product
    return total


def _share(product: Floats) -> float | None:
    """Energy of the mean against that of unrelated channels; None for silence."""
    energy = float(np.trace(product))
    return float(product.sum()) / energy if energy > 0 else None


def _signs_of(product: Floats) -> Floats:
    """1 and -1: what runs against the loudest channel has the other sign; 1 for the first."""
    loudest = int(np.argmax(np.diag(product)))
    against = product[loudest] < -0.5 * np.sqrt(np.diag(product) * product[loudest, loudest])
    signs = np.where(against, -1.0, 1.0)
    return signs * signs[0]


def _turned(mean: Floats, channels: Floats | None, signs: Floats | None) -> Floats:
    if channels is None or signs is None or len(signs) != len(channels):
        return mean
    return (signs / len(signs)).astype(channels.dtype) @ channels
