"""What outputs are called: like their recordings, where that leaves each its own name.

``a.wav`` becomes ``a.mid``. Where ``a.mp3`` lies beside it, both keep their endings:
``a.wav.mid`` and ``a.mp3.mid``. Where a folder ``a.mid`` does, its outputs keep the name and
``a.wav`` becomes ``a.wav.mid``. A name once given stays, whatever comes later.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Container, Iterable, Iterator

from transcribe.export import KINDS
from transcribe.files.names import shortened, stem_of

LONGEST = 235
"""Bytes of a stem, so that with endings it stays within the 255 of most disks."""


def stems_of(
    names: Iterable[str], given: Iterable[str] = (), others: Iterable[str] = ()
) -> dict[str, str]:
    """A stem for each recording, such that no two have the same outputs.

    Parameters
    ----------
    names : iterable of str
        Of recordings, with their folders.
    given : iterable of str
        Stems that are others' already.
    others : iterable of str
        Folders whose place no output may take.

    Returns
    -------
    dict
        From each name to its stem, with the folders. Stems differ by more than case and
        by more than how accents are written, as some disks hold these for the same. No
        output has the name of a folder of other outputs.
    """
    given = list(given)
    files = {_same(output) for stem in given for output in _outputs(stem)}
    placed = {name: _beside(name, files) for name in sorted(set(names))}
    taken = {_same(stem) for stem in given}
    shared = Counter(_same(_short(_stem(place))) for place in placed.values())
    kept = {_same(folder) for folder in others}
    kept |= {_same(folder) for stem in (*given, *placed.values()) for folder in folders(stem)}

    def is_free(stem: str) -> bool:
        return _same(stem) not in taken and kept.isdisjoint(map(_same, _outputs(stem)))

    stems: dict[str, str] = {}
    for name, place in placed.items():
        stem = _short(_stem(place))
        if shared[_same(stem)] == 1 and is_free(stem):
            stems[name] = stem
            taken.add(_same(stem))
    for name, place in placed.items():
        if name in stems:
            continue
        stem, n = _short(place), 1
        while not is_free(stem):
            n += 1
            stem = _short(f"{place}~{n}")
        stems[name] = stem
        taken.add(_same(stem))
    return stems


def _outputs(stem: str) -> Iterator[str]:
    return (f"{stem}.{kind}" for kind in KINDS)


def folders(name: str) -> Iterator[str]:
    """The folders that a name is in, from the outermost."""
    return (name[:place] for place, letter in enumerate(name) if letter == "/")


def _beside(name: str, files: Container[str]) -> str:
    """The name, its folders called otherwise where one would have the name of a file."""
    *parts, file = name.split("/")
    path = ""
    for folder in parts:
        free, n = f"{path}{folder}", 1
        while _same(free) in files:
            n += 1
            free = f"{path}{folder}~{n}"
        path = f"{free}/"
    return path + file


def _stem(name: str) -> str:
    folder, slash, file = name.rpartition("/")
    return folder + slash + stem_of(file)


def _short(stem: str) -> str:
    """The stem, or where it is too long its beginning and a mark of the rest."""
    folder, slash, file = stem.rpartition("/")
    return f"{folder}{slash}{shortened(file, LONGEST)}"


def _same(stem: str) -> str:
    """Equal for names that a disk may hold for the same."""
    return unicodedata.normalize("NFC", stem).casefold()
