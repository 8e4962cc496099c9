"""Where live sound comes from: a microphone (`transcribe.live.microphone`), or a file played."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Protocol

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


class FileSource:
    """A recording as if it were played now.

    Parameters
    ----------
    path : path
    transcriber : Transcriber
        Reads it, at the rate that its network hears.
    block_seconds : float
        How much comes at once.
    speed : float
        How many times faster than it was played; infinity waits for nothing.
    clock : callable
        In place of `time.monotonic`.

    Raises
    ------
    AudioError
        The file is missing, unreadable, or not audio.
    """

    n_overruns = 0
    seconds_lost = 0.0

    def __init__(
        self,
        path: Path,
        transcriber: Transcriber,
        *,
        block_seconds: float = 0.01,
        speed: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = path.name
        self.sample_rate = transcriber.grid.sample_rate
        self._reader = transcriber.reader(path)
        self._n_block = max(round(block_seconds * self.sample_rate), 1)
        self._speed, self._clock = speed, clock
        self._stopped = Event()

    def __iter__(self) -> Iterator[Block]:
        began, n_played = self._clock(), 0
        for part in self._reader:
            for start in range(0, len(part), self._n_block):
                samples = part[start : start + self._n_block]
                n_played += len(samples)
                due = began + n_played / self.sample_rate / self._speed
                if self._stopped.wait(max(due - self._clock(), 0.0)):
                    return
                yield Block(samples, due if self._speed < float("inf") else self._clock())

    def stop(self) -> None:
        """End it soon."""
        self._stopped.set()
