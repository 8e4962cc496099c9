"""The layers that both networks are made of.

Shapes: B recordings, T frames, D features.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from transcribe.notes import N_PITCHES

_PRIOR_LOGITS = {"onset": -4.0, "offset": -4.0, "frame": -2.5, "sounding": -2.0}
"""Logits of about how often each plane is on; biases start there."""


class ConvNorm(nn.Module):
    """Convolution, batch normalisation, rectifier; the first two fold into one."""

    def __init__(
        self,
        n_in: int,
        n_out: int,
        kernel: tuple[int, int],
        *,
        stride: tuple[int, int] = (1, 1),
    ) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2 if stride[1] == 1 else 0)
        self.conv = nn.Conv2d(n_in, n_out, kernel, stride, padding, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(n_out)

    def forward(self, x: Tensor) -> Tensor:
        rectified: Tensor = self.norm(self.conv(x)).relu_()
        return rectified

    def fuse(self) -> None:
        """Fold the normalisation into the convolution; for inference only."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv = fuse_conv_bn_eval(self.conv, self.norm)
            self.norm = nn.Identity()


class BiLstm(nn.Module):
    """A bidirectional LSTM along time."""

    def __init__(self, n_in: int, hidden_size: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(n_in, hidden_size, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) to (B, T, 2 * hidden_size)."""
        return self.along(x.transpose(0, 1).contiguous()).transpose(0, 1)

    def along(self, x: Tensor) -> Tensor:
        """(T, B, D) to (T, B, 2 * hidden_size)."""
        output: Tensor = self.lstm(x)[0]
        return output


class Heads(nn.Module):
    """One linear layer whose output is several planes of shape (B, T, 88)."""

    def __init__(self, n_in: int, n_keys: int, names: list[str]) -> None:
        super().__init__()
        self.names = names
        self.linear = nn.Linear(n_in, n_keys * len(names))
        with torch.no_grad():
            bias = self.linear.bias.view(len(names), n_keys)
            for name, own in zip(names, bias, strict=True):
                own.fill_(_PRIOR_LOGITS.get(name, 0.0))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """From (B, T, D), where n_keys is 88, or from (B, T, 88, D), where it is 1."""
        planes = self.linear(x).unflatten(-1, (len(self.names), -1))
        return {
            name: planes[..., index, :].reshape(*x.shape[:2], N_PITCHES)
            for index, name in enumerate(self.names)
        }
