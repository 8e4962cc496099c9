"""How many hours of music files hold, before they are opened, and how long it takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath

from transcribe.archive.rows import Row

REAL_TIME_FACTOR = 50.0
"""Seconds of music that one worker transcribes in a second, where none has been measured: 55 on a
core of an Intel Xeon (``eval/results/runtime.json``), rounded down."""
_LEAST_MUSIC = 600.0
"""Seconds of music from which on a measured rate counts."""
_BYTES_PER_SECOND = {
    **dict.fromkeys((".wav", ".wave", ".bwf", ".aif", ".aiff", ".w64", ".au"), 176_400.0),
    **dict.fromkeys((".flac", ".ape", ".wv", ".tta"), 80_000.0),
    **dict.fromkeys((".mp4", ".mkv", ".mov", ".webm", ".avi", ".m4v", ".mpg"), 250_000.0),
}
_COMPRESSED = 20_000.0
"""The same, of every other kind: mp3, m4a, ogg of 160 kbit a second."""


class Forecast:
    """Learns from recordings whose length is known how long others of their kind are."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._size: defaultdict[str, float] = defaultdict(float)
        self._duration: defaultdict[str, float] = defaultdict(float)
        self._music = self._spent = 0.0
        for row in rows:
            if row.duration and row.size:
                self.learn(row)

    def learn(self, row: Row) -> None:
        """Take a recording whose size and duration are known into account."""
        kind = _kind(row)
        self._size[kind] += row.size
        self._duration[kind] += row.duration or 0.0
        if row.duration and row.seconds:
            self._music += row.duration
            self._spent += row.seconds

    def duration(self, row: Row) -> float:
        """Seconds of music in a recording, known or as others of its kind and size hold."""
        if row.duration is not None:
            return row.duration
        kind = _kind(row)
        if self._duration[kind] > 0:
            return row.size * self._duration[kind] / self._size[kind]
        return row.size / _BYTES_PER_SECOND.get(kind, _COMPRESSED)

    @property
    def real_time_factor(self) -> float:
        """Seconds of music that one worker transcribes in a second."""
        return self._music / self._spent if self.is_measured else REAL_TIME_FACTOR

    @property
    def is_measured(self) -> bool:
        """Whether the rate is that of this archive."""
        return self._music > _LEAST_MUSIC


def _kind(row: Row) -> str:
    return PurePosixPath(row.name).suffix.lower()
