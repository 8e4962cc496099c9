"""Onsets and Frames, as published and shared over pitch: one implementation, two settings.

Feature frames go in, activations come out (`OnsetsAndFrames.activations`); nothing
outside this module knows more about the network.

Shapes
------
B recordings, T frames, G *groups* of keys, D features. The network of [1]_ reads mel
frames and treats the keyboard as one group of 88 outputs (G = 1). The pitch-shared one
stacks, for every key, the spectrum at its harmonics [2]_ and then applies the same
small network to 88 groups of one output (G = 88), so that what is learnt on one key
holds for all.

Beyond [1]_ both have a head for the sustain pedal and say where between frames an onset
or a key release lies, after the regression of [3]_.

References
----------
.. [1] C. Hawthorne et al., "Onsets and Frames: Dual-Objective Piano Transcription",
   ISMIR 2018; "Enabling Factorized Piano Music Modeling and Generation with the
   MAESTRO Dataset", ICLR 2019.
.. [2] W. Wei et al., "HPPNet: Modeling the Harmonic Structure and Pitch Invariance in
   Piano Transcription", ISMIR 2022.
.. [3] Q. Kong et al., "High-resolution Piano Transcription with Pedals by Regressing
   Onset and Offset Times", IEEE/ACM TASLP 2021.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from transcribe.features import LOG_FREQUENCY, FeatureConfig
from transcribe.notes import N_PITCHES
from transcribe.rolls import PITCH_PLANES, SHIFT_PLANES

_PRIOR_LOGITS = {"onset": -4.0, "offset": -4.0, "frame": -2.5, "sounding": -2.0}
"""About how rarely each plane is on; training starts from there."""

HARMONIC = "harmonic"
PAPER = "paper"


@dataclass
class ModelConfig:
    """Sizes of the network; the default is the small pitch-shared one."""

    architecture: str = HARMONIC
    """``"harmonic"`` (shared over pitch) or ``"paper"`` (mel frames, four stacks)."""
    harmonics: list[list[float]] = field(
        default_factory=lambda: [
            [0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
            [0.5, 1.0, 2.0, 3.0, 4.0],
        ]
    )
    """Harmonic architecture: for each window of the features, which multiples of a key's
    frequency become channels."""
    conv_channels: int = 20
    """Channels of the first convolution (paper: of the first two; the third has twice)."""
    width: int = 32
    """Features of a key (paper: of a whole stack) that go into the BiLSTMs."""
    n_blocks: int = 2
    """Harmonic architecture: how many residual blocks on 88 columns."""
    pitch_reach: int = 12
    """Harmonic architecture: how many keys to either side a block's widest layer sees."""
    lstm_size: int = 32
    """Hidden units in each direction."""
    pedal_size: int = 24
    """Hidden units in each direction of the pedal's BiLSTM."""
    dropout: float = 0.0
    """Probability, after every convolution pair."""

    @property
    def n_groups(self) -> int:
        """88 when the keys share their parameters, else 1."""
        return N_PITCHES if self.architecture == HARMONIC else 1


def paper_model() -> ModelConfig:
    """Onsets and Frames of the MAESTRO paper: about 26 M parameters [1]_."""
    return ModelConfig(
        architecture=PAPER,
        conv_channels=48,
        width=768,
        lstm_size=384,
        pedal_size=128,
        dropout=0.25,
    )


class Logits(NamedTuple):
    """What the network says before the sigmoid (shifts: before tanh).

    Each plane has shape (B, T, 88), the pedal (B, T); named as in `rolls.Rolls`.
    """

    onset: Tensor
    onset_shift: Tensor
    offset: Tensor
    offset_shift: Tensor
    frame: Tensor
    sounding: Tensor
    velocity: Tensor
    pedal: Tensor

    def activations(self) -> Tensor:
        """Probabilities, shifts and velocities, shape (B, T, N_ACTIVATIONS)."""
        planes = [
            plane.float().tanh() if name in SHIFT_PLANES else plane.float().sigmoid()
            for name, plane in zip(PITCH_PLANES, self, strict=False)
        ]
        return torch.cat([*planes, self.pedal.float().sigmoid().unsqueeze(-1)], dim=-1)


class OnsetsAndFrames(nn.Module):
    """The network; see the module's docstring.

    Parameters
    ----------
    config : ModelConfig
        Sizes.
    features : FeatureConfig
        What the network will be fed; must have the log-frequency scale for the
        harmonic architecture.
    """

    def __init__(self, config: ModelConfig, features: FeatureConfig) -> None:
        super().__init__()
        self.config = config
        self.features = features
        # In a list, because a module that is an attribute would become a part of this one.
        self._inference: list[OnsetsAndFrames] = []
        width, lstm_size = config.width, config.lstm_size
        per_group = N_PITCHES // config.n_groups
        own_stacks = config.architecture == PAPER
        if config.architecture not in (HARMONIC, PAPER):
            raise ValueError(
                f"model.architecture is 'harmonic' or 'paper'; found {config.architecture!r}"
            )

        def acoustic() -> nn.Module:
            if own_stacks:
                return MelStack(config, features)
            return HarmonicStack(config, features)

        self.acoustic = acoustic()
        self.onset_sequence = BiLstm(width, lstm_size)
        self.onset_head = Heads(2 * lstm_size, per_group, ["onset", "onset_shift"])
        if own_stacks:
            self.offset_acoustic = acoustic()
            self.offset_sequence = BiLstm(width, lstm_size)
            self.offset_head = Heads(2 * lstm_size, per_group, ["offset", "offset_shift"])
            self.frame_acoustic = acoustic()
            self.frame_acoustic_head = Heads(width, per_group, ["frame"])
            self.velocity_acoustic = acoustic()
            self.velocity_head = Heads(width, per_group, ["velocity"])
            self.frame_sequence = BiLstm(3 * per_group, lstm_size)
            self.frame_head = Heads(2 * lstm_size, per_group, ["frame", "sounding"])
        else:
            self.velocity_head = Heads(2 * lstm_size, per_group, ["velocity"])
            self.frame_sequence = BiLstm(width + 2 * per_group, lstm_size)
            self.frame_head = Heads(
                2 * lstm_size, per_group, ["frame", "sounding", "offset", "offset_shift"]
            )
        self.pedal_sequence = BiLstm(2 * width + 2 * lstm_size, config.pedal_size)
        self.pedal_head = nn.Linear(2 * config.pedal_size, 1)

    def forward(self, frames: Tensor) -> Logits:
        """Logits of a batch of windows.

        Parameters
        ----------
        frames : Tensor
            Shape (B, T, n_channels, n_bins), as `Features` makes them.
        """
        own_stacks = self.config.architecture == PAPER
        acoustic = self.acoustic(frames)
        heard = self.onset_sequence(acoustic)
        planes = self.onset_head(heard)
        if own_stacks:
            planes |= self.offset_head(self.offset_sequence(self.offset_acoustic(frames)))
            acoustic = self.frame_acoustic(frames)
            loudness = self.velocity_acoustic(frames)
            hints = [planes["onset"], planes["offset"], self.frame_acoustic_head(acoustic)["frame"]]
        else:
            loudness = heard
            hints = [planes["onset"], planes["onset_shift"]]
        planes |= self.velocity_head(loudness)
        groups = [self._grouped(hint).sigmoid() for hint in hints]
        if own_stacks:
            groups = [*(group.detach() for group in groups[:2]), groups[2]]
            followed = self.frame_sequence(torch.cat(groups, dim=-1))
        else:
            groups = [group.detach() for group in groups]
            followed = self.frame_sequence(torch.cat([acoustic, *groups], dim=-1))
        planes |= self.frame_head(followed)
        whole = torch.cat([acoustic.mean(2), acoustic.amax(2), followed.mean(2)], dim=-1)
        pedal = self.pedal_head(self.pedal_sequence(whole.unsqueeze(2)).squeeze(2)).squeeze(-1)
        return Logits(**planes, pedal=pedal)

    def _grouped(self, plane: Tensor) -> Tensor:
        """(B, T, 88) to (B, T, G, 88 / G)."""
        return plane.unflatten(-1, (self.config.n_groups, -1))

    def activations(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run one window: the narrow call that everything around the network uses.

        Parameters
        ----------
        frames : array
            Shape (n_frames, n_channels, n_bins), float32, as `Features` makes them.

        Returns
        -------
        array
            Shape (n_frames, N_ACTIVATIONS), float32, as `Rolls.unstack` reads them.
        """
        if not self._inference:
            self._inference.append(self._fused())
        device = next(self.parameters()).device
        with torch.inference_mode():
            window = torch.from_numpy(frames).to(device).unsqueeze(0)
            with torch.autocast(device.type, torch.bfloat16, enabled=fast_bfloat16(device)):
                logits = self._inference[0](window)
            return logits.activations()[0].cpu().numpy()

    def train(self, mode: bool = True) -> OnsetsAndFrames:
        """Switch to training or evaluation; drops what inference had prepared."""
        self._inference.clear()
        return super().train(mode)

    def _fused(self) -> OnsetsAndFrames:
        """A copy for inference, batch normalisation folded into the convolutions."""
        fused = copy.deepcopy(self).eval().requires_grad_(False)
        for module in fused.modules():
            if isinstance(module, ConvNorm):
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


class ConvNorm(nn.Module):
    """Convolution, batch normalisation, rectifier; the first two fold into one."""

    def __init__(
        self,
        n_in: int,
        n_out: int,
        kernel: tuple[int, int],
        *,
        stride: tuple[int, int] = (1, 1),
        groups: int = 1,
        rectify: bool = True,
    ) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2 if stride[1] == 1 else 0)
        self.conv = nn.Conv2d(n_in, n_out, kernel, stride, padding, groups=groups, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(n_out)
        self.rectify = rectify

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))
        return x.relu() if self.rectify else x

    def fuse(self) -> None:
        """Fold the normalisation into the convolution; for inference only."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv = fuse_conv_bn_eval(self.conv, self.norm)
            self.norm = nn.Identity()


class MelStack(nn.Module):
    """The convolutional stack of [1]_: mel frames to (B, T, 1, width)."""

    def __init__(self, config: ModelConfig, features: FeatureConfig) -> None:
        super().__init__()
        n = config.conv_channels
        self.layers = nn.Sequential(
            ConvNorm(features.n_channels, n, (3, 3)),
            ConvNorm(n, n, (3, 3)),
            nn.MaxPool2d((1, 2)),
            nn.Dropout(config.dropout),
            ConvNorm(n, 2 * n, (3, 3)),
            nn.MaxPool2d((1, 2)),
            nn.Dropout(config.dropout),
        )
        self.project = nn.Linear(2 * n * (features.n_bins // 4), config.width)
        self.dropout = nn.Dropout(min(2 * config.dropout, 0.5))

    def forward(self, frames: Tensor) -> Tensor:
        x = self.layers(frames.transpose(1, 2).contiguous(memory_format=torch.channels_last))
        x = x.permute(0, 2, 1, 3).flatten(2)
        return self.dropout(self.project(x)).unsqueeze(2)


class HarmonicStack(nn.Module):
    """Spectra to features of each key, with shared parameters: (B, T, 88, width)."""

    def __init__(self, config: ModelConfig, features: FeatureConfig) -> None:
        super().__init__()
        if features.scale != LOG_FREQUENCY:
            raise ValueError(
                "the harmonic architecture reads log-frequency features; found "
                f"features.scale = {features.scale!r}"
            )
        if len(config.harmonics) != len(features.windows):
            raise ValueError(
                "model.harmonics needs one list a window of the features; found "
                f"{len(config.harmonics)} lists for {len(features.windows)} windows"
            )
        bins = features.bins_per_semitone
        self.n_columns = N_PITCHES * bins
        channel = 0
        self.taps: list[tuple[int, int]] = []
        for harmonics, n_phases in zip(config.harmonics, features.phases, strict=True):
            for phase in range(channel, channel + n_phases):
                for harmonic in harmonics:
                    self.taps.append((phase, round(12 * bins * float(np.log2(harmonic)))))
            channel += n_phases
        self.below = -min(0, *(shift for _, shift in self.taps))
        self.above = max(0, *(shift for _, shift in self.taps))
        self.above = max(0, self.above + self.n_columns - features.n_bins)
        self.norm = nn.BatchNorm2d(len(self.taps), affine=False)
        self.attack = ConvNorm(len(self.taps), config.conv_channels, (3, 3))
        self.fold = ConvNorm(config.conv_channels, config.width, (3, bins), stride=(1, bins))
        self.blocks = nn.Sequential(
            *(HarmonicBlock(config.width, config.pitch_reach) for _ in range(config.n_blocks))
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, frames: Tensor) -> Tensor:
        padded = nn.functional.pad(frames, (self.below, self.above))
        stacked = torch.stack(
            [
                padded[:, :, channel, self.below + shift : self.below + shift + self.n_columns]
                for channel, shift in self.taps
            ],
            dim=-1,
        ).permute(0, 3, 1, 2)
        x = self.fold(self.attack(self.norm(stacked)))
        x = self.dropout(self.blocks(x))
        return x.permute(0, 2, 3, 1)


class HarmonicBlock(nn.Module):
    """Residual: nearby keys and frames, then the wide view across the keyboard."""

    def __init__(self, width: int, pitch_reach: int) -> None:
        super().__init__()
        self.near = ConvNorm(width, width, (3, 3))
        self.wide = ConvNorm(width, width, (1, 2 * pitch_reach + 1), groups=width, rectify=False)
        self.mix = ConvNorm(width, width, (1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.near(x)
        # In float32 even under autocast: the CPU's bfloat16 kernel for wide depthwise
        # convolutions hangs at some widths (16 channels, oneDNN 3.10), and is no faster.
        with torch.autocast(x.device.type, enabled=False):
            across = self.wide(x.float())
        return x + self.mix(across)


class BiLstm(nn.Module):
    """A bidirectional LSTM along time, the same for every group."""

    def __init__(self, n_in: int, hidden_size: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(n_in, hidden_size, batch_first=False, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, G, D) to (B, T, G, 2 * hidden_size)."""
        n_batch, n_frames, n_groups, _ = x.shape
        sequence = x.transpose(0, 1).reshape(n_frames, n_batch * n_groups, -1)
        output, _ = self.lstm(sequence)
        return output.view(n_frames, n_batch, n_groups, -1).transpose(0, 1)


class Heads(nn.Module):
    """One linear layer read as several planes of shape (B, T, 88)."""

    def __init__(self, n_in: int, per_group: int, names: list[str]) -> None:
        super().__init__()
        self.names = names
        self.linear = nn.Linear(n_in, per_group * len(names))
        for index, name in enumerate(names):
            with torch.no_grad():
                bias = self.linear.bias[index * per_group : (index + 1) * per_group]
                bias.fill_(_PRIOR_LOGITS.get(name, 0.0))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        planes = self.linear(x).unflatten(-1, (len(self.names), -1))
        return {name: planes[..., index, :].flatten(-2) for index, name in enumerate(self.names)}
