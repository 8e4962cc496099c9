"""The narrow call between a network and everything around it: windows in, activations out.

Two runtimes are behind it: `onnx_network` runs an exported file on the CPU, and
`onsets_and_frames` runs a checkpoint in torch, on the CPU or on a GPU.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Network(Protocol):
    """A network that is ready to run."""

    @property
    def device_name(self) -> str:
        """Where it runs: ``"cpu"``, ``"cuda:0"``, ``"mps"``."""

    def activations(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run one window.

        Parameters
        ----------
        frames : array
            Shape (n_frames, n_channels, n_bins), float32, as `Features` makes them.

        Returns
        -------
        array
            Shape (n_frames, N_ACTIVATIONS), float32, as `Rolls.unstack` reads them.
        """

    def batch_activations(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run windows of one length side by side: what `activations` makes of each.

        Parameters
        ----------
        windows : array
            Shape (n_windows, n_frames, n_channels, n_bins), float32.

        Returns
        -------
        array
            Shape (n_windows, n_frames, N_ACTIVATIONS), float32.
        """
