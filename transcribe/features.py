"""Samples to log-spectrogram frames, whole or block by block, with equal results.

Conventions
-----------
Frame ``i`` is centred on sample ``i * hop_length``; there is a frame for every
``i * hop_length < n_samples``. Beyond both ends of the recording lies silence.

A *spectrum* is taken with one window length. Taken in two *phases* it gives two columns
a frame, a quarter of a hop before and after its centre, so that attacks are seen at
half the hop although the network runs at the whole. Powers are relative to a sine of
full scale, in decibels, clipped at `FeatureConfig.floor_db` and scaled to [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from transcribe.frames import FrameGrid
from transcribe.notes import LOWEST_PITCH, N_PITCHES

MEL = "mel"
LOG_FREQUENCY = "log_frequency"
_FRAMES_PER_CHUNK = 512


@dataclass
class FeatureConfig:
    """What the network sees of a recording.

    The default is the log-frequency pair of spectra that the pitch-shared network
    stacks into harmonics; `mel_features` gives the single mel spectrum of [1]_.

    References
    ----------
    .. [1] C. Hawthorne et al., "Onsets and Frames: Dual-Objective Piano
       Transcription", ISMIR 2018.
    """

    scale: str = LOG_FREQUENCY
    """``"log_frequency"`` or ``"mel"`` (HTK)."""
    sample_rate: int = 16000
    """Hertz."""
    hop_length: int = 512
    """Samples from frame to frame."""
    windows: list[int] = field(default_factory=lambda: [4096, 1024])
    """Samples; long for the bass, short for attacks."""
    phases: list[int] = field(default_factory=lambda: [1, 2])
    """For each window, how many columns a frame."""
    bins_per_semitone: int = 3
    """Log-frequency only; its first bin belongs to A0."""
    n_bins: int = 297
    """Bins of every spectrum."""
    lowest_frequency: float = 30.0
    """Hertz, mel only."""
    floor_db: float = -90.0
    """Decibels; everything softer is 0."""

    @property
    def grid(self) -> FrameGrid:
        """The converter between seconds and this configuration's frames."""
        return FrameGrid(self.sample_rate, self.hop_length)

    @property
    def n_channels(self) -> int:
        """Columns a frame, over all windows and phases."""
        return sum(self.phases)

    @property
    def margin(self) -> int:
        """How many samples beyond its centre a frame sees, on either side."""
        return max(self.windows) // 2 + self.hop_length // 2

    def check(self) -> None:
        """Raise ValueError for settings that make no features."""
        if self.scale not in (MEL, LOG_FREQUENCY):
            raise ValueError(f"features.scale is 'mel' or 'log_frequency'; found {self.scale!r}")
        if len(self.windows) != len(self.phases) or not self.windows:
            raise ValueError(
                "features.windows and features.phases need one entry a spectrum; found "
                f"{self.windows} and {self.phases}"
            )
        limits = {
            "sample_rate": (1_000, 1_000_000),
            "hop_length": (1, 1 << 16),
            "windows": (2, 1 << 16),
            "phases": (1, 16),
            "bins_per_semitone": (1, 32),
            "n_bins": (1, 1 << 12),
            "lowest_frequency": (1, self.sample_rate / 2),
            "floor_db": (-300, -1),
        }
        for name, (lowest, highest) in limits.items():
            value = getattr(self, name)
            for each in value if isinstance(value, list) else [value]:
                if not lowest <= each <= highest:
                    raise ValueError(
                        f"features.{name} is {lowest:g} to {highest:g}; found {each:g}"
                    )


def mel_features() -> FeatureConfig:
    """The input of Onsets and Frames: 229 mel bins, window 2048, hop 512 at 16 kHz."""
    return FeatureConfig(scale=MEL, windows=[2048], phases=[1], n_bins=229)


class Features(nn.Module):
    """Samples to frames; a module, so that it can run where the network runs."""

    def __init__(self, config: FeatureConfig) -> None:
        super().__init__()
        config.check()
        self.config = config
        for index, n_fft in enumerate(config.windows):
            window = torch.hann_window(n_fft, periodic=True, dtype=torch.float64)
            window = window * 2 / window.sum()
            self.register_buffer(f"window_{index}", window.float(), persistent=False)
            self.register_buffer(f"filters_{index}", _filters(config, n_fft), persistent=False)

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
        n_samples = padded.shape[-1] - 2 * config.margin
        n_frames = config.grid.n_frames(n_samples)
        channels: list[Tensor] = []
        for index, (n_fft, n_phases) in enumerate(zip(config.windows, config.phases, strict=True)):
            window = self.get_buffer(f"window_{index}")
            filters = self.get_buffer(f"filters_{index}")
            for phase in range(n_phases):
                shift = (2 * phase + 1 - n_phases) * config.hop_length // (2 * n_phases)
                start = config.margin + shift - n_fft // 2
                stop = start + (n_frames - 1) * config.hop_length + n_fft
                frames = padded[..., start:stop].unfold(-1, n_fft, config.hop_length)
                spectrum = torch.fft.rfft(frames * window)
                power = spectrum.real.square() + spectrum.imag.square()
                with torch.autocast(padded.device.type, enabled=False):
                    channels.append(power @ filters)
        power = torch.stack(channels, dim=-2)
        decibels = 10 * torch.log10(power + 10 ** (config.floor_db / 10))
        return 1 - decibels / config.floor_db

    def whole(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Frames of one recording held in memory.

        Parameters
        ----------
        samples : array
            Shape (n_samples,), float32 mono at the configuration's sample rate.

        Returns
        -------
        array
            Shape (n_frames, n_channels, n_bins).
        """
        parts = list(self.stream([samples]))
        if parts:
            return np.concatenate(parts)
        return np.zeros((0, self.config.n_channels, self.config.n_bins), np.float32)

    @torch.inference_mode()
    def stream(self, blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """Frames of a recording that comes in blocks of any length, in bounded memory.

        Yields arrays of shape (n, n_channels, n_bins) which, joined, equal `whole`.
        """
        config, hop = self.config, self.config.hop_length
        device = self.get_buffer("window_0").device
        margin = config.margin
        held = np.zeros(margin, np.float32)
        n_samples = frames_done = 0

        def chunks(n_frames_ready: int) -> Iterator[NDArray[np.float32]]:
            nonlocal held, frames_done
            while n_frames_ready > 0:
                n = min(n_frames_ready, _FRAMES_PER_CHUNK)
                padded = held[: (n - 1) * hop + 1 + 2 * margin]
                yield self(torch.from_numpy(padded).to(device)).cpu().numpy()
                held = held[n * hop :]
                frames_done += n
                n_frames_ready -= n

        for block in blocks:
            n_samples += len(block)
            held = np.concatenate([held, block])
            yield from chunks((len(held) - 1 - 2 * margin) // hop + 1)
        held = np.concatenate([held, np.zeros(margin + hop, np.float32)])
        yield from chunks(config.grid.n_frames(n_samples) - frames_done)


def _filters(config: FeatureConfig, n_fft: int) -> Tensor:
    """Weights from FFT bins to feature bins, shape (n_fft // 2 + 1, n_bins)."""
    if config.scale == MEL:
        from torchaudio.functional import melscale_fbanks

        return melscale_fbanks(
            n_freqs=n_fft // 2 + 1,
            f_min=config.lowest_frequency,
            f_max=config.sample_rate / 2,
            n_mels=config.n_bins,
            sample_rate=config.sample_rate,
            norm=None,
            mel_scale="htk",
        )
    return torch.from_numpy(_log_frequency_filters(config, n_fft))


def bin_frequencies(config: FeatureConfig) -> NDArray[np.float64]:
    """Centres of the log-frequency bins, in hertz, shape (n_bins,).

    Pitch ``p`` has its centre on bin ``(p - 21) * bins_per_semitone +
    bins_per_semitone // 2`` when tuned to A4 = 440 Hz.
    """
    semitones = (np.arange(config.n_bins) - config.bins_per_semitone // 2) / (
        config.bins_per_semitone
    )
    return 440.0 * 2.0 ** ((LOWEST_PITCH - 69 + semitones) / 12)


def _log_frequency_filters(config: FeatureConfig, n_fft: int) -> NDArray[np.float32]:
    """Triangles around each bin's centre, never narrower than the FFT can resolve."""
    if config.n_bins < N_PITCHES * config.bins_per_semitone:
        raise ValueError(
            f"features.n_bins must cover 88 keys, {N_PITCHES * config.bins_per_semitone} bins "
            f"or more; found {config.n_bins}"
        )
    centres = bin_frequencies(config)
    resolution = config.sample_rate / n_fft
    spacing = centres * (2 ** (1 / (12 * config.bins_per_semitone)) - 1)
    width = np.maximum(spacing, resolution)
    frequencies = np.arange(n_fft // 2 + 1) * resolution
    weights = np.maximum(0, 1 - np.abs(frequencies[:, None] - centres) / width)
    weights[:, centres > config.sample_rate / 2 * math.sqrt(0.98)] = 0
    return weights.astype(np.float32)
