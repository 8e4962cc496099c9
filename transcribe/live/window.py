"""The last moments of a sound through the network, again and again as more of it comes.

The network reads a frame with what follows it, so its newest frames are provisional: each run
sees them with a little more of what came after. Beyond the newest sample lies silence, as it
does beyond the end of a recording (`transcribe.features`), so the last few frames, whose
spectra reach beyond it, are computed again too.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from transcribe.features import Features

FloatArray = NDArray[np.float32]


class SlidingWindow:
    """Samples as they come to the network's activations of the last frames.

    Holds the features of one window and the samples that the next ones need.

    Parameters
    ----------
    features : Features
        Samples to frames.
    activations : callable
        The network: frames of shape (n, n_channels, n_bins) to activations (n, ...).
    window_frames : int
        How many frames it sees at once, at most.
    """

    def __init__(
        self,
        features: Features,
        activations: Callable[[FloatArray], FloatArray],
        window_frames: int,
    ) -> None:
        self._features, self._activations = features, activations
        self._window_frames = window_frames
        config = features.config
        self._hop, self._margin = config.hop_length, config.margin
        self._complete = np.zeros((0, config.n_channels, config.n_bins), np.float32)
        self._n_complete = 0  # frames whose spectra no later sample changes
        # From ``margin`` samples before the first frame that is not complete.
        self._held = np.zeros(self._margin, np.float32)
        self.n_samples = 0
        """How many were pushed."""

    @property
    def n_frames(self) -> int:
        """How many frames are centred on the samples so far, their whole hop included."""
        return self.n_samples // self._hop

    def push(self, samples: FloatArray) -> None:
        """Take the next samples, shape (n,)."""
        self._held = np.concatenate([self._held, samples])
        self.n_samples += len(samples)

    def run(self, stop: int) -> tuple[int, FloatArray]:
        """The network over the frames up to ``stop``, hearing no sample of a later one.

        Parameters
        ----------
        stop : int
            At most `n_frames`, and no less than in the call before.

        Returns
        -------
        first, activations
            The first frame, and the activations of it and those that follow until ``stop``.
        """
        n_open = stop - self._n_complete
        heard = self._held[: self._margin + n_open * self._hop]
        silence = np.zeros(self._margin, np.float32)
        fresh = self._features(np.concatenate([heard, silence]))
        frames = np.concatenate([self._complete, fresh])[-self._window_frames :]
        n_whole = max(n_open - -(-self._margin // self._hop), 0)
        self._complete = np.concatenate([self._complete, fresh[:n_whole]])[-self._window_frames :]
        self._held = self._held[n_whole * self._hop :].copy()
        self._n_complete += n_whole
        return stop - len(frames), self._activations(frames)
