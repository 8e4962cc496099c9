"""What distinguishes one piece from another, whoever plays it, in whatever key: landmarks.

Conventions
-----------
- Notes struck within `TOGETHER` of one another are one chord. The highest notes of the chords
  are one line, the lowest another; a landmark is `N_INTERVALS` successive intervals of a line,
  so that transposing, tempo, rubato, touch and most mistakes of a transcription leave enough
  of them as they are. Trills and repeated notes distinguish nothing and are left out.
- Of a performance the `MOST` landmarks of the smallest hash are kept (a bottom-k sketch [1]_),
  each where it comes first. So two performances of a piece keep the same ones, and memory is
  nine bytes each.
- Chance gives two pieces common landmarks, but anywhere: the longest row of them that comes in
  one order in both is about twice the square root of their number long [2]_. What a row
  has more than that, at one transposition, is the measure of likeness; n-grams under a sketch
  in place of the inverted index of triples with the same invariance in [3]_.

References
----------
.. [1] A. Broder, "On the resemblance and containment of documents", SEQUENCES 1997.
.. [2] D. Aldous, P. Diaconis, "Longest increasing subsequences", Bull. AMS 36, 1999.
.. [3] A. Arzt, G. Widmer, R. Sonnleitner, "Tempo- and transposition-invariant identification
   of piece and score position", ISMIR 2014.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transcribe.notes import Note

TOGETHER = 0.05
"""Seconds between the notes of a chord that is spread."""
N_INTERVALS = 4
"""Of a landmark."""
MOST = 1024
"""Landmarks that are kept of a performance."""
SAME_PIECE = 10.0
"""Landmarks in one order beyond chance that show a piece to be the same.

`eval.downstream.corpus` measures it."""
SAME_PERFORMANCE = 0.7
"""Steadiness that shows a performance to be the same (`eval.downstream.corpus`)."""
FEWEST_COMMON = 19
"""Fewer can't be `SAME_PIECE` beyond chance: 18 in a row are 9.5 more than 2 sqrt(18)."""
_APART = 8.0
"""Seconds between landmarks whose distance in two performances is compared."""
_STEADY = 0.06
"""Seconds by which it may differ in one performance transcribed twice."""
_MOSTLY_COVERED = 0.8
"""Share of one of the two, at the least, that lies between common landmarks."""
_LARGEST_INTERVAL = 128
"""Semitones; more than the keyboard has."""

_Codes = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Landmarks:
    """The sketch of one performance."""

    codes: _Codes
    """Rising; at most `MOST`, where no more were asked for."""
    times: NDArray[np.float32]
    """Seconds."""
    pitches: NDArray[np.uint8]
    """Of the first note of each."""

    @property
    def packed(self) -> bytes:
        """All in nine bytes a landmark; `unpacked` is the way back."""
        times, codes = self.times.astype("<f4"), self.codes.astype("<u4")
        return codes.tobytes() + times.tobytes() + self.pitches.tobytes()

    @classmethod
    def unpacked(cls, data: bytes) -> Landmarks:
        """Read what `packed` wrote."""
        n = len(data) // 9
        return cls(
            np.frombuffer(data, "<u4", n).astype(np.uint32),
            np.frombuffer(data, "<f4", n, 4 * n).astype(np.float32),
            np.frombuffer(data, np.uint8, n, 8 * n),
        )


@dataclass(frozen=True, slots=True)
class Likeness:
    """How two performances are alike, the second compared with the first."""

    transposition: int
    """Semitones from the first up to the second."""
    n_in_order: int
    """Common landmarks at this transposition that come in one order in both."""
    beyond_chance: float
    """How many more these are than unrelated pieces have."""
    steadiness: float = 0.0
    """Share of times between landmarks, 0 to 1, that differ only by one tempo factor for all."""
    tempo: float = 1.0
    """That factor: seconds of the second for each of the first."""
    covered: tuple[float, float] = (0.0, 0.0)
    """Share of each performance, 0 to 1, that lies between the first and last in order."""

    @property
    def is_same_piece(self) -> bool:
        """Whether the two share music."""
        return self.beyond_chance >= SAME_PIECE

    @property
    def is_same_performance(self) -> bool:
        """Whether they are one performance, saved twice, even transposed or stretched."""
        return (
            self.is_same_piece
            and self.steadiness >= SAME_PERFORMANCE
            and max(self.covered) >= _MOSTLY_COVERED
        )


def find_landmarks(notes: Sequence[Note], *, most: int | None = MOST) -> Landmarks:
    """The landmarks of a performance.

    Parameters
    ----------
    notes : sequence of Note
        Sorted by onset, as `Performance` has them.
    most : int, optional
        How many are kept; None for all. A short excerpt is found in a long performance only
        where all of this are kept.
    """
    if len(notes) <= N_INTERVALS:
        return Landmarks(np.zeros(0, np.uint32), np.zeros(0, np.float32), np.zeros(0, np.uint8))
    onsets = np.array([note.onset for note in notes])
    pitches = np.array([note.pitch for note in notes], np.int64)
    begins = np.concatenate([[True], np.diff(onsets) > TOGETHER])
    starts = np.flatnonzero(begins)
    lines = (np.maximum.reduceat(pitches, starts), np.minimum.reduceat(pitches, starts))
    times = onsets[starts].astype(np.float32)
    codes, places, lows = [], [], []
    for which, line in enumerate(lines):
        if len(line) <= N_INTERVALS:
            continue
        grams = np.lib.stride_tricks.sliding_window_view(np.diff(line), N_INTERVALS)
        distinct = (np.diff(np.sort(grams, axis=1), axis=1) != 0).sum(axis=1) >= 2
        codes.append(_hashed(grams[distinct], which))
        places.append(np.flatnonzero(distinct))
        lows.append(line[: len(grams)][distinct])
    if not codes:
        return find_landmarks(())
    code, place, low = (np.concatenate(each) for each in (codes, places, lows))
    order = np.lexsort((place, code))
    code, place, low = code[order], place[order], low[order]
    first = np.concatenate([[True], code[1:] != code[:-1]])[: len(code)]
    code, place, low = code[first][:most], place[first][:most], low[first][:most]
    return Landmarks(code, times[place], low.astype(np.uint8))


def _hashed(grams: NDArray[np.int64], which: int) -> _Codes:
    """A number for each row of intervals, the same everywhere, spread evenly."""
    number = np.full(len(grams), which, np.uint64)
    for interval in grams.T:
        number = number * np.uint64(2 * _LARGEST_INTERVAL)
        number += (interval + _LARGEST_INTERVAL).astype(np.uint64)
    number = (number + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    number ^= number >> np.uint64(29)
    number *= np.uint64(0xBF58476D1CE4E5B9)
    return (number >> np.uint64(32)).astype(np.uint32)


def compare(first: Landmarks, second: Landmarks) -> Likeness | None:
    """How alike two performances are; None where they share too few landmarks."""
    _, i, j = np.intersect1d(first.codes, second.codes, assume_unique=True, return_indices=True)
    if len(i) < FEWEST_COMMON:
        return None
    shifts = second.pitches[j].astype(int) - first.pitches[i].astype(int)
    values, counts = np.unique(shifts, return_counts=True)
    transposition = int(values[counts.argmax()])
    at_once = shifts == transposition
    times, others = first.times[i][at_once], second.times[j][at_once]
    if len(times) < FEWEST_COMMON:
        return None
    order = np.lexsort((others, times))
    times, others = times[order], others[order]
    row = _longest_rising(others.tolist())
    beyond = len(row) - 2 * float(np.sqrt(len(times)))
    if beyond < SAME_PIECE:
        return Likeness(transposition, len(row), beyond)
    times, others = times[row].astype(float), others[row].astype(float)
    steadiness, tempo = _steadiness(times, others)
    covered = (_share(times, first), _share(others, second))
    return Likeness(transposition, len(row), beyond, steadiness, tempo, covered)


def _longest_rising(values: Sequence[float]) -> list[int]:
    """Places of a longest row that does not fall, by patience sorting."""
    tops: list[float] = []
    places: list[int] = []
    before: list[int] = []
    for place, value in enumerate(values):
        pile = bisect_right(tops, value)
        if pile == len(tops):
            tops.append(value)
            places.append(place)
        else:
            tops[pile], places[pile] = value, place
        before.append(places[pile - 1] if pile else -1)
    row = []
    place = places[-1] if places else -1
    while place >= 0:
        row.append(place)
        place = before[place]
    return row[::-1]


def _steadiness(times: NDArray[np.float64], others: NDArray[np.float64]) -> tuple[float, float]:
    """Share of distances that agree but for one factor, and the factor."""
    later = np.searchsorted(times, times + _APART)
    has_later = later < len(times)
    if not has_later.any():
        later, has_later = np.full(len(times), len(times) - 1), times < times[-1]
        if not has_later.any():
            return 0.0, 1.0
    start, stop = np.flatnonzero(has_later), later[has_later]
    gaps, other_gaps = times[stop] - times[start], others[stop] - others[start]
    tempo = float(np.median(other_gaps / gaps))
    return float(np.mean(np.abs(other_gaps - tempo * gaps) <= _STEADY)), tempo


def _share(times: NDArray[np.float64], whole: Landmarks) -> float:
    """How much of a performance lies between the first and last of some landmarks."""
    length = float(whole.times.max() - whole.times.min())
    return float(times.max() - times.min()) / length if length > 0 else 0.0
