"""Which mistakes a transcription makes: every one of them by its kind, and by what was played.

Two transcriptions with one F1 may be worth quite different things to a listener. Here every
*missed* note (of the reference) and every *false* note (of the estimate) is put into exactly
one kind, and into exactly one class of every breakdown.

Conventions
-----------
The recording's median onset deviation is taken off the estimate's times first, unless they
are to be left as found. A note is matched, missed or false by pitch and onset within 50 ms
(`matching.match`). A reference note *sounds* from its onset until the pedal lets it end
(`notes.sustained`), or until key release where the reference knows no pedal; because of the
tolerance of onsets it counts as sounding from 50 ms before. An estimated note is *heard
well* if it is matched or mistimed, and so is the reference note that it is paired with.

Kinds of missed notes, the first that fits:

- ``mistimed``: paired with a false note of its pitch within 100 ms, of those left over by
  the matching, as many pairs as possible: the note is there, but over 50 ms early or late;
- ``merged``: struck while the key of an estimated note of its pitch that is heard well is
  down, from 50 ms before its onset up to its release: several strokes transcribed as one;
- ``repeated``: struck 0.25 s or less after the last stroke of its key in the reference;
- ``octave_masked``: a reference note that is heard well sounds at its onset 12, 19 or 24
  semitones below, so that its partials are partials of that one;
- ``other``.

Kinds of false notes, the first that fits:

- ``mistimed``: the other half of those pairs, so there are as many;
- ``split``: a reference note of its pitch that is heard well sounds at its onset: one
  stroke transcribed as several;
- ``octave_ghost``: a reference note sounds at its onset 12, 19 or 24 semitones above or
  below, and none of its own pitch;
- ``other``.

Breakdowns; in all, a matched estimated note is in the class of its reference note, and a
false note in the class of its own properties:

- ``register``: the pitch;
- ``loudness``: the MIDI velocity, raw; only where the reference has velocities;
- ``polyphony``: how many reference notes sound at its onset, itself counted in;
- ``length``: seconds that the key is down;
- ``repetition``: seconds since the last stroke of its key in the reference, of a false note
  at its onset or before it.

In a class, precision is the part of its estimated notes that is matched, recall the part of
its reference notes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from transcribe.evaluation.counts import Mean, Ratio, Scores
from transcribe.evaluation.matching import Events, FloatArray, IntArray, match, onset_deviation
from transcribe.evaluation.note_table import BoolArray, NoteTable, Sounding, since_last_stroke
from transcribe.notes import Performance, sustained

NEARLY = 0.1
"""Seconds within which a false note is a missed note that is late or early."""
REPEAT = 0.25
"""Seconds between two strokes of a key that make the second a repetition."""
OCTAVES = (12, 19, 24)
"""Semitones from a note to its second, third and fourth partial."""
MISSED = {
    "mistimed": "found 50 to 100 ms early or late",
    "merged": "merged with another stroke of the key",
    "repeated": "a quick repetition of the key",
    "octave_masked": "an octave or twelfth above a sounding note",
    "other": "missed otherwise",
}
"""Kinds of missed notes, in words."""
FALSE = {
    "mistimed": "50 to 100 ms early or late",
    "split": "another stroke of a sounding note",
    "octave_ghost": "an octave or twelfth from a sounding note",
    "other": "false otherwise",
}
"""Kinds of false notes, in words."""


class Classes(NamedTuple):
    """Values sorted into classes: up to the first edge and that included, up to the next."""

    edges: tuple[float, ...]
    names: tuple[str, ...]
    """One more than edges."""

    def of(self, values: FloatArray | IntArray) -> IntArray:
        """Number of the class of each value."""
        return np.searchsorted(self.edges, values, side="left").astype(np.int64)


BREAKDOWNS = {
    "register": Classes(
        (35, 47, 59, 71, 83, 95),
        ("A0 to B1", "C2 to B2", "C3 to B3", "C4 to B4", "C5 to B5", "C6 to B6", "C7 to C8"),
    ),
    "loudness": Classes(
        (31, 47, 63, 79, 95), ("1 to 31", "32 to 47", "48 to 63", "64 to 79", "80 to 95", "96 up")
    ),
    "polyphony": Classes((1, 2, 3, 5, 8), ("1", "2", "3", "4 to 5", "6 to 8", "9 up")),
    "length": Classes(
        (0.1, 0.25, 0.5, 1.0, 2.0),
        ("up to 0.1 s", "to 0.25 s", "to 0.5 s", "to 1 s", "to 2 s", "over 2 s"),
    ),
    "repetition": Classes((REPEAT, 1.0), ("up to 0.25 s", "to 1 s", "over 1 s, or first")),
}
"""By name; the class of a value includes its upper edge."""


@dataclass(frozen=True, slots=True)
class Mistakes:
    """The mistakes of one recording, or added up, of several.

    Of every breakdown, and of missed and false notes by kind, the counts add up to those of
    ``notes``; but where recordings are added up of which only some have velocities, the
    breakdown by loudness holds those alone.
    """

    notes: Ratio
    missed: dict[str, int]
    """By the names in `MISSED`."""
    false: dict[str, int]
    """By the names in `FALSE`."""
    breakdowns: dict[str, dict[str, Ratio]]
    """By the names in `BREAKDOWNS`, then by class."""

    def __add__(self, other: Mistakes) -> Mistakes:
        nothing = Ratio(0, 0, 0)
        breakdowns = {
            name: {
                each: self.breakdowns.get(name, {}).get(each, nothing)
                + other.breakdowns.get(name, {}).get(each, nothing)
                for each in BREAKDOWNS[name].names
            }
            for name in BREAKDOWNS
            if name in self.breakdowns or name in other.breakdowns
        }
        return Mistakes(
            self.notes + other.notes,
            {kind: self.missed[kind] + other.missed[kind] for kind in MISSED},
            {kind: self.false[kind] + other.false[kind] for kind in FALSE},
            breakdowns,
        )

    def as_json(self) -> dict[str, Any]:
        """Plain dictionaries of numbers."""
        return {
            "notes": self.notes.as_json(),
            "missed": dict(self.missed),
            "false": dict(self.false),
            "breakdowns": {
                name: {each: ratio.as_json() for each, ratio in classes.items()}
                for name, classes in self.breakdowns.items()
            },
        }

    def as_scores(self) -> Scores:
        """As metrics, for `aggregate.aggregate`: its mean, interval and pooled value of each.

        Ratios are called such as ``"register/C4 to B4"``; kinds are numbers of notes per
        100 reference notes, ``"missed/merged"`` and ``"false/octave_ghost"``.
        """
        ratios = {
            f"{name}/{each}": ratio
            for name, classes in self.breakdowns.items()
            for each, ratio in classes.items()
        }
        sums = {
            f"{side}/{kind}": Mean(100.0 * n, self.notes.n_ref)
            for side, kinds in (("missed", self.missed), ("false", self.false))
            for kind, n in kinds.items()
        }
        return Scores.of(ratios, sums)


def find_mistakes(
    ref: Performance,
    est: Performance,
    *,
    ref_has_pedal: bool = True,
    ref_has_velocity: bool = True,
    aligned: bool = True,
) -> Mistakes:
    """Sort the missed and the false notes of one recording.

    Parameters
    ----------
    ref, est : Performance
        What was played and what was transcribed; offsets are key releases.
    ref_has_pedal, ref_has_velocity : bool
        Whether the reference knows them.
    aligned : bool
        Whether the median onset deviation is taken off first.
    """
    deviation = onset_deviation(ref, est) if aligned else 0.0
    played = NoteTable.of(ref, sustained(ref) if ref_has_pedal else ref)
    heard = NoteTable.of(est, est, -deviation)
    pairs = match(Events.of_notes(ref), Events.of_notes(est).moved(-deviation))
    missed, false = np.ones(len(played.onset), bool), np.ones(len(heard.onset), bool)
    missed[pairs[:, 0]], false[pairs[:, 1]] = False, False
    nearly = match(played.events(missed), heard.events(false), onset_tolerance=NEARLY)
    played_well, heard_well = ~missed, ~false
    played_well[np.flatnonzero(missed)[nearly[:, 0]]] = True
    heard_well[np.flatnonzero(false)[nearly[:, 1]]] = True

    sounds = Sounding(played.onset, played.sound_end, played.pitch)
    sounds_well = Sounding(
        played.onset[played_well], played.sound_end[played_well], played.pitch[played_well]
    )
    held = Sounding(heard.onset[heard_well], heard.release[heard_well], heard.pitch[heard_well])
    values = _broken_down(played, heard.rows(np.flatnonzero(false)), sounds)
    if not ref_has_velocity:
        del values["loudness"]
    return Mistakes(
        Ratio(len(missed), len(false), len(pairs)),
        _kinds_of_missed(played, missed, played_well, held, sounds_well),
        _kinds_of_false(heard, false, heard_well, sounds, sounds_well),
        {name: _by_class(BREAKDOWNS[name], *both, missed) for name, both in values.items()},
    )


def _kinds_of_missed(
    played: NoteTable,
    missed: BoolArray,
    well: BoolArray,
    held: Sounding,
    sounds_well: Sounding,
) -> dict[str, int]:
    """The missed rows of the reference by kind; `held` are keys of notes that are heard well."""
    rows = np.flatnonzero(missed)
    onset, pitch = played.onset[rows], played.pitch[rows]
    conditions = {
        "mistimed": well[rows],
        "merged": held.at(onset, pitch),
        "repeated": since_last_stroke(played, played)[rows] <= REPEAT,
        "octave_masked": sounds_well.at_intervals(onset, pitch, [-each for each in OCTAVES]),
    }
    return _first_that_fits(conditions, tuple(MISSED))


def _kinds_of_false(
    heard: NoteTable,
    false: BoolArray,
    well: BoolArray,
    sounds: Sounding,
    sounds_well: Sounding,
) -> dict[str, int]:
    """The false rows of the estimate by kind."""
    rows = np.flatnonzero(false)
    onset, pitch = heard.onset[rows], heard.pitch[rows]
    partials = sounds.at_intervals(onset, pitch, [*OCTAVES, *(-each for each in OCTAVES)])
    conditions = {
        "mistimed": well[rows],
        "split": sounds_well.at(onset, pitch),
        "octave_ghost": partials & ~sounds.at(onset, pitch),
    }
    return _first_that_fits(conditions, tuple(FALSE))


def _broken_down(
    played: NoteTable, false: NoteTable, sounds: Sounding
) -> dict[str, tuple[FloatArray | IntArray, FloatArray | IntArray]]:
    """What `BREAKDOWNS` sort: a value of each reference note, and of each false note."""
    return {
        "register": (played.pitch, false.pitch),
        "loudness": (played.velocity, false.velocity),
        "polyphony": (sounds.number_at(played.onset), 1 + sounds.number_at(false.onset)),
        "length": (played.release - played.onset, false.release - false.onset),
        "repetition": (since_last_stroke(played, played), since_last_stroke(false, played)),
    }


def _first_that_fits(conditions: Mapping[str, BoolArray], names: tuple[str, ...]) -> dict[str, int]:
    """How many rows meet each condition and none before it; the last name has the others."""
    counts = dict.fromkeys(names, 0)
    left = np.ones(len(next(iter(conditions.values()))), bool)
    for name, condition in conditions.items():
        counts[name] = int((left & condition).sum())
        left &= ~condition
    counts[names[-1]] = int(left.sum())
    return counts


def _by_class(
    classes: Classes,
    of_ref: FloatArray | IntArray,
    of_false: FloatArray | IntArray,
    missed: BoolArray,
) -> dict[str, Ratio]:
    ref_class, n_classes = classes.of(of_ref), len(classes.names)
    n_ref = np.bincount(ref_class, minlength=n_classes)
    n_matched = np.bincount(ref_class[~missed], minlength=n_classes)
    n_false = np.bincount(classes.of(of_false), minlength=n_classes)
    return {
        name: Ratio(int(n_ref[i]), int(n_matched[i] + n_false[i]), int(n_matched[i]))
        for i, name in enumerate(classes.names)
    }
