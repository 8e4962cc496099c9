"""When a key comes up, where a network only half knows.

Under the pedal it is inaudible, and the probability that a key is down falls slowly. Where it
passes one half lies the median of the times at which the key may have come up. But a release
counts as right within a part of the note's length, so what is asked for is the time with most of
the probability around it: as a rule earlier, and where the network is torn between two times,
one of them and not the middle.

The probability that the key is down is read as the share of such notes whose key is still
down, at a few levels (`LEVELS`), and as a line between them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LEVELS = (0.9, 0.75, 0.6, 0.45, 0.3, 0.15)
"""Probabilities at whose crossing the fall of the frame plane is read."""
_RISE = 0.016
"""Seconds before the first crossing from which on a key may have come up."""
_LEAST = 0.02
"""Seconds; a key is not up sooner after it was struck."""
_AS_LIKELY = 0.02
"""Times that are less likely by no more than this are as good; the middle of them is taken."""


def likeliest_release(
    crossed: Sequence[float], latest: float, tolerance: float, least_tolerance: float
) -> float | None:
    """Seconds from a note's onset to its most probable key release.

    Parameters
    ----------
    crossed : sequence of float
        When the probability that the key is down first fell below each of `LEVELS`, in seconds
        from the onset; infinity where it never did.
    latest : float
        Seconds to where the note ends at the latest: the next onset of its pitch; infinity for
        none.
    tolerance : float
        Part of the note's length by which a release may be early or late.
    least_tolerance : float
        Seconds that it may be at least.

    Returns
    -------
    float or None
        None where the probability crosses no level before ``latest``.
    """
    # A level that was not crossed, though a lower one was, had not been reached from above.
    known = [
        (max(time, 0.0), level)
        for time, level in zip(crossed, LEVELS, strict=True)
        if time < latest
    ]
    if not known:
        return None
    times = np.maximum.accumulate([time for time, _ in known])
    levels = [level for _, level in known]
    time = [0.0, max(0.0, float(times[0]) - _RISE), *times.tolist()]
    still_down = [1.0, 1.0, *levels]
    if latest < np.inf:
        time += [latest, latest]
        still_down += [levels[-1], 0.0]
    else:
        time.append(time[-1] + 2 * _RISE)
        still_down.append(0.0)
    ends = np.asarray(time)
    steps = np.concatenate([ends[1:], (ends[:-1] + ends[1:]) / 2, (ends[:-1] + 3 * ends[1:]) / 4])
    # numpy.unique would load numpy.ma, which takes a thirtieth of a second.
    candidates = np.array(sorted(set(steps[steps >= _LEAST].tolist())))
    if not len(candidates):
        return float(ends[-1])
    early = np.minimum(candidates / (1 + tolerance), candidates - least_tolerance)
    late = np.maximum(candidates / (1 - tolerance), candidates + least_tolerance)
    likely = np.interp(early, ends, still_down, left=1.0, right=0.0)
    likely -= np.interp(late, ends, still_down, left=1.0, right=0.0)
    good = candidates[likely >= likely.max() - _AS_LIKELY]
    return float(good[np.argmin(np.abs(good - good.mean()))])
