"""Performance to audio: notes and pedal played on sampled instruments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transcribe.lazy import lazy_names

if TYPE_CHECKING:
    from transcribe.synthesis.sample_bank import SampleBank, packaged_piano

__all__ = ["SampleBank", "packaged_piano"]

__getattr__ = lazy_names(
    __name__,
    {
        "SampleBank": "transcribe.synthesis.sample_bank",
        "packaged_piano": "transcribe.synthesis.sample_bank",
    },
)
