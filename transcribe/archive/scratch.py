"""A folder for temporary files that is removed, by the next run at the latest.

Recordings are fetched into it, which may be gigabytes each. A process that is killed removes
nothing; so each folder has a lock, which goes with the process, and whoever comes next
removes the folders whose lock nobody holds.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from transcribe.files.lock import BusyError, NoLockError, locked

_PREFIX = "transcribe-scratch-"
_SETTLED_SECONDS = 10.0
"""A folder younger than this may not have taken its lock yet."""


class Scratch:
    """A folder of this process, which all its temporary files go to until it is closed."""

    def __init__(self) -> None:
        self._outer = tempfile.tempdir
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._lock = contextlib.ExitStack()
        try:
            self._lock.enter_context(locked(self.folder / "lock"))
        except NoLockError:  # no locks on this disk: then nobody may take it for abandoned
            (self.folder / "lock").unlink(missing_ok=True)
        tempfile.tempdir = str(self.folder)

    def close(self) -> None:
        """Remove the folder with all that is in it."""
        tempfile.tempdir = self._outer
        self._lock.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Have all temporary files of this process in one folder, which is removed at the end."""
    clear_abandoned()
    own = Scratch()
    try:
        yield own.folder
    finally:
        own.close()


def clear_abandoned() -> int:
    """Remove the folders of processes that were killed; how many that were."""
    n_removed = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError, BusyError, NoLockError):
            if folder.is_symlink() or not _is_settled(folder):
                continue
            if (folder / "lock").is_file():
                with locked(folder / "lock"):
                    shutil.rmtree(folder, ignore_errors=True)
                    n_removed += not folder.exists()
    return n_removed


def _is_settled(folder: Path) -> bool:
    """Whether the process of a folder has taken its lock by now, if it lives."""
    if (folder / "lock.holder").is_file():  # written by whoever has the lock
        return True
    return time.time() - folder.stat().st_mtime >= _SETTLED_SECONDS
