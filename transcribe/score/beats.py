"""The likeliest beats and bars, by dynamic programming over what the networks say.

A beat is on an onset, or, where notes are held, between two. Which onsets are beats is
decided together with the tempo from beat to beat: a beat counts for what the network says
of its onset, what is struck before the next for how likely it is where it then stands
between the two, the time to the next for how likely that tempo is here and for how little
it differs from the last. Bars are found after that, from what a second network says of the
beats: a metre, and in it the place of each beat, change only where it is sure enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transcribe.score.beat_targets import METRE_NAMES, PERIODS, PLACES

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
    shortest: float = 0.18
    """Seconds a beat."""
    longest: float = 4.6
    down_weight: float = 1.5
    """Of the logarithm of how likely it is that a beat starts a bar, or does not."""
    down_bias: float = 2.5
    """Added to the logarithm of the odds that a beat starts a bar."""
    onset_share: float = 0.3
    """Of these odds that are by the network of onsets; the rest is by that of beats."""
    missing_down: float = -0.5
    """What the network of onsets would say of a beat between onsets."""
    metre_weight: float = 0.05
    """Of the logarithm of how likely a metre is, a beat."""
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


@dataclass(frozen=True, slots=True)
class BarEvidence:
    """What the network of beats says of m of them."""

    down: Array
    """Logarithm of the odds that the beat starts a bar, shape (m,)."""
    metre: Array
    """Logarithms of probabilities of `METRE_NAMES`, shape (m, n_metres)."""


_LONGEST_STEP = 0.1
"""Seconds between places for beats where nothing is struck."""
_PULL = 30.0
"""How strongly a tempo that is given holds: times the square of the logarithm's difference."""
_STRONGEST_PULL = 8000.0
"""The pull grows until the tempo holds in the middle of the beats, at most to this: what stands
between beats counts for the pace that the network hears, and would hold half the pace at two
thirds of it. A beat that is long or short among others stays so."""
_HOLDS = 0.1
"""How far the logarithm of that tempo may be from the one that is given."""
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
_LATE = 1.5
"""What it costs, a second, to leave out the start or the end."""
_LOG_PERIODS = np.log(PERIODS)


def track_beats(
    evidence: OnsetEvidence,
    settings: BeatSettings,
    *,
    tempo: float | None = None,
    downbeat: float | None = None,
) -> tuple[Array, NDArray[np.int64]]:
    """The likeliest beats.

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
    if tempo is None:
        return _track(evidence, settings, settings.period_weight * evidence.period, downbeat)
    pull = _PULL
    while True:
        period = settings.period_weight * evidence.period
        period = period - pull * (_LOG_PERIODS - np.log(60 / tempo)) ** 2
        times, onset = _track(evidence, settings, period, downbeat)
        off = abs(float(np.log(np.median(np.diff(times)) * tempo / 60)))
        if off <= _HOLDS or pull >= _STRONGEST_PULL:
            return times, onset
        pull *= 4


def _track(
    evidence: OnsetEvidence, settings: BeatSettings, period: Array, downbeat: float | None
) -> tuple[Array, NDArray[np.int64]]:
    """The likeliest beats where the tempos at each onset are as likely as ``period`` says."""
    times, onset = _candidates(evidence, settings)
    value = np.where(
        onset >= 0, settings.beat_weight * evidence.beat[np.maximum(onset, 0)], settings.missing
    )
    if downbeat is not None:
        value[int(np.abs(times - downbeat).argmin())] += 50.0
    period = period[np.clip(np.searchsorted(evidence.times, times), 0, len(evidence.times) - 1)]
    places = settings.place_weight * _log_likelihood(evidence.place)
    first = np.searchsorted(times, times - settings.longest)
    last = np.searchsorted(times, times - settings.shortest, side="right")
    n, most = len(times), max(int((last - first).max()), 1)
    # Of each pair, a beat and the one before it (a column): the best way to there, the
    # logarithm of the gap, and the column of the pair before.
    best, gaps = np.full((n, most), -np.inf), np.zeros((n, most))
    back = np.full((n, most), -1, np.int32)
    alone = value - _LATE * np.maximum(times - times[0] - 1.0, 0)
    for i in range(n):
        before = slice(first[i], last[i])
        m = last[i] - first[i]
        if m < 1:
            continue
        gap = np.log(times[i] - times[before])
        pair = value[i] + 0.5 * (
            _at(gap, np.broadcast_to(period[i], (m, len(PERIODS)))) + _at(gap, period[before])
        )
        pair += _struck_between(times[before], float(times[i]), evidence.times, places)
        through = best[before] - settings.change * np.minimum(
            np.abs(gaps[before] - gap[:, None]), 1.0
        )
        source = through.argmax(axis=1)
        reached = through[np.arange(m), source]
        goes_on = reached > alone[before]
        best[i, :m] = np.where(goes_on, reached, alone[before]) + pair
        back[i, :m] = np.where(goes_on, source, -1)
        gaps[i, :m] = gap
    end = best.max(axis=1) - _LATE * np.maximum(times[-1] - times - 1.0, 0)
    i = int(end.argmax())
    if not np.isfinite(end[i]):
        return times[[0, -1]], onset[[0, -1]]
    column = int(best[i].argmax())
    chosen = [i]
    while column >= 0:
        earlier = int(first[i]) + column
        chosen.append(earlier)
        column, i = int(back[i, column]), earlier
    chosen = chosen[::-1]
    return times[chosen], onset[chosen]


def _at(gap: Array, log_period: Array) -> Array:
    """What is said of each gap (its logarithm), by rows of `PERIODS`, shape (m,)."""
    step = _LOG_PERIODS[1] - _LOG_PERIODS[0]
    position = np.clip((gap - _LOG_PERIODS[0]) / step, 0, len(PERIODS) - 1.001)
    low = position.astype(int)
    part = position - low
    rows = np.arange(len(gap))
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


@dataclass(frozen=True, slots=True)
class Bars:
    """The place of each of m beats in its bar, and its metre."""

    in_bar: NDArray[np.int64]
    """0 for downbeats."""
    metre: NDArray[np.int64]
    """Index into the metres that were tried."""


def track_bars(
    evidence: BarEvidence,
    times: Array,
    settings: BeatSettings,
    metres: Sequence[tuple[int, int, int]],
    *,
    downbeat: float | None = None,
    is_down: NDArray[np.bool_] | None = None,
) -> Bars:
    """The likeliest metres and bars.

    Parameters
    ----------
    evidence : BarEvidence
    times : array
        Seconds of the beats.
    settings : BeatSettings
    metres : sequence of (numerator, denominator, beats a bar)
        That may be; of those that the network does not tell, none is likelier than another.
    downbeat : float, optional
        Seconds of a beat that starts a bar.
    is_down : array, optional
        Which beats start bars, where that is known.
    """
    odds = evidence.down + settings.down_bias
    yes = -np.logaddexp(0, -odds) * settings.down_weight
    no = -np.logaddexp(0, odds) * settings.down_weight
    if downbeat is not None:
        yes[int(np.abs(times - downbeat).argmin())] += 1000
    if is_down is not None:
        yes, no = np.where(is_down, 0.0, -100.0), np.where(is_down, -100.0, 0.0)
    of_name = {name: index for index, name in enumerate(METRE_NAMES)}
    known = np.array([of_name.get((num, den), -1) for num, den, _ in metres])
    likely = np.where(known >= 0, evidence.metre[:, np.maximum(known, 0)], -6.0)
    likely = settings.metre_weight * np.maximum(likely, -6.0)
    sizes = np.array([size for _, _, size in metres])
    of_state = np.repeat(np.arange(len(metres)), sizes)
    place = np.concatenate([np.arange(size) for size in sizes])
    starts = np.flatnonzero(place == 0)
    ends = starts + sizes - 1
    n_states = len(place)
    value = likely[0][of_state] + np.where(place == 0, yes[0], no[0])
    came = np.zeros((len(times), n_states), np.int32)
    for i in range(1, len(times)):
        moved = np.empty(n_states)
        source = np.arange(n_states) - 1
        moved[1:] = value[:-1]
        # From the end of a bar to the start of the next, in any metre, or early from within one.
        change = np.where(np.eye(len(metres), dtype=bool), 0.0, -settings.metre_change)
        full = value[ends][:, None] + change
        best = full.argmax(axis=0)
        moved[starts], source[starts] = full[best, np.arange(len(metres))], ends[best]
        for start, end in zip(starts, ends, strict=True):
            if end > start:
                early = start + int(value[start:end].argmax())
                if value[early] - settings.irregular > moved[start]:
                    moved[start], source[start] = value[early] - settings.irregular, early
            # A bar that is a beat longer: its last beat twice.
            longer = value[end] - settings.irregular - 2.0
            if end > start and longer > moved[end]:
                moved[end], source[end] = longer, end
        came[i] = source
        value = moved + likely[i][of_state] + np.where(place == 0, yes[i], no[i])
    state = int(value.argmax())
    path = [state]
    for i in range(len(times) - 1, 0, -1):
        state = int(came[i, state])
        path.append(state)
    states = np.array(path[::-1])
    return Bars(in_bar=place[states], metre=of_state[states])
