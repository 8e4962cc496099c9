"""The files of a folder and its subfolders, and what of it can't be looked into.

Links to folders are followed, after everything else and each folder once; but not those that lead
back to a folder around them, since what lies beside a folder is not in it. A folder that may not
be read is not passed over in silence, as `Path.rglob` does; a file whose folder tells nothing but
its name is given like any other: whoever reads it finds out why that fails.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from transcribe.wording import one_line, reason

logger = logging.getLogger(__name__)

LEADS_BACK = "a link to a folder that it lies in"


class Walk(NamedTuple):
    """What is in a folder."""

    files: tuple[Path, ...]
    """Sorted by name; hidden ones left out, and those in hidden folders."""
    unreadable: dict[Path, str]
    """Folders that can't be read, and why."""


def walk(folder: Path, *, without: Iterable[Path] = ()) -> Walk:
    """Look for files in a folder and its subfolders, but not in some of them."""
    top = Path(os.path.realpath(folder))
    seen = {Path(os.path.realpath(each)) for each in without} - {top}
    found: list[Path] = []
    unreadable: dict[Path, str] = {}
    waiting, links = [(folder, frozenset(top.parents))], list[tuple[Path, frozenset[Path]]]()
    while waiting or links:
        place, around = waiting.pop() if waiting else links.pop(0)
        real = Path(os.path.realpath(place))
        if real in seen:
            continue
        if real in around:
            logger.warning("%s: %s; it is not followed", one_line(str(place)), LEADS_BACK)
            continue
        seen.add(real)
        if place.is_symlink():
            around |= {*real.parents}
        try:
            with os.scandir(place) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except OSError as error:
            unreadable[place] = f"this folder can't be read: {reason(error, about=place)}"
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            kind = _kind_of(entry)
            if kind == stat.S_IFDIR:
                (links if entry.is_symlink() else waiting).append((place / entry.name, around))
            elif kind in (stat.S_IFREG, None):
                found.append(place / entry.name)
    return Walk(tuple(sorted(found)), unreadable)


def _kind_of(entry: os.DirEntry[str]) -> int | None:
    """As `stat` has it; None where that can't be found out, as of a link to nothing."""
    try:
        return stat.S_IFDIR if entry.is_dir() else stat.S_IFMT(entry.stat().st_mode)
    except OSError:
        return None
