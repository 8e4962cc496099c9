"""When a recording is worth a remark: distorted, no piano, out of tune.

Where the figures come from: real recordings of pianos are heard with a mean confidence of
0.95 and more, and most other sounds give no notes at all.
"""

from __future__ import annotations

CLIPPED_LEVEL = 0.995
"""Of full scale; from here on a sample counts as cut off."""
DOUBTFUL = 0.85
"""A mean confidence below this is not that of a piano."""
_SPARSE = 6.0
"""Notes a minute; with fewer, and those rather doubtful, it is no piano either."""
_CLIPPED = 5e-4
"""Share of the samples at full scale from which a recording sounds distorted."""
_OUT_OF_TUNE = 15.0
"""Cents; further from A = 440 Hz than pianos in use are kept."""


def is_distorted(clipped: float) -> bool:
    """Whether so large a share of clipped samples, 0 to 1, is heard."""
    return clipped > _CLIPPED


def is_no_piano(confidence: float, n_notes: int, duration: float) -> bool:
    """Whether notes of so low a mean confidence, in so many seconds, are guesses."""
    sparse = 60 * n_notes < _SPARSE * duration
    return confidence < DOUBTFUL or (sparse and confidence < (1 + DOUBTFUL) / 2)


def is_out_of_tune(cents: float) -> bool:
    """Whether a tuning so far from A = 440 Hz is worth telling."""
    return abs(cents) >= _OUT_OF_TUNE
