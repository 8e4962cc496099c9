"""An excerpt of a recording: from where to where it is transcribed."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:[.,]\d*)?)", re.ASCII)
_NEVER = ("inf",) * 3


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


WHOLE = Excerpt()
"""All of a recording."""


def as_seconds(text: str) -> float:
    """Seconds of a time as ``95``, ``95.5``, ``1:35``, ``1:02:03.5`` or ``1:02:03,5``.

    The page has the same rule (``web/static/times.js``).

    Raises
    ------
    ValueError
        For anything else.
    """
    found = _TIME.fullmatch(text.strip())
    parts = found.groups("0") if found else _NEVER
    hours, minutes, seconds = (float(each.replace(",", ".")) for each in parts)
    overflows = (":" in text and seconds >= 60) or (text.count(":") == 2 and minutes >= 60)
    total = 3600 * hours + 60 * minutes + seconds
    if total == math.inf or overflows:
        raise ValueError(f"expected seconds, or a time such as 1:35; found {text!r}")
    return total
