"""Musically motivated measures of a transcription, by the package mpteval (the extra ``mpteval``).

How well a transcription keeps what a pianist shapes [1]_: correlations, over the reference's
onsets, of timing (inter-onset intervals), articulation (key overlap ratios, with the pedal
counted in as the reference has it), dynamics (how loud the upper voice is above the lower) and
harmony (tonal tension). 1 is best; None where a measure is not defined, as for a single line.

References
----------
.. [1] P. Hu, L. S. Marták, C. Cancino-Chacón and G. Widmer, "Towards Musically Informed
   Evaluation of Piano Transcription Models", ISMIR 2024.
"""

from __future__ import annotations

import math
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from transcribe.errors import TranscribeError
from transcribe.midi import write_midi
from transcribe.notes import Performance

HOW_TO = "mpteval's measures need the extra mpteval: pip install -e '.[mpteval]'"


def musical_measures(
    ref: Performance,
    est: Performance,
    *,
    ref_has_pedal: bool = True,
    ref_has_velocity: bool = True,
) -> dict[str, float | None]:
    """Correlations by name, each of which begins with ``musical/``; -1 to 1.

    Parameters
    ----------
    ref, est : Performance
        What was played and what was transcribed, times as found.
    ref_has_pedal, ref_has_velocity : bool
        Whether the reference knows them; what needs them is left out otherwise.

    Raises
    ------
    TranscribeError
        mpteval is not installed.
    """
    try:
        import partitura
        from mpteval.metrics_feature import articulation, dynamics, harmony, timing
    except ImportError as error:
        raise TranscribeError(HOW_TO) from error
    measures = {
        "timing": timing.timing_metrics_from_perf,
        "harmony": harmony.harmony_metrics_from_perf,
    }
    if ref_has_pedal:
        measures["articulation"] = lambda ref, est: articulation.articulation_metrics_from_perf(
            ref, est, pedal_range=[64]
        )
    if ref_has_velocity:
        measures["dynamics"] = dynamics.dynamics_metrics_from_perf
    found: dict[str, float | None] = {}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, measure in measures.items():
            parts = []
            for side, performance in (("ref", ref), ("est", est)):
                path = Path(folder) / f"{side}.mid"
                write_midi(performance, path)
                parts.append(partitura.load_performance_midi(path)[0])
            try:
                figures = measure(*parts)
            except (ValueError, IndexError, ZeroDivisionError):
                continue  # too few notes for this measure
            found |= {f"musical/{name}{each}": value for each, value in _named(figures)}
    return found


def _named(figures: Any) -> Iterator[tuple[str, float | None]]:
    """Of a structured array, or of one number, what is defined."""
    names = getattr(figures, "dtype", None) and figures.dtype.names
    values = {f"/{n}": figures[n][0] for n in names} if names else {"": figures}
    for name, value in values.items():
        if name != "/pedal_threshold":
            yield name, float(value) if math.isfinite(value) else None
