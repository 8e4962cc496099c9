"""A live transcription from its first sample to its last: source, notes, outputs, figures."""

from __future__ import annotations

import math
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from transcribe.audio.resampling import Resampler
from transcribe.live.events import KeyDown, LiveEvent
from transcribe.live.live_transcriber import LiveTranscriber
from transcribe.live.sources import Block, Source

LATE_SECONDS = 0.1
"""Sound that waits longer than this before the network hears it was kept waiting by this
computer, not by the latency that was asked for."""


class LiveOutput(Protocol):
    """Whatever takes the events: a terminal, a MIDI port."""

    def take(self, events: Sequence[LiveEvent]) -> None:
        """Events that were just decided, in order."""


@dataclass
class LiveFigures:
    """How a session goes, measured as it goes."""

    seconds: float = 0.0
    """Of sound."""
    n_notes: int = 0
    peak: float = 0.0
    """Greatest absolute sample of the last block; 1 is full scale."""
    peak_ever: float = 0.0
    n_late: int = 0
    """How often sound waited for longer than `LATE_SECONDS`."""
    longest_wait: float = 0.0
    """Seconds."""
    n_overruns: int = 0
    """How often sound was lost."""
    seconds_lost: float = 0.0
    processor_seconds: float = 0.0
    """Of all cores together."""
    wall_seconds: float = 0.0
    delays: array[float] = field(default_factory=lambda: array("d"))
    """Of each note in order: seconds from when its key was struck, as heard, until the last
    output had it."""

    def delay(self, share: float) -> float:
        """Seconds within which that share of the notes was sent; NaN for no notes."""
        return float(np.quantile(np.frombuffer(self.delays), share)) if self.delays else math.nan

    @property
    def load(self) -> float:
        """Share of one core that it took."""
        return self.processor_seconds / self.wall_seconds if self.wall_seconds else 0.0


def play(
    source: Source,
    live: LiveTranscriber,
    outputs: Sequence[LiveOutput],
    *,
    progress: Callable[[LiveFigures], None] | None = None,
    longest: float = math.inf,
    clock: Callable[[], float] = time.monotonic,
) -> LiveFigures:
    """Transcribe a source until it ends.

    Parameters
    ----------
    source : Source
        Where the sound comes from.
    live : LiveTranscriber
        Fresh; it has finished afterwards, and its ``performance`` is what was sent.
    outputs : sequence of LiveOutput
        Get every event at once.
    progress : callable, optional
        Called after every block.
    longest : float
        Seconds of sound after which to stop.
    clock : callable
        The source's clock.

    Returns
    -------
    LiveFigures
    """
    session = _Session(source, live, outputs, clock)
    for block in source:
        session.hear(block)
        if progress is not None:
            progress(session.figures)
        if session.figures.seconds >= longest:
            source.stop()
            break
    session.end()
    return session.figures


class _Session:
    """What is heard, sent and measured."""

    def __init__(
        self,
        source: Source,
        live: LiveTranscriber,
        outputs: Sequence[LiveOutput],
        clock: Callable[[], float],
    ) -> None:
        self.figures = LiveFigures()
        self._source, self._live, self._outputs, self._clock = source, live, outputs, clock
        self._resampler = Resampler(source.sample_rate, live.sample_rate, prompt=True)
        self._began, self._worked = clock(), time.process_time()
        self._started = 0.0
        """On the clock: when the first sample sounded."""
        self._n_samples = 0

    def hear(self, block: Block) -> None:
        """Transcribe a block, and send what it decides."""
        figures, source = self.figures, self._source
        # Of its first sample: a block holds all that has sounded since the one before.
        waited = self._clock() - block.captured + len(block.samples) / source.sample_rate
        if waited > LATE_SECONDS:
            figures.n_late += 1
        figures.longest_wait = max(figures.longest_wait, waited)
        self._n_samples += len(block.samples)
        figures.seconds = self._n_samples / source.sample_rate
        self._started = block.captured - figures.seconds
        figures.peak = float(np.abs(block.samples).max(initial=0))
        figures.peak_ever = max(figures.peak_ever, figures.peak)
        self._send(self._live.push(self._resampler.push(block.samples)))
        figures.n_overruns, figures.seconds_lost = source.n_overruns, source.seconds_lost
        figures.processor_seconds = time.process_time() - self._worked
        figures.wall_seconds = self._clock() - self._began

    def end(self) -> None:
        """Send what the end decides."""
        figures = self.figures
        n_before = len(figures.delays)
        last = self._resampler.push(np.zeros(0, np.float32), last=True)
        self._send([*self._live.push(last), *self._live.finish()])
        del figures.delays[n_before:]  # of what stopping decided, the wait says nothing
        figures.n_notes = self._live.n_notes

    def _send(self, events: Sequence[LiveEvent]) -> None:
        if not events:
            return
        for output in self._outputs:
            output.take(events)
        now = self._clock()
        self.figures.delays.extend(
            now - (self._started + event.time) for event in events if isinstance(event, KeyDown)
        )
        self.figures.n_notes = self._live.n_notes
