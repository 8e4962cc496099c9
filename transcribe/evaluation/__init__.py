"""Reference against estimate: metrics, kinds of errors, tables, pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transcribe.lazy import lazy_names

if TYPE_CHECKING:
    from transcribe.evaluation.metrics import score

__all__ = ["score"]

__getattr__ = lazy_names(
    __name__,
    {
        "score": "transcribe.evaluation.metrics",
    },
)
