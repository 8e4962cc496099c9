"""Onsets and Frames as published [1]_: mel frames, and a stack and a BiLSTM for each task.

All 88 keys are one vector. Beyond [1]_ there is a head for the sustain pedal, and shifts
that place an onset or a key release between two frames, after the regression of [2]_.

Shapes: B recordings, T frames, D features. Feature frames (B, T, n_channels, n_bins) go in,
`Planes` of logits come out.

References
----------
.. [1] C. Hawthorne et al., "Onsets and Frames: Dual-Objective Piano Transcription",
   ISMIR 2018; "Enabling Factorized Piano Music Modeling and Generation with the
   MAESTRO Dataset", ICLR 2019.
.. [2] Q. Kong et al., "High-resolution Piano Transcription with Pedals by Regressing
   Onset and Offset Times", IEEE/ACM TASLP 2021.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from transcribe.features import FeatureConfig
from transcribe.model.config import ModelConfig
from transcribe.model.layers import BiLstm, ConvNorm, Heads
from transcribe.model.planes import Planes
from transcribe.notes import N_PITCHES


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

    def forward(self, frames: Tensor) -> Planes:
        """Logits of a batch of windows."""
        planes = self.onset_head(self.onset_sequence(self.onset_stack(frames)))
        planes |= self.offset_head(self.offset_sequence(self.offset_stack(frames)))
        planes |= self.velocity_head(self.velocity_stack(frames))
        projected = self.frame_stack(frames)
        hints = [
            planes["onset"].sigmoid().detach(),
            planes["offset"].sigmoid().detach(),
            self.frame_hint(projected).sigmoid(),
        ]
        sequence = self.frame_sequence(torch.cat(hints, dim=-1))
        planes |= self.frame_head(sequence)
        pedal = self.pedal_head(self.pedal_sequence(torch.cat([projected, sequence], dim=-1)))
        return Planes(**planes, pedal=pedal.squeeze(-1))


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
