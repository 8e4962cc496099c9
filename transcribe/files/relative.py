"""Names that come from outside: keys of a bucket, entries of a manifest or of a description.

Whoever wrote them may have meant a file anywhere on this machine. A name is made a path in
this module's `inside` alone, or checked with `fault_of` where it stays a name, so that what
it leads to lies below the folder it is relative to.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path


def fault_of(name: str) -> str:
    r"""Why a name can't be that of a file below a folder; empty if it can.

    It has parts with ``/`` between them, of which none is empty, ``.`` or ``..``, and no zero
    byte. On Windows a backslash or a colon in it would lead elsewhere too.

    >>> fault_of("1962/side 2.wav")
    ''
    >>> fault_of("../victim/x.wav")
    "the name has the part '..'"
    """
    if name.startswith("/"):
        return "the name begins with a slash"
    for part in name.split("/"):
        if not part:
            return "the name has an empty part"
        if part in (".", ".."):
            return f"the name has the part {part!r}"
    if "\0" in name:
        return "the name has a zero byte"
    if os.name == "nt" and ("\\" in name or ":" in name):
        return "the name has a backslash or a colon, which Windows takes for parts of a path"
    return ""


def inside(folder: Path, name: str) -> Path:
    """The path of a name below a folder.

    Raises
    ------
    ValueError
        The name would lead out of it.
    """
    fault = fault_of(name)
    if fault:
        raise ValueError(f"expected the name of a file inside {folder}; {fault}: {name!r}")
    return folder / name


def remove_inside(folder: Path, names: Iterable[str]) -> None:
    """Delete files below a folder, as far as they are there and can be.

    What a name leads to in another folder, by itself or by a link, stays, and so do folders.
    """
    for name in names:
        with contextlib.suppress(ValueError, OSError):
            path = inside(folder, name)
            if path.is_file() and path.parent.resolve().is_relative_to(folder.resolve()):
                path.unlink()
