"""Piano recordings into notes people can use.

>>> from transcribe import Transcriber, write_midi
>>> performance = Transcriber.load()("song.mp3")
>>> write_midi(performance, "song.mid")

The names are loaded when they are first used, so that the command line can parse its
arguments before torch is imported.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transcribe.midi import write_midi
    from transcribe.notes import Note, PedalPress, Performance
    from transcribe.transcriber import Transcriber

__version__ = "0.1.0"

__all__ = ["Note", "PedalPress", "Performance", "Transcriber", "write_midi"]

_HOMES = {
    "Note": "transcribe.notes",
    "PedalPress": "transcribe.notes",
    "Performance": "transcribe.notes",
    "Transcriber": "transcribe.transcriber",
    "write_midi": "transcribe.midi",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
