"""Piano recordings into notes people can use.

>>> from transcribe import Transcriber, write_midi
>>> performance = Transcriber.load()("song.mp3")
>>> write_midi(performance, "song.mid")

The names are loaded when they are first used, so that the command line can parse its
arguments before torch is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transcribe.lazy import lazy_names

if TYPE_CHECKING:
    from transcribe.midi import to_pretty_midi, write_midi
    from transcribe.notes import Note, PedalPress, Performance
    from transcribe.transcriber import Transcriber

from transcribe.version import __version__

__all__ = [
    "Note",
    "PedalPress",
    "Performance",
    "Transcriber",
    "__version__",
    "to_pretty_midi",
    "write_midi",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Note": "transcribe.notes",
        "PedalPress": "transcribe.notes",
        "Performance": "transcribe.notes",
        "Transcriber": "transcribe.transcriber",
        "to_pretty_midi": "transcribe.midi",
        "write_midi": "transcribe.midi",
    },
)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
