"""The likeliest beats, by dynamic programming over what the network of onsets says.

A beat is on an onset, or, where notes are held, between two. Which onsets are beats is
decided together with the tempo from beat to beat: a beat counts for what the network says
of its onset, what is struck before the next for how likely it is where it then stands
between the two, the time to the next for how likely that tempo is here and for how little
it differs from the last, and from the tempo of the piece. What that tempo is, and where
another one begins, is decided in the same run, so that a piece that is counted in halves here
and in quarters there is less likely than one that is counted in either. Bars are found after
that (`bars`).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transcribe.score.beat_paths import BeatPaths
from transcribe.score.beat_targets import PERIODS, PLACES
from transcribe.score.pauses import PAUSE, beats_in_pause

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BeatSettings:
    """How the evidence is weighed; chosen on validation pieces."""

    beat_weight: float = 0.55
    """Of the logarithm of the odds that an onset is a beat."""
    missing: float = -1.2
    """What a beat between onsets counts."""
    period_weight: float = 0.2
    """Of the logarithm of how likely a tempo is."""
    place_weight: float = 0.45
    """Of the logarithm of how likely onsets are where they stand between two beats."""
    change: float = 2.0
    """What a change of tempo from beat to beat costs, times its logarithm."""
    pull: float = 5.0
    """How strongly beats keep to the tempo of the piece: what it costs where one is longer or
    shorter, times the square of the logarithm of the ratio."""
    pull_most: float = 3.0
    """What it costs at most."""
    drift: float = 5.0
    """What it costs that the tempo of the piece goes a step up or down."""
    move: float = 15.0
    """What another tempo of the piece costs from one beat to the next."""
    shortest: float = 0.18
    """Seconds a beat."""
    longest: float = 4.6
    down_weight: float = 1.5
    """Of the logarithm of how likely it is that a beat starts a bar, or does not."""
    down_bias: float = 1.0
    """Added to the logarithm of the odds that a beat starts a bar."""
    onset_share: float = 0.3
    """Of these odds that are by the network of onsets; the rest is by that of beats."""
    missing_down: float = -0.5
    """What the network of onsets would say of a beat between onsets."""
    metre_weight: float = 0.05
    """Of the logarithm of how likely a metre is, a beat."""
    six_eight: float = -1.0
    """Added to that of 6/8."""
    metre_change: float = 16.0
    """What another metre costs."""
    irregular: float = 8.0
    """What a bar costs that is shorter or longer than its metre."""


@dataclass(frozen=True, slots=True)
class OnsetEvidence:
    """What the network of onsets says of n of them."""

    times: Array
    beat: Array
    """Logarithm of the odds that the onset is on a beat, shape (n,)."""
    down: Array
    """The same of a downbeat."""
    period: Array
    """Logarithms of probabilities of `PERIODS`, shape (n, N_PERIODS)."""
    place: Array
    """Probabilities of `PLACES` in the beat, and of any other, shape (n, N_PLACES)."""

    def part(self, start: int, stop: int) -> OnsetEvidence:
        """Of the onsets from one on, and before another."""
        return OnsetEvidence(
            self.times[start:stop],
            self.beat[start:stop],
            self.down[start:stop],
            self.period[start:stop],
            self.place[start:stop],
        )


_LONGEST_STEP = 0.1
"""Seconds between places for beats where nothing is struck."""
_TOLD = 30.0
"""How strongly a tempo that is told holds, as `BeatSettings.pull` does."""
_STRONGEST = 8000.0
"""It grows until the tempo holds in the middle of the beats, at most to this: what stands
between beats counts for the pace that the network hears, and would hold half the pace at two
thirds of it. A beat that is long or short among others stays so."""
_HOLDS = 0.1
"""How far the logarithm of that tempo may be from the one that is told."""
_STRUCK_WITH = 0.03
"""Seconds from a beat within which what is struck belongs to it."""
_N_BINS = 48
"""Places between two beats at which likelihoods are worked out."""
_SPREAD = 0.05
"""Beats: standard deviation of onsets around their places."""
_ANYWHERE = 0.02
"""Likelihood of an onset at a place where the network expects none."""
_LIKELY = -5.0
"""Logarithm of the odds below which no beat is on an onset."""
_AT_ONCE = 512
"""Beats that are worked out together."""
_LATE, _LATE_IF_TOLD = 1.5, 150.0
"""What it costs, a second, to leave out the start or the end; a tempo that is told is that of all
of the piece."""
_LOG_PERIODS = np.log(PERIODS)
_TEMPOS = np.log(np.geomspace(0.2, 4.4, 16))
"""Seconds a beat (their logarithms) of the tempos that a piece may have."""


def track_beats(
    evidence: OnsetEvidence,
    settings: BeatSettings,
    *,
    tempo: float | None = None,
    downbeat: float | None = None,
) -> tuple[Array, NDArray[np.int64]]:
    """The likeliest beats.

    The beats of two pieces with a long pause between them are found one by one, and those in the
    pause, where nothing is struck, are slow (`pauses`).

    Parameters
    ----------
    evidence : OnsetEvidence
        Two onsets or more.
    settings : BeatSettings
    tempo : float, optional
        Beats a minute, roughly.
    downbeat : float, optional
        Seconds at which there is a beat for sure.

    Returns
    -------
    times : array
        Seconds of the beats, shape (m,), two or more.
    onset : array
        Of each beat the onset that it is on, or -1, shape (m,).
    """
    pauses = np.flatnonzero(np.diff(evidence.times) > PAUSE) + 1
    edges = [0, *pauses.tolist(), len(evidence.times)]
    times, onset = np.empty(0), np.empty(0, np.int64)
    for start, stop in itertools.pairwise(edges):
        piece = evidence.part(start, stop)
        is_told = downbeat is not None and (
            stop == len(evidence.times) or downbeat < evidence.times[stop] - PAUSE / 2
        )
        its_times, its_onset = _track_piece(piece, settings, tempo, downbeat if is_told else None)
        if is_told:
            downbeat = None
        if start:
            its_times, its_onset = _extended(its_times, its_onset, back_to=piece.times[0])
        if stop < len(evidence.times):
            its_times, its_onset = _extended(its_times, its_onset, on_to=piece.times[-1])
        if len(times):
            gap = its_times[0] - times[-1]
            n_between = beats_in_pause(gap, settings.longest if tempo is None else 60 / tempo)
            between = times[-1] + gap * np.arange(1, n_between) / n_between
            times, onset = np.append(times, between), np.append(onset, np.full(len(between), -1))
        times = np.append(times, its_times)
        onset = np.append(onset, np.where(its_onset >= 0, its_onset + start, -1))
    return times, onset


def _extended(
    times: Array,
    onset: NDArray[np.int64],
    *,
    back_to: float = np.inf,
    on_to: float = -np.inf,
) -> tuple[Array, NDArray[np.int64]]:
    """The beats, and more of them at their pace before the first or after the last."""
    if len(times) < 2:
        return times, onset
    first, last = np.median(np.diff(times[:4])), np.median(np.diff(times[-4:]))
    before = times[0] - first * np.arange(math.ceil(max(times[0] - back_to, 0) / first), 0, -1)
    after = times[-1] + last * np.arange(1, math.ceil(max(on_to - times[-1], 0) / last) + 1)
    return (
        np.concatenate([before, times, after]),
        np.concatenate([np.full(len(before), -1), onset, np.full(len(after), -1)]),
    )


def _track_piece(
    evidence: OnsetEvidence,
    settings: BeatSettings,
    tempo: float | None,
    downbeat: float | None,
) -> tuple[Array, NDArray[np.int64]]:
    """The likeliest beats of music without long pauses; see `track_beats`."""
    if len(evidence.times) < 2:
        return evidence.times, np.arange(len(evidence.times))
    if tempo is None:
        return _track(
            evidence, settings, _TEMPOS, settings.pull, settings.pull_most, _LATE, downbeat
        )
    pull = _TOLD
    while True:
        told = np.log([60 / tempo])
        times, onset = _track(evidence, settings, told, pull, np.inf, _LATE_IF_TOLD, downbeat)
        off = abs(float(np.log(np.median(np.diff(times)) * tempo / 60)))
        if off <= _HOLDS or pull >= _STRONGEST:
            return times, onset
        pull *= 4


def _track(
    evidence: OnsetEvidence,
    settings: BeatSettings,
    tempos: Array,
    pull: float,
    pull_most: float,
    late: float,
    downbeat: float | None,
) -> tuple[Array, NDArray[np.int64]]:
    """The likeliest beats of a piece of one of these tempos, or of several in turn."""
    times, onset = _candidates(evidence, settings)
    value = np.where(
        onset >= 0, settings.beat_weight * evidence.beat[np.maximum(onset, 0)], settings.missing
    )
    if downbeat is not None and downbeat > times[0] - settings.shortest:
        value[int(np.abs(times - downbeat).argmin())] += 50.0
    period = settings.period_weight * evidence.period
    period = period[np.clip(np.searchsorted(evidence.times, times), 0, len(evidence.times) - 1)]
    places = settings.place_weight * _log_likelihood(evidence.place)
    first = np.searchsorted(times, times - settings.longest)
    last = np.searchsorted(times, times - settings.shortest, side="right")
    paths = BeatPaths(
        value - late * np.maximum(times - times[0] - 1.0, 0),
        late * np.maximum(times[-1] - times - 1.0, 0),
        first,
        last,
        len(tempos),
        change=settings.change,
        drift=settings.drift,
        move=settings.move,
    )
    for start in range(0, len(times), _AT_ONCE):
        count = paths.n_before[start : start + _AT_ONCE]
        beat = start + np.repeat(np.arange(len(count)), count)
        ends = np.cumsum(count)
        before = np.arange(len(beat)) - np.repeat(ends - count, count) + first[beat]
        gap = np.log(times[beat] - times[before])
        pair = value[beat] + 0.5 * (_at(gap, period, beat) + _at(gap, period, before))
        prices = np.minimum(pull * (gap[:, None] - tempos) ** 2, pull_most)
        for i, stop, n in zip(range(start, len(times)), ends, count, strict=False):
            if n:
                own = slice(stop - n, stop)
                starts = times[before[own]]
                struck = _struck_between(starts, float(times[i]), evidence.times, places)
                paths.extend(i, gap[own], (pair[own] + struck)[:, None] - prices[own])
            else:
                paths.begin(i)
    chosen = paths.best()
    return times[chosen], onset[chosen]


def _at(gap: Array, log_period: Array, rows: NDArray[np.int64]) -> Array:
    """What is said of each gap (its logarithm), by these rows of `PERIODS`, shape (m,)."""
    step = _LOG_PERIODS[1] - _LOG_PERIODS[0]
    position = np.clip((gap - _LOG_PERIODS[0]) / step, 0, len(PERIODS) - 1.001)
    low = position.astype(int)
    part = position - low
    return np.asarray(log_period[rows, low] * (1 - part) + log_period[rows, low + 1] * part)


def _log_likelihood(place: Array) -> Array:
    """Of each onset, of being so far between two beats, shape (n, _N_BINS); 0 where nothing is
    known."""
    bins = np.arange(_N_BINS) / _N_BINS
    distance = (bins[:, None] - PLACES + 0.5) % 1 - 0.5
    density = np.exp(-0.5 * (distance / _SPREAD) ** 2) / (_SPREAD * np.sqrt(2 * np.pi))
    return np.asarray(np.log(place[:, :-1] @ density.T + place[:, -1:] + _ANYWHERE))


def _struck_between(starts: Array, stop: float, onsets: Array, places: Array) -> Array:
    """For each beat from one of these times to another, what onsets within it say."""
    first, last = np.searchsorted(onsets, [starts[0] + _STRUCK_WITH, stop - _STRUCK_WITH])
    if last <= first:
        return np.zeros(len(starts))
    since = onsets[first:last] - starts[:, None]
    bins = np.round(since / (stop - starts[:, None]) * _N_BINS).astype(int) % _N_BINS
    said = places[np.arange(first, last), bins]
    return np.asarray((said * (since > _STRUCK_WITH)).sum(axis=1))


def _candidates(evidence: OnsetEvidence, settings: BeatSettings) -> tuple[Array, NDArray[np.int64]]:
    """Where beats may be: likely onsets, and places between those that are far apart."""
    likely = np.flatnonzero(evidence.beat > _LIKELY)
    if len(likely) < 2:
        likely = np.arange(len(evidence.times))
    times = evidence.times[likely]
    found, onset = [times[0]], [int(likely[0])]
    for index in range(1, len(times)):
        gap = times[index] - times[index - 1]
        n_between = int(gap / _LONGEST_STEP) if gap > settings.shortest else 0
        n_between = min(n_between, 200)
        for number in range(1, n_between):
            found.append(times[index - 1] + gap * number / n_between)
            onset.append(-1)
        found.append(times[index])
        onset.append(int(likely[index]))
    return np.array(found), np.array(onset)
