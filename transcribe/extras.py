"""Optional packages: where one is missing, the error names the extra that brings it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from transcribe.errors import TranscribeError


@contextmanager
def needing(extra: str, *packages: str) -> Iterator[None]:
    """Say which extra to install if an import fails for want of one of its packages."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in packages:
            raise
        raise TranscribeError(
            f"{package} is not installed; it comes with: pip install 'transcribe[{extra}]'"
        ) from error
