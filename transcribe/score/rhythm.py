"""Where notes stand between the beats: the likeliest places that come one after the other; and
how long they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from transcribe.score.note_features import LENGTHS, PLACES

Array = NDArray[np.float64]

_FINEST = 48
"""The largest denominator of what is between two places, in quarters."""
_N_TRIED = 6
"""Places that are tried for each onset, the likeliest."""
_BACKWARDS = -12.0
"""Logarithm of how likely it is that what is struck later is written earlier."""
_TOGETHER = -1.5
"""The same, that what is struck one after the other is written as a chord."""
_PLACES, _LENGTHS = np.array(PLACES, float), np.array(LENGTHS, float)
_RARE = -2.0
"""The same, of a place that few beats have, such as five eighths of one, beside what the
network says: it takes them too readily for others nearby. Chosen on validation pieces."""
_HABIT = 0.75
"""How much a place's share of the music counts, beside what the network says of an onset: music
keeps to its figures. Chosen on validation pieces."""
_SAME_LENGTH, _UNSEEN = 0.5, 3.0
"""The same of a length among notes at one place in their beats that have the next as far away,
beside so many of which nothing is known. Chosen on validation pieces."""
_PIECE = 1e4
"""Quarters; nothing is as far away."""
_HELD = 1.7
"""How many times the likeliest length a key is held, with nothing else of its hand written, for a
longer one to be believed: of validation pieces, that is right of one in three, the other of one in
five."""
_HELD_LONGEST = 1.2
"""The same for the longest length that is told apart."""
_COVERED = 0.7
"""The part of the time until a hand's next note that a key is held through, if it is held to it."""
_RARITY = np.array([_RARE if place.denominator in (5, 7, 8, 9, 16) else 0.0 for place in PLACES])


@dataclass(frozen=True, slots=True)
class Places:
    """Where each of n notes stands."""

    beat: NDArray[np.int64]
    """Index of its beat; below 0 before the first."""
    place: NDArray[np.int64]
    """Index into `PLACES`."""
    probability: Array


def read_places(position: Array, group: NDArray[np.int64], said: Array, grace: Array) -> Places:
    """The likeliest places of notes.

    Parameters
    ----------
    position : array
        Beats from the first, as played, shape (n,).
    group : array
        The onset that each note belongs to, from 0 on, rising.
    said : array
        Logarithms of how likely each place is, shape (n, len(PLACES)).
    grace : array
        Probability that a note is a grace note, which has no place of its own.
    """
    weight = np.maximum(1 - grace, 0.05)
    total = np.bincount(group, weight)
    n = len(total)
    at = np.bincount(group, weight * position) / total
    together = np.zeros((n, len(PLACES)))
    np.add.at(together, group, (said + _RARITY) * weight[:, None])
    place = _in_turn(at, together)
    often = np.bincount(place, minlength=len(PLACES)) + 0.5
    place = _in_turn(at, together + _HABIT * np.log(often))
    whole = np.round(at - _PLACES[place]).astype(np.int64)
    probability = np.exp(said[np.arange(len(group)), place[group]])
    return Places(whole[group], place[group], probability)


def _in_turn(at: Array, likelihood: Array) -> NDArray[np.int64]:
    """The likeliest place of each onset, none written earlier than the one before."""
    n = len(at)
    tried = np.argsort(-likelihood, axis=1)[:, :_N_TRIED]
    likely = np.take_along_axis(likelihood, tried, axis=1)
    where = np.round(at[:, None] - _PLACES[tried]) + _PLACES[tried]
    value, came = likely[0], np.zeros((n, _N_TRIED), np.int64)
    for index in range(1, n):
        step = where[index][:, None] - where[index - 1][None, :]
        cost = np.where(step > 1e-6, 0.0, np.where(step < -1e-6, _BACKWARDS, _TOGETHER))
        through = value[None, :] + cost
        came[index] = through.argmax(axis=1)
        value = through.max(axis=1) + likely[index]
    chosen = np.empty(n, np.int64)
    chosen[-1] = int(value.argmax())
    for index in range(n - 1, 0, -1):
        chosen[index - 1] = came[index, chosen[index]]
    place: NDArray[np.int64] = tried[np.arange(n), chosen]
    return place


def read_lengths(
    said: Array, position: Array, place: NDArray[np.int64], is_right: NDArray[np.bool_]
) -> tuple[list[Fraction], Array]:
    """The likeliest written lengths, in quarters, and how likely they are.

    Notes of a hand at one place in their beat, with the next one as far away, are mostly alike.

    Parameters
    ----------
    said : array
        Logarithms of how likely each length is, shape (n, len(LENGTHS)).
    position : array
        Quarters from any one place to where each note is written, shape (n,).
    place : array
        Index into `PLACES`.
    is_right : array
        Whether each note is in the right hand.
    """
    distance = to_next(position, is_right)
    best = said.argmax(axis=1)
    alone = np.flatnonzero(_LENGTHS[best] <= distance + 0.01)  # what overlaps is a voice of its own
    kinds = np.stack([is_right, place, np.round(np.minimum(distance, _PIECE), 2)], axis=1)[alone]
    _, kind = np.unique(kinds, axis=0, return_inverse=True)
    often = np.full((len(alone), said.shape[1]), _UNSEEN / said.shape[1])
    np.add.at(often, kind.reshape(-1), np.exp(said[alone]))
    share = np.log(often / often.sum(axis=1, keepdims=True))[kind.reshape(-1)]
    best[alone] = (said[alone] + _SAME_LENGTH * share).argmax(axis=1)
    return [LENGTHS[index] for index in best], np.exp(said[np.arange(len(said)), best])


def to_next(position: Array, is_right: NDArray[np.bool_]) -> Array:
    """Quarters from each note to where its hand strikes again; infinite after its last strike."""
    distance = np.full(len(position), np.inf)
    for side in (False, True):
        mine = is_right == side
        own = np.append(np.unique(np.round(position[mine], 4)), np.inf)
        distance[mine] = own[np.searchsorted(own, position[mine] + 0.01)] - position[mine]
    return distance


def as_held(
    lengths: Sequence[Fraction],
    position: Array,
    to_beat: Array,
    held: Array,
    is_right: NDArray[np.bool_],
) -> list[Fraction]:
    """Lengths without rests that nobody heard, nor ties that nobody played.

    A key that was held far beyond the likeliest length lasts to the next note of its hand, or for
    about as long as it was held. One that is struck in the second half of a beat and released
    before the next is not tied to that: on validation pieces such a tie is never printed.

    Parameters
    ----------
    lengths : sequence of Fraction
        As of `read_lengths`.
    position, to_beat, held : array
        Quarters from any one place to where each note is written, from there to the next beat
        (infinite in the first half of one), and for which its key was held, shape (n,).
    is_right : array
        Whether each note is in the right hand.
    """
    written = np.array(lengths, float)
    gap = to_next(position, is_right)
    found = list(lengths)
    enough = np.where(written < float(LENGTHS[-1]), _HELD, _HELD_LONGEST)
    for index in np.flatnonzero((held > enough * written) & (written < gap - 0.01)).tolist():
        longer = min(LENGTHS, key=lambda each: abs(math.log(each / held[index])))
        if held[index] > _COVERED * gap[index] or longer > gap[index]:
            longer = Fraction(gap[index]).limit_denominator(_FINEST)
        found[index] = max(longer, lengths[index])
    for index in np.flatnonzero((held < to_beat) & (written > to_beat + 0.01)).tolist():
        found[index] = Fraction(to_beat[index]).limit_denominator(_FINEST)
    return found
