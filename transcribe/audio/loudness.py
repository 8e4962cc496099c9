"""Recordings so quiet that the network finds fewer notes in them: amplified before it.

Powers count in decibels down to a floor (`FeatureConfig.floor_db`), so what lies far below
full scale sinks into it. On two recordings (12 s each, onset F1): 99 with peaks at -3 dB,
99 at -50, 98 at -60, 93 at -66, 79 at -70; made louder again, 99, also from 16-bit samples
with peaks at -72. So a recording that never rises above `QUIET_DB` is made louder, and any
other is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from transcribe.audio.quality import SILENCE_DB, AudioWarning
from transcribe.audio.reader import AudioReader

QUIET_DB = -50.0
"""Decibels relative to full scale; what never rises above it is made louder."""
_QUIET = 10 ** (QUIET_DB / 20)
_LOUD = 0.5
"""Where its greatest sample comes to lie."""


def gain_of(peak: float) -> float:
    """What to multiply a recording of this greatest absolute sample with; mostly 1."""
    return _LOUD / peak if 10 ** (SILENCE_DB / 20) <= peak < _QUIET else 1.0


def as_warning(gain: float) -> tuple[AudioWarning, ...]:
    """The warning about a recording that was multiplied with this, if any."""
    if gain == 1:
        return ()
    return (AudioWarning("quiet", {"peak_db": 20 * float(np.log10(_LOUD / gain))}),)


class LevelledReader(AudioReader):
    """An `AudioReader` that makes louder what is very quiet throughout, and says so.

    Only a recording that begins very quietly is read twice, up to its first louder sample.
    """

    gain = 1.0

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        self.gain = 1.0
        blocks = super().__iter__()
        first = next(blocks, np.zeros(0, np.float32))
        peak = _peak(first)
        if peak >= _QUIET:
            yield from chain([first], blocks)
            return
        for block in blocks:
            peak = max(peak, _peak(block))
            if peak >= _QUIET:
                break
        self.gain = gain_of(peak)
        for block in super().__iter__():
            yield block if self.gain == 1 else block * np.float32(self.gain)

    @property
    def warnings(self) -> tuple[AudioWarning, ...]:
        """As of `AudioReader`, and whether it was made louder."""
        return super().warnings + as_warning(self.gain)


def _peak(block: NDArray[np.float32]) -> float:
    return float(np.abs(block).max(initial=0))
