"""Onsets and Frames: the call that everything around the network uses.

Feature frames go in, activations come out (`OnsetsAndFrames.activations`); what lies
between is in `harmonic` and `paper`.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from transcribe.features import FeatureConfig
from transcribe.model.config import PAPER, ModelConfig
from transcribe.model.harmonic import HarmonicNetwork, IntervalNorm
from transcribe.model.layers import ConvNorm
from transcribe.model.paper import PaperNetwork
from transcribe.model.planes import Planes

__all__ = ["ModelConfig", "OnsetsAndFrames", "fast_bfloat16"]


class OnsetsAndFrames(nn.Module):
    """The network that ``config`` names, and inference with it.

    Parameters
    ----------
    config : ModelConfig
        Architecture and sizes.
    features : FeatureConfig
        Settings of its input; must have the log-frequency scale for the
        harmonic architecture.
    """

    def __init__(self, config: ModelConfig, features: FeatureConfig) -> None:
        super().__init__()
        self.config = config
        self.features = features
        # In a list, because a module that is an attribute would become a part of this one.
        self._inference: list[OnsetsAndFrames] = []
        config.check()
        own_stacks = config.architecture == PAPER
        self.network = (PaperNetwork if own_stacks else HarmonicNetwork)(config, features)

    def forward(self, frames: Tensor) -> Planes:
        """Logits of a batch of windows.

        Parameters
        ----------
        frames : Tensor
            Shape (B, T, n_channels, n_bins), as `Features` makes them.
        """
        planes: Planes = self.network(frames)
        return planes

    @property
    def device_name(self) -> str:
        """Where the parameters are; see `network.Network`."""
        return str(next(self.parameters()).device)

    def activations(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run one window; see `network.Network`."""
        return self.batch_activations(frames[np.newaxis])[0]

    def batch_activations(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run windows of one length side by side; see `network.Network`."""
        if not self._inference:
            self._inference.append(self.fused())
        device = next(self.parameters()).device
        with torch.inference_mode():
            windows = torch.from_numpy(frames).to(device)
            with torch.autocast(device.type, torch.bfloat16, enabled=fast_bfloat16(device)):
                logits = self._inference[0](windows)
            return logits.activations().cpu().numpy()

    def train(self, mode: bool = True) -> OnsetsAndFrames:
        """Switch to training or evaluation; drops the copy made for inference."""
        self._inference.clear()
        return super().train(mode)

    def fused(self) -> OnsetsAndFrames:
        """A copy for inference, batch normalisation folded into the convolutions."""
        fused = copy.deepcopy(self).eval().requires_grad_(False)
        for module in fused.modules():
            if isinstance(module, (ConvNorm, IntervalNorm)):
                module.fuse()
        fused.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return fused


def fast_bfloat16(device: torch.device) -> bool:
    """Whether a device computes in bfloat16 faster than in float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return (
        device.type == "cpu"
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
        and (torch.ops.mkldnn._is_mkldnn_bf16_supported())
    )
