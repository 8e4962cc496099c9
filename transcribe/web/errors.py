"""Errors of the server: a plain sentence and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transcribe.errors import TranscribeError


class RefusedError(TranscribeError):
    """A request that can't be done, with the status that says why to a program.

    Parameters
    ----------
    status : int
        Of HTTP, 400 to 599.
    error : str
        What is wrong, a sentence.
    hint : str
        What to do next, a sentence.
    kind : str
        By which programs know it, and the page finds its words in other languages.
    values : mapping
        What of the sentences is different each time: numbers, names.
    """

    def __init__(
        self,
        status: int,
        error: str,
        hint: str = "",
        *,
        kind: str,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(error)
        self.status, self.error, self.hint = status, error, hint
        self.kind, self.values = kind, dict(values or {})

    @property
    def content(self) -> dict[str, Any]:
        """The body of the answer."""
        return {"error": self.error, "hint": self.hint, "kind": self.kind, "values": self.values}


def not_here() -> RefusedError:
    """For a recording that there is not, or not any more."""
    return RefusedError(
        404,
        "This recording is not here any more.",
        "Go back to the list of recordings.",
        kind="not_here",
    )


FULL = 507
"""The status of what there is no room for."""


def disk_full() -> RefusedError:
    """For a disk with no room."""
    return RefusedError(
        FULL,
        "The disk is full.",
        "Delete recordings you no longer need, or make room on the disk; then try again.",
        kind="disk_full",
    )
