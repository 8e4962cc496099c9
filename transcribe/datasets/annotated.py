"""Performances with what their scores say: beats, metres, keys, and each note's place.

Read from ASAP [1]_: annotations of beats, match files, MusicXML. `sequenced` reads others.

References
----------
.. [1] F. Foscarin et al., "ASAP: a dataset of aligned scores and performances for piano
   transcription", ISMIR 2020; S. Peter et al., "(n)ASAP", TISMIR 2023.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from transcribe.datasets.match import Match, MatchedNote, read_match
from transcribe.errors import DatasetError
from transcribe.files.atomic import atomic_path
from transcribe.midi import read_midi
from transcribe.notes import Note, PedalPress, Performance

Array = NDArray[np.float64]

SCORE_NAME = "xml_score.musicxml"
"""Of a piece's score, beside its performances."""
UNKNOWN = -1
"""Of hands, beats and metres that are not known."""
NO_KEY = 99
"""Of fifths that are not known."""
_OF_NOTES = ("onset", "offset", "pitch", "velocity", "hand", "beat", "place", "length")
_OF_BEATS = ("beats", "is_down", "numerator", "denominator", "fifths")
"""Arrays of an `AnnotatedPerformance` with a value for each note, and for each beat."""
_LEFT_OUT = 0.05
"""Seconds; beats that are closer were not played."""
_SAME_ONSET = 0.012
"""Seconds; a matched note is the nearest of its pitch within this."""
_ON_BEAT = 0.035
"""Seconds between an annotated beat and the notes that say where it is in the score."""


@dataclass(frozen=True)
class AnnotatedPerformance:
    """Arrays of one performance: n notes in the order of `Performance.notes`, m beats."""

    onset: Array
    offset: Array
    """Key releases."""
    pitch: NDArray[np.int64]
    velocity: NDArray[np.int64]
    pedal: Array
    """Seconds down and up, shape (n_presses, 2)."""
    beats: Array
    """Seconds, rising."""
    is_down: NDArray[np.bool_]
    numerator: NDArray[np.int64]
    """Of the metre at each beat, or `UNKNOWN`."""
    denominator: NDArray[np.int64]
    fifths: NDArray[np.int64]
    """Of the key signature at each beat, or `NO_KEY`."""
    hand: NDArray[np.int64]
    """Of each note: 1 right, 0 left, or `UNKNOWN`."""
    beat: NDArray[np.int64]
    """Index of the beat that each note is in, in the score, or `UNKNOWN`."""
    place: Array
    """Beats from there, 0 to below 1."""
    length: Array
    """Written, in quarters; 0 for grace notes, NaN where it is not known."""

    @property
    def performance(self) -> Performance:
        """The notes and pedal presses as they are anywhere else."""
        notes = [
            Note(onset=float(a), offset=float(b), pitch=int(p), velocity=int(v))
            for a, b, p, v in zip(self.onset, self.offset, self.pitch, self.velocity, strict=True)
        ]
        pedal = [PedalPress(onset=float(a), offset=float(b)) for a, b in self.pedal]
        return Performance(tuple(notes), tuple(pedal))

    def save(self, path: Path) -> None:
        """Write all of it to an ``.npz`` file, whole or not at all."""
        arrays = {each.name: getattr(self, each.name) for each in fields(self)}
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)

    @classmethod
    def load(cls, path: Path) -> AnnotatedPerformance:
        """Read what `save` wrote."""
        with np.load(path) as stored:
            return cls(**{each.name: stored[each.name] for each in fields(cls)})

    def until(self, seconds: float) -> AnnotatedPerformance:
        """The start of it: notes struck, and beats, before a time."""
        notes = self.onset < seconds
        beats = self.beats < seconds
        cut = {name: getattr(self, name)[notes] for name in _OF_NOTES}
        cut |= {name: getattr(self, name)[beats] for name in _OF_BEATS}
        cut["beat"] = np.where(cut["beat"] < beats.sum(), cut["beat"], UNKNOWN)
        pedal = self.pedal[self.pedal[:, 0] < seconds]
        return AnnotatedPerformance(pedal=pedal, **cut)


def beats_per_bar(numerator: int, denominator: int) -> int:
    """As a conductor would beat: 2 in 6/8 and 6/4, 3 in 9/8 and 3/8, 4 in 4/4."""
    compound = denominator >= 4 and numerator in (6, 9, 12)
    return numerator // 3 if compound else numerator


def quarters_per_beat(numerator: int, denominator: int) -> float:
    """1.5 in 6/8, 1 in 3/4, 2 in 2/2."""
    return 4 * numerator / denominator / beats_per_bar(numerator, denominator)


def read_asap(midi: Path) -> AnnotatedPerformance:
    """A performance of ASAP, with what lies beside it.

    Raises
    ------
    DatasetError
        Its annotations are missing or name no beats.
    """
    labels = midi.with_name(midi.stem + "_annotations.txt")
    if not labels.is_file():
        raise DatasetError(f"{labels}: expected the annotations of {midi.name}; found no such file")
    rows = [line.split("\t") for line in labels.read_text("utf-8").splitlines() if line.strip()]
    if not rows:
        raise DatasetError(f"{labels}: expected a beat a line; found none")
    times = np.array([float(row[0]) for row in rows])
    kinds, metres, keys = [], [], []
    metre, key = (UNKNOWN, UNKNOWN), NO_KEY
    for _, _, text in rows:
        kind, *rest = text.split(",")
        if rest and rest[0]:
            metre = (int(rest[0].split("/")[0]), int(rest[0].split("/")[1]))
        if len(rest) > 1 and rest[1]:
            key = int(rest[1])
        kinds.append(kind == "db")
        metres.append(metre)
        keys.append(key)
    # What is said first holds from the start, an upbeat included.
    first_metre = next((each for each in metres if each[0] != UNKNOWN), metre)
    first_key = next((each for each in keys if each != NO_KEY), key)
    metres = [first_metre if each[0] == UNKNOWN else each for each in metres]
    keys = [first_key if each == NO_KEY else each for each in keys]
    order = np.argsort(times, kind="stable")
    order = order[_played(times[order])]
    performance = read_midi(midi)
    is_down, metre_of, key_of = (np.array(each)[order] for each in (kinds, metres, keys))
    result = unlabelled(performance, times[order], is_down, metre_of, key_of)
    match = midi.with_suffix(".match")
    if match.is_file():
        return _with_match(result, read_match(match, midi.with_name(SCORE_NAME)))
    return result


def _played(beats: Array) -> NDArray[np.bool_]:
    """Of annotated beats, those that were played: a passage that the pianist left out, such as a
    repeat, has all of its beats within a moment. The first of them stays if it was before the
    last, with which the music goes on."""
    is_close = np.diff(beats) < _LEFT_OUT
    before, after = np.append(False, is_close), np.append(is_close, False)
    kept = ~(before & after)
    times, numbers = beats[kept], np.flatnonzero(kept)
    kept[numbers[:-1][np.diff(times) < _LEFT_OUT]] = False
    return kept


def without_labels(performance: Performance, beats: Array) -> AnnotatedPerformance:
    """A performance of which only the beats are known, in seconds; each is in none."""
    n = len(beats)
    return unlabelled(
        performance,
        beats,
        np.zeros(n, bool),
        np.full((n, 2), UNKNOWN),
        np.full(n, NO_KEY),
    )


def unlabelled(
    performance: Performance,
    beats: Array,
    is_down: NDArray[np.bool_],
    metres: NDArray[np.int64],
    fifths: NDArray[np.int64],
) -> AnnotatedPerformance:
    """A performance with its beats, each note of which is in none, in no hand, of no length."""
    notes, n = performance.notes, len(performance.notes)
    return AnnotatedPerformance(
        onset=np.array([note.onset for note in notes]),
        offset=np.array([note.offset for note in notes]),
        pitch=np.array([note.pitch for note in notes]),
        velocity=np.array([note.velocity for note in notes]),
        pedal=np.array([(press.onset, press.offset) for press in performance.pedal]).reshape(-1, 2),
        beats=beats,
        is_down=is_down,
        numerator=metres[:, 0],
        denominator=metres[:, 1],
        fifths=fifths,
        hand=np.full(n, UNKNOWN),
        beat=np.full(n, UNKNOWN),
        place=np.zeros(n),
        length=np.full(n, np.nan),
    )


def note_finder(each: AnnotatedPerformance) -> Callable[[float, int], int | None]:
    """A function from seconds and pitch to the index of the note that is struck then."""
    onsets, pitches = each.onset.tolist(), each.pitch.tolist()

    def find(seconds: float, pitch: int) -> int | None:
        first = bisect_left(onsets, seconds - _SAME_ONSET)
        last = bisect_right(onsets, seconds + _SAME_ONSET)
        near = [index for index in range(first, last) if pitches[index] == pitch]
        return min(near, key=lambda index: abs(onsets[index] - seconds), default=None)

    return find


def _with_match(each: AnnotatedPerformance, match: Match) -> AnnotatedPerformance:
    """With the labels of notes that a match file has."""
    starts = _bar_starts(match)
    grid = score_beats(match, starts)
    positions = [position for position, _ in grid]
    notes = [replace(note, position=_exact(note, starts)) for note in match.notes]
    found = _annotated_beats(each.beats, notes, positions)
    hand, beat = each.hand.copy(), each.beat.copy()
    place, length = each.place.copy(), each.length.copy()
    find = note_finder(each)
    for note in notes:
        index = find(note.onset, note.pitch)
        if index is None:
            continue
        length[index] = note.length
        if note.staff == 1 or (note.staff and note.staff == match.n_staves):
            hand[index] = int(note.staff == 1)
        before = bisect_right(positions, note.position + 1e-2) - 1
        if before in found:
            beat[index] = found[before]
            place[index] = max((note.position - positions[before]) / grid[before][1], 0.0)
    known = (beat != UNKNOWN) & (place < 1)
    return replace(each, hand=hand, beat=np.where(known, beat, UNKNOWN), place=place, length=length)


def _bar_starts(match: Match) -> list[float]:
    """Where bars start, in quarters, by what most of their notes say."""
    votes: dict[float, int] = {}
    for note in match.notes:
        start = round(note.position - note.place, 2)
        votes[start] = votes.get(start, 0) + 1
    starts: list[float] = []
    for start in sorted(votes):
        if starts and start - starts[-1] < 0.24:
            if votes[start] > votes[starts[-1]]:
                starts[-1] = start
        else:
            starts.append(start)
    return starts


def _exact(note: MatchedNote, starts: Sequence[float]) -> float:
    """A note's position by its place in its bar, which is exact, where positions are rounded."""
    at = note.position - note.place
    index = bisect_left(starts, at)
    near = [starts[i] for i in (index - 1, index) if 0 <= i < len(starts)]
    start = min(near, key=lambda each: abs(each - at))
    return start + note.place if abs(start - at) < 0.24 else note.position


def score_beats(match: Match, starts: Sequence[float]) -> list[tuple[float, float]]:
    """Every beat of the score: its position and its length, in quarters.

    Bars start where their notes say; a bar that is shorter than its metre is counted from
    its end if it is the first or follows another such, as an upbeat is.
    """
    end = match.notes[-1].position + 8
    grid: list[tuple[float, float]] = []
    was_short = True
    for start, stop in zip(starts, [*starts[1:], end], strict=True):
        metre = match.metre(start)
        length = quarters_per_beat(*metre)
        whole = 4 * metre[0] / metre[1]
        is_short = stop - start < whole - 0.05
        steps = np.arange(0, stop - start - 0.05, length)
        if is_short and was_short:
            beats = [stop - length - step for step in steps][::-1]
        else:
            beats = [start + step for step in steps]
        grid.extend((float(beat), length) for beat in beats)
        was_short = is_short
    return sorted(grid)


def _annotated_beats(
    beats: Array, notes: Sequence[MatchedNote], positions: Sequence[float]
) -> dict[int, int]:
    """From the index of a beat in the score to that of the annotated one, where notes on it
    say so, or its neighbours on either side."""
    ordered = sorted(notes, key=lambda note: note.onset)
    onsets = [note.onset for note in ordered]
    of_annotated: dict[int, int] = {}
    for index, time in enumerate(beats):
        votes: dict[int, int] = {}
        near = range(bisect_left(onsets, time - _ON_BEAT), bisect_right(onsets, time + _ON_BEAT))
        for number in near:
            at = ordered[number].position
            nearest = bisect_left(positions, at - 0.02)
            if nearest < len(positions) and abs(positions[nearest] - at) < 0.02:
                votes[nearest] = votes.get(nearest, 0) + 1
        if votes:
            of_annotated[index] = max(votes, key=lambda each: votes[each])
    kept = _rising(of_annotated)
    for index in range(1, len(beats)):
        before, after = kept.get(index - 1), _next(kept, index)
        if index not in kept and before is not None and after is not None:
            number, position = after
            if position - before == number - (index - 1):
                kept[index] = before + 1
    return {position: index for index, position in kept.items()}


def _next(known: dict[int, int], index: int) -> tuple[int, int] | None:
    """The first known beat within four from an index."""
    return next(((n, known[n]) for n in range(index, index + 4) if n in known), None)


def _rising(found: dict[int, int]) -> dict[int, int]:
    """Without those that contradict both neighbours."""
    kept: dict[int, int] = {}
    items = sorted(found.items())
    for number, (index, position) in enumerate(items):
        near = items[max(number - 2, 0) : number] + items[number + 1 : number + 3]
        agree = sum(position - other == index - there for there, other in near)
        if agree >= 1 and position not in kept.values():
            kept[index] = position
    return kept
