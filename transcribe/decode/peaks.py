"""Where the planes of the rolls show an onset, a key release, or the end of a sound.

Everything here looks at a few frames around a frame, all keys at once; `decode` joins
what it finds into notes.

A plane that is on where ``round(onset) <= frame < round(offset)`` passes one half, when
read as a line from frame to frame, half a frame before the event it marks. Hence the
half in every interpolated time.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from transcribe.decode.releases import LEVELS
from transcribe.rolls import Rolls

AGREEMENT = 0.75
"""Frames. Votes for one event are equal but for the network's error, and votes for two
lie 1.4 frames (`decode.DecodeConfig.minimum_repeat`) apart or more; this is half."""
REACH = 4
"""Frames around a frame on which what is read there depends."""
LAG = 2
"""Frames after its onset by which a note must show in the frame plane."""
RELEASE_REACH = 1.5
"""Frames between a key release and the boundary of the frame plane it belongs to; a
note of less than a frame is drawn as a whole one, which moves its boundary by one."""

Integers = NDArray[np.intp]
Floats = NDArray[np.float64]
Event = tuple[int, int, int, tuple[float, ...]]
"""Row, kind, column, and the values that belong to the kind."""
ONSET, KEY_END, SOUNDING_END, KEY_FALL = 0, 1, 2, 3


def onsets(
    rolls: Rolls,
    start: int,
    stop: int,
    *,
    onset_threshold: float,
    offset_threshold: float,
    frame_threshold: float,
    sounding_threshold: float,
    looks_back: bool = True,
) -> Iterator[Event]:
    """Peaks of the onset plane in rows ``start`` to ``stop``.

    A frame above the threshold is a peak unless a neighbour that votes for the same time
    is more probable, or as probable and earlier. A neighbour that votes for another time
    belongs to another strike. Without ``looks_back`` only the neighbour after it may outdo a
    frame: the one before was decided when less was known, and is not there to decide again.
    The values of an event are its shift from the row, its
    confidence and velocity, whether the frame and the sounding plane show the note, and
    the vote for a release just before it, relative to the row (NaN for none).
    """
    rows, columns = np.nonzero(rolls.onset[start:stop] >= onset_threshold)
    rows += start
    neighbours = np.arange(-1, 2)

    def around(plane: NDArray[np.float32]) -> Floats:
        return plane[rows[:, None] + neighbours, columns[:, None]].astype(np.float64)

    probability = around(rolls.onset)
    votes = neighbours + np.clip(around(rolls.onset_shift), -1, 1)
    agree = np.abs(votes - votes[:, 1:2]) < AGREEMENT
    is_peak = ~(agree[:, 2] & (probability[:, 2] > probability[:, 1]))
    if looks_back:
        is_peak &= ~(agree[:, 0] & (probability[:, 0] >= probability[:, 1]))
    velocities = around(rolls.velocity)

    rows, columns = rows[is_peak], columns[is_peak]
    probability, votes, agree = probability[is_peak], votes[is_peak], agree[is_peak]
    confidence = probability[:, 1]
    weights = probability * (agree & (probability >= confidence[:, None] / 2))
    weights /= weights.sum(axis=1, keepdims=True)
    shift = np.clip((weights * votes).sum(axis=1), -1, 1)
    velocity = (weights * velocities[is_peak]).sum(axis=1)

    attack = (rows + np.rint(shift).astype(np.intp))[:, None] + np.arange(LAG + 1)
    key_shows, sounding_shows = (
        (plane[attack, columns[:, None]] >= threshold).any(axis=1)
        for plane, threshold in (
            (rolls.frame, frame_threshold),
            (rolls.sounding, sounding_threshold),
        )
    )
    # A release that makes way for this strike: from 1.5 frames before to half a frame after.
    release = release_votes(rolls, rows, columns, shift - 0.5, 1.0, offset_threshold)
    values = (shift, confidence, velocity, key_shows, sounding_shows, release)
    return _events(rows, ONSET, columns, *values)


def ends(
    rolls: Rolls,
    start: int,
    stop: int,
    *,
    sounding: bool,
    threshold: float,
    offset_threshold: float,
    bridge_frames: int,
) -> Iterator[Event]:
    """Where a key comes up (or, if ``sounding``, a sound ends) in rows ``start`` to ``stop``.

    A dip of no more than ``bridge_frames`` is brief, and counts only if the offset plane
    votes for a release there. The values of an event are where the plane crosses its
    threshold and where the offset plane votes for, relative to the row, and whether the
    dip is brief.
    """
    plane = rolls.sounding if sounding else rolls.frame
    on = plane[start - 1 : stop] >= threshold
    rows, columns = np.nonzero(on[:-1] & ~on[1:])
    rows += start
    dip = rows[:, None] + np.arange(1, bridge_frames + 1)
    brief = (plane[dip, columns[:, None]] >= threshold).any(axis=1)
    if sounding:
        vote = np.full(len(rows), np.nan)
    else:
        centres = np.zeros(len(rows))
        vote = release_votes(rolls, rows, columns, centres, RELEASE_REACH, offset_threshold)
    counts = ~brief | ~np.isnan(vote)
    rows, columns, brief, vote = rows[counts], columns[counts], brief[counts], vote[counts]
    before = plane[rows - 1, columns].astype(np.float64)
    after = plane[rows, columns].astype(np.float64)
    kind = SOUNDING_END if sounding else KEY_END
    return _events(rows, kind, columns, crossing(before, after, threshold), vote, brief)


def falls(rolls: Rolls, start: int, stop: int) -> Iterator[Event]:
    """Where the frame plane falls below some of `LEVELS` in rows ``start`` to ``stop``.

    The values of an event are where it crosses each level, relative to the row; NaN for those
    that it does not cross there.
    """
    levels = np.array(LEVELS, np.float32)
    before, after = rolls.frame[start - 1 : stop - 1], rolls.frame[start:stop]
    n_reached, n_left = (
        np.searchsorted(levels[::-1], plane, side="right") for plane in (before, after)
    )
    rows, columns = np.nonzero(n_left < n_reached)
    old, new = before[rows, columns][:, None], after[rows, columns][:, None]
    places = np.where(
        (old >= levels) & (new < levels),
        crossing(old.astype(np.float64), new.astype(np.float64), np.array(LEVELS)),
        np.nan,
    )
    rows += start
    return _events(rows, KEY_FALL, columns, *places.T)


def _events(rows: Integers, kind: int, columns: Integers, *values: NDArray) -> Iterator[Event]:
    per_event = zip(*(value.tolist() for value in values), strict=True)
    kinds = [kind] * len(rows)
    return zip(rows.tolist(), kinds, columns.tolist(), per_event, strict=True)


def release_votes(
    rolls: Rolls,
    rows: Integers,
    columns: Integers,
    centres: Floats,
    reach: float,
    threshold: float,
) -> Floats:
    """The key release that the offset plane votes for near a position; NaN for none.

    Centres and results are relative to ``rows``. The vote of the frame that is most
    probable and nearest, averaged with those that agree.
    """
    nearby = np.rint(centres).astype(np.intp)[:, None] + np.arange(-2, 3)
    frames, keys = rows[:, None] + nearby, columns[:, None]
    probability = rolls.offset[frames, keys].astype(np.float64)
    votes = nearby + np.clip(rolls.offset_shift[frames, keys].astype(np.float64), -1, 1)
    distance = np.abs(votes - centres[:, None])
    probability[(probability < threshold) | (distance > reach)] = 0
    best = np.argmax(probability / (1 + distance), axis=1)[:, None]
    agree = np.abs(votes - np.take_along_axis(votes, best, axis=1)) < AGREEMENT
    weights = probability * agree
    total = weights.sum(axis=1)
    result = np.full(len(rows), np.nan)
    return np.divide((weights * votes).sum(axis=1), total, out=result, where=total > 0)


def crossing(before: Floats, after: Floats, threshold: float | Floats) -> Floats:
    """Where an event lies, relative to the first frame on its other side; in (-1/2, 1/2]."""
    return (threshold - before) / (after - before) - 0.5
