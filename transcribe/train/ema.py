"""The average of a network's weights along training, which is what is kept."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn


class MovingAverage(nn.Module):
    """An exponential average that follows quickly while it has seen little.

    It counts on the CPU, so that a GPU is never waited for.

    Parameters
    ----------
    network : nn.Module
        Its copy, ``module``, holds the averages of all parameters and floating buffers.
    decay : float
        Weights are averaged over about 1 / (1 - decay) steps.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__()
        self.module = copy.deepcopy(network).requires_grad_(False)
        self.decay = decay
        self.n_averaged = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take the weights as they are now into the average."""
        decay = min(self.decay, (1 + self.n_averaged) / (10 + self.n_averaged))
        share = 1 - decay if self.n_averaged else 1.0
        self.n_averaged += 1
        averages, values = [], []
        for average, value in zip(
            self.module.state_dict().values(), network.state_dict().values(), strict=True
        ):
            if average.is_floating_point():
                averages.append(average)
                values.append(value)
            else:
                average.copy_(value)
        torch._foreach_lerp_(averages, values, share)

    def get_extra_state(self) -> dict[str, Any]:
        """The count."""
        return {"n_averaged": self.n_averaged}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Go on counting."""
        self.n_averaged = state["n_averaged"]
