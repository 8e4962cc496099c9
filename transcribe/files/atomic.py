"""Files that appear under their names only when they are whole and on the disk."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from transcribe.files.names import unfinished_name

_CANNOT_SYNC = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP})
"""What file systems answer that have no means to sync a file."""


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path for the block to write to, renamed to ``path`` when the block ends.

    So a file that exists under its name is finished, even after a crash or a power cut. If
    the block raises, the file that was there before stays as it was, and nothing is left of
    the temporary one.

    Parameters
    ----------
    path : path
        The file to write, in a folder that exists; a file of that name is replaced. The block
        may make a folder instead, where ``path`` does not exist or is an empty folder.

    Yields
    ------
    Path
        A neighbour of ``path`` with a hidden name that no other process uses.

    Raises
    ------
    OSError
        The file can't be written, synced to the disk or renamed.
    """
    path = Path(path)
    temporary = path.with_name(unfinished_name(path.name))
    try:
        yield temporary
        if not temporary.is_dir():
            _sync(temporary)
        temporary.replace(path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        temporary.unlink(missing_ok=True)
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
