"""What musicians hear in a performance: beats, key, melody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transcribe.lazy import lazy_names

if TYPE_CHECKING:
    from transcribe.music.beat_grid import BeatGrid, find_beats
    from transcribe.music.key import find_key
    from transcribe.music.melody import find_melody

__all__ = ["BeatGrid", "find_beats", "find_key", "find_melody"]

__getattr__ = lazy_names(
    __name__,
    {
        "BeatGrid": "transcribe.music.beat_grid",
        "find_beats": "transcribe.music.beat_grid",
        "find_key": "transcribe.music.key",
        "find_melody": "transcribe.music.melody",
    },
)
