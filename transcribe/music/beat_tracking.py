"""Beats from notes: a bar pointer walks through the onsets and finds the likeliest tempo.

The model is the bar pointer model [1]_ on what was played in place of a spectrogram. A
hidden tempo, in frames a beat, may change from beat to beat; within a beat, onsets are an
inhomogeneous Poisson process [2]_ whose rate depends on the place in the beat and on how
accented the onset is. Rates, tempo prior and what makes an accent were counted on
annotated performances; `Rhythm` holds them.

References
----------
.. [1] N. Whiteley, A. T. Cemgil, S. Godsill, "Bayesian Modelling of Temporal Structure in
   Musical Audio", ISMIR 2006.
.. [2] A. T. Cemgil, B. Kappen, "Monte Carlo Methods for Tempo Tracking and Rhythm
   Quantization", JAIR 2003.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from transcribe.notes import Note

Array = NDArray[np.float64]

FRAME_RATE = 50
"""Frames a second in which the pointer moves."""
CHORD_SECONDS = 0.05
"""Onsets within this of the first are struck together."""
N_FEATURES = 10
"""Of an onset."""
METRE_LEAD = 0.03
"""What an unusual metre has to be likelier by, a beat, in the logarithm: where beats are
uncertain, bars are more so, and then common time is the better guess."""
_NEAR_SECONDS, _AROUND_SECONDS = 0.7, 2.0
"""Before and after an onset: among these it may be the lowest, highest or loudest; it is told
beside the mean of those."""
_LEAD = 0.2
"""Seconds before the first onset from which the pointer walks."""
_HARMONY_SECONDS = 1.0
"""Before an onset, in which the pitch classes that it has may have been struck."""


@dataclass(frozen=True, slots=True)
class Onsets:
    """Notes struck together, as one event each: n of them in the order of time."""

    times: Array
    """Seconds, shape (n,); the mean over the notes."""
    features: Array
    """What may make an accent, shape (n, N_FEATURES)."""
    chroma: Array
    """How much of each pitch class is struck, shape (n, 12)."""


def find_onsets(notes: Sequence[Note]) -> Onsets:
    """Join notes that are struck together, and measure how much each group stands out."""
    groups: list[list[Note]] = []
    for note in notes:
        if groups and note.onset - groups[-1][0].onset <= CHORD_SECONDS:
            groups[-1].append(note)
        else:
            groups.append([note])
    times = np.array([np.mean([note.onset for note in group]) for group in groups])
    loudest = np.array([max(note.velocity for note in group) for group in groups], float)
    lowest = np.array([min(note.pitch for note in group) for group in groups], float)
    highest = np.array([max(note.pitch for note in group) for group in groups], float)
    longest = np.array([max(note.offset - note.onset for note in group) for group in groups])
    size = np.array([len(group) for group in groups], float)
    chroma = np.zeros((len(groups), 12))
    for index, group in enumerate(groups):
        for note in group:
            chroma[index, note.pitch % 12] += 1
    if not groups:
        return Onsets(np.zeros(0), np.zeros((0, N_FEATURES)), chroma)
    wait = np.diff(times, append=times[-1] + 2.0)
    since = np.diff(times, prepend=times[0] - 2.0)
    features = np.empty((len(groups), N_FEATURES))
    before = np.searchsorted(times, times - _AROUND_SECONDS)
    after = np.searchsorted(times, times + _AROUND_SECONDS, side="right")
    near_before = np.searchsorted(times, times - _NEAR_SECONDS)
    near_after = np.searchsorted(times, times + _NEAR_SECONDS, side="right")
    harmony = np.searchsorted(times, times - _HARMONY_SECONDS)
    for index in range(len(groups)):
        around = slice(before[index], after[index])
        near = slice(near_before[index], near_after[index])
        recent = chroma[harmony[index] : index].sum(axis=0) > 0
        features[index] = (
            np.log(size[index]),
            (loudest[index] - loudest[around].mean()) / 16,
            (lowest[index] - lowest[around].mean()) / 12,
            lowest[index] <= lowest[near].min(),
            highest[index] >= highest[near].max(),
            np.log(max(longest[index], 0.02)) - np.log(np.maximum(longest[around], 0.02)).mean(),
            np.log(np.clip(wait[index], 0.05, 2)) - np.log(np.clip(wait[around], 0.05, 2)).mean(),
            np.log(np.clip(since[index], 0.05, 2)) - np.log(np.clip(since[around], 0.05, 2)).mean(),
            np.mean(~recent[chroma[index] > 0]),
            loudest[index] >= loudest[near].max(),
        )
    return Onsets(times, features, chroma)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What was counted on annotated performances."""

    accent_weights: Array
    """Of `Onsets.features`, shape (N_FEATURES,)."""
    accent_edges: Array
    """Between the classes of accents, shape (n_classes - 1,)."""
    rates: Array
    """Onsets a beat of each class at each place in the beat, for beats in two and in
    three: shape (2, n_classes, n_places)."""
    downbeat_weights: Array
    """Of `beat_features`, shape (N_FEATURES + 4,)."""


@cache
def rhythm() -> Rhythm:
    """The packaged counts."""
    content = json.loads((resources.files("transcribe") / "weights/rhythm.json").read_bytes())
    names = ("accent_weights", "accent_edges", "rates", "downbeat_weights")
    return Rhythm(*(np.array(content[name], float) for name in names))


@dataclass(frozen=True, slots=True)
class Pace:
    """How the pointer may move; chosen on annotated performances."""

    slowest: float = 30.0
    """Beats a minute."""
    fastest: float = 200.0
    usual: float = 92.0
    """Beats a minute, the centre of the tempo prior."""
    spread: float = 0.45
    """Standard deviation of the prior, in the logarithm of the tempo."""
    prior_weight: float = 2.0
    """How much the prior counts at every beat."""
    change_cost: float = 15.0
    """What a change of tempo from beat to beat costs, times its logarithm."""
    rate_power: float = 4.0
    """How much onsets count against the costs above."""

    @classmethod
    def near(cls, tempo: float) -> Pace:
        """For a tempo that the user gave, in beats a minute."""
        return cls(slowest=tempo / 1.17, fastest=tempo * 1.17, usual=tempo)


def track_beats(
    onsets: Onsets, *, in_threes: bool, pace: Pace | None = None
) -> tuple[Array, float]:
    """The likeliest beats, and how likely they are.

    Parameters
    ----------
    onsets : Onsets
        Two or more.
    in_threes : bool
        Whether beats are divided in three, as in 6/8, or in two.
    pace : Pace, optional
        How the tempo may move.

    Returns
    -------
    beats : array
        Seconds, shape (n_beats,), from at or before the first onset to at or after the
        last; moved to the onsets that lie near.
    likelihood : float
        Logarithm, to compare with that of the other division.
    """
    pace = pace or Pace()
    states = _PointerStates.of(pace)
    start = float(onsets.times[0]) - _LEAD
    frames = np.round((onsets.times - start) * FRAME_RATE).astype(int)
    n_frames = int(frames[-1]) + 10
    rates = rhythm().rates[int(in_threes)]
    rate_scores = pace.rate_power * np.stack(
        [_log_rate(rate, states.place, states.period) for rate in rates]
    )
    log_period = np.log(states.periods / FRAME_RATE)
    prior = -0.5 * ((log_period - np.log(60 / pace.usual)) / pace.spread) ** 2
    beat_cost = pace.prior_weight * prior - pace.rate_power * rates.sum()
    change = -pace.change_cost * np.abs(log_period[:, None] - log_period[None, :])
    change -= np.log(np.exp(change).sum(axis=1, keepdims=True))

    value = prior[np.searchsorted(states.periods, states.period)] - np.log(states.period)
    came_from = np.zeros((n_frames, len(states.periods)), np.int32)
    at_frame: dict[int, list[int]] = {}
    for frame, kind in zip(frames.tolist(), _classes(onsets).tolist(), strict=True):
        at_frame.setdefault(frame, []).append(kind)
    for frame in range(n_frames):
        if frame:
            arriving = value[states.lasts][:, None] + change
            best = arriving.argmax(axis=0)
            came_from[frame] = best
            value[1:] = value[:-1].copy()
            value[states.firsts] = arriving[best, np.arange(len(best))] + beat_cost
        for kind in at_frame.get(frame, ()):
            value += rate_scores[kind]
    state = int(value.argmax())
    beats = states.walked_back(state, came_from)
    return _moved(beats / FRAME_RATE + start, onsets), float(value[state])


@dataclass(frozen=True, slots=True)
class _PointerStates:
    """Where the pointer may be: every frame of a beat of every period, the shortest first."""

    periods: NDArray[np.int_]
    """Frames a beat, rising."""
    firsts: NDArray[np.int_]
    """Of each period the state at the start of a beat."""
    lasts: NDArray[np.int_]
    """The same at its end."""
    period: NDArray[np.int_]
    """Of each state."""
    place: Array
    """In the beat, 0 to below 1."""

    @classmethod
    def of(cls, pace: Pace) -> _PointerStates:
        """For the tempos of a pace."""
        shortest, longest = (
            round(60 / tempo * FRAME_RATE) for tempo in (pace.fastest, pace.slowest)
        )
        periods = np.arange(shortest, longest + 1)
        firsts = np.concatenate([[0], np.cumsum(periods)[:-1]])
        return cls(
            periods=periods,
            firsts=firsts,
            lasts=firsts + periods - 1,
            period=np.repeat(periods, periods),
            place=np.concatenate([np.arange(period) / period for period in periods]),
        )

    def walked_back(self, state: int, came_from: NDArray[np.int32]) -> NDArray[np.int_]:
        """The frames of the beats on the way to a state in the last frame, and the next beat's.

        ``came_from`` is by frame and period that of the beat before, of one that starts there.
        """
        tempo = int(np.searchsorted(self.firsts, state, side="right")) - 1
        frame = len(came_from) - 1 - (state - int(self.firsts[tempo]))
        beats = [frame + int(self.periods[tempo])]
        while frame > 0:
            beats.append(frame)
            tempo = int(came_from[frame, tempo])
            frame -= int(self.periods[tempo])
        beats.append(frame)
        return np.array(beats[::-1])


def steady_beats(onsets: Onsets, *, tempo: float, in_threes: bool) -> Array:
    """Beats of one tempo (beats a minute) from first to last, where onsets fit them best."""
    period = 60 / tempo
    log_rates = np.log(rhythm().rates[int(in_threes)])
    n_places = log_rates.shape[1]
    classes = _classes(onsets)
    places = onsets.times / period
    shifts = np.arange(n_places) / n_places
    likelihood = [
        log_rates[classes, np.round((places - shift) * n_places).astype(int) % n_places].sum()
        for shift in shifts
    ]
    shift = shifts[int(np.argmax(likelihood))]
    first = np.floor(places[0] - shift + 0.1)
    n_beats = int(max(np.ceil(places[-1] - shift) - first, 1)) + 1
    return np.asarray((first + shift + np.arange(n_beats)) * period)


def find_downbeat(beats: Array, onsets: Onsets, beats_per_bar: Sequence[int]) -> tuple[int, int]:
    """Which of some bar lengths fits best, and which beat begins the first bar.

    Parameters
    ----------
    beats : array
        Seconds, shape (n_beats,).
    onsets : Onsets
        What was played.
    beats_per_bar : sequence of int
        Bar lengths to try; the first unless another is likelier by `METRE_LEAD` a beat.

    Returns
    -------
    beats_per_bar, first_downbeat : int
        The likeliest, every beat taken by itself.
    """
    features = beat_features(beats, onsets, rhythm().accent_weights)
    odds = features @ rhythm().downbeat_weights
    yes, no = -np.logaddexp(0, -odds), -np.logaddexp(0, odds)
    found = []
    for length in beats_per_bar:
        for first in range(length):
            down = np.arange(len(beats)) % length == first
            likelihood = float(yes[down].sum() + no[~down].sum())
            if length == beats_per_bar[0]:
                likelihood += METRE_LEAD * len(beats)
            found.append((likelihood, length, first))
    _, length, first = max(found, key=lambda each: each[0])
    return length, first


def beat_features(beats: Array, onsets: Onsets, accent_weights: Array) -> Array:
    """What may make a beat a downbeat, shape (n_beats, N_FEATURES + 4); the last is 1."""
    features = np.zeros((len(beats), N_FEATURES + 4))
    features[:, -1] = 1
    bounds = np.searchsorted(onsets.times, beats - 0.04)
    spans = [
        onsets.chroma[start:stop].sum(axis=0)
        for start, stop in zip(bounds, [*bounds[1:], len(onsets.times)], strict=True)
    ]
    for index, beat in enumerate(beats):
        first, last = np.searchsorted(onsets.times, [beat - 0.07, beat + 0.07])
        if first < last:
            accents = onsets.features[first:last] @ accent_weights
            features[index, :N_FEATURES] = onsets.features[first + int(accents.argmax())]
            features[index, N_FEATURES] = 1
        if index:
            features[index, -3] = _distance(spans[index - 1], spans[index])
        if 1 < index < len(beats) - 1:
            before, after = spans[index - 2] + spans[index - 1], spans[index] + spans[index + 1]
            features[index, -2] = _distance(before, after)
    return features


def _distance(one: Array, other: Array) -> float:
    """0 for equal proportions of pitch classes, 1 for none in common."""
    norm = float(np.linalg.norm(one) * np.linalg.norm(other))
    return 1 - float(one @ other) / norm if norm else 0.0


def _classes(onsets: Onsets) -> NDArray[np.int_]:
    """The class of accent of each onset, from 0."""
    accents = onsets.features @ rhythm().accent_weights
    return np.searchsorted(rhythm().accent_edges, accents)


def _log_rate(rate: Array, place: Array, period: NDArray[np.int_]) -> Array:
    """Logarithm of onsets a frame, at places (0 to 1) in beats of so many frames."""
    n = len(rate)
    position = place * n
    below = np.floor(position).astype(int)
    part = position - below
    per_beat = rate[below % n] * (1 - part) + rate[(below + 1) % n] * part
    return np.log(per_beat * n / period)


def _moved(beats: Array, onsets: Onsets) -> Array:
    """Each beat where the strongest onset near it lies."""
    strength = np.exp(onsets.features @ rhythm().accent_weights)
    moved = beats.copy()
    gaps = np.diff(beats)
    for index, beat in enumerate(beats):
        reach = min(0.07, 0.15 * gaps[max(index - 1, 0)], 0.15 * gaps[min(index, len(gaps) - 1)])
        first, last = np.searchsorted(onsets.times, [beat - reach, beat + reach])
        if first < last:
            moved[index] = onsets.times[first + int(strength[first:last].argmax())]
    return moved
