"""Windows of several recordings gathered into one call of the network, as a GPU likes it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]

_LONGEST_WAIT = 0.01
"""Seconds that a window waits for others."""


@dataclass(slots=True, eq=False)
class _PendingWindow:
    frames: Floats
    done: threading.Event = field(default_factory=threading.Event)
    result: Floats | None = None
    error: BaseException | None = None


class Batcher:
    """Called with one window from each of many threads; calls with many windows.

    Parameters
    ----------
    apply : callable
        From windows of shape (n_windows, n_frames, ...) to as many results.
    most : int
        Windows in one call.
    """

    def __init__(self, apply: Callable[[Floats], Floats], most: int) -> None:
        self._apply, self._most = apply, most
        self._changed = threading.Condition()
        self._pending: list[_PendingWindow] = []
        self._n_active = 0
        threading.Thread(target=self._run, name="batches", daemon=True).start()

    @contextmanager
    def active(self) -> Iterator[None]:
        """While a thread transcribes a recording, so that its windows are waited for."""
        with self._changed:
            self._n_active += 1
        try:
            yield
        finally:
            with self._changed:
                self._n_active -= 1
                self._changed.notify_all()

    def __call__(self, frames: Floats) -> Floats:
        """The result for one window, shape (n_frames, ...)."""
        window = _PendingWindow(frames)
        with self._changed:
            self._pending.append(window)
            self._changed.notify_all()
        window.done.wait()
        if window.error is not None:
            raise window.error
        assert window.result is not None
        return window.result

    def _run(self) -> None:
        while True:
            windows = self._next_batch()
            try:
                results = self._apply(np.stack([window.frames for window in windows]))
                for window, result in zip(windows, results, strict=True):
                    window.result = result
            except Exception as error:
                for window in windows:
                    window.error = error
            for window in windows:
                window.done.set()

    def _next_batch(self) -> list[_PendingWindow]:
        """The next windows of one length: of all active threads, or of those that are in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._pending)
            until = time.monotonic() + _LONGEST_WAIT
            while len(self._pending) < min(self._n_active, self._most):
                left = until - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    break
            shape = self._pending[0].frames.shape
            taken = [each for each in self._pending if each.frames.shape == shape][: self._most]
            self._pending = [each for each in self._pending if each not in taken]
            return taken
