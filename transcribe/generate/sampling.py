"""From what may come next to what does: drawing events one after the other.

Anything that says how likely the next event's numbers are can be drawn from; the network
is one such `Listener` (`recall.EventListener`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from transcribe.generate.events import KEY, PEDAL, SHIFT, SIZES, STEP, TIMES, VELOCITY, Events

Logits = NDArray[np.floating[Any]]
LONGEST_SILENCE = 4.0
"""Seconds between two events that are drawn; more would be an end, and none is asked for."""
MOST_RECALL, MOST_LOYALTY = 2.0, 0.2
"""At tameness 1."""
_LEAST_SHARE = 0.08
"""Of what an even share would be; so that no pitch class is ever out of the question."""
_N_LAST_NOTES = 400
"""Of the opening, in which pitch classes are counted."""
_TOP_KEY = PEDAL - 1


@dataclass(frozen=True)
class Sampling:
    """How daring the continuation is, and which one of all it is."""

    temperature: float = 1.0
    """Above 0; below 1 the likely becomes likelier."""
    top_p: float = 1.0
    """Of each number only the likeliest values that come to this probability are drawn."""
    seed: int = 0
    tame: float = 0.5
    """0 to 1: how closely it keeps to the opening. A figure that has begun as one before is
    likelier to go on as it did (`recall`), and keys are drawn with a view to how often the
    opening has their pitch class (`loyalty`); 0 draws as the network has learnt."""

    @property
    def recall(self) -> float:
        """How much more than learnt it copies, see `Listener.logits`."""
        return MOST_RECALL * self.tame

    @property
    def loyalty(self) -> float:
        """The power of the opening's shares of pitch classes that probabilities are weighted by."""
        return MOST_LOYALTY * self.tame

    def __post_init__(self) -> None:
        if not 0.05 <= self.temperature <= 5:
            raise ValueError(f"expected a temperature of 0.05 to 5; found {self.temperature:g}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"expected a top-p above 0 and at most 1; found {self.top_p:g}")
        if not 0 <= self.tame <= 1:
            raise ValueError(f"expected a tameness of 0 to 1; found {self.tame:g}")
        if self.seed < 0:
            raise ValueError(f"expected a seed of 0 or more; found {self.seed}")


class Listener(Protocol):
    """Has read some events and says what may come next."""

    def read(self, events: Events) -> None:
        """Take in events, shape (n_events, 4), after those read before."""

    def logits(self, known: Sequence[int], *, recall: float = 0.0) -> Logits:
        """Of the next event's number ``len(known)``, given its numbers before that.

        ``recall`` is how much likelier than learnt it is, as a logarithm for each interval in a
        row that was the same, that what was read before comes again.
        """


def draw_events(
    listener: Listener, opening: Events, sampling: Sampling, *, silent_until: float = 0.0
) -> Iterator[tuple[int, int, int, int]]:
    """Events that go on from an opening, without end.

    What can't be is never drawn: a key struck twice at once, or a silence longer than
    `LONGEST_SILENCE`.

    Parameters
    ----------
    listener : Listener
        Reads the opening, then what was drawn.
    opening : Events
        Shape (n_events, 4), one event at least.
    sampling : Sampling
        The same seed gives the same events.
    silent_until : float
        Seconds from the opening's last event before which nothing comes.
    """
    if not len(opening):
        raise ValueError("an opening has one event at least")
    rng = np.random.default_rng(sampling.seed)
    listener.read(opening)
    last_key = int(opening[-1, KEY])
    leaning = sampling.loyalty * key_leaning(opening)
    least = int(np.searchsorted(TIMES, min(silent_until / STEP, TIMES[-1])))
    most = max(least, int(np.searchsorted(TIMES, LONGEST_SILENCE / STEP, side="right")) - 1)
    while True:
        event: list[int] = []
        for column in range(len(SIZES)):
            if column == VELOCITY and event[KEY] == PEDAL:
                event.append(0)
                continue
            logits = np.array(listener.logits(event, recall=sampling.recall), np.float64)
            if column == SHIFT:
                logits[:least] = -np.inf
                logits[most + 1 :] = -np.inf
                if last_key == _TOP_KEY:
                    logits[0] = logits[0] if most == 0 else -np.inf
            elif column == KEY:
                logits += leaning
                if event[SHIFT] == 0:
                    logits[: 0 if last_key == PEDAL else last_key + 1] = -np.inf
                    logits[PEDAL] = -np.inf
            elif column == len(SIZES) - 1:
                logits[0] = -np.inf
            event.append(_drawn(logits, sampling, rng))
        last_key, least = event[KEY], 0
        most = int(np.searchsorted(TIMES, LONGEST_SILENCE / STEP, side="right")) - 1
        listener.read(np.array([event]))
        shift, key, velocity, duration = event
        yield shift, key, velocity, duration


def key_leaning(opening: Events) -> NDArray[np.float64]:
    """Logarithms of how much more than its even share each key's pitch class has; 0 for the pedal.

    Shape (89,), of the last `_N_LAST_NOTES` notes.
    """
    keys = opening[opening[:, KEY] != PEDAL, KEY][-_N_LAST_NOTES:]
    found = np.zeros(PEDAL + 1)
    if len(keys):
        shares = np.bincount(keys % 12, minlength=12) * 12 / len(keys)
        found[:PEDAL] = np.log(shares + _LEAST_SHARE)[np.arange(PEDAL) % 12]
    return found


def _drawn(logits: Logits, sampling: Sampling, rng: np.random.Generator) -> int:
    """One value, from the likeliest that come to ``top_p``."""
    scaled = (logits - logits.max()) / sampling.temperature
    weights = np.exp(scaled)
    order = np.argsort(-weights, kind="stable")
    share = np.cumsum(weights[order]) / weights.sum()
    n_kept = int(np.searchsorted(share, sampling.top_p)) + 1
    kept = order[:n_kept]
    edges = np.cumsum(weights[kept])
    return int(
        kept[min(np.searchsorted(edges, rng.random() * edges[-1], side="right"), n_kept - 1)]
    )
