"""A network whose parameters all 88 keys share, fed with the spectrum at each key's harmonics.

For every key the spectrum at its harmonics is stacked [1]_, and one small network is applied
to all keys, so that what is learnt on one holds for all. Convolutions see a few frames, the
neighbouring keys and those at harmonic intervals; one BiLSTM along time runs over a summary of
the whole keyboard, another over each key. Keys have a bias of their own, because spectra are
coarser in the bass. Beside the heads of Onsets and Frames [2]_ there is one for the sustain
pedal, and shifts place an onset or a key release between two frames [3]_.

Shapes: B recordings, T frames, 88 keys, D features a key. Feature frames
(B, T, n_channels, n_bins) go in, `Planes` of logits come out.

References
----------
.. [1] W. Wei et al., "HPPNet: Modeling the Harmonic Structure and Pitch Invariance in
   Piano Transcription", ISMIR 2022.
.. [2] C. Hawthorne et al., "Onsets and Frames: Dual-Objective Piano Transcription",
   ISMIR 2018.
.. [3] Q. Kong et al., "High-resolution Piano Transcription with Pedals by Regressing
   Onset and Offset Times", IEEE/ACM TASLP 2021.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from transcribe.features import LOG_FREQUENCY, FeatureConfig
from transcribe.model.config import ModelConfig
from transcribe.model.layers import BiLstm, ConvNorm, Heads
from transcribe.model.planes import Planes
from transcribe.notes import N_PITCHES
from transcribe.rolls import PITCH_PLANES


class HarmonicNetwork(nn.Module):
    """The network with parameters shared over pitch; see the module's docstring."""

    def __init__(self, config: ModelConfig, features: FeatureConfig) -> None:
        super().__init__()
        width, lstm_size, context_size = config.width, config.lstm_size, config.context_size
        self.stride = config.lstm_stride
        self.stack = HarmonicStack(config, features)
        self.context = BiLstm(2 * width, context_size) if context_size else None
        self.spread = nn.Linear(2 * context_size, width) if context_size else None
        self.sequence = BiLstm(self.stride * width, lstm_size)
        self.unfold = nn.Linear(2 * lstm_size, self.stride * width)
        self.local = nn.Linear(width, width)
        self.touch = VelocityHead(width, config.velocity_size) if config.velocity_size else None
        own = ("velocity",) if self.touch else ()
        self.head = Heads(width, 1, [name for name in PITCH_PLANES if name not in own])
        self.pedal_sequence = BiLstm(3 * width + 2 * context_size, config.pedal_size)
        self.pedal_head = nn.Linear(2 * config.pedal_size, 1)

    def forward(self, frames: Tensor) -> Planes:
        """Logits of a batch of windows."""
        attacks = self.stack.attacks(frames)
        keys = self.stack(attacks)
        whole = [keys.mean(2), keys.amax(2)]
        if self.context is not None and self.spread is not None:
            context = self.context(torch.cat(whole, dim=-1))
            keys = keys + self.spread(context).unsqueeze(2)
            whole.append(context)
        tracked = _plus(self._along_time(keys), self.local(keys)).relu_()
        planes = self.head(tracked)
        if self.touch is not None:
            planes["velocity"] = self.touch(attacks, keys, tracked)
        whole.append(tracked.mean(2))
        pedal = self.pedal_head(self.pedal_sequence(torch.cat(whole, dim=-1)))
        return Planes(**planes, pedal=pedal.squeeze(-1))

    def _along_time(self, keys: Tensor) -> Tensor:
        """A BiLSTM over each key, ``stride`` frames a step: (B, T, 88, D) to the same shape."""
        n_batch, n_frames, n_keys, width = keys.shape
        missing = -n_frames % self.stride
        padded = nn.functional.pad(keys, (0, 0, 0, 0, 0, missing))
        steps = padded.view(n_batch, -1, self.stride, n_keys, width).permute(1, 0, 3, 2, 4)
        steps = steps.reshape(len(steps), n_batch * n_keys, self.stride * width)
        tracked = self.unfold(self.sequence.along(steps))
        tracked = tracked.view(-1, n_batch, n_keys, self.stride, width).permute(1, 0, 3, 2, 4)
        return tracked.reshape(n_batch, -1, n_keys, width)[:, :n_frames]


class VelocityHead(nn.Module):
    """The velocity of each key: from its attack, and its features before and after the BiLSTM."""

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.attack = ConvNorm(width, size, (5, 1))
        self.parts = [size, width, width]
        self.head = nn.Sequential(nn.Linear(sum(self.parts), width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, attacks: Tensor, keys: Tensor, tracked: Tensor) -> Tensor:
        """Logits of the velocity, (B, T, 88).

        Parameters
        ----------
        attacks : Tensor
            Shape (B, width, T, 88), from `HarmonicStack.attacks`.
        keys, tracked : Tensor
            Shape (B, T, 88, width): before and after the LSTM along time.
        """
        struck = self.attack(attacks).permute(0, 2, 3, 1)
        first = self.head[0]
        assert isinstance(first, nn.Linear)
        # As if the three were joined, which would cost more than the layer itself.
        weights = first.weight.split(self.parts, dim=1)
        summed = nn.functional.linear(struck, weights[0], first.bias)
        for part, weight in zip((keys, tracked), weights[1:], strict=True):
            summed = summed.add_(nn.functional.linear(part, weight))
        logits: Tensor = self.head[1:](summed)
        return logits.squeeze(-1)


class HarmonicStack(nn.Module):
    """Spectra to features of each key, with shared parameters.

    `attacks` covers five frames and a key's own harmonics; `forward` adds the blocks, which
    reach to more frames and other keys.
    """

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
        self.n_bins, self.n_columns = features.n_bins, N_PITCHES * bins
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
        self.norm = nn.BatchNorm2d(features.n_channels, affine=False)
        self.attack = ConvNorm(len(self.taps), config.conv_channels, (3, 3))
        self.fold = ConvNorm(config.conv_channels, config.width, (3, bins), stride=(1, bins))
        self.key_bias = nn.Parameter(torch.zeros(config.width, 1, N_PITCHES))
        self.blocks = nn.Sequential(
            *(HarmonicBlock(config.width, config.intervals) for _ in range(config.n_blocks))
        )
        self.dropout = nn.Dropout(config.dropout)

    def attacks(self, frames: Tensor) -> Tensor:
        """Feature frames to features of each key, shape (B, width, T, 88)."""
        spectra = self.norm(frames.transpose(1, 2))
        if torch.is_autocast_enabled(spectra.device.type):
            spectra = spectra.to(torch.get_autocast_dtype(spectra.device.type))
        padded = nn.functional.pad(spectra, (self.below, self.above))
        stacked = torch.stack(
            [
                padded[:, channel, :, self.below + shift : self.below + shift + self.n_columns]
                for channel, shift in self.taps
            ],
            dim=-1,
        ).permute(0, 3, 1, 2)
        folded: Tensor = self.fold(self.attack(stacked))
        return folded + self.key_bias.to(folded.dtype)

    def forward(self, attacks: Tensor) -> Tensor:
        """From `attacks` of shape (B, width, T, 88) to features of shape (B, T, 88, width)."""
        keys: Tensor = self.dropout(self.blocks(attacks))
        return keys.permute(0, 2, 3, 1)


def _plus(fresh: Tensor, other: Tensor) -> Tensor:
    """The sum; written over ``fresh``, which nothing else may use, unless gradients need it.

    Allocating memory for sums took a quarter of the network's time on a CPU.
    """
    return fresh + other if torch.is_grad_enabled() else fresh.add_(other)


class HarmonicBlock(nn.Module):
    """Residual: nearby keys and frames, then the keys at harmonic intervals."""

    def __init__(self, width: int, intervals: list[int]) -> None:
        super().__init__()
        self.near = ConvNorm(width, width, (3, 3))
        self.far = IntervalNorm(width, intervals)

    def forward(self, x: Tensor) -> Tensor:
        x = _plus(self.near(x), x)
        return _plus(self.far(x), x)


class IntervalNorm(nn.Module):
    """Keys an interval above and below, and the key itself, added, normalised and rectified [1]_.

    Older weights, in which each interval's kernel had a middle that acted on the key itself,
    are converted when they are loaded.
    """

    def __init__(self, width: int, intervals: list[int]) -> None:
        super().__init__()
        self.intervals = list(intervals)
        self.own = nn.Conv2d(width, width, (1, 1), bias=False)
        self.convs = nn.ModuleList(
            nn.Conv2d(width, width, (1, 2), padding=(0, n), dilation=(1, 2 * n), bias=False)
            for n in intervals
        )
        self.norm: nn.Module = nn.BatchNorm2d(width)
        self.register_load_state_dict_pre_hook(_middles_to_own)

    def forward(self, x: Tensor) -> Tensor:
        summed = self.own(x)
        for conv in self.convs:
            summed = summed.add_(conv(x))
        rectified: Tensor = self.norm(summed).relu_()
        return rectified

    def fuse(self) -> None:
        """Fold the normalisation into the convolutions, and some of these into one; for inference
        only."""
        norm = self.norm
        if not isinstance(norm, nn.BatchNorm2d):
            return
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        for conv in (self.own, *self.convs):
            assert isinstance(conv, nn.Conv2d)
            conv.weight = nn.Parameter(conv.weight * scale.view(-1, 1, 1, 1), False)
        self.own.bias = nn.Parameter(norm.bias - norm.running_mean * scale, False)
        self.norm = nn.Identity()
        self._join_multiples()

    def _join_multiples(self) -> None:
        """Make one kernel of the key itself and the first interval's multiples in a row, such as an
        octave and two: it reads and writes memory once in place of once an interval."""
        intervals, convs = list(self.intervals), list(self.convs)
        step = intervals[0] if intervals else 0
        kernels: list[Tensor] = []
        while step * (len(kernels) + 1) in intervals:
            place = intervals.index(step * (len(kernels) + 1))
            intervals.pop(place)
            kernels.append(convs.pop(place).weight)  # type: ignore[arg-type]
        reach = len(kernels)
        if not reach:
            return
        below = [kernel[..., :1] for kernel in reversed(kernels)]
        above = [kernel[..., 1:] for kernel in kernels]
        joined = self.own
        joined.weight = nn.Parameter(torch.cat([*below, joined.weight, *above], dim=-1), False)
        joined.kernel_size = (1, 2 * reach + 1)
        joined.padding, joined.dilation = (0, reach * step), (1, step)
        self.intervals = intervals
        self.convs = nn.ModuleList(convs)


def _middles_to_own(
    module: nn.Module, state: dict[str, Tensor], prefix: str, *_: object, **__: object
) -> None:
    """Convert older weights: kernels of three keys become pairs and one common middle."""
    names = [f"{prefix}convs.{index}.weight" for index in range(len(module.convs))]  # type: ignore[arg-type]
    if not all(name in state and state[name].shape[-1] == 3 for name in names):
        return
    state[f"{prefix}own.weight"] = torch.stack([state[name][..., 1:2] for name in names]).sum(0)
    for name in names:
        state[name] = state[name][..., ::2].contiguous()
