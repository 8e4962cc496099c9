"""Seconds and frames: the one converter between them, light enough for any room."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FrameGrid:
    """The only converter between seconds and frames.

    Frame ``i`` is centred on sample ``i * hop_length``.
    """

    sample_rate: int
    hop_length: int

    @property
    def frame_rate(self) -> float:
        """Frames a second; rarely a whole number."""
        return self.sample_rate / self.hop_length

    def seconds(self, position: float) -> float:
        """Time of a position in frames, which need not be whole."""
        return position * self.hop_length / self.sample_rate

    def position(self, seconds: float) -> float:
        """Position in frames of a time, not rounded."""
        return seconds * self.sample_rate / self.hop_length

    def n_frames(self, n_samples: int) -> int:
        """How many frames ``n_samples`` samples make."""
        return -(-n_samples // self.hop_length)
