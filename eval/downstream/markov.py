"""A Markov chain over the generator's tokens: what the network must beat.

Each number of an event is drawn given up to `LONGEST` others before it, listed in `BEFORE` by
how much they say: the same number of the events before, and what is known of the event
itself. (A chain of the numbers as they stand in a row does worse: four of them are one
event, so that five reach no further than the event before.) Probabilities are
interpolated after Kneser and Ney [1]_. N-grams are kept as 64-bit hashes in sorted arrays,
so that all of MAESTRO fits.

References
----------
.. [1] R. Kneser and H. Ney, "Improved backing-off for m-gram language modeling", ICASSP 1995.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transcribe.generate.events import (
    DURATION,
    KEY,
    PEDAL,
    SHIFT,
    SIZES,
    VELOCITY,
    Events,
)
from transcribe.generate.sampling import Logits

BEFORE = {
    SHIFT: ((1, SHIFT), (2, SHIFT), (3, SHIFT), (1, KEY)),
    KEY: ((1, KEY), (0, SHIFT), (2, KEY), (3, KEY)),
    VELOCITY: ((1, VELOCITY), (0, SHIFT), (2, VELOCITY), (0, KEY)),
    DURATION: ((1, DURATION), (0, SHIFT), (0, KEY), (2, DURATION)),
}
"""For each number what it depends on, the most telling first: events ago, and which number."""
LONGEST = max(map(len, BEFORE.values()))
_REACH = 1 + max(back for named in BEFORE.values() for back, _ in named)
_SIZES = np.array(list(SIZES.values()))
_ODD = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)
_LEAST_DISCOUNT = 1e-3
"""So that nothing is impossible, where every value is common."""
Hashes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class _Order:
    """Counts of n-grams and of the contexts they end."""

    grams: Hashes
    counts: NDArray[np.int64]
    contexts: Hashes
    totals: NDArray[np.int64]
    distinct: NDArray[np.int64]
    discount: float


class MarkovChain:
    """Probabilities of an event's numbers given up to ``order - 1`` others.

    Parameters
    ----------
    pieces : iterable of Events
        What to count.
    order : int
        1 to ``LONGEST + 1``.
    """

    def __init__(self, pieces: Iterable[Events], order: int = LONGEST + 1) -> None:
        if not 1 <= order <= LONGEST + 1:
            raise ValueError(f"an order is 1 to {LONGEST + 1}; found {order}")
        self.order = order
        pieces = [piece for piece in pieces if len(piece)]
        tokens = np.concatenate([piece.reshape(-1) for piece in pieces]).astype(np.uint64)
        parts = [_contexts(piece, order) for piece in pieces]
        contexts = [np.concatenate([part[n].reshape(-1) for part in parts]) for n in range(order)]
        self.orders: list[_Order] = []
        positions = np.arange(len(tokens))
        for context in reversed(contexts):
            grams, first, counts = np.unique(
                _mixed(context[positions], tokens[positions]),
                return_index=True,
                return_counts=True,
            )
            positions = positions[first]
            heads, inverse = np.unique(context[positions], return_inverse=True)
            n_once, n_twice = int((counts == 1).sum()), int((counts == 2).sum())
            self.orders.append(
                _Order(
                    grams,
                    counts,
                    heads,
                    np.bincount(inverse, counts).astype(np.int64),
                    np.bincount(inverse),
                    max(_LEAST_DISCOUNT, n_once / max(1, n_once + 2 * n_twice)),
                )
            )
        self.orders.reverse()

    def nats(self, events: Events) -> NDArray[np.float64]:
        """Negative log probability of each number of each event but the first.

        Shape (n_events - 1, 4). The pedal's velocity, which is always 0, costs nothing.
        """
        sizes = np.broadcast_to(_SIZES, events.shape)
        probability = self._probability(
            _contexts(events, self.order), events.astype(np.uint64), sizes
        )
        found: NDArray[np.float64] = -np.log(probability)
        found[events[:, KEY] == PEDAL, VELOCITY] = 0.0
        return found[1:]

    def _probability(
        self, contexts: Sequence[Hashes], tokens: Hashes, sizes: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        probability = 1.0 / sizes
        for order, context in zip(self.orders, contexts, strict=True):
            total, place = _looked_up(order.contexts, order.totals, context)
            distinct = np.where(total > 0, order.distinct[place], 0)
            count, _ = _looked_up(order.grams, order.counts, _mixed(context, tokens))
            seen = np.maximum(count - order.discount, 0.0) + order.discount * distinct * probability
            probability = np.where(total > 0, seen / np.maximum(total, 1), probability)
        return probability

    def listen(self) -> MarkovListener:
        """Ready to read."""
        return MarkovListener(self)


class MarkovListener:
    """A `transcribe.generate.sampling.Listener`: the chain, and the last it has read."""

    def __init__(self, chain: MarkovChain) -> None:
        self.chain = chain
        self.events: Events = np.zeros((0, len(_SIZES)), np.int64)

    def read(self, events: Events) -> None:
        """See `Listener`."""
        self.events = np.concatenate((self.events, events))[-_REACH:]

    def logits(self, known: Sequence[int], *, recall: float = 0.0) -> Logits:
        """See `Listener`."""
        column = len(known)
        size = int(_SIZES[column])
        event = np.array([[*known, *[0] * (len(_SIZES) - column)]])
        contexts = _contexts(np.concatenate((self.events, event)), self.chain.order)
        probability = self.chain._probability(
            [np.repeat(context[-1:, column], size) for context in contexts],
            np.arange(size).astype(np.uint64),
            np.full(size, size),
        )
        return np.log(probability)


def _contexts(events: Events, order: int) -> list[Hashes]:
    """For each order the hash of what each number depends on; shapes (n_events, 4)."""
    columns = np.arange(len(_SIZES)).astype(np.uint64)
    found = [np.broadcast_to(_mixed(columns, columns), events.shape)]
    for length in range(order - 1):
        longer = np.empty(events.shape, np.uint64)
        for column, named in BEFORE.items():
            back, which = named[length]
            earlier = np.zeros(len(events), np.uint64)
            earlier[back:] = events[: len(events) - back, which].astype(np.uint64) + np.uint64(1)
            longer[:, column] = _mixed(found[-1][:, column], earlier)
        found.append(longer)
    return found


def _mixed(one: Hashes, other: Hashes) -> Hashes:
    """A hash of two."""
    with np.errstate(over="ignore"):
        mixed = (one ^ (one >> _SHIFT)) * _ODD + other + np.uint64(0x632BE59BD9B4E019)
        mixed = (mixed ^ (mixed >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
        found: Hashes = mixed ^ (mixed >> _SHIFT)
    return found


def _looked_up(
    keys: Hashes, values: NDArray[np.int64], wanted: Hashes
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The values of keys, 0 for those that aren't there; and their places."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0), place
