"""What a musician hears of a continuation: is it in the key, does anything come again?

- *Out of key*: the share of notes outside the scale of the opening's key, as
  `transcribe.music.key` finds it; in minor the sixth and the seventh degree may be raised.
- *Returning figures*: of all runs of six notes, in the order of their onsets and within a chord
  upwards, the share that were heard before at the same pitches, in the opening or earlier in the
  continuation.
- *Pulse*: the interquartile range of the times between onsets, as a ratio to the opening's,
  logarithm to the base 2, with 5 ms added to both; above 0 less even.
- *Register* and *touch*: mean pitch in semitones, and mean velocity, less the opening's.
- *Stuck*: notes held for longer than `STUCK` seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from transcribe.music.key import find_key
from transcribe.notes import Note

N_NOTES = 6
"""Of a figure."""
STUCK = 8.0
_CHORD = 0.03
_LEAST = 0.005
_MAJOR = frozenset((0, 2, 4, 5, 7, 9, 11))
_MINOR = frozenset((0, 2, 3, 5, 7, 8, 9, 10, 11))


@dataclass(frozen=True, slots=True)
class MusicOfContinuation:
    """One continuation beside its opening; see the module."""

    out_of_key: float
    returning: float
    pulse: float
    register: float
    touch: float
    stuck: int


def music_of(opening: Sequence[Note], following: Sequence[Note]) -> MusicOfContinuation | None:
    """Of a continuation; None where it has too few notes to tell, `N_NOTES` or fewer."""
    if min(len(opening), len(following)) <= N_NOTES:
        return None
    scale = scale_of(opening)
    return MusicOfContinuation(
        out_of_key=float(np.mean([note.pitch % 12 not in scale for note in following])),
        returning=returning(opening, following),
        pulse=math.log2((_unevenness(following) + _LEAST) / (_unevenness(opening) + _LEAST)),
        register=_mean(n.pitch for n in following) - _mean(n.pitch for n in opening),
        touch=_mean(n.velocity for n in following) - _mean(n.velocity for n in opening),
        stuck=sum(note.offset - note.onset > STUCK for note in following),
    )


def mean_music(found: Iterable[MusicOfContinuation | None]) -> dict[str, float]:
    """The mean of each figure over continuations that have any; stuck notes are summed."""
    rows = [asdict(each) for each in found if each is not None]
    if not rows:
        return {}
    means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    return {**means, "stuck": sum(row["stuck"] for row in rows), "n": len(rows)}


def scale_of(notes: Sequence[Note]) -> frozenset[int]:
    """The pitch classes of the key of these notes."""
    key = find_key(notes)
    return frozenset((key.tonic + step) % 12 for step in (_MINOR if key.is_minor else _MAJOR))


def returning(opening: Sequence[Note], following: Sequence[Note]) -> float:
    """Share of the continuation's figures that were heard before."""
    heard = in_order(opening)
    line = heard[-(N_NOTES - 1) :] + in_order(following)
    known = set(_figures(heard))
    figures = _figures(line)
    n_returning = 0
    for index, figure in enumerate(figures):
        n_returning += figure in known
        if index >= N_NOTES:
            known.add(figures[index - N_NOTES])
    return n_returning / len(figures)


def _figures(pitches: Sequence[int]) -> list[tuple[int, ...]]:
    return [tuple(pitches[i : i + N_NOTES]) for i in range(len(pitches) - N_NOTES + 1)]


def _chords(notes: Sequence[Note]) -> list[list[Note]]:
    chords: list[list[Note]] = []
    for note in sorted(notes):
        if not chords or note.onset - chords[-1][0].onset > _CHORD:
            chords.append([])
        chords[-1].append(note)
    return chords


def in_order(notes: Sequence[Note]) -> list[int]:
    """Pitches in the order of onsets, within a chord upwards."""
    return [pitch for chord in _chords(notes) for pitch in sorted(note.pitch for note in chord)]


def _unevenness(notes: Sequence[Note]) -> float:
    gaps = np.diff([chord[0].onset for chord in _chords(notes)])
    return float(np.subtract(*np.percentile(gaps, (75, 25)))) if len(gaps) else 0.0


def _mean(values: Iterable[int]) -> float:
    return float(np.mean(list(values)))
