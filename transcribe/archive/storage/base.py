"""What every store is: a tree of files that recordings come from and transcriptions go to.

A *name* is a path inside a store, with ``/`` between its parts on every system. Bytes that
are no UTF-8 are lone surrogates in it, as Python has it in file names.

What exists under its name is finished: files are written atomically.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from transcribe.errors import TranscribeError
from transcribe.files.relative import fault_of

OWN_FOLDER = "_transcribe"
"""Folder of a destination that holds the manifest and the reports."""


class StoreError(TranscribeError):
    """An address that can't be read or written."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in a store."""

    name: str
    size: int
    """Bytes."""
    modified: float | None = None
    """Seconds since 1970; None where the store doesn't say, or not reliably."""


@dataclass(frozen=True, slots=True)
class Version:
    """A file as it is at a moment."""

    version: str
    """Differs from that of any other content."""
    content: bytes
    age: float
    """Seconds since it was put, by the store's clock; 0 where the store doesn't say."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A part of a store that could not be read, or is left out on purpose."""

    name: str
    reason: str
    is_loss: bool = True
    """Whether there may be recordings in it that are not found elsewhere."""
    is_entry: bool = False
    """Whether it is a single thing in a folder that could have been a file, so that its name
    decides whether it would be missed."""


def leftover(name: str) -> Trouble:
    """The trouble with a file that was not finished."""
    return Trouble(name, "left by a run that was killed", is_loss=False, is_entry=True)


def skip_nothing(name: str) -> bool:
    """Skips no folder."""
    return False


Skip: TypeAlias = Callable[[str], bool]
"""Says of a folder's name not to enter it."""


def checked_name(name: str) -> str:
    """The name, if it is one of a file inside a store; OSError if it would lead out of it."""
    fault = fault_of(name)
    if fault:
        raise OSError(errno.EINVAL, f"{fault}, so it is no file of this place")
    return name


class Store(Protocol):
    """A tree of files under one address; cheap to make, safe to use from several threads."""

    @property
    def address(self) -> str:
        """What `open_store` makes this store of again, in another process too.

        An `Address` where it may hold a password, which its text does not.
        """
        ...

    @property
    def folder(self) -> Path | None:
        """The folder of this machine that this is; None for any other place."""
        ...

    def walk(self, *, skip: Skip = skip_nothing) -> Iterator[StoredFile | Trouble]:
        """All files, in order of their names, each once; ``skip`` says of a folder not to enter.

        What is no file, or is not finished (`is_unfinished`), is a trouble.
        """
        ...

    def stat(self, name: str) -> StoredFile | None:
        """One file; None if it isn't there.

        Raises OSError where that can't be found out, or where something else has the name, such
        as a folder.
        """
        ...

    def fetch(self, name: str) -> AbstractContextManager[Path]:
        """A local file with the content, for as long as the context lasts; raises OSError."""
        ...

    def put(self, name: str, content: bytes) -> StoredFile:
        """Write a file, replacing one that is there; whole or not at all. Raises OSError."""
        ...

    def rename(self, name: str, to: str) -> None:
        """Move a file inside the store, replacing one that is there; raises OSError."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file if it is there; raises OSError."""
        ...

    def clear_leftovers(self) -> int:
        """Remove what killed runs left unfinished; how many that were."""
        ...
