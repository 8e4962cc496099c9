"""Where recordings come from and transcriptions go to: a folder, or what an address names.

A *name* is a path inside a store, with ``/`` between its parts on every system. Bytes that
are no UTF-8 are lone surrogates in it, as Python has it in file names.

What exists under its name is finished: files are written atomically.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol, TypeAlias
from urllib.parse import unquote

from transcribe.errors import TranscribeError
from transcribe.files.address import whole
from transcribe.files.atomic import write_atomically
from transcribe.files.names import is_unfinished
from transcribe.files.relative import fault_of
from transcribe.wording import reason

OWN_FOLDER = "_transcribe"
"""Folder of a destination that holds the manifest and the reports."""


class StoreError(TranscribeError):
    """An address that can't be read or written."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file in a store."""

    name: str
    size: int
    """Bytes."""
    modified: float | None = None
    """Seconds since 1970; None where the store doesn't tell, or not reliably."""


@dataclass(frozen=True, slots=True)
class Version:
    """A file as it is at a moment."""

    version: str
    """Differs from that of any other content."""
    content: bytes
    age: float
    """Seconds since it was put, by the store's clock; 0 where the store doesn't tell."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A part of a store that could not be looked into, or is left out on purpose."""

    name: str
    reason: str
    is_loss: bool = True
    """Whether there may be recordings in it that are not found elsewhere."""
    is_entry: bool = False
    """Whether it is a single thing in a folder that could have been a file, so that its name
    tells whether anybody would miss it."""


def left(name: str) -> Trouble:
    """What is said of a file that was not finished."""
    return Trouble(name, "left by a run that was killed", is_loss=False, is_entry=True)


def nothing(name: str) -> bool:
    """Skips no folder."""
    return False


Skip: TypeAlias = Callable[[str], bool]


def checked(name: str) -> str:
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

    def walk(
        self, *, skip: Callable[[str], bool] = lambda name: False
    ) -> Iterator[Found | Trouble]:
        """All files, in order of their names, each once; ``skip`` says of a folder not to enter.

        What is no file, or is not finished (`is_unfinished`), is a trouble.
        """
        ...

    def look(self, name: str) -> Found | None:
        """One file; None if it isn't there.

        Raises OSError where that can't be told, or where something else has the name, such
        as a folder.
        """
        ...

    def fetch(self, name: str) -> AbstractContextManager[Path]:
        """A local file with the content, for as long as the context lasts; raises OSError."""
        ...

    def put(self, name: str, content: bytes) -> Found:
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


def local_path(address: str) -> str:
    """The path that a ``file://`` address names; any other address as it is.

    Every such address must be known for a folder of this machine: what keeps outputs from
    going among the recordings holds the one against the other.
    """
    kind, scheme, rest = address.partition("://")
    if not scheme or kind.lower() not in ("file", "local"):
        return address
    path = rest.removeprefix("localhost") if rest.startswith("localhost/") else rest
    if os.name == "nt" and path[:1] == "/":
        path = path[1:]
    return path if os.path.exists(path) else unquote(path)


def open_store(address: str) -> Store:
    """The store of an address: a folder's path, or a URL such as ``s3://bucket/folder``.

    Parameters
    ----------
    address : str
        May be an `Address`, whose text does not hold the password.

    Raises
    ------
    StoreError
        The address is of a kind that can't be opened here.
    """
    return _opened(whole(address))


@lru_cache(maxsize=64)
def _opened(address: str) -> Store:
    address = local_path(address)
    if "://" in address:
        from transcribe.archive.storage.remote import FsspecStore

        store: Store = FsspecStore(address)
        return store
    return LocalStore(address)


class LocalStore:
    """A folder. What is read may also be named by an absolute path, as lists do; what is
    written lies inside."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(os.path.abspath(root))

    @property
    def address(self) -> str:
        return str(self.root)

    @property
    def folder(self) -> Path | None:
        return self.root

    def path(self, name: str) -> Path:
        """Where a name is on the disk."""
        return self.root / (name if os.path.isabs(name) else checked(name))

    def walk(self, *, skip: Skip = nothing) -> Iterator[Found | Trouble]:
        """Links to folders are followed last, and only to folders not seen before."""
        seen: dict[tuple[int, int], str] = {}
        links: list[str] = []
        yield from self._walk("", seen, links, skip)
        while links:
            name = links.pop(0)
            try:
                status = (self.root / name).stat()
            except OSError as error:
                yield Trouble(name, f"this folder can't be read: {reason(error)}")
                continue
            there = seen.get((status.st_dev, status.st_ino))
            if there is None:
                yield from self._walk(name, seen, links, skip)
            else:
                yield Trouble(name, f"a link to {there or 'the source itself'}", is_loss=False)

    def _walk(
        self, top: str, seen: dict[tuple[int, int], str], links: list[str], skip: Skip
    ) -> Iterator[Found | Trouble]:
        """Depth first, without links to folders, which are gathered."""
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            try:
                path = self.root / folder
                status = path.stat()
                seen[status.st_dev, status.st_ino] = folder
                with os.scandir(path) as listed:
                    entries = sorted(listed, key=lambda entry: entry.name)
            except OSError as error:
                yield Trouble(folder, f"this folder can't be read: {reason(error, about=path)}")
                continue
            folders: list[str] = []
            for entry in entries:
                name = f"{folder}/{entry.name}" if folder else entry.name
                try:
                    status = entry.stat()
                except OSError as error:
                    why = "a link to nothing" if entry.is_symlink() else reason(error)
                    yield Trouble(name, why)
                    continue
                if stat.S_ISDIR(status.st_mode):
                    if not skip(name):
                        (links if entry.is_symlink() else folders).append(name)
                elif not stat.S_ISREG(status.st_mode):
                    yield Trouble(name, f"{_kind(status.st_mode)}, not a file", is_entry=True)
                elif is_unfinished(name):
                    yield left(name)
                else:
                    yield Found(name, status.st_size, status.st_mtime)
            waiting += reversed(folders)

    def look(self, name: str) -> Found | None:
        try:
            status = self.path(name).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EISDIR, f"there is {_kind(status.st_mode)} in its place")
        return Found(name, status.st_size, status.st_mtime)

    @contextlib.contextmanager
    def fetch(self, name: str) -> Iterator[Path]:
        yield self.path(name)

    def put(self, name: str, content: bytes) -> Found:
        path = self.root / checked(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
        status = path.stat()
        return Found(name, status.st_size, status.st_mtime)

    def rename(self, name: str, to: str) -> None:
        path, target = self.root / checked(name), self.root / checked(to)
        if path.is_dir() or target.is_dir():
            raise OSError(errno.EISDIR, "there is a folder in its place")
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)

    def remove(self, name: str) -> None:
        (self.root / checked(name)).unlink(missing_ok=True)

    def clear_leftovers(self) -> int:
        n_removed = 0
        for folder, _, files in os.walk(self.root):
            for file in files:
                if is_unfinished(file):
                    with contextlib.suppress(OSError):
                        os.unlink(os.path.join(folder, file))
                        n_removed += 1
        return n_removed


def _kind(mode: int) -> str:
    """What an entry of a folder is that is no file."""
    kinds = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISSOCK, "a socket"),
        (lambda mode: stat.S_ISCHR(mode) or stat.S_ISBLK(mode), "a device"),
    )
    return next((said for is_one, said in kinds if is_one(mode)), "something else than a file")
