"""Files that appear under their names only when they are whole and on the disk.

What is written has a hidden name until then. A process that is killed leaves it; the next one of
the same machine that writes the same file takes it over, so that such files don't add up. A lock
tells it from one that is being written.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import hashlib
import os
import shutil
import socket
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from transcribe.files.names import is_unfinished, unfinished_name

_CANNOT_SYNC = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP})
"""What file systems answer that have no means to sync a file."""


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors of writing, which come without a name."""
_THIS_MACHINE = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
"""Of a folder that machines share, not every system's locks are seen by the others."""


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path for the block to write to, renamed to ``path`` when the block ends.

    So a file that exists under its name is finished, even after a crash or a power cut. If
    the block raises, the file that was there before stays as it was, and nothing is left of
    the temporary one.

    Parameters
    ----------
    path : path
        The file to write, in a folder that exists; a file of that name is replaced.

    Yields
    ------
    Path
        A neighbour of ``path`` with a hidden name that no other process uses; an empty file may
        be there.

    Raises
    ------
    OSError
        The file can't be written, synced to the disk or renamed; its ``filename`` is ``path``.
    """
    path = Path(path)
    with naming(path), _unfinished(path) as temporary:
        try:
            yield temporary
            _sync(temporary)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    _sync_folder(path.parent)


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Have errors of the block name the file that it writes, not a hidden one or none."""
    try:
        yield
    except OSError as error:
        is_nameless = error.filename is None and error.errno in _FULL
        if is_nameless or is_unfinished(str(error.filename)):
            error.filename = str(path)
        raise


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A new temporary folder for the block to fill, renamed to ``path`` when the block ends.

    See `atomic_path`; ``path`` does not exist by then, or is an empty folder.
    """
    path = Path(path)
    temporary = path.with_name(unfinished_name(path.name))
    temporary.mkdir()
    try:
        yield temporary
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    _sync_folder(path.parent)


def write_atomically(path: str | os.PathLike[str], content: bytes | str) -> None:
    """Write a file whole or not at all; see `atomic_path`.

    Text is written as UTF-8. Characters that are none, as in a file name that is no valid
    Unicode, are written as backslash escapes.
    """
    if isinstance(content, str):
        content = content.encode("utf-8", "backslashreplace")
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_csv(path: str | os.PathLike[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a table of rows, its head the first, whole or not at all; UTF-8, lines end in CRLF."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def remove_file(path: str | os.PathLike[str]) -> None:
    """Delete a file if it is there, and what a process that was killed while writing it left."""
    path = Path(path)
    with _unfinished(path) as temporary:
        temporary.unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    with path.open("r+b") as file:
        try:
            os.fsync(file.fileno())
        except OSError as error:
            if error.errno not in _CANNOT_SYNC:
                raise


def _sync_folder(folder: Path) -> None:
    """Sync the renaming, where the system can open a folder and sync it."""
    with contextlib.suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


@contextlib.contextmanager
def _unfinished(path: Path) -> Iterator[Path]:
    """What to write a file to: the one that this machine has for it, if nobody is at it."""
    temporary = path.with_name(unfinished_name(path.name, _THIS_MACHINE))
    with contextlib.ExitStack() as held:
        if not _lock(temporary, held):
            temporary = path.with_name(unfinished_name(path.name))
        yield temporary


def _lock(temporary: Path, held: contextlib.ExitStack) -> bool:
    """Make a file, or empty one that was left, for this process alone until `held` ends."""
    try:
        from fcntl import LOCK_EX, LOCK_NB, flock
    except ImportError:  # a file that Windows has locked can't be renamed
        return False
    try:
        file = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    except OSError:
        return False
    held.callback(os.close, file)
    try:
        flock(file, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # there are no locks here, so nobody writes under this name
        temporary.unlink(missing_ok=True)
        return False
    try:
        ours, there = os.fstat(file), os.lstat(temporary)
    except OSError:
        return False
    is_named = (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)
    is_safe = stat.S_ISREG(ours.st_mode) and ours.st_nlink == 1 and ours.st_uid == os.geteuid()
    if not is_named or not is_safe:  # whoever had it has renamed it, or it leads elsewhere
        return False
    os.ftruncate(file, 0)
    return True
