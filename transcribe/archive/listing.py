"""Which recordings there are: those of a folder or an address, or of a list of them."""

from __future__ import annotations

import csv
import io
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePath, PurePosixPath

from transcribe.archive.store import (
    OWN_FOLDER,
    Found,
    LocalStore,
    Store,
    StoreError,
    Trouble,
    local_path,
    open_store,
)
from transcribe.console import reason
from transcribe.endings import is_recording

_LISTS = (".txt", ".lst", ".list", ".m3u", ".m3u8")
_COLUMNS = ("recording", "path", "file", "filename", "file_name", "audio", "audio_filename", "name")
_SCHEME = "://"


@dataclass(frozen=True, slots=True)
class Entry:
    """A recording that is there to be transcribed."""

    name: str
    """What the archive calls it, which is where its outputs go."""
    place: str
    """Its name in the source's store."""
    size: int
    modified: float | None


@dataclass(slots=True)
class Listing:
    """What a source holds."""

    source: str
    """Address of the store."""
    entries: list[Entry] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    """Files that are not taken for recordings, by their endings."""


@dataclass(frozen=True, slots=True)
class Patterns:
    """Which names count; ``*``, ``?`` and ``[...]``, upper or lower case alike.

    A pattern holds for a path or for its last part: ``*.wav``, ``drafts``, ``1962/*``.
    """

    include: Sequence[str] = ()
    """One of these must hold; if there are none, the ending must be a recording's."""
    exclude: Sequence[str] = ()
    """None of these may hold, for a file or for a folder that it is in."""

    def take(self, name: str) -> bool:
        """Whether a file is a recording to be transcribed."""
        if self.leave(name):
            return False
        if self.include:
            return _holds(self.include, name)
        path = PurePosixPath(name)
        return is_recording(path) and not path.name.startswith("._")

    def leave(self, name: str) -> bool:
        """Whether a file or folder is excluded."""
        return _holds(self.exclude, name)


def list_source(source: str, patterns: Patterns, destination: Store) -> Listing:
    """Find the recordings of a source.

    Parameters
    ----------
    source : str
        A folder, an address, a recording, a list of recordings (text, one a line or with
        zero bytes between them; CSV with a column of `_COLUMNS`), or ``-`` for a list on
        standard input. What a list says is relative to the list's folder.
    patterns : Patterns
        Which names count.
    destination : Store
        Is not looked into.

    Raises
    ------
    StoreError
        The source is not there, is no list, or is where the outputs go.
    """
    source = local_path(source)
    path = Path(source)
    if _SCHEME not in source and source != "-" and not path.exists():
        raise StoreError(f"{source}: there is no such folder, list or recording")
    if source == "-":
        return _listed(_lines(sys.stdin.buffer.read()), Path.cwd(), patterns)
    if _SCHEME in source or path.is_dir():
        return _walked(open_store(source), patterns, destination)
    if is_recording(path):
        return _listed([path.name], path.parent, Patterns(("*",)))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StoreError(f"{source}: can't be read: {reason(error)}") from error
    if path.suffix.lower() == ".csv":
        return _listed(_cells(content, source), path.parent, patterns)
    if path.suffix.lower() not in _LISTS:
        raise StoreError(
            f"{source}: expected a folder, an address, a recording, or a list (.csv or .txt)"
        )
    return _listed(_lines(content), path.parent, patterns)


def _walked(store: Store, patterns: Patterns, destination: Store) -> Listing:
    inner = _inside(store, destination)
    listing = Listing(store.address)

    def skip(folder: str) -> bool:
        return folder == inner or PurePosixPath(folder).name == OWN_FOLDER or patterns.leave(folder)

    for each in store.walk(skip=skip):
        if isinstance(each, Trouble):
            listing.troubles.append(each)
        elif patterns.take(each.name):
            listing.entries.append(Entry(each.name, each.name, each.size, each.modified))
        else:
            listing.ignored[PurePosixPath(each.name).suffix.lower()] += 1
    return listing


def _inside(source: Store, destination: Store) -> str | None:
    """The name in the source of the folder that outputs go to, if it is in there."""
    if source.folder is None or destination.folder is None:
        if source.address.rstrip("/") == destination.address.rstrip("/"):
            raise StoreError(f"{source.address}: outputs can't go among the recordings")
        return None
    here, there = (Path(os.path.realpath(each.folder or "")) for each in (source, destination))
    if there == here or there in here.parents:
        raise StoreError(
            f"{destination.address}: outputs can't go among the recordings, where a file could "
            "be written over; choose another --out (a folder inside the source will do)"
        )
    return there.relative_to(here).as_posix() if here in there.parents else None


def _listed(items: Iterable[str], folder: Path, patterns: Patterns) -> Listing:
    """Recordings as a list names them."""
    names = list(dict.fromkeys(items))
    if names and all(_SCHEME in name for name in names):
        return _addressed(names, patterns)
    store = LocalStore(folder)
    listing = Listing(store.address)
    seen = set()
    for each in names:
        path = Path(os.path.normpath(store.root / each))
        inside = store.root in path.parents
        place = path.relative_to(store.root).as_posix() if inside else path.as_posix()
        name = place if inside else _rootless(path)
        if _SCHEME in each:
            listing.troubles.append(Trouble(each, "an address among paths; make two lists"))
        elif path.is_dir():
            listing.troubles.append(Trouble(each, "a folder; name the recordings in it"))
        elif not patterns.take(name):
            listing.ignored[path.suffix.lower()] += 1
        elif name not in seen:
            seen.add(name)
            _look(store, name, place, listing)
    return listing


def _addressed(names: Sequence[str], patterns: Patterns) -> Listing:
    """Recordings as a list of addresses names them; they share the beginning of these."""
    roots = {name.partition(_SCHEME)[0] for name in names}
    root = os.path.commonpath([name.partition(_SCHEME)[2].rpartition("/")[0] for name in names])
    if len(roots) > 1 or not root:
        raise StoreError(f"{names[0]}: the addresses of a list must be of one place")
    root = f"{roots.pop()}{_SCHEME}{root}"
    listing = Listing(root)
    for address in names:
        name = address[len(root) + 1 :]
        if patterns.take(name):
            _look(open_store(root), name, name, listing)
        else:
            listing.ignored[PurePosixPath(name).suffix.lower()] += 1
    return listing


def _look(store: Store, name: str, place: str, listing: Listing) -> None:
    try:
        found: Found | None = store.look(place)
        why = "there is no such file"
    except OSError as error:
        found, why = None, reason(error)
    if found is None:
        listing.troubles.append(Trouble(name, why))
    else:
        listing.entries.append(Entry(name, place, found.size, found.modified))


def _rootless(path: PurePath) -> str:
    """An absolute path as a name: without its root, a drive as a folder."""
    parts = [path.drive.strip(":\\/").replace("\\", "/"), *path.parts[1:]]
    return "/".join(part for part in parts if part)


def _lines(content: bytes) -> Iterator[str]:
    """One a line, or zero bytes between; empty lines and a playlist's remarks are none."""
    text = _text(content)
    if "\0" in text:
        yield from (item for item in text.split("\0") if item)
        return
    for line in text.split("\n"):
        line = line.removesuffix("\r")
        if line.strip() and not line.startswith("#"):
            yield line


def _cells(content: bytes, source: str) -> Iterator[str]:
    text = _text(content)
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    try:
        table = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
        titles = {(title or "").strip().lower(): title for title in table.fieldnames or ()}
        column = next((titles[name] for name in _COLUMNS if name in titles), None)
        if column is None:
            raise StoreError(
                f"{source}: expected a column named {', '.join(_COLUMNS[:-1])} or {_COLUMNS[-1]}; "
                f"found {', '.join(titles) or 'none'}"
            )
        for line in table:
            if line.get(column):
                yield line[column]
    except csv.Error as error:
        raise StoreError(f"{source}: this CSV can't be read: {error}") from error


def _text(content: bytes) -> str:
    """Names in UTF-8; other bytes stay what they are on the disk."""
    return content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")


def _holds(patterns: Iterable[str], name: str) -> bool:
    name = name.lower()
    last = name.rpartition("/")[2]
    return any(
        fnmatchcase(name, pattern) or fnmatchcase(last, pattern)
        for pattern in (each.lower().rstrip("/") for each in patterns)
    )
