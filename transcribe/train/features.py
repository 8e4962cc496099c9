"""`transcribe.features` in torch: batches of windows on the device that trains.

Windows and filters are those of `transcribe.features`, so that a network gets in
training what it will get afterwards.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from transcribe.features import FeatureConfig, columns, filters, hann_window


class TorchFeatures(nn.Module):
    """Samples to frames; a module, so that it can run where the network runs."""

    def __init__(self, config: FeatureConfig) -> None:
        super().__init__()
        config.check()
        self.config = config
        for n_fft in config.windows:
            window, weights = hann_window(n_fft), filters(config, n_fft)
            self.register_buffer(f"window_{n_fft}", torch.from_numpy(window), persistent=False)
            self.register_buffer(f"filters_{n_fft}", torch.from_numpy(weights), persistent=False)

    def forward(self, padded: Tensor) -> Tensor:
        """Frames of samples that carry `FeatureConfig.margin` more on either side.

        Parameters
        ----------
        padded : Tensor
            Shape (..., margin + n_samples + margin), about [-1, 1].

        Returns
        -------
        Tensor
            Shape (..., n_frames, n_channels, n_bins), in [0, 1] up to full scale.
        """
        config = self.config
        n_frames = config.grid.n_frames(padded.shape[-1] - 2 * config.margin)
        channels: list[Tensor] = []
        for column in columns(config):
            n_fft, start = column.n_fft, column.start
            stop = start + (n_frames - 1) * config.hop_length + n_fft
            frames = padded[..., start:stop].unfold(-1, n_fft, config.hop_length)
            spectrum = torch.fft.rfft(frames * self.get_buffer(f"window_{n_fft}"))
            power = spectrum.real.square() + spectrum.imag.square()
            with torch.autocast(padded.device.type, enabled=False):
                channels.append(power @ self.get_buffer(f"filters_{n_fft}"))
        power = torch.stack(channels, dim=-2)
        decibels = 10 * torch.log10(power + 10 ** (config.floor_db / 10))
        return 1 - decibels / config.floor_db
