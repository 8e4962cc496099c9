"""How long a live transcription waits before it decides, and what that leaves it to hear.

A note at time ``t`` shows in the frame nearest to it, which lies up to half a frame away. The
frame is decided when ``look_ahead`` frames more have been heard whole; then the network runs.
So with frames of 32 ms the note is sent ``32 * (look_ahead + 1)`` ms later, give or take 16,
and what buffers and computing take comes on top (`SPARE`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from transcribe.decode.config import DecodeConfig
from transcribe.frames import FrameGrid

LATENCIES = (0.15, 0.5)
"""Seconds: the least and the most that may be asked for."""
DEFAULT_LATENCY = 0.2
SPARE = 0.04
"""Seconds of the latency that are not for listening: half a frame, buffers, computing."""
WINDOW_SECONDS = 1.28
"""What the network hears again with every frame, the look-ahead included. A second is as good as
two, where what is asked for is in its last half."""
_THRESHOLDS = ((4, 0.5),)
"""With up to so many frames of look-ahead, the onset threshold; above, `_MORE`. Chosen on the
validation split of ddsp-piano (``eval/results/live-thresholds.json``)."""
_MORE = 0.6


@dataclass(frozen=True, slots=True)
class LookAhead:
    """What a latency means in frames."""

    frames: int
    """Heard whole after a frame before it is decided."""

    @classmethod
    def of(cls, latency: float, grid: FrameGrid) -> LookAhead:
        """For seconds of latency, the longest look-ahead that fits.

        Raises
        ------
        ValueError
            The latency is not within `LATENCIES`.
        """
        lowest, highest = LATENCIES
        if not lowest <= latency <= highest:
            raise ValueError(
                f"a latency is {lowest * 1000:g} to {highest * 1000:g} ms; found "
                f"{latency * 1000:g} ms"
            )
        return cls(max(int(grid.position(latency - SPARE)) - 1, 1))

    def wait(self, grid: FrameGrid) -> float:
        """Seconds of sound after a frame's centre until it can be decided."""
        return grid.seconds(self.frames + 1)

    def thresholds(self, config: DecodeConfig) -> DecodeConfig:
        """The settings of the decoder for this look-ahead: with less of what follows, an onset's
        probability is lower."""
        suited = next((each for most, each in _THRESHOLDS if self.frames <= most), _MORE)
        return replace(config, onset_threshold=min(config.onset_threshold, suited))


def window_frames(grid: FrameGrid) -> int:
    """How many frames the network sees at once."""
    return round(grid.position(WINDOW_SECONDS))
