"""Where live sound comes from: a microphone (`transcribe.live.microphone`), or a file played."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from transcribe.transcriber import Transcriber


@dataclass(frozen=True, slots=True)
class Block:
    """Sound that has come in since the block before."""

    samples: NDArray[np.float32]
    """Mono, shape (n,), about [-1, 1]."""
    captured: float
    """When its last sample sounded, in seconds of `time.monotonic`."""


class Source(Protocol):
    """Sound as it comes."""

    name: str
    """For people."""
    sample_rate: int
    """Hertz."""
    n_overruns: int
    """How often sound was lost because nobody fetched it in time."""
    seconds_lost: float
    """How much; silence stands in its place, so that times stay right."""

    def __iter__(self) -> Iterator[Block]:
        """Blocks until the sound ends, or `stop` is called."""

    def stop(self) -> None:
        """Have the blocks end soon; may be called from a signal handler or another thread."""


class PlayedSource:
    """Samples that are there already, as if they were played now.

    Gives all that has sounded since the block before, so that whoever falls behind can catch up.

    Parameters
    ----------
    parts : iterable of arrays
        Mono, each of shape (n,), one after the other.
    sample_rate : int
        Hertz.
    name : str
        For people.
    block_seconds : float
        How much comes at once at the least.
    speed : float
        How many times faster than it was played; infinity waits for nothing.
    clock : callable
        In place of `time.monotonic`.
    """

    n_overruns = 0
    seconds_lost = 0.0

    def __init__(
        self,
        parts: Iterable[NDArray[np.float32]],
        sample_rate: int,
        *,
        name: str,
        block_seconds: float = 0.01,
        speed: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name, self.sample_rate = name, sample_rate
        self._parts = parts
        self._n_block = max(round(block_seconds * sample_rate), 1)
        self._speed, self._clock = speed, clock
        self._stopped = Event()

    def __iter__(self) -> Iterator[Block]:
        rate = self.sample_rate * self._speed
        began, n_played = self._clock(), 0
        for part in self._parts:
            start = 0
            while start < len(part):
                n_due = self._n_block
                if rate < float("inf"):
                    n_due = max(n_due, int((self._clock() - began) * rate) - n_played)
                samples = part[start : start + n_due]
                start += len(samples)
                n_played += len(samples)
                sounded = began + n_played / rate
                if self._stopped.wait(max(sounded - self._clock(), 0.0)):
                    return
                yield Block(samples, sounded if rate < float("inf") else self._clock())

    def stop(self) -> None:
        """End it soon."""
        self._stopped.set()


class FileSource(PlayedSource):
    """A recording as if it were played now.

    Parameters
    ----------
    path : path
    transcriber : Transcriber
        Reads it, at the rate that its network hears.
    **how
        As for `PlayedSource`.

    Raises
    ------
    AudioError
        The file is missing, unreadable, or not audio.
    """

    def __init__(self, path: Path, transcriber: Transcriber, **how: Any) -> None:
        reader = transcriber.reader(path)
        super().__init__(reader, transcriber.grid.sample_rate, name=path.name, **how)
