"""Muon for the matrices of a network, AdamW for the rest of it.

The momentum of a matrix (a convolution's kernel is one: outputs by everything else) is
replaced by the nearest orthogonal matrix, so that a step is as long in every direction
[1]_, and scaled so that its entries are as large as AdamW's [2]_: both parts share one
learning rate.

`torch.optim.Muon` (since torch 2.9) takes two-dimensional parameters only, so it would leave
out the kernels of the convolutions, which are most of the network here. It also leaves AdamW
and the choice of who gets which to the caller, while Lightning's schedules, gradient clipping
and checkpoints want one optimizer: `MuonAdamW`.

References
----------
.. [1] K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024.
.. [2] J. Liu et al., "Muon is Scalable for LLM Training", arXiv 2502.16982, 2025.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the odd quintic that brings singular values near 1 quickest [1]_."""
_N_ITERATIONS = 5
_ADAMW_RMS = 0.2
"""Typical root mean square of AdamW's update before the learning rate [2]_."""


def orthogonalised(matrix: Tensor) -> Tensor:
    """About ``U V`` of a matrix ``U S V``; the singular values become 0.7 to 1.2."""
    first, third, fifth = _NEWTON_SCHULZ
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = wide / (wide.norm() + 1e-7)
    for _ in range(_N_ITERATIONS):
        square = x @ x.T
        x = first * x + (third * square + fifth * square @ square) @ x
    return x if matrix.shape[0] <= matrix.shape[1] else x.T


class Muon(Optimizer):
    """Orthogonalised momentum for every parameter of two or more dimensions.

    Parameters
    ----------
    parameters : list of Parameter
        Each of shape (n_outputs, ...).
    lr, weight_decay : float
        As in AdamW.
    momentum : float
        Nesterov's, 0 to 1.
    """

    def __init__(
        self,
        parameters: list[nn.Parameter],
        *,
        lr: float,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
    ) -> None:
        if any(parameter.ndim < 2 for parameter in parameters):
            shapes = [tuple(parameter.shape) for parameter in parameters if parameter.ndim < 2]
            raise ValueError(f"expected parameters of two or more dimensions; found {shapes}")
        defaults = {"lr": lr, "weight_decay": weight_decay, "momentum": momentum}
        super().__init__(parameters, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take one step; parameters without a gradient stay."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                momentum = state["momentum"]
                momentum.lerp_(parameter.grad, 1 - group["momentum"])
                ahead = parameter.grad.lerp(momentum, group["momentum"])
                matrix = ahead.flatten(1)
                scale = _ADAMW_RMS * max(matrix.shape) ** 0.5
                update = orthogonalised(matrix).reshape(parameter.shape)
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update, alpha=-group["lr"] * scale)
        return loss


class MuonAdamW(Optimizer):
    """Muon and AdamW as one optimizer, for schedules and checkpoints.

    Parameters
    ----------
    network : nn.Module
        Its hidden matrices and kernels go to Muon; biases, gains and the heads (modules
        whose name ends in ``head`` and what they hold) to AdamW.
    lr, weight_decay : float
        Of both.
    """

    def __init__(self, network: nn.Module, *, lr: float, weight_decay: float = 0.0) -> None:
        matrices: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for name, parameter in network.named_parameters():
            parts = name.split(".")
            is_head = any(part.endswith("head") for part in parts)
            is_matrix = parameter.ndim >= 2 and parts[-1].startswith("weight")
            (matrices if is_matrix and not is_head else others).append(parameter)
        self.parts: list[Optimizer] = [
            Muon(matrices, lr=lr, weight_decay=weight_decay),
            AdamW(others, lr=lr, weight_decay=weight_decay),
        ]
        super().__init__([*matrices, *others], {"lr": lr})
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take one step of both."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts:
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Of both, in order."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self.param_groups = [group for part in self.parts for group in part.param_groups]
