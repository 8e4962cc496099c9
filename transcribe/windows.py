"""Long input through overlapping windows, stitched to one output, for any callable.

Conventions
-----------
A window sees ``window_frames`` frames, and of what comes out the first and the last
``context_frames`` are discarded, because they lacked context. Windows follow each other
so that what is kept joins without gap or overlap.

Nothing is padded: the ends of the recording are the ends of the first and last window,
and there nothing is discarded. The last window may be shorter than the others, but is slid
back to half their length, unless the recording itself is shorter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass
class WindowConfig:
    """How much the network sees at once."""

    window_frames: int = 960
    """Frames a window, context included."""
    context_frames: int = 48
    """Frames discarded on either side."""

    def check(self) -> None:
        """Raise ValueError for windows that keep nothing."""
        _check(self.window_frames, self.context_frames)

    def first_frame(self, n_windows: int) -> int:
        """The first frame that is needed after so many windows: the last may be slid back."""
        start = n_windows * (self.window_frames - 2 * self.context_frames)
        return max(0, start - -(-self.window_frames // 2))

    def n_frames(self, n_windows: int) -> int:
        """How many frames so many windows give, none of them the last."""
        step = self.window_frames - 2 * self.context_frames
        return n_windows * step + self.context_frames if n_windows else 0


def apply_in_windows(
    apply: Callable[[Array], Array], frames: Array, *, window_frames: int, context_frames: int
) -> Array:
    """Apply a callable to a long input window by window.

    Parameters
    ----------
    apply : callable
        From an array of shape (n, ...) to one of shape (n, ...), for any n from 1 to
        ``window_frames``. If no output frame depends on input more than
        ``context_frames`` away, the result equals ``apply(frames)``.
    frames : array
        Shape (n_frames, ...).
    window_frames, context_frames : int
        See `WindowConfig`.

    Returns
    -------
    array
        Shape (n_frames, ...). For no frames ``apply`` is not called, and the result has
        the shape and type of ``frames``.

    Raises
    ------
    ValueError
        If the windows keep nothing, or ``apply`` changes the number of frames.
    """
    parts = list(
        stream_in_windows(
            apply, [frames], window_frames=window_frames, context_frames=context_frames
        )
    )
    return np.concatenate(parts) if parts else frames[:0]


def stream_in_windows(
    apply: Callable[[Array], Array],
    blocks: Iterable[Array],
    *,
    window_frames: int,
    context_frames: int,
    n_done: int = 0,
) -> Iterator[Array]:
    """Apply a callable window by window to input that comes in blocks of any length.

    Holds no more than two windows and a block. Takes what `apply_in_windows` takes;
    the arrays it yields, one a window, joined equal what `apply_in_windows` returns, however
    the input is divided into blocks. No frames, no output. With ``n_done`` the first windows
    are left out, and ``blocks`` begin at the frame `WindowConfig.first_frame` of ``n_done``.
    """
    _check(window_frames, context_frames)
    return _stream(apply, blocks, WindowConfig(window_frames, context_frames), n_done)


def _stream(
    apply: Callable[[Array], Array],
    blocks: Iterable[Array],
    config: WindowConfig,
    n_done: int,
) -> Iterator[Array]:
    window_frames, context_frames = config.window_frames, config.context_frames
    held: list[Array] = []
    start = n_done * (window_frames - 2 * context_frames)  # of the next window
    end = config.first_frame(n_done)  # frames received
    done = config.n_frames(n_done)  # frames yielded

    def run(window: Array) -> Array:
        result = apply(window)
        if len(result) != len(window):
            raise ValueError(
                f"a callable applied in windows must return a frame for each it is given: "
                f"expected {len(window)}, found {len(result)}"
            )
        return result

    for block in blocks:
        held.append(block)
        end += len(block)
        if end <= start + window_frames:
            continue  # one frame more would show that this window is not the last
        joined = np.concatenate(held)
        first = end - len(joined)
        while end > start + window_frames:
            window = joined[start - first : start - first + window_frames]
            yield run(window)[done - start : window_frames - context_frames]
            done = start + window_frames - context_frames
            start += window_frames - 2 * context_frames
        held = [joined[-window_frames:]]
    if end > done:
        window = np.concatenate(held)[-max(end - start, -(-window_frames // 2)) :]
        yield run(window)[done - (end - len(window)) :]


def _check(window_frames: int, context_frames: int) -> None:
    if context_frames < 0 or window_frames <= 2 * context_frames:
        raise ValueError(
            "a window must be longer than its context on both sides: expected window_frames > "
            f"2 * context_frames >= 0, found {window_frames} and {context_frames}"
        )
