"""The likeliest beats and bars, by dynamic programming over what the network says of onsets.

A beat is on an onset, or, where notes are held, between two. Which onsets are beats is
decided together with the tempo from beat to beat: a beat counts for what the network says
of its onset, the time to the next for how likely that tempo is here and for how little it
differs from the last. Bars are found after that: a metre, and in it the place of each
beat, change only where the network is sure enough of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transcribe.music.beat_tracking import Onsets, rhythm
from transcribe.score.beat_targets import METRE_NAMES, PERIODS

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BeatSettings:
    """How the evidence is weighed; chosen on validation pieces."""

    beat_weight: float = 0.7
    """Of the logarithm of the odds that an onset is a beat."""
    missing: float = -0.6
    """The same of a beat between onsets."""
    period_weight: float = 0.05
    """Of the logarithm of how likely a tempo is."""
    rhythm_weight: float = 0.3
    """Of how likely onsets are where they stand within a beat (`music.beat_tracking.rhythm`)."""
    change: float = 2.0
    """What a change of tempo from beat to beat costs, times its logarithm."""
    shortest: float = 0.22
    """Seconds a beat."""
    longest: float = 2.6
    down_weight: float = 1.5
    down_bias: float = 2.0
    """Added to the logarithm of the odds that a beat starts a bar."""
    missing_down: float = -0.5
    metre_weight: float = 0.1
    """Of the logarithm of how likely a metre is, a beat."""
    metre_change: float = 12.0
    """What another metre costs."""
    irregular: float = 8.0
    """What a bar costs that is shorter or longer than its metre."""


@dataclass(frozen=True, slots=True)
class OnsetEvidence:
    """What the network says of n onsets."""

    times: Array
    beat: Array
    """Logarithm of the odds that the onset is on a beat, shape (n,)."""
    down: Array
    """The same of a downbeat."""
    period: Array
    """Logarithms of probabilities of `PERIODS`, shape (n, N_PERIODS)."""
    metre: Array
    """The same of `METRE_NAMES`."""


_LONGEST_STEP = 0.1
"""Seconds between places for beats where nothing is struck."""
_PULL = 12.0
"""How strongly a tempo that is given holds: times the square of the logarithm's difference."""


def track_beats(
    evidence: OnsetEvidence,
    settings: BeatSettings,
    *,
    tempo: float | None = None,
    downbeat: float | None = None,
    struck: Onsets | None = None,
    in_threes: bool = False,
) -> tuple[Array, NDArray[np.int64], float]:
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
    struck : Onsets, optional
        What is struck when; where it is within a beat counts, too.
    in_threes : bool
        Whether beats are divided in three, as in 6/8.

    Returns
    -------
    times : array
        Seconds of the beats, shape (m,).
    onset : array
        Of each beat the onset that it is on, or -1, shape (m,).
    value : float
        How likely it all is, to compare with the other division.
    """
    within = None if struck is None else _Within.of(struck, in_threes)
    times, onset = _candidates(evidence, settings)
    value_here = np.where(
        onset >= 0, settings.beat_weight * evidence.beat[np.maximum(onset, 0)], settings.missing
    )
    if downbeat is not None:
        value_here[int(np.abs(times - downbeat).argmin())] += 50.0
    nearest = np.clip(np.searchsorted(evidence.times, times), 0, len(evidence.times) - 1)
    period = settings.period_weight * evidence.period[nearest]
    log_periods = np.log(PERIODS)
    if tempo is not None:
        period = period - _PULL * (log_periods - np.log(60 / tempo)) ** 2
    n = len(times)
    first = np.searchsorted(times, times - settings.longest)
    last = np.searchsorted(times, times - settings.shortest, side="right")
    best: list[Array] = []
    back: list[NDArray[np.int64]] = []
    gaps: list[Array] = []
    step = log_periods[1] - log_periods[0]
    start_value = -1.0 * np.maximum(times - times[0] - 1.0, 0) * 1.5
    for i in range(n):
        before = np.arange(first[i], last[i])
        gap = np.log(times[i] - times[before]) if len(before) else np.zeros(0)
        place = np.clip((gap - log_periods[0]) / step, 0, len(PERIODS) - 1.001)
        low = place.astype(int)
        part = place - low
        here = period[i, low] * (1 - part) + period[i, low + 1] * part
        there = period[before, low] * (1 - part) + period[before, low + 1] * part
        pair = value_here[i] + 0.5 * (here + there)
        if within is not None and len(before):
            pair = pair + settings.rhythm_weight * within(times[before], float(times[i]))
        values = np.empty(len(before))
        sources = np.full(len(before), -1)
        for number, j in enumerate(before.tolist()):
            begin = start_value[j] + value_here[j]
            if len(gaps[j]):
                through = best[j] - settings.change * np.minimum(np.abs(gaps[j] - gap[number]), 1.0)
                source = int(through.argmax())
                if through[source] > begin:
                    values[number], sources[number] = through[source], source
                    continue
            values[number] = begin
        best.append(values + pair)
        back.append(sources)
        gaps.append(gap)
    end_value = -1.5 * np.maximum(times[-1] - times - 1.0, 0)
    i = max(range(n), key=lambda k: (best[k].max() if len(best[k]) else -np.inf) + end_value[k])
    if not len(best[i]):
        return times[[0, -1]], onset[[0, -1]], -np.inf
    chosen = [i]
    number = int(best[i].argmax())
    value = float(best[i][number])
    while True:
        j = int(first[i]) + number
        chosen.append(j)
        number = int(back[i][number])
        if number < 0:
            break
        i = j
    chosen = chosen[::-1]
    return times[chosen], onset[chosen], value


@dataclass(frozen=True, slots=True)
class _Within:
    """How likely what is struck between two beats is, by where between them it is."""

    times: Array
    kinds: NDArray[np.int64]
    log_rates: Array
    """Logarithm of onsets a beat of each kind at each place, shape (n_kinds, n_places)."""
    n_expected: float
    """Onsets a beat."""

    @classmethod
    def of(cls, struck: Onsets, in_threes: bool) -> _Within:
        model = rhythm()
        rates = model.rates[int(in_threes)]
        kinds = np.searchsorted(model.accent_edges, struck.features @ model.accent_weights)
        log_rates = np.log(rates * rates.shape[1])
        return cls(struck.times, kinds, log_rates, float(rates.sum()))

    def __call__(self, starts: Array, stop: float) -> Array:
        """For each beat from one of these times to another, the logarithm."""
        first, last = np.searchsorted(self.times, [starts[0] - 0.03, stop - 0.03])
        times, kinds = self.times[first:last], self.kinds[first:last]
        length = stop - starts
        place = (times[None, :] - starts[:, None]) / length[:, None]
        n_places = self.log_rates.shape[1]
        said = self.log_rates[kinds[None, :], np.round(place * n_places).astype(int) % n_places]
        said = said - np.log(length)[:, None]
        inside = times[None, :] >= starts[:, None] - 0.03
        return np.asarray((said * inside).sum(axis=1) - self.n_expected)


def _candidates(evidence: OnsetEvidence, settings: BeatSettings) -> tuple[Array, NDArray[np.int64]]:
    """Where beats may be: likely onsets, and places between those that are far apart."""
    likely = np.flatnonzero(evidence.beat > -5.0)
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
    evidence: OnsetEvidence,
    onset: NDArray[np.int64],
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
    evidence : OnsetEvidence
    onset : array
        Of each beat the onset that it is on, or -1.
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
    odds = np.where(onset >= 0, evidence.down[np.maximum(onset, 0)], settings.missing_down)
    odds = odds + settings.down_bias
    yes = -np.logaddexp(0, -odds) * settings.down_weight
    no = -np.logaddexp(0, odds) * settings.down_weight
    if downbeat is not None:
        yes[int(np.abs(times - downbeat).argmin())] += 1000
    if is_down is not None:
        yes, no = np.where(is_down, 0.0, -100.0), np.where(is_down, -100.0, 0.0)
    nearest = np.clip(np.searchsorted(evidence.times, times), 0, len(evidence.times) - 1)
    of_name = {name: index for index, name in enumerate(METRE_NAMES)}
    known = np.array([of_name.get((num, den), -1) for num, den, _ in metres])
    likely = np.where(known >= 0, evidence.metre[nearest][:, np.maximum(known, 0)], -6.0)
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
