"""How far an estimated performance is from the reference: mir_eval's numbers and a few more.

Conventions
-----------
- A note is right if its pitch is the same and its onset lies within the tolerance
  (50 ms, or 20 or 10 ms where the name says so). *Onset_offset* also asks that the offset
  lie within 50 ms or 20 % of the reference's duration, whichever is more, and
  *onset_offset_velocity* that the velocity be within 0.1 after mir_eval's linear fit.
  Notes are paired by `mir_eval.transcription.match_notes` [1]_.
- ``key/`` compares key releases; ``sustained/`` compares offsets that last until the
  sustain pedal comes up or the key is struck again, on both sides (`notes.sustained`).
- ``as_found/`` compares the times as they are; ``aligned/`` first takes the recording's
  median onset deviation (`onset_deviation`) off every estimated time.
- *Frames* are moments ``k * frame_hop``, 10 ms unless said; a note counts on those with
  ``onset <= moment < offset``. Each pair of moment and pitch counts once.
- A pedal press is right if its onset lies within 50 ms, and for *onset_offset* its offset
  as for notes.
- Where reference and estimate are both empty, precision, recall and F1 are 0, as in
  mir_eval; `aggregate` leaves a recording whose reference is empty out of the mean.
- A velocity error is in MIDI steps, raw: mir_eval's velocity score fits a line first, so
  that halved or even inverted velocities are right to it.

Every function takes a `Performance`, so pitches reach mir_eval, which wants hertz, in no
other way than through the conversion here.

References
----------
.. [1] C. Raffel et al., "mir_eval: A Transparent Implementation of Common MIR Metrics",
   ISMIR 2014.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from mir_eval import transcription
from numpy.typing import NDArray

from transcribe.notes import LOWEST_PITCH, N_PITCHES, Performance, sustained

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

ONSET_TOLERANCE = 0.05
FINE_ONSET_TOLERANCES = (0.02, 0.01)
OFFSET_RATIO = 0.2
VELOCITY_TOLERANCE = 0.1
FRAME_HOP = 0.01
_A4_HERTZ = 440.0


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many things the reference has, how many the estimate, how many agree."""

    n_ref: int
    n_est: int
    n_matched: int

    @property
    def precision(self) -> float:
        """Part of the estimate that is right; 0 for an empty estimate."""
        return self.n_matched / self.n_est if self.n_est else 0.0

    @property
    def recall(self) -> float:
        """Part of the reference that was found; 0 for an empty reference."""
        return self.n_matched / self.n_ref if self.n_ref else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 where both are."""
        total = self.n_ref + self.n_est
        return 2 * self.n_matched / total if total else 0.0

    def __add__(self, other: Ratio) -> Ratio:
        return Ratio(
            self.n_ref + other.n_ref, self.n_est + other.n_est, self.n_matched + other.n_matched
        )

    def as_json(self) -> dict[str, float]:
        """Counts and the three ratios."""
        return {
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "n_ref": self.n_ref,
            "n_est": self.n_est,
            "n_matched": self.n_matched,
        }


@dataclass(frozen=True, slots=True)
class Scores:
    """One recording's metrics by name, such as ``"aligned/sustained/onset_offset"``.

    Numbers are None where they are undefined: no matched notes, or no spread to
    correlate. What the reference can't tell (pedal, velocity) is absent.
    """

    ratios: dict[str, Ratio]
    numbers: dict[str, float | None]

    def as_json(self) -> dict[str, Any]:
        """Plain dictionaries of floats."""
        return {name: ratio.as_json() for name, ratio in self.ratios.items()} | self.numbers


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
        What was played and what was heard; offsets are key releases.
    est_sustained : Performance, optional
        The estimate's own pedal-extended notes, where it tells them apart from its key
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
    deviations = _onset_deviations(_key_events(ref), _key_events(est))
    median = float(np.median(deviations)) if len(deviations) else 0.0
    quartiles = np.percentile(deviations, [25, 75]) if len(deviations) else None
    ratios: dict[str, Ratio] = {}
    numbers: dict[str, float | None] = {
        "onset_deviation/median": median if len(deviations) else None,
        "onset_deviation/spread": None if quartiles is None else float(np.ptp(quartiles)),
    }
    pairs = {"key": (_key_events(ref), _key_events(est))}
    if ref_has_pedal:
        long_est = sustained(est) if est_sustained is None else est_sustained
        pairs["sustained"] = (_key_events(sustained(ref)), _key_events(long_est))
    ref_pedal, est_pedal = _pedal_events(ref), _pedal_events(est)

    for alignment, shift in (("as_found", 0.0), ("aligned", -median)):
        found: dict[str, Ratio] = {}
        measured: dict[str, float | None] = {}
        ref_notes, est_notes = pairs["key"][0], pairs["key"][1].moved(shift)
        matched = _match(ref_notes, est_notes)
        found["onset"] = _ratio(ref_notes, est_notes, matched)
        for tolerance in FINE_ONSET_TOLERANCES:
            closer = _match(ref_notes, est_notes, onset_tolerance=tolerance)
            name = f"onset_{round(tolerance * 1000)}ms"
            found[name] = _ratio(ref_notes, est_notes, closer)
        if ref_has_velocity:
            error, correlation = _velocity_error(ref_notes, est_notes, matched)
            measured |= {"velocity_error": error, "velocity_correlation": correlation}
        for convention, (long_ref, unmoved) in pairs.items():
            moved = unmoved.moved(shift)
            matched = _match(long_ref, moved, offset_ratio=OFFSET_RATIO)
            found[f"{convention}/onset_offset"] = _ratio(long_ref, moved, matched)
            if ref_has_velocity:
                agreed = _agreeing_in_velocity(long_ref, moved, matched)
                name = f"{convention}/onset_offset_velocity"
                found[name] = _ratio(long_ref, moved, agreed)
            found[f"{convention}/frame"] = _frame_ratio(long_ref, moved, frame_hop)
            measured[f"{convention}/overlap"] = _overlap(long_ref, moved, _match(long_ref, moved))
            measured[f"{convention}/overlap_onset_offset"] = _overlap(long_ref, moved, matched)
        if ref_has_pedal:
            moved = est_pedal.moved(shift)
            found["pedal/frame"] = _frame_ratio(ref_pedal, moved, frame_hop)
            found["pedal/onset"] = _ratio(ref_pedal, moved, _match(ref_pedal, moved))
            matched = _match(ref_pedal, moved, offset_ratio=OFFSET_RATIO)
            found["pedal/onset_offset"] = _ratio(ref_pedal, moved, matched)
        ratios |= {f"{alignment}/{name}": ratio for name, ratio in found.items()}
        numbers |= {f"{alignment}/{name}": number for name, number in measured.items()}
    return Scores(ratios, numbers)


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
    return _frame_ratio(_key_events(ref), _key_events(est), frame_hop).f1


def onset_deviation(ref: Performance, est: Performance) -> float:
    """Seconds by which the estimated onsets are late, in the median; 0 if none match.

    In two passes: the median over notes matched at 50 ms, then, with that taken off, the
    median over notes matched again, because the first 50 ms cut off one side of the
    deviations more than the other.
    """
    deviations = _onset_deviations(_key_events(ref), _key_events(est))
    return float(np.median(deviations)) if len(deviations) else 0.0


class Matching(NamedTuple):
    """Which heard note is which played note."""

    pairs: IntArray
    """Numbers of (ref, est) notes, shape (n, 2), in the order of the first."""
    deviation: float
    """Seconds that the estimate was late in the median, and that were taken off."""


def match_aligned(ref: Performance, est: Performance) -> Matching:
    """Pair notes of one pitch within 50 ms, the median onset deviation taken off."""
    deviation = onset_deviation(ref, est)
    return Matching(_match(_key_events(ref), _key_events(est).moved(-deviation)), deviation)


def false_notes_per_minute(est: Performance, duration: float) -> float:
    """How many notes a minute were heard in a recording that has none.

    Parameters
    ----------
    est : Performance
        What was heard.
    duration : float
        Of the recording, in seconds, above 0.
    """
    if not duration > 0:
        raise ValueError(f"a recording's duration is above 0 s; found {duration}")
    return 60 * len(est.notes) / duration


def _f1(ref: Performance, est: Performance, *, aligned: bool, offset_ratio: float | None) -> float:
    ref_notes, est_notes = _key_events(ref), _key_events(est)
    if aligned:
        est_notes = est_notes.moved(-onset_deviation(ref, est))
    return _ratio(ref_notes, est_notes, _match(ref_notes, est_notes, offset_ratio=offset_ratio)).f1


class _Events(NamedTuple):
    """Notes, or pedal presses as notes of one pitch, as arrays of n rows."""

    intervals: FloatArray
    """Shape (n, 2): onset and offset in seconds."""
    pitches: IntArray
    velocities: FloatArray

    def moved(self, seconds: float) -> _Events:
        return self._replace(intervals=self.intervals + seconds)

    @property
    def hertz(self) -> FloatArray:
        return _A4_HERTZ * 2.0 ** ((self.pitches - 69) / 12)


def _key_events(performance: Performance) -> _Events:
    notes = performance.notes
    return _Events(
        np.array([(note.onset, note.offset) for note in notes], float).reshape(-1, 2),
        np.array([note.pitch for note in notes], np.int64),
        np.array([note.velocity for note in notes], float),
    )


def _pedal_events(performance: Performance) -> _Events:
    presses = performance.pedal
    return _Events(
        np.array([(press.onset, press.offset) for press in presses], float).reshape(-1, 2),
        np.full(len(presses), LOWEST_PITCH, np.int64),
        np.ones(len(presses)),
    )


def _match(
    ref: _Events,
    est: _Events,
    *,
    onset_tolerance: float = ONSET_TOLERANCE,
    offset_ratio: float | None = None,
) -> IntArray:
    """Row numbers (ref, est) of matched notes, shape (n, 2), in the order of the first.

    Pitches are taken one at a time: none is within mir_eval's 50 cents of another, so the
    pairs are the same, and its table of all distances stays small in a recording of
    tens of thousands of notes.
    """
    pairs = [np.zeros((0, 2), np.int64)]
    ref_hertz, est_hertz = ref.hertz, est.hertz
    for pitch in np.intersect1d(ref.pitches, est.pitches):
        ref_rows = np.flatnonzero(ref.pitches == pitch)
        est_rows = np.flatnonzero(est.pitches == pitch)
        found = transcription.match_notes(
            ref.intervals[ref_rows],
            ref_hertz[ref_rows],
            est.intervals[est_rows],
            est_hertz[est_rows],
            onset_tolerance=onset_tolerance,
            offset_ratio=offset_ratio,
        )
        rows = np.array(found, np.int64).reshape(-1, 2)
        pairs.append(np.stack([ref_rows[rows[:, 0]], est_rows[rows[:, 1]]], axis=1))
    matched = np.concatenate(pairs)
    return matched[np.argsort(matched[:, 0])]


def _ratio(ref: _Events, est: _Events, matched: IntArray) -> Ratio:
    return Ratio(len(ref.pitches), len(est.pitches), len(matched))


def _onset_deviations(ref: _Events, est: _Events) -> FloatArray:
    """Estimated minus reference onset of matched notes, as `onset_deviation` says."""
    first = _differences(ref, est, _match(ref, est))
    if not len(first):
        return first
    return _differences(ref, est, _match(ref, est.moved(-float(np.median(first)))))


def _differences(ref: _Events, est: _Events, matched: IntArray) -> FloatArray:
    return est.intervals[matched[:, 1], 0] - ref.intervals[matched[:, 0], 0]


def _agreeing_in_velocity(ref: _Events, est: _Events, matched: IntArray) -> IntArray:
    """Those of the pairs whose velocities agree once a line is fitted through all pairs.

    As `mir_eval.transcription_velocity` does, which would need its own matching.
    """
    if not len(matched):
        return matched
    lowest = ref.velocities.min()
    scale = max(1.0, float(np.ptp(ref.velocities)))
    wanted = (ref.velocities[matched[:, 0]] - lowest) / scale
    heard = est.velocities[matched[:, 1]]
    line = np.stack([heard, np.ones_like(heard)], axis=1)
    slope, intercept = np.linalg.lstsq(line, wanted, rcond=None)[0]
    return matched[np.abs(slope * heard + intercept - wanted) < VELOCITY_TOLERANCE]


def _velocity_error(
    ref: _Events, est: _Events, matched: IntArray
) -> tuple[float | None, float | None]:
    """Mean absolute error in MIDI steps, and Pearson's correlation, of raw velocities."""
    if not len(matched):
        return None, None
    wanted, heard = ref.velocities[matched[:, 0]], est.velocities[matched[:, 1]]
    error = float(np.abs(heard - wanted).mean())
    if not (np.ptp(wanted) and np.ptp(heard)):
        return error, None
    return error, float(np.corrcoef(wanted, heard)[0, 1])


def _overlap(ref: _Events, est: _Events, matched: IntArray) -> float | None:
    """Mean over matched notes of the time they share over the time they span together."""
    if not len(matched):
        return None
    ratio = transcription.average_overlap_ratio(ref.intervals, est.intervals, matched)
    return float(ratio)


def _frame_ratio(ref: _Events, est: _Events, frame_hop: float) -> Ratio:
    last = max((float(each.intervals[:, 1].max(initial=0)) for each in (ref, est)), default=0)
    n_frames = int(last / frame_hop) + 2
    ref_roll, est_roll = (_sounding(each, frame_hop, n_frames) for each in (ref, est))
    return Ratio(
        int(ref_roll.sum()),
        int(est_roll.sum()),
        int(np.logical_and(ref_roll, est_roll).sum()),
    )


def _sounding(events: _Events, frame_hop: float, n_frames: int) -> NDArray[np.bool_]:
    """Which pitch sounds at which moment, shape (88, n_frames)."""
    roll = np.zeros((N_PITCHES, n_frames), bool)
    edges = np.ceil(events.intervals / frame_hop - 1e-6).astype(int).clip(0)
    for pitch, (start, stop) in zip(events.pitches, edges, strict=True):
        roll[pitch - LOWEST_PITCH, start:stop] = True
    return roll
