"""What outputs are called: like their recordings, where that leaves each its own name.

``a.wav`` becomes ``a.mid``. Where ``a.mp3`` lies beside it, both keep their endings:
``a.wav.mid`` and ``a.mp3.mid``. A name once given stays, whatever comes later.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable

LONGEST = 235
"""Bytes of a stem, so that with endings it stays within the 255 of most disks."""


def stems_of(names: Iterable[str], given: Iterable[str] = ()) -> dict[str, str]:
    """A stem for each recording, such that no two have the same outputs.

    Parameters
    ----------
    names : iterable of str
        Of recordings, with their folders.
    given : iterable of str
        Stems that are others' already.

    Returns
    -------
    dict
        From each name to its stem, with the folders. Stems differ by more than case and
        by more than how accents are written, as some disks hold these for the same.
    """
    names = sorted(set(names))
    taken = {_same(stem) for stem in given}
    shared = Counter(_same(_short(_stem(name))) for name in names)
    stems: dict[str, str] = {}
    for name in names:
        stem = _short(_stem(name))
        if shared[_same(stem)] == 1 and _same(stem) not in taken:
            stems[name] = stem
            taken.add(_same(stem))
    for name in names:
        if name in stems:
            continue
        stem, n = _short(name), 1
        while _same(stem) in taken:
            n += 1
            stem = _short(f"{name}~{n}")
        stems[name] = stem
        taken.add(_same(stem))
    return stems


def _stem(name: str) -> str:
    folder, slash, file = name.rpartition("/")
    stem, dot, _ = file.rpartition(".")
    return folder + slash + (stem if dot and stem else file)


def _short(stem: str) -> str:
    """The stem, or where it is too long its beginning and a mark of the rest."""
    folder, slash, file = stem.rpartition("/")
    raw = os.fsencode(file)
    if len(raw) <= LONGEST:
        return stem
    mark = hashlib.sha256(raw).hexdigest()[:8]
    head = raw[: LONGEST - 9].decode("utf-8", "ignore")
    return f"{folder}{slash}{head}~{mark}"


def _same(stem: str) -> str:
    """Equal for names that a disk may hold for the same."""
    return unicodedata.normalize("NFC", stem).casefold()
