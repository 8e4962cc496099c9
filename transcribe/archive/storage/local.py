"""A store that is a folder of this machine."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from transcribe.archive.storage.base import (
    Skip,
    StoredFile,
    Trouble,
    checked_name,
    leftover,
    skip_nothing,
)
from transcribe.files.atomic import write_atomically
from transcribe.files.names import is_unfinished
from transcribe.files.walking import LEADS_BACK
from transcribe.wording import reason, what_is_at


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
        return self.root / (name if os.path.isabs(name) else checked_name(name))

    def walk(self, *, skip: Skip = skip_nothing) -> Iterator[StoredFile | Trouble]:
        """Links to folders are followed last, and below them only folders not seen before; but
        not those that lead back to a folder around them."""
        seen: dict[tuple[int, int], str] = {}
        links: list[tuple[str, frozenset[Path]]] = []
        around = frozenset(Path(os.path.realpath(self.root)).parents)
        yield from self._walk("", around, seen, links, skip)
        while links:
            name, around = links.pop(0)
            path = self.root / name
            real = Path(os.path.realpath(path))
            if real in around:
                yield Trouble(name, LEADS_BACK, is_loss=False)
                continue
            try:
                status = path.stat()
            except OSError as error:
                yield Trouble(name, f"this folder can't be read: {reason(error)}")
                continue
            there = seen.get((status.st_dev, status.st_ino))
            if there is None:
                yield from self._walk(name, around | {*real.parents}, seen, links, skip)
            else:
                yield Trouble(name, f"a link to {there or 'the source itself'}", is_loss=False)

    def _walk(
        self,
        top: str,
        around: frozenset[Path],
        seen: dict[tuple[int, int], str],
        links: list[tuple[str, frozenset[Path]]],
        skip: Skip,
    ) -> Iterator[StoredFile | Trouble]:
        """Depth first, without links to folders, which are gathered."""
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            try:
                path = self.root / folder
                status = path.stat()
                place = (status.st_dev, status.st_ino)
                if place in seen:  # below a link
                    why = f"leads to {seen[place] or 'the source itself'}"
                    yield Trouble(folder, why, is_loss=False)
                    continue
                seen[place] = folder
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
                    yield Trouble(name, what_is_at(path / entry.name) or reason(error))
                    continue
                if stat.S_ISDIR(status.st_mode):
                    if not skip(name):
                        if entry.is_symlink():
                            links.append((name, around))
                        else:
                            folders.append(name)
                elif not stat.S_ISREG(status.st_mode):
                    yield Trouble(name, f"{_kind(status.st_mode)}, not a file", is_entry=True)
                elif is_unfinished(name):
                    yield leftover(name)
                else:
                    yield StoredFile(name, status.st_size, status.st_mtime)
            waiting += reversed(folders)

    def stat(self, name: str) -> StoredFile | None:
        try:
            status = self.path(name).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EISDIR, f"there is {_kind(status.st_mode)} in its place")
        return StoredFile(name, status.st_size, status.st_mtime)

    @contextlib.contextmanager
    def fetch(self, name: str) -> Iterator[Path]:
        yield self.path(name)

    def put(self, name: str, content: bytes) -> StoredFile:
        path = self.root / checked_name(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
        status = path.stat()
        return StoredFile(name, status.st_size, status.st_mtime)

    def rename(self, name: str, to: str) -> None:
        path, target = self.root / checked_name(name), self.root / checked_name(to)
        if path.is_dir() or target.is_dir():
            raise OSError(errno.EISDIR, "there is a folder in its place")
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)

    def remove(self, name: str) -> None:
        (self.root / checked_name(name)).unlink(missing_ok=True)

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
    return next((name for is_one, name in kinds if is_one(mode)), "something else than a file")
