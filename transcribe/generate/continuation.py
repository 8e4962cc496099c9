"""A performance that goes on: an opening in, the opening with its continuation out.

>>> from transcribe.generate import Continuer
>>> longer = Continuer.load()(performance, seconds=30)

The opening stays as it was played; what follows is drawn event by event.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from transcribe.generate.event_network import EventNetwork
from transcribe.generate.events import STEP, TIMES, decode, encode
from transcribe.generate.recall import EventListener
from transcribe.generate.sampling import Listener, Sampling, draw_events
from transcribe.generate.weights import GeneratorWeights, load_network
from transcribe.notes import PedalPress, Performance, without_overlaps

_LAST_RING = 3.0
"""Seconds by which what is held at the continuation's end may outlast it."""


@dataclass(frozen=True)
class Continued:
    """An opening and what follows it."""

    opening: Performance
    continuation: Performance
    """Times are the opening's."""
    start: float
    """Seconds; where the continuation begins."""

    @property
    def whole(self) -> Performance:
        """Both as one performance: what the opening still holds gives way."""
        notes = without_overlaps((*self.opening.notes, *self.continuation.notes))
        pedal = list(self.opening.pedal)
        following = self.continuation.pedal
        if pedal and following and pedal[-1].offset > following[0].onset:
            last = pedal.pop()
            if last.onset < following[0].onset:
                pedal.append(PedalPress(onset=last.onset, offset=following[0].onset))
        return Performance(notes=notes, pedal=(*pedal, *following))


class Continuer:
    """Continues performances with one set of weights, or with any other `Listener`.

    Parameters
    ----------
    listen : callable
        Makes a `Listener` that has read nothing yet.
    name : str
        What to call it in a MIDI file.
    """

    def __init__(self, listen: Callable[[], Listener], *, name: str) -> None:
        self.listen, self.name = listen, name

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None) -> Continuer:
        """Load weights; the packaged ones if ``path`` is left out.

        Raises
        ------
        CheckpointError
            The file is missing, damaged, or made for something else.
        """
        network, name = load_network(None if path is None else Path(path))
        return cls(lambda: EventListener(network), name=name)

    @classmethod
    def of(cls, weights: GeneratorWeights) -> Continuer:
        """With weights at hand, as they are trained in torch."""
        arrays = {name: each.numpy() for name, each in weights.model.state_dict().items()}
        network = EventNetwork(arrays, weights.model.config)
        return cls(lambda: EventListener(network), name=weights.name)

    def __call__(
        self,
        performance: Performance,
        *,
        seconds: float = 30.0,
        at: float | None = None,
        sampling: Sampling | None = None,
    ) -> Performance:
        """The performance with a continuation; see `stream`."""
        *_, last = self.stream(performance, seconds=seconds, at=at, sampling=sampling)
        return last.whole

    def stream(
        self,
        performance: Performance,
        *,
        seconds: float = 30.0,
        at: float | None = None,
        sampling: Sampling | None = None,
    ) -> Iterator[Continued]:
        """The continuation as it grows, about once for each of its seconds, and at its end.

        Parameters
        ----------
        performance : Performance
            What was played; offsets are key releases.
        seconds : float
            How long the continuation lasts; above 0.
        at : float, optional
            Seconds; where it begins in place of what was played. If left out, it begins
            where the last key was struck.
        sampling : Sampling, optional
            How daring it is, and its seed.

        Raises
        ------
        ValueError
            ``seconds`` or ``at`` is no such time, nothing was played before it, or the music
            has ended by then.
        """
        if not 0 < seconds < np.inf:
            raise ValueError(f"expected a continuation of more than 0 seconds; found {seconds:g}")
        opening = performance if at is None else before(performance, at)
        if not opening.notes:
            found = "no notes" if at is None else f"no notes before {at:g} s"
            raise ValueError(f"expected notes to continue from; found {found}")
        if at is not None and round(at, 1) > round(performance.duration, 1):
            raise ValueError(
                f"expected a time to continue from before the music's end at "
                f"{performance.duration:.1f} s; found {at:g} s"
            )
        last = max(opening.notes[-1].onset, opening.pedal[-1].onset if opening.pedal else 0.0)
        start = last if at is None else at
        last = max(last, start - float(TIMES[-1]) * STEP)
        events: list[tuple[int, int, int, int]] = []
        now, told = last, start
        for event in draw_events(
            self.listen(), encode(opening), sampling or Sampling(), silent_until=start - last
        ):
            now += int(TIMES[event[0]]) * STEP
            if now >= start + seconds:
                break
            events.append(event)
            if now >= told + 1:
                told = now
                yield _continued(opening, events, last, start, start + seconds)
        yield _continued(opening, events, last, start, start + seconds)


def before(performance: Performance, at: float) -> Performance:
    """What begins before a moment, in seconds; it is held as long as it was."""
    return Performance(
        notes=tuple(note for note in performance.notes if note.onset < at),
        pedal=tuple(press for press in performance.pedal if press.onset < at),
    )


def _continued(
    opening: Performance,
    events: list[tuple[int, int, int, int]],
    last: float,
    start: float,
    stop: float,
) -> Continued:
    """With what sounds at the end cut soon after it."""
    drawn = decode(events, start=last)
    latest = stop + _LAST_RING
    return Continued(
        opening,
        Performance(
            notes=tuple(replace(note, offset=min(note.offset, latest)) for note in drawn.notes),
            pedal=tuple(replace(press, offset=min(press.offset, latest)) for press in drawn.pedal),
        ),
        start,
    )
