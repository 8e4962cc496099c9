"""A lock file that only one process holds, and that is free again however that process ends."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from transcribe.errors import TranscribeError

_CANNOT_LOCK = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
"""What file systems answer that have no locks."""


class BusyError(TranscribeError):
    """Another process holds the lock."""

    KIND = "busy"


class NoLockError(TranscribeError):
    """The file system has no locks."""

    KIND = "no_locks"


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file, in a folder that is made if need be.

    Raises
    ------
    BusyError
        Another process holds it; the message says which, and on which machine.
    NoLockError
        The file system has no locks.
    OSError
        The file can't be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    holder = path.with_name(f"{path.name}.holder")  # some systems let nobody read a locked file
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        who = ""
        with contextlib.suppress(OSError):
            who = holder.read_text("utf-8").strip()
        raise BusyError(f"{path}: {who or 'another process'} holds this lock", holder=who) from None
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _CANNOT_LOCK:
            raise
        raise NoLockError(
            f"{path}: expected a disk that can lock files, found one that can't ({error}); choose "
            "a folder on another disk"
        ) from error
    try:
        with contextlib.suppress(OSError):
            holder.write_text(f"process {os.getpid()} on {socket.gethostname()}\n", "utf-8")
        yield
    finally:
        with contextlib.suppress(OSError):
            holder.unlink()
        lock.release()
