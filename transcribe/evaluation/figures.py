"""Pictures want matplotlib, which only the extra ``eval`` brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transcribe.errors import TranscribeError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, of a size in inches.

    Raises
    ------
    TranscribeError
        matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise TranscribeError(
            "pictures are drawn with matplotlib, and there is none; it comes with: "
            "pip install 'transcribe[eval]'"
        ) from error
    return Figure(figsize=(width, height), layout="constrained")
