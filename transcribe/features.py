"""Samples to log-spectrogram frames, whole or block by block, with equal results.

Conventions
-----------
Frame ``i`` is centred on sample ``i * hop_length``; there is a frame for every
``i * hop_length < n_samples``. Beyond both ends of the recording lies silence.

A *spectrum* is taken with one window length. Taken in two *phases* it gives two columns
a frame, a quarter of a hop before and after its centre, so that attacks are seen at
half the hop although the network runs at the whole. Powers are relative to a sine of
full scale, in decibels, clipped at `FeatureConfig.floor_db` and scaled to [0, 1].

Everything here is numpy, so that transcribing needs no deep-learning framework. Training
computes the same in torch (`transcribe.train.features`) from the windows and filters that
are defined here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from transcribe.frames import FrameGrid
from transcribe.notes import LOWEST_PITCH, N_PITCHES

MEL = "mel"
LOG_FREQUENCY = "log_frequency"
_FRAMES_PER_CHUNK = 64
"""So many frames at once stay in a processor's cache."""
_BINS_PER_BAND = 33
"""Filters that are applied together, to the FFT bins that one of them needs."""


@dataclass
class FeatureConfig:
    """What the network sees of a recording.

    The default is the log-frequency pair of spectra that the pitch-shared network
    stacks into harmonics; ``conf/model/paper.yaml`` has the single mel spectrum of [1]_.

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


@dataclass(frozen=True, slots=True)
class Column:
    """One of a frame's spectra: where its window begins, and which one it is."""

    n_fft: int
    """Samples of the window."""
    start: int
    """Of the window, in samples after the first sample of the margin."""


def columns(config: FeatureConfig) -> list[Column]:
    """The columns of a frame, in the order of the channels."""
    found = []
    for n_fft, n_phases in zip(config.windows, config.phases, strict=True):
        for phase in range(n_phases):
            shift = (2 * phase + 1 - n_phases) * config.hop_length // (2 * n_phases)
            found.append(Column(n_fft, config.margin + shift - n_fft // 2))
    return found


class Features:
    """Samples to frames.

    Parameters
    ----------
    config : FeatureConfig
        What a frame is made of.

    Raises
    ------
    ValueError
        The settings make no features.
    """

    def __init__(self, config: FeatureConfig) -> None:
        config.check()
        self.config = config
        self._columns = columns(config)
        self._windows = {n_fft: hann_window(n_fft) for n_fft in config.windows}
        self._bands = {n_fft: _in_bands(filters(config, n_fft)) for n_fft in config.windows}

    def __call__(self, padded: NDArray[np.float32]) -> NDArray[np.float32]:
        """Frames of samples that carry `FeatureConfig.margin` more on either side.

        Parameters
        ----------
        padded : array
            Shape (margin + n_samples + margin,), float32, about [-1, 1].

        Returns
        -------
        array
            Shape (n_frames, n_channels, n_bins), float32, in [0, 1] up to full scale.
        """
        config = self.config
        n_frames = config.grid.n_frames(len(padded) - 2 * config.margin)
        power = np.empty((n_frames, config.n_channels, config.n_bins), np.float32)
        for channel, column in enumerate(self._columns):
            stop = column.start + (n_frames - 1) * config.hop_length + column.n_fft
            frames = sliding_window_view(padded[column.start : stop], column.n_fft)
            spectrum = np.fft.rfft(frames[:: config.hop_length] * self._windows[column.n_fft])
            density = (spectrum.real**2 + spectrum.imag**2).astype(np.float32, copy=False)
            for bins, rows, weights in self._bands[column.n_fft]:
                np.matmul(density[:, rows], weights, out=power[:, channel, bins])
        power += np.float32(10 ** (config.floor_db / 10))
        np.log10(power, out=power)
        power *= np.float32(-10 / config.floor_db)
        power += 1
        return power

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

    def stream(
        self, blocks: Iterable[NDArray[np.float32]], *, first_frame: int = 0
    ) -> Iterator[NDArray[np.float32]]:
        """Frames of a recording that comes in blocks of any length, in bounded memory.

        Yields arrays of shape (n, n_channels, n_bins) which, joined, equal `whole` from
        ``first_frame`` on.
        """
        config, hop = self.config, self.config.hop_length
        margin = config.margin
        held = np.zeros(margin, np.float32)
        n_samples, frames_done = 0, first_frame
        n_ahead = first_frame * hop  # samples that no frame needs

        def chunks(n_frames_ready: int) -> Iterator[NDArray[np.float32]]:
            nonlocal held, frames_done
            while n_frames_ready > 0:
                n = min(n_frames_ready, _FRAMES_PER_CHUNK)
                padded = held[: (n - 1) * hop + 1 + 2 * margin]
                yield self(padded)
                held = held[n * hop :]
                frames_done += n
                n_frames_ready -= n

        for block in blocks:
            n_samples += len(block)
            held = np.concatenate([held, block])
            n_unused = min(n_ahead, len(held))
            held, n_ahead = held[n_unused:], n_ahead - n_unused
            yield from chunks((len(held) - 1 - 2 * margin) // hop + 1)
        held = np.concatenate([held, np.zeros(margin + hop, np.float32)])
        yield from chunks(config.grid.n_frames(n_samples) - frames_done)


def hann_window(n_fft: int) -> NDArray[np.float32]:
    """A periodic Hann window, scaled so that a sine of full scale has a power of 1."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    return (window * 2 / window.sum()).astype(np.float32)


def filters(config: FeatureConfig, n_fft: int) -> NDArray[np.float32]:
    """Weights from FFT bins to feature bins, shape (n_fft // 2 + 1, n_bins)."""
    if config.scale == MEL:
        return _mel_filters(config, n_fft)
    return _log_frequency_filters(config, n_fft)


def exported(config: FeatureConfig) -> dict[str, NDArray[np.float32] | NDArray[np.int32]]:
    """Windows and filters as data, for programs that make the same features without this one.

    Returns
    -------
    dict
        For each window length ``n``: ``n.window``, shape (n,); and the filters, of which bin
        ``b`` is the sum of ``n.weights[n.begin[b] : n.begin[b + 1]]`` times the powers of as
        many FFT bins from ``n.first[b]`` on.
    """
    arrays: dict[str, NDArray[np.float32] | NDArray[np.int32]] = {}
    for n_fft in config.windows:
        first, begin, kept = [], [0], []
        for weights in filters(config, n_fft).T:
            used = np.flatnonzero(weights)
            row = slice(used[0], used[-1] + 1) if len(used) else slice(0, 0)
            first.append(row.start)
            kept.append(weights[row])
            begin.append(begin[-1] + len(kept[-1]))
        arrays |= {
            f"{n_fft}.window": hann_window(n_fft),
            f"{n_fft}.first": np.array(first, np.int32),
            f"{n_fft}.begin": np.array(begin, np.int32),
            f"{n_fft}.weights": np.concatenate(kept),
        }
    return arrays


def _in_bands(
    weights: NDArray[np.float32],
) -> list[tuple[slice, slice, NDArray[np.float32]]]:
    """Filters in groups of neighbours, each with the FFT bins that it needs and no others."""
    bands = []
    for start in range(0, weights.shape[1], _BINS_PER_BAND):
        bins = slice(start, min(start + _BINS_PER_BAND, weights.shape[1]))
        used = np.flatnonzero(weights[:, bins].any(axis=1))
        rows = slice(used[0], used[-1] + 1) if len(used) else slice(0, 1)
        bands.append((bins, rows, np.ascontiguousarray(weights[rows, bins])))
    return bands


def _mel_filters(config: FeatureConfig, n_fft: int) -> NDArray[np.float32]:
    """Triangles of equal height from bin to bin of the HTK mel scale."""

    def mel(frequency: float) -> float:
        return 2595 * math.log10(1 + frequency / 700)

    highest = config.sample_rate / 2
    mels = np.linspace(mel(config.lowest_frequency), mel(highest), config.n_bins + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    frequencies = np.linspace(0, highest, n_fft // 2 + 1)[:, None]
    rising = (frequencies - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


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
