"""The likeliest bars, by dynamic programming over what a network says of the beats.

A metre, and in it the place of each beat, change only where it is sure enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transcribe.score.beat_targets import METRE_NAMES
from transcribe.score.beats import BeatSettings

Array = NDArray[np.float64]

_SURE, _NEVER = 1000.0, -100.0
"""What a downbeat counts that a person names, and what contradicts beats and metres that are
known."""
_UNHEARD = -6.0
"""Logarithm of how likely a metre is, at the least, and one that the network doesn't tell."""
_LONGER = 2.0
"""What a bar costs that is longer than its metre, beside `BeatSettings.irregular`."""


@dataclass(frozen=True, slots=True)
class BarEvidence:
    """What the network of beats says of m of them."""

    down: Array
    """Logarithm of the odds that the beat starts a bar, shape (m,)."""
    metre: Array
    """Logarithms of probabilities of `METRE_NAMES`, shape (m, n_metres)."""


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
    metre: NDArray[np.int64] | None = None,
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
    metre : array, optional
        The index into `metres` at each beat, where that is known.
    """
    down, no_down = _downbeat_values(evidence, times, settings, downbeat, is_down)
    likely = _metre_values(evidence, settings, metres, metre)
    sizes = np.array([size for _, _, size in metres])
    of_state = np.repeat(np.arange(len(metres)), sizes)
    place = np.concatenate([np.arange(size) for size in sizes])
    value = likely[0][of_state] + np.where(place == 0, down[0], no_down[0])
    came = np.zeros((len(times), len(place)), np.int32)
    for i in range(1, len(times)):
        moved, came[i] = _next_beat(value, sizes, settings)
        value = moved + likely[i][of_state] + np.where(place == 0, down[i], no_down[i])
    state = int(value.argmax())
    path = [state]
    for i in range(len(times) - 1, 0, -1):
        state = int(came[i, state])
        path.append(state)
    states = np.array(path[::-1])
    return Bars(in_bar=place[states], metre=of_state[states])


def _downbeat_values(
    evidence: BarEvidence,
    times: Array,
    settings: BeatSettings,
    downbeat: float | None,
    is_down: NDArray[np.bool_] | None,
) -> tuple[Array, Array]:
    """What it counts for each beat that it starts a bar, and that it doesn't."""
    if is_down is not None:
        return np.where(is_down, 0.0, _NEVER), np.where(is_down, _NEVER, 0.0)
    odds = evidence.down + settings.down_bias
    yes = -np.logaddexp(0, -odds) * settings.down_weight
    if downbeat is not None:
        yes[int(np.abs(times - downbeat).argmin())] += _SURE
    return yes, -np.logaddexp(0, odds) * settings.down_weight


def _metre_values(
    evidence: BarEvidence,
    settings: BeatSettings,
    metres: Sequence[tuple[int, int, int]],
    metre: NDArray[np.int64] | None,
) -> Array:
    """What it counts for each beat that it is in each metre, shape (m, len(metres))."""
    if metre is not None:
        return np.where(metre[:, None] == np.arange(len(metres)), 0.0, _NEVER)
    of_name = {name: index for index, name in enumerate(METRE_NAMES)}
    known = np.array([of_name.get((num, den), -1) for num, den, _ in metres])
    likely = np.where(known >= 0, evidence.metre[:, np.maximum(known, 0)], _UNHEARD)
    likely = likely + settings.six_eight * np.array([each[:2] == (6, 8) for each in metres])
    return np.asarray(settings.metre_weight * np.maximum(likely, _UNHEARD))


def _next_beat(
    value: Array, sizes: NDArray[np.int64], settings: BeatSettings
) -> tuple[Array, NDArray[np.int64]]:
    """What the best way to each state counts one beat later, and from which state it comes.

    A state is a place in a bar of a metre: those of the first metre come first, in order.
    """
    starts = np.cumsum(sizes) - sizes
    ends = starts + sizes - 1
    moved = np.append(np.nan, value[:-1])
    source = np.arange(len(value)) - 1
    # From the end of a bar to the start of the next, in any metre, or early from within one.
    change = np.where(np.eye(len(sizes), dtype=bool), 0.0, -settings.metre_change)
    full = value[ends][:, None] + change
    best = full.argmax(axis=0)
    moved[starts], source[starts] = full[best, np.arange(len(sizes))], ends[best]
    for start, end in zip(starts, ends, strict=True):
        if end == start:
            continue
        early = start + int(value[start:end].argmax())
        if value[early] - settings.irregular > moved[start]:
            moved[start], source[start] = value[early] - settings.irregular, early
        # A bar that is a beat longer: its last beat twice.
        longer = value[end] - settings.irregular - _LONGER
        if longer > moved[end]:
            moved[end], source[end] = longer, end
    return moved, source
