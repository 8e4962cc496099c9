"""From what may come next to what does: drawing events one after the other.

Anything that says how likely the next event's numbers are can be drawn from; the network
is one such `Listener` (`lstm.LstmListener`, or in torch `model.NetworkListener`).
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
_LOWEST = PEDAL - 1


@dataclass(frozen=True)
class Sampling:
    """How daring the continuation is, and which one of all it is."""

    temperature: float = 1.0
    """Above 0; below 1 the likely becomes likelier."""
    top_p: float = 1.0
    """Of each number only the likeliest values that come to this probability are drawn."""
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.05 <= self.temperature <= 5:
            raise ValueError(f"expected a temperature of 0.05 to 5; found {self.temperature:g}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"expected a top-p above 0 and at most 1; found {self.top_p:g}")
        if self.seed < 0:
            raise ValueError(f"expected a seed of 0 or more; found {self.seed}")


class Listener(Protocol):
    """Has read some events and says what may come next."""

    def read(self, events: Events) -> None:
        """Take in events, shape (n_events, 4), after those read before."""

    def logits(self, known: Sequence[int]) -> Logits:
        """Of the next event's number ``len(known)``, given its numbers before that."""


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
    least = int(np.searchsorted(TIMES, min(silent_until / STEP, TIMES[-1])))
    most = max(least, int(np.searchsorted(TIMES, LONGEST_SILENCE / STEP, side="right")) - 1)
    while True:
        event: list[int] = []
        for column in range(len(SIZES)):
            if column == VELOCITY and event[KEY] == PEDAL:
                event.append(0)
                continue
            logits = np.array(listener.logits(event), np.float64)
            if column == SHIFT:
                logits[:least] = -np.inf
                logits[most + 1 :] = -np.inf
                if last_key == _LOWEST:
                    logits[0] = logits[0] if most == 0 else -np.inf
            elif column == KEY and event[SHIFT] == 0:
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
