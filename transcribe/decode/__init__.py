"""Planes of probabilities to notes and pedal presses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transcribe.lazy import lazy_names

if TYPE_CHECKING:
    from transcribe.decode.config import DecodeConfig
    from transcribe.decode.decoder import Decoder, decode

__all__ = ["DecodeConfig", "Decoder", "decode"]

__getattr__ = lazy_names(
    __name__,
    {
        "DecodeConfig": "transcribe.decode.config",
        "Decoder": "transcribe.decode.decoder",
        "decode": "transcribe.decode.decoder",
    },
)
