"""Which recordings are of one piece, and which are one performance twice.

All performances are compared with all, but through an index of their landmarks, so that
only those with enough in common are looked at closely. Of a landmark that very many
performances have, each is compared only with the nearest `_MOST_BEARERS` before it: a piece that
was recorded a thousand times still hangs together, and a scale that is in everything costs
no more than that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from transcribe.corpus.fingerprint import FEWEST_COMMON, Landmarks, Likeness, compare

_MOST_BEARERS = 64
"""Performances with a landmark, before one, that it is compared with."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two recordings that share music, by their places in a list."""

    first: int
    second: int
    """Above ``first``."""
    likeness: Likeness


def find_pairs(
    sketches: Sequence[Landmarks], *, progress: Callable[[int], None] | None = None
) -> Iterator[Pair]:
    """All pairs of recordings of one piece.

    Parameters
    ----------
    sketches : sequence of Landmarks
        One a recording, in an order that does not change from run to run.
    progress : callable, optional
        Called with the number of recordings that have been compared with those before them.
    """
    for second, candidates in enumerate(_candidates(sketches)):
        for first in candidates:
            likeness = compare(sketches[first], sketches[second])
            if likeness is not None and likeness.is_same_piece:
                yield Pair(first, second, likeness)
        if progress is not None:
            progress(second + 1)


def _candidates(sketches: Sequence[Landmarks]) -> Iterator[list[int]]:
    """For each recording the earlier ones with `FEWEST_COMMON` landmarks of its own."""
    sizes = [len(each.codes) for each in sketches]
    offsets = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    codes = np.concatenate([np.zeros(0, np.uint32), *(each.codes for each in sketches)])
    owners = np.repeat(np.arange(len(sketches), dtype=np.int32), sizes)
    order = np.argsort(codes, kind="stable")  # bearers of one landmark stay in their order
    owners = owners[order]
    begins = np.concatenate([[True], np.diff(codes[order]) != 0])[: len(codes)]
    run_starts = np.flatnonzero(begins)[np.cumsum(begins) - 1] if len(codes) else order
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    for which in range(len(sketches)):
        mine = places[offsets[which] : offsets[which + 1]]
        starts = run_starts[mine]
        common = np.zeros(which + 1, np.int64)
        for back in range(1, _MOST_BEARERS + 1):
            has = mine - back >= starts
            if not has.any():
                break
            mine, starts = mine[has], starts[has]
            common += np.bincount(owners[mine - back], minlength=which + 1)
        yield np.flatnonzero(common >= FEWEST_COMMON).tolist()


class Groups:
    """Numbers 0 to n - 1 in groups that grow together (union-find)."""

    def __init__(self, n: int) -> None:
        self._parents = list(range(n))

    def find(self, member: int) -> int:
        """The least number of a member's group."""
        while self._parents[member] != member:
            self._parents[member] = self._parents[self._parents[member]]
            member = self._parents[member]
        return member

    def join(self, first: int, second: int) -> None:
        """Make two groups one."""
        low, high = sorted((self.find(first), self.find(second)))
        self._parents[high] = low

    def all(self) -> dict[int, list[int]]:
        """Members of each group in order, by its least."""
        groups: dict[int, list[int]] = {}
        for member in range(len(self._parents)):
            groups.setdefault(self.find(member), []).append(member)
        return groups


def find_duplicates(
    pairs: Sequence[Pair], n_notes: Sequence[int] | Mapping[int, int]
) -> dict[int, Pair]:
    """Recordings to drop, each with the pair that shows it is another one over again.

    Of two, the one with more notes stays, or the earlier. Nothing is dropped for being like
    what is itself dropped.

    Parameters
    ----------
    pairs : sequence of Pair
        Of one piece or of all.
    n_notes : sequence or mapping of int
        Of each recording, by its place.
    """
    rivals: dict[int, list[Pair]] = {}
    for pair in pairs:
        if pair.likeness.is_same_performance:
            loser = pair.first if n_notes[pair.first] < n_notes[pair.second] else pair.second
            rivals.setdefault(loser, []).append(pair)
    dropped: dict[int, Pair] = {}
    for loser in sorted(rivals, key=lambda each: (-n_notes[each], each)):
        for pair in rivals[loser]:
            winner = pair.second if loser == pair.first else pair.first
            if winner not in dropped:
                dropped[loser] = pair
                break
    return dropped
