"""What a musician would complain about in a transcription, each complaint counted.

Every figure is damage: 0 is none, less is better. It is the number of damaged notes per 100
of the notes that the complaint is about, so a *missed* figure is 100 minus the recall in
percent, and an *extra* figure can exceed 100. Times are compared after the recording's
median onset deviation is taken off the estimate; a note is *matched* if it can be paired
with one of its pitch within 50 ms, otherwise it is *missed* (of the reference) or *extra*
(of the estimate). An extra note within 100 ms of a missed one of its pitch is late or early
rather than invented, and counts as neither doubled nor ghost. Notes *sound* until the pedal
lets them end (`notes.sustained`), or until key release where the labels know no pedal.
Labels that go on after the end of the audio are cut there.

- ``missed``, ``extra``: of all reference notes; extra notes per 100 reference notes. What
  the other figures are parts of.
- ``mistimed``: of all reference notes, those missed that have an extra note of their pitch
  within 100 ms: heard, but over 50 ms early or late.
- ``too_long_pedal``: of matched notes that the reference's pedal keeps sounding after the
  key is up, those that sound longer than in the reference by over 100 ms and over 20 % of
  the reference's sound. ``too_short_pedal``: shorter by as much.
- ``too_long_key``, ``too_short_key``: the same of key releases, of all matched notes.
- ``repeated_missed``: of reference notes whose key was struck at most 0.25 s before, those
  missed. ``doubled``: extra notes within 0.25 s of a matched estimated note of their pitch,
  one stroke heard as two, per 100 reference notes.
- ``octave_ghosts``: extra notes 12, 19 or 24 semitones above, or 12 below, a reference note
  that sounds at their onset, while their own pitch does not sound; per 100 reference notes.
- ``soft_inner_missed``: a chord is the reference notes struck within 50 ms of its first. Of
  the notes of chords that are neither the highest nor the lowest, and softer than the
  loudest by 15 MIDI steps or more, those missed.
- ``very_short_missed``: of reference notes whose key is held for under 80 ms, those missed.
  ``very_short_extra``: extra notes whose key is held for under 50 ms, per 100 reference
  notes.
- ``low_bass_missed``: of reference notes below E2 (MIDI 40), those missed. ``low_bass``: 100
  minus the onset F1 in percent of the notes below E2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transcribe.evaluation.error_types import NEARLY, REPEAT
from transcribe.evaluation.matching import match_aligned
from transcribe.evaluation.note_table import NoteTable, Sounding, since_last_stroke
from transcribe.notes import Performance, sustained

LABELS = {
    "missed": "any note missed",
    "extra": "any extra note, per 100 played",
    "mistimed": "heard, but 50 to 100 ms early or late",
    "too_long_pedal": "too long under the pedal",
    "too_short_pedal": "too short under the pedal",
    "too_long_key": "key released too late",
    "too_short_key": "key released too early",
    "repeated_missed": "repeated note missed",
    "doubled": "note doubled, per 100 played",
    "octave_ghosts": "octave or twelfth ghost, per 100 played",
    "soft_inner_missed": "soft inner voice missed",
    "very_short_missed": "very short note missed",
    "very_short_extra": "very short extra note, per 100 played",
    "low_bass_missed": "low bass missed",
    "low_bass": "low bass, 100 - onset F1",
}
LONGER, LONGER_SHARE = 0.1, 0.2
"""Seconds, and share of the duration, by which a note is too long or short."""
GHOST_INTERVALS = (12, 19, 24, -12)
"""Semitones of a ghost above the note whose partials it is made of."""
CHORD, SOFTER = 0.05, 15
HELD_BRIEFLY, EXTRA_BRIEFLY = 0.08, 0.05
LOW_BASS = 40


@dataclass(frozen=True, slots=True)
class Count:
    """So many notes are damaged, of so many that could be."""

    n_damaged: int
    n_notes: int

    @property
    def per_100(self) -> float | None:
        """None where there is no such note."""
        return 100 * self.n_damaged / self.n_notes if self.n_notes else None

    def __add__(self, other: Count) -> Count:
        return Count(self.n_damaged + other.n_damaged, self.n_notes + other.n_notes)


def find_damage(
    ref: Performance,
    est: Performance,
    *,
    est_sustained: Performance | None = None,
    ref_has_pedal: bool = True,
    ref_has_velocity: bool = True,
) -> dict[str, Count]:
    """Count the damage of one recording.

    Parameters
    ----------
    ref, est : Performance
        What was played and what was heard; offsets are key releases.
    est_sustained : Performance, optional
        The estimate's notes as long as they sound; by default they follow from ``est`` by
        `notes.sustained`, as the reference's do.
    ref_has_pedal, ref_has_velocity : bool
        Whether the reference knows them; what needs them is left out otherwise.

    Returns
    -------
    dict of Count
        By the names in this module's opening, without ``sharp`` and ``flat``.
    """
    pairs, deviation = match_aligned(ref, est)
    est_long = sustained(est) if est_sustained is None else est_sustained
    played = NoteTable.of(ref, sustained(ref) if ref_has_pedal else ref)
    heard = NoteTable.of(est, est_long, -deviation)
    missed = np.ones(len(played.onset), bool)
    extra = np.ones(len(heard.onset), bool)
    missed[pairs[:, 0]], extra[pairs[:, 1]] = False, False
    n_ref = len(missed)

    def of(chosen: NDArray[np.bool_]) -> Count:
        return Count(int((missed & chosen).sum()), int(chosen.sum()))

    everything = np.ones(n_ref, bool)
    mistimed = missed & _close(played, heard, extra, NEARLY)
    counts = {
        "missed": of(everything),
        "extra": Count(int(extra.sum()), n_ref),
        "mistimed": Count(int(mistimed.sum()), n_ref),
    }
    if ref_has_pedal:
        pedalled = pairs[(played.sound_end > played.release)[pairs[:, 0]]]
        sound = played.sound_end - played.onset
        late = heard.sound_end[pedalled[:, 1]] - played.sound_end[pedalled[:, 0]]
        counts |= _too_long("pedal", late, sound[pedalled[:, 0]])
    late = heard.release[pairs[:, 1]] - played.release[pairs[:, 0]]
    counts |= _too_long("key", late, (played.release - played.onset)[pairs[:, 0]])

    invented = extra & ~_close(heard, played, missed, NEARLY)
    counts["repeated_missed"] = of(since_last_stroke(played, played) <= REPEAT)
    doubled = invented & _close(heard, heard, ~extra, REPEAT)
    counts["doubled"] = Count(int(doubled.sum()), n_ref)
    sounds = Sounding(played.onset, played.sound_end, played.pitch)
    ghosts = sounds.at_intervals(heard.onset, heard.pitch, [-each for each in GHOST_INTERVALS])
    ghosts &= invented & ~sounds.at(heard.onset, heard.pitch)
    counts["octave_ghosts"] = Count(int(ghosts.sum()), n_ref)
    if ref_has_velocity:
        counts["soft_inner_missed"] = of(_soft_inner(played))
    counts["very_short_missed"] = of(played.release - played.onset < HELD_BRIEFLY)
    brief = extra & (heard.release - heard.onset < EXTRA_BRIEFLY)
    counts["very_short_extra"] = Count(int(brief.sum()), n_ref)
    low_ref, low_est = played.pitch < LOW_BASS, heard.pitch < LOW_BASS
    counts["low_bass_missed"] = of(low_ref)
    # 1 - F1 is what both sides have unmatched, of what both sides have.
    n_wrong = (missed & low_ref).sum() + (extra & low_est).sum()
    counts["low_bass"] = Count(int(n_wrong), int(low_ref.sum() + low_est.sum()))
    return {name: counts[name] for name in LABELS if name in counts}


def _too_long(
    which: str, late: NDArray[np.float64], duration: NDArray[np.float64]
) -> dict[str, Count]:
    tolerance = np.maximum(LONGER, LONGER_SHARE * duration)
    return {
        f"too_long_{which}": Count(int((late > tolerance).sum()), len(late)),
        f"too_short_{which}": Count(int((late < -tolerance).sum()), len(late)),
    }


def _close(
    notes: NoteTable, others: NoteTable, chosen: NDArray[np.bool_], seconds: float
) -> NDArray[np.bool_]:
    """Which notes have a chosen one of the others, of their pitch, within some seconds."""
    found = np.zeros(len(notes.onset), bool)
    for pitch in np.unique(notes.pitch):
        rows = np.flatnonzero(notes.pitch == pitch)
        onsets = others.onset[chosen & (others.pitch == pitch)]
        distance = np.abs(notes.onset[rows, None] - onsets)
        found[rows] = (distance <= seconds).any(axis=1)
    return found


def _soft_inner(notes: NoteTable) -> NDArray[np.bool_]:
    """Which notes are within a chord, and much softer than its loudest."""
    found = np.zeros(len(notes.onset), bool)
    start = 0
    while start < len(notes.onset):
        stop = int(np.searchsorted(notes.onset, notes.onset[start] + CHORD, side="right"))
        pitch, velocity = notes.pitch[start:stop], notes.velocity[start:stop]
        inner = (pitch > pitch.min()) & (pitch < pitch.max())
        found[start:stop] = inner & (velocity <= velocity.max() - SOFTER)
        start = stop
    return found
