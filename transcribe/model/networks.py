"""The two networks: Onsets and Frames as published, and shared over pitch.

Shapes
------
B recordings, T frames, 88 keys, D features a key. Both take feature frames of shape
(B, T, n_channels, n_bins) and say `Logits`.

`PaperNetwork` is the network of [1]_: mel frames, one convolutional stack and one BiLSTM
for each thing that it hears, all 88 keys in one vector.

`HarmonicNetwork` stacks, for every key, the spectrum at its harmonics [2]_ and applies
one small network to all keys, so that what is learnt on one holds for all. Convolutions
see a few frames, the neighbouring keys and those at harmonic intervals; a BiLSTM along
time hears the keyboard as a whole, another each key. Keys have a bias of their own,
because spectra are coarser in the bass.

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

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
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
    """Sizes of the network; the default is the packaged one."""

    architecture: str = HARMONIC
    """``"harmonic"`` (shared over pitch) or ``"paper"`` (mel frames, four stacks)."""
    harmonics: list[list[float]] = field(
        default_factory=lambda: [
            [0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
            [0.5, 1.0, 2.0, 3.0, 4.0],
        ]
    )
    """Harmonic: for each window of the features, which multiples of a key's frequency
    become channels."""
    conv_channels: int = 24
    """Channels of the first convolution (paper: of the first two; the third has twice)."""
    width: int = 64
    """Features of a key (paper: of a whole stack) that go into the BiLSTMs."""
    n_blocks: int = 3
    """Harmonic: how many residual blocks on 88 columns."""
    intervals: list[int] = field(default_factory=lambda: [12, 19, 24, 28])
    """Harmonic: semitones to either side at which a block looks for related keys."""
    lstm_size: int = 64
    """Hidden units in each direction."""
    lstm_stride: int = 2
    """Harmonic: frames that the keys' BiLSTM takes in one step."""
    context_size: int = 96
    """Harmonic: hidden units, in each direction, of the BiLSTM that hears all keys
    together; 0 leaves it out."""
    pedal_size: int = 64
    """Hidden units in each direction of the pedal's BiLSTM."""
    velocity_size: int = 32
    """Harmonic: features of an attack, taken before the blocks, for velocities alone; 0
    reads velocities off the same features as everything else."""
    dropout: float = 0.0
    """Probability, after every convolution pair (harmonic: after the blocks)."""

    def check(self) -> None:
        """Raise ValueError for sizes of no network."""
        if self.architecture not in (HARMONIC, PAPER):
            raise ValueError(
                f"model.architecture is 'harmonic' or 'paper'; found {self.architecture!r}"
            )
        limits = {
            "conv_channels": (1, 4096),
            "width": (1, 8192),
            "n_blocks": (0, 64),
            "lstm_size": (1, 4096),
            "lstm_stride": (1, 64),
            "context_size": (0, 4096),
            "pedal_size": (1, 4096),
            "velocity_size": (0, 4096),
            "dropout": (0, 1),
        }
        for name, (lowest, highest) in limits.items():
            value = getattr(self, name)
            if not lowest <= value <= highest:
                raise ValueError(f"model.{name} is {lowest} to {highest}; found {value}")
        for multiple in (each for window in self.harmonics for each in window):
            if not 0 < multiple <= 64:
                raise ValueError(
                    f"model.harmonics are multiples of a frequency, above 0 to 64; found {multiple}"
                )
        for interval in self.intervals:
            if not 1 <= interval < N_PITCHES:
                raise ValueError(f"model.intervals are 1 to 87 semitones; found {interval}")
        if max(len(self.harmonics), len(self.intervals), *map(len, self.harmonics)) > N_PITCHES:
            raise ValueError("model.harmonics and model.intervals have at most 88 entries")


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


class PaperNetwork(nn.Module):
    """Onsets and Frames as published [1]_, with a pedal and sub-frame times."""

    def __init__(self, config: ModelConfig, features: FeatureConfig) -> None:
        super().__init__()
        width, lstm_size = config.width, config.lstm_size
        self.onset_stack = MelStack(config, features)
        self.onset_sequence = BiLstm(width, lstm_size)
        self.onset_head = Heads(2 * lstm_size, N_PITCHES, ["onset", "onset_shift"])
        self.offset_stack = MelStack(config, features)
        self.offset_sequence = BiLstm(width, lstm_size)
        self.offset_head = Heads(2 * lstm_size, N_PITCHES, ["offset", "offset_shift"])
        self.frame_stack = MelStack(config, features)
        self.frame_hint = nn.Linear(width, N_PITCHES)
        self.frame_sequence = BiLstm(3 * N_PITCHES, lstm_size)
        self.frame_head = Heads(2 * lstm_size, N_PITCHES, ["frame", "sounding"])
        self.velocity_stack = MelStack(config, features)
        self.velocity_head = Heads(width, N_PITCHES, ["velocity"])
        self.pedal_sequence = BiLstm(width + 2 * lstm_size, config.pedal_size)
        self.pedal_head = nn.Linear(2 * config.pedal_size, 1)

    def forward(self, frames: Tensor) -> Logits:
        """Logits of a batch of windows."""
        planes = self.onset_head(self.onset_sequence(self.onset_stack(frames)))
        planes |= self.offset_head(self.offset_sequence(self.offset_stack(frames)))
        planes |= self.velocity_head(self.velocity_stack(frames))
        heard = self.frame_stack(frames)
        hints = [
            planes["onset"].sigmoid().detach(),
            planes["offset"].sigmoid().detach(),
            self.frame_hint(heard).sigmoid(),
        ]
        followed = self.frame_sequence(torch.cat(hints, dim=-1))
        planes |= self.frame_head(followed)
        pedal = self.pedal_head(self.pedal_sequence(torch.cat([heard, followed], dim=-1)))
        return Logits(**planes, pedal=pedal.squeeze(-1))


class HarmonicNetwork(nn.Module):
    """The network shared over pitch; see the module's docstring."""

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
        self.touch = Touch(width, config.velocity_size) if config.velocity_size else None
        own = ("velocity",) if self.touch else ()
        self.head = Heads(width, 1, [name for name in PITCH_PLANES if name not in own])
        self.pedal_sequence = BiLstm(3 * width + 2 * context_size, config.pedal_size)
        self.pedal_head = nn.Linear(2 * config.pedal_size, 1)

    def forward(self, frames: Tensor) -> Logits:
        """Logits of a batch of windows."""
        attacks = self.stack.attacks(frames)
        keys = self.stack(attacks)
        whole = [keys.mean(2), keys.amax(2)]
        if self.context is not None and self.spread is not None:
            context = self.context(torch.cat(whole, dim=-1))
            keys = keys + self.spread(context).unsqueeze(2)
            whole.append(context)
        followed = _plus(self._follow(keys), self.local(keys)).relu_()
        planes = self.head(followed)
        if self.touch is not None:
            planes["velocity"] = self.touch(attacks, keys, followed)
        whole.append(followed.mean(2))
        pedal = self.pedal_head(self.pedal_sequence(torch.cat(whole, dim=-1)))
        return Logits(**planes, pedal=pedal.squeeze(-1))

    def _follow(self, keys: Tensor) -> Tensor:
        """Each key along time, ``stride`` frames a step: (B, T, 88, D) to the same shape."""
        n_batch, n_frames, n_keys, width = keys.shape
        missing = -n_frames % self.stride
        padded = nn.functional.pad(keys, (0, 0, 0, 0, 0, missing))
        steps = padded.view(n_batch, -1, self.stride, n_keys, width).permute(1, 0, 3, 2, 4)
        steps = steps.reshape(len(steps), n_batch * n_keys, self.stride * width)
        followed = self.unfold(self.sequence.along(steps))
        followed = followed.view(-1, n_batch, n_keys, self.stride, width).permute(1, 0, 3, 2, 4)
        return followed.reshape(n_batch, -1, n_keys, width)[:, :n_frames]


class Touch(nn.Module):
    """How hard each key was struck, from its attack and what the network makes of it."""

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.attack = ConvNorm(width, size, (5, 1))
        self.parts = [size, width, width]
        self.head = nn.Sequential(nn.Linear(sum(self.parts), width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, attacks: Tensor, keys: Tensor, followed: Tensor) -> Tensor:
        """Logits of the velocity, (B, T, 88).

        Parameters
        ----------
        attacks : Tensor
            Shape (B, width, T, 88), from `HarmonicStack.attacks`.
        keys, followed : Tensor
            Shape (B, T, 88, width): before and after the LSTM along time.
        """
        struck = self.attack(attacks).permute(0, 2, 3, 1)
        first = self.head[0]
        assert isinstance(first, nn.Linear)
        # As if the three were joined, which would cost more than the layer itself.
        weights = first.weight.split(self.parts, dim=1)
        heard = nn.functional.linear(struck, weights[0], first.bias)
        for part, weight in zip((keys, followed), weights[1:], strict=True):
            heard = heard.add_(nn.functional.linear(part, weight))
        logits: Tensor = self.head[1:](heard)
        return logits.squeeze(-1)


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


class MelStack(nn.Module):
    """The convolutional stack of [1]_: mel frames to (B, T, width)."""

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
        return self.dropout(self.project(x))


class HarmonicStack(nn.Module):
    """Spectra to features of each key, with shared parameters.

    `attacks` sees five frames and a key's own harmonics, and the stack itself adds what
    the blocks see around it.
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
        """What `attacks` made to features of shape (B, T, 88, width)."""
        heard: Tensor = self.dropout(self.blocks(attacks))
        return heard.permute(0, 2, 3, 1)


def _plus(fresh: Tensor, other: Tensor) -> Tensor:
    """The sum; in place of ``fresh``, which nobody else may hold, unless gradients need it.

    A quarter of the network's time on a processor went into memory for sums.
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
    """Keys an interval above and below, and the key itself, added, normalised and rectified [2]_.

    What was written before the key itself had a kernel of its own is read as it was meant:
    there every interval's kernel had a middle, which acted on the same key.
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
        heard = self.own(x)
        for conv in self.convs:
            heard = heard.add_(conv(x))
        rectified: Tensor = self.norm(heard).relu_()
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
    """Kernels of three keys, as older weights have them, to pairs and their common middle."""
    names = [f"{prefix}convs.{index}.weight" for index in range(len(module.convs))]  # type: ignore[arg-type]
    if not all(name in state and state[name].shape[-1] == 3 for name in names):
        return
    state[f"{prefix}own.weight"] = torch.stack([state[name][..., 1:2] for name in names]).sum(0)
    for name in names:
        state[name] = state[name][..., ::2].contiguous()


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
    """One linear layer read as several planes of shape (B, T, 88)."""

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
