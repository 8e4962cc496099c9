"""Swing: off-beats that come late, and are written as if they did not.

In jazz, blues and boogie the eighths of a beat are long and short, about 3:2 to 5:2 [1]_, and
written as even ones, with a word at the head. What is played so divides most of its beats in two,
at one late place. Other music with late places has more of them: dots have straight eighths or
sixteenths beside them and come later, triplets and 6/8 have the second third of the beat.

References
----------
.. [1] F. Benadon, "Slicing the Beat: Jazz Eighth-Notes as Expressive Microrhythm",
   Ethnomusicology 50(1), 2006.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from transcribe.music.beat_grid import Metre
from transcribe.score.onset_features import NoteArrays

Array = NDArray[np.float64]

_ON_BEAT = 0.12
"""Of a beat, before and after it, within which what is struck belongs to it."""
_PAIR = (0.42, 0.82)
"""Where in a beat its one division is looked for."""
_TOGETHER = 0.06
"""Seconds between the first and the last that is struck there, at the most."""
_LATE = (0.58, 0.71)
"""Where in a beat off-beats that are swung come, in the middle of all: 1.4:1 to 2.4:1."""
_NEAR = 0.09
"""Of a beat, from there to an off-beat that is swung."""
_SECOND_THIRD = (0.24, 0.42)
"""Where in a beat the second note of a triplet comes, or the second sixteenth."""
_FEWEST = 16
"""Beats that have one division."""
_MOST_DIVIDED = 0.2
"""The share of all beats that are divided, at the least."""
_SHARE, _SHARE_IN_THREES = 0.65, 0.75
"""The share of divided beats that are swung, at the least; the latter where beats are heard in
three, as long and short ones mostly are, and those of a gigue in quarters and eighths."""
_MOST_THIRDS, _MOST_THIRDS_IN_THREES = 0.15, 0.12
"""The share of them that have a second third, at the most."""
_QUICKEST, _QUICKEST_TOLD, _SLOWEST = 0.24, 0.16, 1.0
"""Seconds of a beat; the second where it is said that it is swung."""
_LONG_BEAT = 2.0
"""Times the usual, above which nobody counts a beat."""
_TWICE, _FEWEST_TWICE = (1.5, 2.6), 4
"""Times the usual that beats are which are two, and how many of them come in a row."""
_USUAL = 2.0
"""The ratio where none can be measured."""
_RATIOS = ((3, 2), (5, 3), (2, 1), (5, 2))
"""As small numbers, for players."""
_EVEN = (np.arange(5) / 4, np.arange(4) / 3)
"""Places in a beat of sixteenths and triplets, which are played as they are written."""
_CLEARER = 0.02
"""Of a beat, that swung places must be nearer than those."""


@dataclass(frozen=True, slots=True)
class Swing:
    """How the eighths of a beat are played that are written as even ones."""

    ratio: float
    """How many times as long the first is as the second."""
    confidence: float
    """The share of divided beats that were played so; 1 where it was told."""

    @property
    def late(self) -> float:
        """Where in a beat its off-beat comes; 1/2 if it were straight."""
        return self.ratio / (1 + self.ratio)

    @property
    def small_ratio(self) -> tuple[int, int]:
        """The ratio in small whole numbers, roughly.

        >>> Swing(1.9, 1.0).small_ratio
        (2, 1)
        """
        return min(_RATIOS, key=lambda each: abs(np.log(each[0] / each[1] / self.ratio)))

    def played(self, place: float) -> float:
        """Where in a beat a written place of it is played, both 0 to 1.

        >>> Swing(2.0, 1.0).played(0.5)
        0.6666666666666666
        """
        return float(np.interp(place, (0, 0.5, 1), (0, self.late, 1)))


@dataclass(frozen=True, slots=True)
class Swung:
    """Swing with the beats that are divided so."""

    swing: Swing
    beats: Array
    """Seconds, rising."""

    def straightened(self, notes: NoteArrays) -> NoteArrays:
        """The notes as if their off-beats were in the middle; others stay in their beats.

        A beat that is divided in even sixteenths or triplets is left as it is.
        """
        knots = np.concatenate([[0.5], _middles(notes.onset, self.beats, self.swing.late), [0.5]])

        def bent(seconds: Array) -> Array:
            index, place = _places(seconds, self.beats)
            inside = np.clip(index, 0, len(self.beats) - 2)
            late = knots[index + 1]
            even = np.where(place < late, place / late / 2, 0.5 + (place - late) / (1 - late) / 2)
            start, gap = self.beats[inside], np.diff(self.beats)[inside]
            is_in = (index >= 0) & (index < len(self.beats) - 1)
            return np.where(is_in, start + even * gap, seconds)

        return replace(
            notes, onset=bent(notes.onset), offset=bent(notes.offset), pedal=bent(notes.pedal)
        )


def can_swing(metres: Iterable[Metre]) -> bool:
    """Whether the beats of music in these metres are quarters, which swung eighths make."""
    return all(metre.quarters_per_beat == 1 for metre in metres)


def find_swing(
    onset: Array,
    beats: Array,
    *,
    is_pulse_known: bool = False,
    in_threes: bool = False,
    quickest: float = _QUICKEST,
) -> Swung | None:
    """Swing, if notes are swung.

    Parameters
    ----------
    onset : array
        Seconds at which notes are struck, rising.
    beats : array
        Seconds, rising, two or more. Where they may be halves, their quarters are looked at too.
    is_pulse_known : bool
        Whether the beats are certain, such as those that a person gives.
    in_threes : bool
        Whether the beats are taken for those of 6/8 and the like.
    quickest : float
        Seconds of the shortest beat that is looked for.
    """
    for times in _pulses(onset, beats, is_pulse_known=is_pulse_known, in_threes=in_threes):
        found = _Divisions.of(onset, times)
        if found.gap >= quickest and found.are_swung(in_threes=in_threes):
            return Swung(Swing(found.ratio, found.share), times)
    return None


def told_swing(
    onset: Array, beats: Array, *, is_pulse_known: bool = False, in_threes: bool = False
) -> Swung:
    """Swing of notes that are said to be swung; where that can't be heard, twice as long."""
    found = find_swing(
        onset,
        beats,
        is_pulse_known=is_pulse_known,
        in_threes=in_threes,
        quickest=_QUICKEST_TOLD,
    )
    if found is not None:
        return Swung(Swing(found.swing.ratio, 1.0), found.beats)
    heard = _Divisions.of(onset, beats)
    is_late = _LATE[0] <= heard.late <= _LATE[1]
    return Swung(Swing(heard.ratio if is_late else _USUAL, 1.0), beats)


def _pulses(
    onset: Array, beats: Array, *, is_pulse_known: bool, in_threes: bool
) -> Iterator[Array]:
    """Beats that may be those of swung music."""
    if is_pulse_known:
        yield beats
        return
    even = _evened(onset, beats)
    yield even
    if not in_threes:
        yield _halved(onset, even)


def _evened(onset: Array, beats: Array) -> Array:
    """With two beats for each where some in a row are about twice as long as usual."""
    gaps = np.diff(beats)
    usual = float(np.median(gaps))
    is_long = (gaps > _TWICE[0] * usual) & (gaps < _TWICE[1] * usual)
    bounds = np.flatnonzero(np.diff(is_long, prepend=False, append=False))
    added = [
        _halved(onset, beats[start : stop + 1])
        for start, stop in zip(bounds[::2], bounds[1::2], strict=True)
        if stop - start >= _FEWEST_TWICE
    ]
    return np.unique(np.concatenate([beats, *added]))


def _halved(onset: Array, beats: Array) -> Array:
    """Two beats for each, the new one on what is struck near the middle."""
    middle = (beats[1:] + beats[:-1]) / 2
    near = np.clip(np.searchsorted(onset, middle), 1, max(len(onset) - 1, 1))
    near -= np.abs(middle - onset[near - 1]) <= np.abs(
        middle - onset[np.minimum(near, len(onset) - 1)]
    )
    is_on = np.abs(onset[near] - middle) < _ON_BEAT * np.diff(beats) / 2
    return np.sort(np.concatenate([beats, np.where(is_on, onset[near], middle)]))


def _places(seconds: Array, beats: Array) -> tuple[NDArray[np.int64], Array]:
    """The beat that each time is in, -1 before the first, and where in it, from 0 on."""
    index = np.searchsorted(beats, seconds, side="right") - 1
    inside = np.clip(index, 0, len(beats) - 2)
    return index, (seconds - beats[inside]) / np.diff(beats)[inside]


@dataclass(frozen=True, slots=True)
class _Divisions:
    """What is struck between beats: of the m beats that are divided, and how many there are."""

    n_beats: int
    gap: float
    """Seconds of a beat, the median."""
    mean: Array
    """Where in a beat what is struck inside it is, on average; shape (m,)."""
    is_pair: NDArray[np.bool_]
    """Whether it is all struck at once, in the middle or later; shape (m,)."""
    has_second_third: NDArray[np.bool_]

    @classmethod
    def of(cls, onset: Array, beats: Array) -> _Divisions:
        """Those of beats that are counted."""
        gaps = np.diff(beats)
        usual = float(np.median(gaps))
        is_counted = gaps < _LONG_BEAT * usual
        index, place = _places(onset, beats)
        inner = (place > _ON_BEAT) & (place < 1 - _ON_BEAT)
        inner &= (index >= 0) & (index < len(gaps))
        inner[inner] &= is_counted[index[inner]]
        index, place = index[inner], place[inner]
        first, last = np.ones(len(gaps)), np.zeros(len(gaps))
        np.minimum.at(first, index, place)
        np.maximum.at(last, index, place)
        thirds = np.zeros(len(gaps), bool)
        thirds[index[(place > _SECOND_THIRD[0]) & (place < _SECOND_THIRD[1])]] = True
        divided, which = np.unique(index, return_inverse=True)
        mean = np.bincount(which, place) / np.bincount(which)
        is_pair = (first > _PAIR[0]) & (last < _PAIR[1]) & ((last - first) * gaps < _TOGETHER)
        return cls(int(is_counted.sum()), usual, mean, is_pair[divided], thirds[divided])

    @property
    def off_beats(self) -> Array:
        """Where those beats have it."""
        return self.mean[self.is_pair]

    @property
    def late(self) -> float:
        """Where in a beat most of them are; one's own place, not one between straight and late."""
        pairs = self.off_beats
        return float(np.percentile(pairs, 50, method="lower")) if len(pairs) else 0.5

    @property
    def ratio(self) -> float:
        """How many times as long the first half of a beat is as the second."""
        return self.late / (1 - self.late)

    @property
    def share(self) -> float:
        """The share of divided beats that have nothing but a division there."""
        near = self.is_pair & (np.abs(self.mean - self.late) < _NEAR)
        return float(near.mean()) if len(near) else 0.0

    def are_swung(self, *, in_threes: bool) -> bool:
        """Whether most beats are divided in two, nearly all at one late place."""
        n_divided = len(self.mean)
        return (
            len(self.off_beats) >= _FEWEST
            and n_divided >= _MOST_DIVIDED * self.n_beats
            and self.gap <= _SLOWEST
            and _LATE[0] <= self.late <= _LATE[1]
            and self.share >= (_SHARE_IN_THREES if in_threes else _SHARE)
            and float(self.has_second_third.mean())
            <= (_MOST_THIRDS_IN_THREES if in_threes else _MOST_THIRDS)
        )


def _middles(onset: Array, beats: Array, late: float) -> Array:
    """Where each beat's even division is played: its own off-beat, the swung one, or the middle."""
    swung = np.interp(_EVEN[0], (0, 0.5, 1), (0, late, 1))
    index, place = _places(onset, beats)
    inner = (place > _ON_BEAT) & (place < 1 - _ON_BEAT)
    gaps = np.diff(beats)
    middles = np.full(len(gaps), late)
    for beat in range(len(middles)):
        start, stop = np.searchsorted(index, [beat, beat + 1])
        inside = place[start:stop][inner[start:stop]]
        if not len(inside):
            continue
        is_pair = inside[0] > _PAIR[0] and inside[-1] < _PAIR[1]
        if is_pair and (inside[-1] - inside[0]) * gaps[beat] < _TOGETHER:
            middles[beat] = inside.mean()
        elif min(_away(inside, even) for even in _EVEN) < _away(inside, swung) + _CLEARER:
            middles[beat] = 0.5
    return middles


def _away(places: Array, grid: Array) -> float:
    """How far places are from the nearest of a grid, on average."""
    return float(np.abs(places[:, None] - grid[None, :]).min(axis=1).mean())
