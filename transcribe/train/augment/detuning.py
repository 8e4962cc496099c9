"""A recording played faster or slower, and its labels with it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import soxr
from numpy.typing import NDArray

from transcribe.notes import Performance

Samples = NDArray[np.float32]


def detune(samples: Samples, cents: float) -> tuple[Samples, float]:
    """Play samples faster or slower, so that they sound ``cents`` higher.

    Returns
    -------
    samples : np.ndarray
        About ``2 ** (-cents / 1200)`` times as many.
    time_scale : float
        What was at ``time`` is now at ``time * time_scale``; for `scale_performance`.
    """
    if cents == 0 or len(samples) == 0:
        return samples, 1.0
    ratio = 2 ** (cents / 1200)
    return soxr.resample(samples, ratio, 1.0).astype(np.float32, copy=False), 1 / ratio


def scale_performance(performance: Performance, factor: float) -> Performance:
    """Multiply every time of a performance, as `detune` does with its recording."""
    if not 0 < factor < float("inf"):
        raise ValueError(f"a factor of time is above 0; found {factor}")
    return Performance(
        notes=tuple(
            replace(note, onset=note.onset * factor, offset=note.offset * factor)
            for note in performance.notes
        ),
        pedal=tuple(
            replace(press, onset=press.onset * factor, offset=press.offset * factor)
            for press in performance.pedal
        ),
    )
