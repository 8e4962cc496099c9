"""An excerpt of a recording: from where to where it is transcribed."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A stretch of a recording, in seconds from its start; without bounds all of it.

    Raises
    ------
    ValueError
        Unless 0 <= start < stop.
    """

    start: float = 0.0
    stop: float = math.inf

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.stop:
            raise ValueError(
                "an excerpt ends after it starts, and starts at 0 s or later; found "
                f"{self.start:g} to {self.stop:g} s"
            )

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return self.start == 0 and self.stop == math.inf


def as_seconds(text: str) -> float:
    """Seconds of a time as ``95``, ``95.5``, ``1:35`` or ``1:02:03.5``.

    Raises
    ------
    ValueError
        For anything else.
    """
    *larger, last = text.strip().split(":")
    is_time = len(larger) <= 2 and last[:1].isdecimal() and all(map(str.isdecimal, larger))
    total = math.inf
    if is_time:
        total = float(last) + sum(60 * 60**i * int(n) for i, n in enumerate(reversed(larger)))
    if not is_time or not total < math.inf or (larger and float(last) >= 60):
        raise ValueError(f"expected seconds, or a time such as 1:35; found {text!r}")
    return total
