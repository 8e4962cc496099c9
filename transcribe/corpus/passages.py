"""Which passages of a transcription are worth learning from: doubtful ones are cut out.

A cut lies where a note begins, so that no onset is lost but those of the doubtful passage,
and of the two seconds beside that passage where least sounds on: in a silence if there is
one, even one that the pedal does not fill.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from transcribe.corpus.config import CorpusConfig
from transcribe.notes import PedalPress, Performance, sustained
from transcribe.score.score import Hints

_AROUND = 2.0
"""Seconds before and after a note whose confidences count in its own."""
_REACH = 2.0
"""Seconds that a cut may go into what is not doubtful, to find a better place."""
_SAME_MOMENT = 1e-3
"""Seconds."""
_FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a performance, in seconds: the notes struck from ``start`` on, before ``stop``."""

    start: float
    stop: float
    n_notes: int
    lowest: int
    """Pitch."""
    highest: int
    confidence: float
    """Mean of its notes'."""

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Cut:
    """The passages of one performance, and how much is in none."""

    passages: tuple[Passage, ...]
    n_doubtful: int = 0
    """Notes cut out because they are doubtful, or beside what is."""
    n_short: int = 0
    """Notes in passages that are too short."""


def find_passages(performance: Performance, config: CorpusConfig) -> Cut:
    """Divide a performance at what is doubtful and at long silences."""
    notes = performance.notes
    if not notes:
        return Cut(())
    onsets = np.array([note.onset for note in notes])
    confidences = np.array([note.confidence for note in notes])
    ends = np.array([note.offset for note in sustained(performance).notes])
    pitches = np.array([note.pitch for note in notes])
    silent_since = np.concatenate([[onsets[0]], np.maximum.accumulate(ends)[:-1]])
    # Of each note, the seconds of silence before it; below 0 where something sounds on.
    rests = onsets - silent_since
    doubtful = around(onsets, confidences) < config.confidence
    passages, n_short, n_kept = [], 0, 0
    for start, stop in _runs(doubtful, rests > config.silence):
        first, last = _trimmed(start, stop, onsets, rests)
        if first >= last:
            continue
        end = float(np.max(ends[first:last]))
        if last < len(notes):
            end = min(end, float(onsets[last]))
        passage = Passage(
            float(onsets[first]),
            end,
            last - first,
            int(pitches[first:last].min()),
            int(pitches[first:last].max()),
            float(confidences[first:last].mean()),
        )
        n_kept += passage.n_notes
        if passage.seconds < config.shortest or passage.n_notes < config.fewest_notes:
            n_short += passage.n_notes
        else:
            passages.append(passage)
    return Cut(tuple(passages), len(notes) - n_kept, n_short)


def around(onsets: _FloatArray, confidences: _FloatArray) -> _FloatArray:
    """Mean confidence of the notes within two seconds of each, shape (n_notes,).

    Parameters
    ----------
    onsets : array
        Seconds, rising, shape (n_notes,).
    confidences : array
        0 to 1, shape (n_notes,).
    """
    sums = np.concatenate([[0.0], np.cumsum(confidences)])
    start = np.searchsorted(onsets, onsets - _AROUND, side="left")
    stop = np.searchsorted(onsets, onsets + _AROUND, side="right")
    means: _FloatArray = (sums[stop] - sums[start]) / (stop - start)
    return means


def take(performance: Performance, passage: Passage) -> Performance:
    """A passage as a performance of its own, beginning at 0 s."""
    start, stop = passage.start, passage.stop
    notes = tuple(
        replace(note, onset=note.onset - start, offset=min(note.offset, stop) - start)
        for note in performance.notes
        if start <= note.onset and note.onset - start < min(note.offset, stop) - start
    )
    pedal = tuple(
        PedalPress(onset=max(press.onset, start) - start, offset=min(press.offset, stop) - start)
        for press in performance.pedal
        if press.onset < stop and press.offset > start
    )
    return Performance(notes, pedal)


def take_beats(own: Hints | None, passage: Passage, stretch: float = 1.0) -> Hints | None:
    """The beats of a passage that is `take`n and stretched, from the bar that it begins in."""
    if own is None or own.beats is None:
        return None
    bars = own.downbeats or own.beats
    first = max(
        (time for time in bars if time <= passage.start + _SAME_MOMENT), default=own.beats[0]
    )
    last = min((time for time in own.beats if time >= passage.stop), default=own.beats[-1])
    kept = [index for index, time in enumerate(own.beats) if first <= time <= last]
    if len(kept) < 2:
        return None

    def moved(times: Iterable[float]) -> tuple[float, ...]:
        return tuple((time - passage.start) * stretch for time in times)

    return replace(
        own,
        beats=moved(own.beats[index] for index in kept),
        downbeats=None
        if own.downbeats is None
        else moved(time for time in own.downbeats if first <= time <= last),
        metres=None if own.metres is None else tuple(own.metres[index] for index in kept),
    )


def _runs(doubtful: NDArray[np.bool_], divided: NDArray[np.bool_]) -> list[tuple[_Edge, _Edge]]:
    """Neighbouring notes that are not doubtful, with no division between them."""
    runs = []
    first: _Edge | None = None
    for place in range(len(doubtful)):
        if first is not None and (doubtful[place] or divided[place]):
            runs.append((first, _Edge(place, doubtful=bool(doubtful[place]))))
            first = None
        if first is None and not doubtful[place]:
            after_doubt = place > 0 and bool(doubtful[place - 1]) and not divided[place]
            first = _Edge(place, doubtful=after_doubt)
    if first is not None:
        runs.append((first, _Edge(len(doubtful), doubtful=False)))
    return runs


@dataclass(frozen=True, slots=True)
class _Edge:
    """The note at which a run begins, or the first after it."""

    place: int
    doubtful: bool
    """Whether it lies beside a doubtful note, so that a better place is looked for."""


def _trimmed(start: _Edge, stop: _Edge, onsets: _FloatArray, rests: _FloatArray) -> tuple[int, int]:
    """The run with its edges moved inwards to where least sounds on."""
    first, last = start.place, stop.place
    if start.doubtful:
        reach = int(np.searchsorted(onsets, onsets[first] + _REACH, side="right"))
        first += int(np.argmax(rests[first : min(reach, last)]))
    if stop.doubtful:
        reach = int(np.searchsorted(onsets, onsets[last] - _REACH, side="left"))
        low = max(reach, first + 1)
        if low <= last:
            last = low + int(np.argmax(rests[low : last + 1]))
    return first, last
