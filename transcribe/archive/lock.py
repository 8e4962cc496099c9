"""One run at a time over one destination; the lock goes with the process that holds it."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from transcribe.errors import TranscribeError


class BusyError(TranscribeError):
    """Another run is at work on the same destination."""


class NoLockError(BusyError):
    """A place can't hold a lock."""


@contextlib.contextmanager
def locked(path: Path, what: str | None = None) -> Iterator[None]:
    """Hold a lock file; the system lets go of it when the process ends, however it does.

    Parameters
    ----------
    path : Path
    what : str, optional
        What it guards, for the message; the folder above that of the file if left out.

    Raises
    ------
    BusyError
        Another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            _take(file.fileno())
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
                raise NoLockError(
                    f"{path}: this place can't hold a lock ({error.strerror}), so nothing would "
                    "keep two runs apart; put the manifest on another disk with --state"
                ) from error
            with contextlib.suppress(OSError):
                file.seek(0)
            holder = file.read().strip() if sys.platform != "win32" else ""
            who = f" ({holder})" if holder else ""
            raise BusyError(
                f"{what or path.parent.parent}: another run{who} is at work on this archive; "
                "wait for it to end, or choose another --out"
            ) from error
        file.seek(0)
        file.truncate()
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield


if sys.platform == "win32":
    import msvcrt

    def _take(file: int) -> None:
        os.lseek(file, 1 << 20, os.SEEK_SET)  # beyond the text, which others may read
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
