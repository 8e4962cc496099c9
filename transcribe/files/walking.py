"""The files of a folder and its subfolders, and what of it can't be looked into.

Links to folders are followed, after everything else and each folder once. A folder that may not
be read is not passed over in silence, as `Path.rglob` does; a file whose folder tells nothing but
its name is given like any other: whoever reads it finds out why that fails.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NamedTuple

from transcribe.wording import reason


class Walk(NamedTuple):
    """What is in a folder."""

    files: tuple[Path, ...]
    """Sorted by name; hidden ones left out, and those in hidden folders."""
    unreadable: dict[Path, str]
    """Folders that can't be read, and why."""


def walk(folder: Path, *, without: Path | None = None) -> Walk:
    """Look for files in a folder and its subfolders, but not in one of them."""
    seen = set() if without is None else {os.path.realpath(without)} - {os.path.realpath(folder)}
    found: list[Path] = []
    unreadable: dict[Path, str] = {}
    waiting, links = [folder], list[Path]()
    while waiting or links:
        place = waiting.pop() if waiting else links.pop(0)
        if os.path.realpath(place) in seen:
            continue
        seen.add(os.path.realpath(place))
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
                (links if entry.is_symlink() else waiting).append(place / entry.name)
            elif kind in (stat.S_IFREG, None):
                found.append(place / entry.name)
    return Walk(tuple(sorted(found)), unreadable)


def _kind_of(entry: os.DirEntry[str]) -> int | None:
    """As `stat` has it; None where that can't be found out, as of a link to nothing."""
    try:
        return stat.S_IFDIR if entry.is_dir() else stat.S_IFMT(entry.stat().st_mode)
    except OSError:
        return None
