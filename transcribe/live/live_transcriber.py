"""Samples as they are played to keys and pedal, each decided once: the whole flow on one screen.

samples -> window(features, network) -> live decoder -> events
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transcribe.live.events import LiveEvent
from transcribe.live.latency import DEFAULT_LATENCY, LookAhead, window_frames
from transcribe.live.live_decoder import LiveDecoder
from transcribe.live.window import SlidingWindow
from transcribe.notes import Performance
from transcribe.transcriber import Transcriber

_MOST_FRAMES_AT_ONCE = 16
"""Decided in one run where many are due, as after a halt."""


class LiveTranscriber:
    """Transcribes what is being played.

    Whatever has come in since the last call goes through the network in one run, so that a
    computer that falls behind does less work for each frame, and catches up. Memory grows by the
    notes alone.

    Parameters
    ----------
    transcriber : Transcriber
        Weights, settings and tuning. One thread is enough, and leaves the other cores alone.
    latency : float
        Seconds from a key's stroke until its note is sent, in 99 of 100 cases, on a computer
        that takes 10 ms for a run; 0.15 to 0.5. More finds more notes, and fewer false ones.
    onset_threshold : float, optional
        Probability from which an onset is one; suited to the latency if left out.

    Raises
    ------
    ValueError
        The latency is out of range.
    """

    def __init__(
        self,
        transcriber: Transcriber,
        *,
        latency: float = DEFAULT_LATENCY,
        onset_threshold: float | None = None,
    ) -> None:
        self.grid = transcriber.grid
        self.latency = latency
        self.look_ahead = LookAhead.of(latency, self.grid)
        config = self.look_ahead.thresholds(transcriber.decode)
        if onset_threshold is not None:
            config.onset_threshold = onset_threshold
        self.decode = config
        self._window = SlidingWindow(
            transcriber.features,
            transcriber.activations or transcriber.checkpoint.model.activations,
            window_frames(self.grid),
        )
        self._decoder = LiveDecoder(self.grid, config)
        self._finished = False

    @property
    def sample_rate(self) -> int:
        """Hertz of the samples that `push` takes."""
        return self.grid.sample_rate

    @property
    def wait(self) -> float:
        """Seconds of sound from a frame until it is decided: the latency without the rest."""
        return self.look_ahead.wait(self.grid)

    @property
    def seconds(self) -> float:
        """How much sound was pushed."""
        return self._window.n_samples / self.sample_rate

    @property
    def n_notes(self) -> int:
        """How many keys were struck so far."""
        return self._decoder.n_notes

    @property
    def performance(self) -> Performance:
        """The notes and presses that have ended, exactly as they were sent."""
        return self._decoder.performance

    def push(self, samples: NDArray[np.float32]) -> list[LiveEvent]:
        """Take the next samples and give what they decide, often nothing.

        Parameters
        ----------
        samples : array
            Shape (n,), mono, float32, about [-1, 1], at `sample_rate`; any number of them.

        Raises
        ------
        ValueError
            It has finished, or the samples are not as described.
        """
        if self._finished:
            raise ValueError("this LiveTranscriber has finished; make a new one for more sound")
        if samples.ndim != 1 or not np.issubdtype(samples.dtype, np.floating):
            raise ValueError(
                "expected floating-point samples of shape (n,); found "
                f"{samples.dtype} of shape {samples.shape}"
            )
        self._window.push(np.nan_to_num(samples, posinf=0.0, neginf=0.0).astype(np.float32))
        return self._decide(self._window.n_frames)

    def finish(self) -> list[LiveEvent]:
        """End the sound: decide the rest with silence after it, and let all keys up."""
        if self._finished:
            return []
        self._finished = True
        hop = self.grid.hop_length
        missing = -self._window.n_samples % hop
        if missing:
            self._window.push(np.zeros(missing, np.float32))
        n_frames = self._window.n_frames
        events = self._decide(n_frames)
        if n_frames > self._decoder.n_decided:
            first, activations = self._window.run(n_frames)
            events += self._decoder.take(activations, first, n_frames)
        return events + self._decoder.finish()

    def _decide(self, n_frames: int) -> list[LiveEvent]:
        """Of so many frames heard, those that are due."""
        look_ahead = self.look_ahead.frames
        events: list[LiveEvent] = []
        while self._decoder.n_decided < n_frames - look_ahead:
            due = self._decoder.n_decided + look_ahead
            stop = min(n_frames, due + _MOST_FRAMES_AT_ONCE)
            first, activations = self._window.run(stop)
            events += self._decoder.take(activations, first, stop - look_ahead)
        return events
