"""Any recording to blocks of mono samples, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transcribe.lazy import lazy_names

if TYPE_CHECKING:
    from transcribe.audio.probing import probe
    from transcribe.audio.reader import AudioReader, read_audio
    from transcribe.audio.wav import write_wav

__all__ = ["AudioReader", "probe", "read_audio", "write_wav"]

__getattr__ = lazy_names(
    __name__,
    {
        "AudioReader": "transcribe.audio.reader",
        "probe": "transcribe.audio.probing",
        "read_audio": "transcribe.audio.reader",
        "write_wav": "transcribe.audio.wav",
    },
)
