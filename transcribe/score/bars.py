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
    likely = likely + settings.six_eight * np.array([each[:2] == (6, 8) for each in metres])
    likely = settings.metre_weight * np.maximum(likely, -6.0)
    if metre is not None:
        likely = np.where(metre[:, None] == np.arange(len(metres)), 0.0, -100.0)
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
