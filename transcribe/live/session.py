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
from transcribe.live.sources import Source

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
    figures = LiveFigures()
    resampler = Resampler(source.sample_rate, live.sample_rate, prompt=True)
    began, worked = clock(), time.process_time()
    started = 0.0  # on the clock: when sample 0 sounded

    def send(events: Sequence[LiveEvent]) -> None:
        if not events:
            return
        for output in outputs:
            output.take(events)
        now = clock()
        figures.delays.extend(
            now - (started + event.time) for event in events if isinstance(event, KeyDown)
        )
        figures.n_notes = live.n_notes

    n_samples = 0
    for block in source:
        # Of its first sample: a block holds all that has sounded since the one before.
        waited = clock() - block.captured + len(block.samples) / source.sample_rate
        if waited > LATE_SECONDS:
            figures.n_late += 1
        figures.longest_wait = max(figures.longest_wait, waited)
        n_samples += len(block.samples)
        figures.seconds = n_samples / source.sample_rate
        started = block.captured - figures.seconds
        figures.peak = float(np.abs(block.samples).max(initial=0))
        figures.peak_ever = max(figures.peak_ever, figures.peak)
        send(live.push(resampler.push(block.samples)))
        figures.n_overruns, figures.seconds_lost = source.n_overruns, source.seconds_lost
        figures.processor_seconds = time.process_time() - worked
        figures.wall_seconds = clock() - began
        if progress is not None:
            progress(figures)
        if figures.seconds >= longest:
            source.stop()
            break
    n_before = len(figures.delays)
    send([*live.push(resampler.push(np.zeros(0, np.float32), last=True)), *live.finish()])
    del figures.delays[n_before:]  # of what stopping decided, the wait says nothing
    figures.n_notes = live.n_notes
    return figures
