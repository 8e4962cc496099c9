"""Notes while they are played: a microphone, or a file as if it were one, to events.

>>> from transcribe import Transcriber
>>> from transcribe.live import LiveTranscriber
>>> live = LiveTranscriber(Transcriber.load(threads=1), latency=0.2)
>>> events = live.push(samples)  # mono float32 at live.sample_rate, as they come

The names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transcribe.lazy import lazy_names

if TYPE_CHECKING:
    from transcribe.live.events import KeyDown, KeyUp, LiveEvent, PedalMove
    from transcribe.live.live_transcriber import LiveTranscriber

__all__ = ["KeyDown", "KeyUp", "LiveEvent", "LiveTranscriber", "PedalMove"]

__getattr__ = lazy_names(
    __name__,
    {
        "KeyDown": "transcribe.live.events",
        "KeyUp": "transcribe.live.events",
        "LiveEvent": "transcribe.live.events",
        "LiveTranscriber": "transcribe.live.live_transcriber",
        "PedalMove": "transcribe.live.events",
    },
)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
