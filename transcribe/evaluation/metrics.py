"""How far an estimated performance is from the reference: mir_eval's numbers and a few more.

Conventions
-----------
- A note is right if its pitch is the same and its onset lies within the tolerance, ends
  included: 50 ms, or 20 or 10 ms where the name ends so. *Onset_offset* also asks that the
  offset lie within 50 ms or 20 % of the reference's duration, whichever is more and whatever
  the tolerance of the onset, and *onset_offset_velocity* that the velocity be within 0.1
  after mir_eval's linear fit. Notes are paired by `mir_eval.transcription.match_notes` [1]_.
- *Overlap* is the mean over matched notes of the time that both sound over the time from
  the first's onset to the last's offset.
- ``key/`` compares key releases; ``sustained/`` compares offsets that last until the
  sustain pedal comes up or the key is struck again, on both sides (`notes.sustained`).
- ``as_found/`` compares the times as they are; ``aligned/`` first takes the recording's
  median onset deviation (`onset_deviation`) off every estimated time. The *spread* of the
  deviation is its interquartile range.
- *Frames* are moments ``k * frame_hop``, 10 ms unless said; a note counts on those with
  ``onset <= moment < offset``. Each pair of moment and pitch counts once.
- A pedal press is right if its onset lies within 50 ms, and for *onset_offset* its offset
  as for notes.
- Where reference and estimate are both empty, precision, recall and F1 are 0, as in
  mir_eval; `aggregate` leaves a recording whose reference is empty out of the mean.
- A velocity error is in MIDI steps, raw, over notes matched by onset within 50 ms:
  mir_eval's velocity score fits a line first, so that halved or even inverted velocities
  are right to it.

Every function takes a `Performance`, so pitches reach mir_eval, which wants hertz, in no
other way than through `matching`.

References
----------
.. [1] C. Raffel et al., "mir_eval: A Transparent Implementation of Common MIR Metrics",
   ISMIR 2014.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from transcribe.evaluation.counts import Correlation, Mean, Ratio, Scores
from transcribe.evaluation.matching import (
    ONSET_TOLERANCE,
    Events,
    FloatArray,
    IntArray,
    Matching,
    match,
    match_aligned,
    onset_deviation,
    onset_deviations,
)
from transcribe.notes import Performance, sustained

__all__ = [
    "FINE_ONSET_TOLERANCES",
    "FRAME_HOP",
    "OFFSET_RATIO",
    "ONSET_TOLERANCE",
    "VELOCITY_TOLERANCE",
    "Matching",
    "Ratio",
    "Scores",
    "false_notes_per_minute",
    "frame_f1",
    "match_aligned",
    "note_f1",
    "onset_deviation",
    "onset_f1",
    "score",
]

FINE_ONSET_TOLERANCES = (0.02, 0.01)
"""Seconds, beside `ONSET_TOLERANCE`."""
OFFSET_RATIO = 0.2
"""Share of a note's duration by which its offset may be early or late; as mir_eval's."""
VELOCITY_TOLERANCE = 0.1
"""Of velocities from 0 to 1; as mir_eval's."""
FRAME_HOP = 0.01
"""Seconds."""
_TOLERANCES = {
    "" if seconds == ONSET_TOLERANCE else f"_{round(seconds * 1000)}ms": seconds
    for seconds in (ONSET_TOLERANCE, *FINE_ONSET_TOLERANCES)
}
"""How names end, and the tolerance of onsets that this means."""
_Sums: TypeAlias = "dict[str, Mean | Correlation]"


def score(
    ref: Performance,
    est: Performance,
    *,
    est_sustained: Performance | None = None,
    ref_has_pedal: bool = True,
    ref_has_velocity: bool = True,
    frame_hop: float = FRAME_HOP,
) -> Scores:
    """Everything this module measures, of one recording.

    Parameters
    ----------
    ref, est : Performance
        What was played and what was transcribed; offsets are key releases.
    est_sustained : Performance, optional
        The estimate's own pedal-extended notes, where it has both them and its key
        releases and pedal. Without it they follow from ``est`` by `notes.sustained`, as the
        reference's always do.
    ref_has_pedal, ref_has_velocity : bool
        Whether the reference knows about pedal and velocities. What needs them is left
        out otherwise: pedal, every ``sustained/`` score, every velocity score.
    frame_hop : float
        Seconds between the moments that frame scores compare.

    Returns
    -------
    Scores
        Each of its names but ``onset_deviation/...`` begins with ``as_found/`` or
        ``aligned/``.
    """
    ref_notes, est_notes = Events.of_notes(ref), Events.of_notes(est)
    deviations = onset_deviations(ref_notes, est_notes)
    median = float(np.median(deviations)) if len(deviations) else 0.0
    quartiles = np.percentile(deviations, [25, 75]) if len(deviations) else None
    numbers: dict[str, float | None] = {
        "onset_deviation/median": median if len(deviations) else None,
        "onset_deviation/spread": None if quartiles is None else float(np.ptp(quartiles)),
    }
    conventions = {"key": (ref_notes, est_notes)}
    pedal = None
    if ref_has_pedal:
        long_est = sustained(est) if est_sustained is None else est_sustained
        conventions["sustained"] = (Events.of_notes(sustained(ref)), Events.of_notes(long_est))
        pedal = Events.of_pedal(ref), Events.of_pedal(est)
    ratios: dict[str, Ratio] = {}
    sums: _Sums = {}
    for alignment, shift in (("as_found", 0.0), ("aligned", -median)):
        found, measured = _of_alignment(conventions, pedal, shift, ref_has_velocity, frame_hop)
        ratios |= {f"{alignment}/{name}": each for name, each in found.items()}
        sums |= {f"{alignment}/{name}": each for name, each in measured.items()}
    return Scores.of(ratios, sums, numbers)


def _of_alignment(
    conventions: dict[str, tuple[Events, Events]],
    pedal: tuple[Events, Events] | None,
    shift: float,
    ref_has_velocity: bool,
    frame_hop: float,
) -> tuple[dict[str, Ratio], _Sums]:
    """All that is measured with the estimate's times moved by so many seconds."""
    ref, est = conventions["key"]
    moved = est.moved(shift)
    by_onset = {
        ending: match(ref, moved, onset_tolerance=tolerance)
        for ending, tolerance in _TOLERANCES.items()
    }
    ratios = {f"onset{ending}": _ratio(ref, moved, pairs) for ending, pairs in by_onset.items()}
    sums: _Sums = {}
    if ref_has_velocity:
        wanted, heard = _velocities(ref, moved, by_onset[""])
        sums["velocity_error"] = Mean.of(np.abs(heard - wanted))
        sums["velocity_correlation"] = Correlation.of(wanted, heard)
    for convention, (long_ref, long_est) in conventions.items():
        long_moved = long_est.moved(shift)
        known = by_onset if _same_strikes(long_moved, moved) else None
        found, measured = _of_convention(long_ref, long_moved, known, ref_has_velocity, frame_hop)
        ratios |= {f"{convention}/{name}": each for name, each in found.items()}
        sums |= {f"{convention}/{name}": each for name, each in measured.items()}
    if pedal is not None:
        found, measured = _of_pedal(pedal[0], pedal[1].moved(shift), frame_hop)
        ratios |= {f"pedal/{name}": each for name, each in found.items()}
        sums |= {f"pedal/{name}": each for name, each in measured.items()}
    return ratios, sums


def _of_convention(
    ref: Events,
    est: Events,
    by_onset: dict[str, IntArray] | None,
    ref_has_velocity: bool,
    frame_hop: float,
) -> tuple[dict[str, Ratio], _Sums]:
    """What depends on where notes end; ``by_onset`` if it is known who matches by onset."""
    offset: dict[str, Ratio] = {}
    velocity: dict[str, Ratio] = {}
    overlap: _Sums = {}
    overlap_offset: _Sums = {}
    overlap_velocity: _Sums = {}
    for ending, tolerance in _TOLERANCES.items():
        by_both = match(ref, est, onset_tolerance=tolerance, offset_ratio=OFFSET_RATIO)
        offset[f"onset_offset{ending}"] = _ratio(ref, est, by_both)
        if ref_has_velocity:
            agreeing = _agreeing_in_velocity(ref, est, by_both)
            velocity[f"onset_offset_velocity{ending}"] = _ratio(ref, est, agreeing)
            name = f"overlap_onset_offset_velocity{ending}"
            overlap_velocity[name] = _overlap(ref, est, agreeing)
        overlap_offset[f"overlap_onset_offset{ending}"] = _overlap(ref, est, by_both)
        pairs = match(ref, est, onset_tolerance=tolerance) if by_onset is None else by_onset[ending]
        overlap[f"overlap{ending}"] = _overlap(ref, est, pairs)
    ratios = offset | velocity | {"frame": _frame_ratio(ref, est, frame_hop)}
    return ratios, overlap | overlap_offset | overlap_velocity


def _of_pedal(ref: Events, est: Events, frame_hop: float) -> tuple[dict[str, Ratio], _Sums]:
    by_onset, by_both = match(ref, est), match(ref, est, offset_ratio=OFFSET_RATIO)
    ratios = {
        "frame": _frame_ratio(ref, est, frame_hop),
        "onset": _ratio(ref, est, by_onset),
        "onset_offset": _ratio(ref, est, by_both),
    }
    return ratios, {
        "overlap": _overlap(ref, est, by_onset),
        "overlap_onset_offset": _overlap(ref, est, by_both),
    }


def onset_f1(ref: Performance, est: Performance, *, aligned: bool = False) -> float:
    """F1 of pitch and onset within 50 ms, as found or after `onset_deviation` is taken off."""
    return _f1(ref, est, aligned=aligned, offset_ratio=None)


def note_f1(ref: Performance, est: Performance, *, aligned: bool = False) -> float:
    """F1 of pitch, onset and offset as the performances have them, like `onset_f1`.

    For pedal-extended offsets give it ``sustained(ref)`` and ``sustained(est)``.
    """
    return _f1(ref, est, aligned=aligned, offset_ratio=OFFSET_RATIO)


def frame_f1(ref: Performance, est: Performance, *, frame_hop: float = FRAME_HOP) -> float:
    """F1 of which pitches sound, looked at every ``frame_hop`` seconds, as found.

    For pedal-extended offsets give it ``sustained(ref)`` and ``sustained(est)``.
    """
    return _frame_ratio(Events.of_notes(ref), Events.of_notes(est), frame_hop).f1


def false_notes_per_minute(est: Performance, duration: float) -> float:
    """How many notes a minute were found in a recording that has none.

    Parameters
    ----------
    est : Performance
        The transcription.
    duration : float
        Of the recording, in seconds, above 0.
    """
    if not duration > 0:
        raise ValueError(f"a recording's duration is above 0 s; found {duration}")
    return 60 * len(est.notes) / duration


def _f1(ref: Performance, est: Performance, *, aligned: bool, offset_ratio: float | None) -> float:
    ref_notes, est_notes = Events.of_notes(ref), Events.of_notes(est)
    if aligned:
        est_notes = est_notes.moved(-onset_deviation(ref, est))
    return _ratio(ref_notes, est_notes, match(ref_notes, est_notes, offset_ratio=offset_ratio)).f1


def _ratio(ref: Events, est: Events, matched: IntArray) -> Ratio:
    return Ratio(len(ref.pitches), len(est.pitches), len(matched))


def _same_strikes(events: Events, others: Events) -> bool:
    """Whether the two differ in offsets and velocities alone."""
    return np.array_equal(events.pitches, others.pitches) and np.array_equal(
        events.intervals[:, 0], others.intervals[:, 0]
    )


def _velocities(ref: Events, est: Events, matched: IntArray) -> tuple[FloatArray, FloatArray]:
    """Of matched notes, in the reference and in the estimate."""
    return ref.velocities[matched[:, 0]], est.velocities[matched[:, 1]]


def _agreeing_in_velocity(ref: Events, est: Events, matched: IntArray) -> IntArray:
    """Those of the pairs whose velocities agree once a line is fitted through all pairs.

    As `mir_eval.transcription_velocity` does, which would need its own matching.
    """
    if not len(matched):
        return matched
    wanted, heard = _velocities(ref, est, matched)
    lowest = ref.velocities.min()
    scale = max(1.0, float(np.ptp(ref.velocities)))
    wanted = (wanted - lowest) / scale
    line = np.stack([heard, np.ones_like(heard)], axis=1)
    slope, intercept = np.linalg.lstsq(line, wanted, rcond=None)[0]
    return matched[np.abs(slope * heard + intercept - wanted) < VELOCITY_TOLERANCE]


def _overlap(ref: Events, est: Events, matched: IntArray) -> Mean:
    """As `mir_eval.transcription.average_overlap_ratio`, which loops over notes."""
    played, heard = ref.intervals[matched[:, 0]], est.intervals[matched[:, 1]]
    shared = np.minimum(played[:, 1], heard[:, 1]) - np.maximum(played[:, 0], heard[:, 0])
    spanned = np.maximum(played[:, 1], heard[:, 1]) - np.minimum(played[:, 0], heard[:, 0])
    return Mean.of(shared / spanned)


def _frame_ratio(ref: Events, est: Events, frame_hop: float) -> Ratio:
    """Moments and pitches that sound."""
    ref_frames, est_frames = (
        np.ceil(each.intervals / frame_hop - 1e-6).astype(int).clip(0) for each in (ref, est)
    )
    n_frames = 1 + max(int(each.max(initial=0)) for each in (ref_frames, est_frames))
    ref_frames += ref.pitches[:, None] * n_frames  # so that no pitch meets another
    est_frames += est.pitches[:, None] * n_frames
    n_ref, n_est = _n_covered(ref_frames), _n_covered(est_frames)
    n_either = _n_covered(np.concatenate([ref_frames, est_frames]))
    return Ratio(n_ref, n_est, n_ref + n_est - n_either)


def _n_covered(edges: IntArray) -> int:
    """How many whole numbers lie in any ``start <= number < stop``; edges of shape (n, 2)."""
    edges = edges[np.argsort(edges[:, 0])]
    done = np.maximum.accumulate(edges[:, 1])
    begin = np.maximum(edges[1:, 0], done[:-1])
    first = edges[:1, 1] - edges[:1, 0]
    return int(first.sum() + (edges[1:, 1] - begin).clip(0).sum())
