"""Which recordings there are: those of a folder or an address, or of a list of them."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePath, PurePosixPath

from transcribe.archive.lists import NamedRecordings, read_csv, read_lines
from transcribe.archive.storage.base import OWN_FOLDER, Store, StoredFile, StoreError, Trouble
from transcribe.archive.storage.local import LocalStore
from transcribe.archive.storage.opening import local_path, open_store
from transcribe.files.address import Address
from transcribe.files.endings import is_recording
from transcribe.files.names import decode_text, find_on_disk
from transcribe.files.ordinary import read_ordinary
from transcribe.files.relative import fault_of
from transcribe.wording import absence, reason

_LISTS = (".txt", ".lst", ".list", ".m3u", ".m3u8")
_SCHEME = "://"


@dataclass(frozen=True, slots=True)
class ListedRecording:
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
    entries: list[ListedRecording] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    """Files that are not taken for recordings, by their endings."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Recordings that the patterns leave out, by their endings."""

    def add(self, entry: ListedRecording) -> None:
        """Take a recording, if there is a place for its outputs."""
        if entry.name.partition("/")[0].casefold() == OWN_FOLDER:
            why = f"its outputs would lie in {OWN_FOLDER}, where the manifest is; rename its folder"
            self.troubles.append(Trouble(entry.name, why))
        else:
            self.entries.append(entry)

    def ignore(self, name: str) -> None:
        """Count a file that is not taken for a recording, or left out."""
        counted = self.left_out if _looks_like_a_recording(name) else self.ignored
        counted[PurePosixPath(name).suffix.lower()] += 1


@dataclass(frozen=True, slots=True)
class Patterns:
    """Which names count, of those that are not hidden; ``*``, ``?`` and ``[...]``, upper or lower
    case alike.

    A pattern holds for a path or for its last part: ``*.wav``, ``drafts``, ``1962/*``.
    """

    include: Sequence[str] = ()
    """One of these must hold; if there are none, the ending must be a recording's."""
    exclude: Sequence[str] = ()
    """None of these may hold, for a file or for a folder that it is in."""

    def take(self, name: str) -> bool:
        """Whether a file is a recording to be transcribed."""
        if self.leave(name) or _is_hidden(name):
            return False
        if self.include:
            return _holds(self.include, name)
        return _looks_like_a_recording(name)

    def take_named(self, name: str) -> bool:
        """Whether a file that a list names is to be transcribed, whatever its ending."""
        return not self.leave(name) and (not self.include or _holds(self.include, name))

    def leave(self, name: str) -> bool:
        """Whether a file or folder is excluded."""
        return _holds(self.exclude, name)


def _looks_like_a_recording(name: str) -> bool:
    """By its ending; hidden files are none, such as those of macOS beside others (``._a.wav``)."""
    return is_recording(PurePosixPath(name)) and not _is_hidden(name)


def _is_hidden(name: str) -> bool:
    """Whether it is a hidden file or folder, or in one: a trash, a snapshot, a copy's remains."""
    return any(part.startswith(".") for part in name.split("/"))


def list_source(source: str, patterns: Patterns, destination: Store) -> Listing:
    """Find the recordings of a source.

    Parameters
    ----------
    source : str
        A folder, an address, a recording, a list of recordings (text, one a line or with
        zero bytes between them; CSV with a column of `lists.COLUMNS`), or ``-`` for a list on
        standard input. What a list says is relative to the list's folder, and is tried
        whatever its ending.
    patterns : Patterns
        Which names count.
    destination : Store
        Is not looked into.

    Raises
    ------
    StoreError
        The source is not there, is no list, or is where the outputs go.
    """
    source = Address(local_path(source))
    path = Path(source)
    if _SCHEME not in source and source != "-" and not path.exists():
        raise StoreError(f"{source}: {absence(path, 'folder, list or recording')}")
    if source == "-":
        lines = read_lines(sys.stdin.buffer.read(), Path.cwd(), "standard input")
        return _listed(lines, Path.cwd(), patterns)
    if _SCHEME in source:
        return _addressed_source(source, patterns, destination)
    if path.is_dir():
        return _walked(open_store(source), patterns, destination)
    if is_recording(path):
        return _listed(NamedRecordings([path.name]), path.parent, Patterns())
    if path.suffix.lower() not in (".csv", *_LISTS):
        raise StoreError(
            f"{source}: expected a folder, an address, a recording, or a list (.csv or .txt)"
        )
    try:
        content = read_ordinary(path)
    except OSError as error:
        raise StoreError(f"{source}: can't be read: {reason(error, about=path)}") from error
    if path.suffix.lower() == ".csv":
        return _listed(read_csv(content, source), path.parent, patterns)
    return _listed(read_lines(content, path.parent, path.name), path.parent, patterns)


def _addressed_source(source: Address, patterns: Patterns, destination: Store) -> Listing:
    """What is under an address, or the one recording that it is."""
    listing = _walked(open_store(source), patterns, destination)
    if listing.entries or listing.troubles or listing.ignored or listing.left_out:
        return listing
    if source.rstrip("/").count("/") > 2:
        listing = _addressed([source.whole.rstrip("/")], Patterns())
        if listing.entries and is_recording(PurePosixPath(listing.entries[0].name)):
            return listing
        if listing.entries:
            raise StoreError(
                f"{source}: expected a folder or a recording there; lists are read from a disk "
                "of this machine"
            )
    raise StoreError(f"{source}: no such place, or it is empty; check the spelling")


def _walked(store: Store, patterns: Patterns, destination: Store) -> Listing:
    inner = _inside(store, destination)
    listing = Listing(store.address)

    def skip(folder: str) -> bool:
        return folder == inner or patterns.leave(folder) or _is_hidden(folder)

    for each in store.walk(skip=skip):
        is_file = isinstance(each, StoredFile) or each.is_entry
        if patterns.leave(each.name) or (is_file and not patterns.take(each.name)):
            listing.ignore(each.name)
        elif isinstance(each, Trouble):
            listing.troubles.append(each)
        else:
            listing.add(ListedRecording(each.name, each.name, each.size, each.modified))
    return listing


def _inside(source: Store, destination: Store) -> str | None:
    """The name in the source of the folder that outputs go to, if it is in there."""
    if (source.folder is None) != (destination.folder is None):
        return None
    here, there = (
        _place_of(each.address) if each.folder is None else Path(os.path.realpath(each.folder))
        for each in (source, destination)
    )
    if there == here or there in here.parents:
        raise StoreError(
            f"{destination.address}: outputs can't go among the recordings, where a file could "
            "be overwritten; choose another -o (a folder inside the source will do)"
        )
    return there.relative_to(here).as_posix() if here in there.parents else None


def _place_of(address: str) -> PurePosixPath:
    """An address as a path: two of them are compared by their parts."""
    scheme, _, rest = _path_of(address).partition(_SCHEME)
    return PurePosixPath(scheme.lower().replace("s3a", "s3"), *rest.split("/"))


def _listed(named: NamedRecordings, folder: Path, patterns: Patterns) -> Listing:
    """Recordings as a list names them."""
    names = list(dict.fromkeys(named.names))
    n_again = len(named.names) - len(names)
    if names and all(_SCHEME in name for name in names):
        listing = _addressed(names, patterns)
    else:
        store = LocalStore(folder)
        listing = Listing(store.address)
        places: dict[str, str] = {}
        for each in names:
            if _SCHEME in each:
                listing.troubles.append(
                    Trouble(str(Address(each)), "an address among paths; make two lists")
                )
                continue
            try:
                path = _meant(store.root, each)
            except ValueError as error:
                listing.troubles.append(Trouble(each, f"{error}; write it as it is"))
                continue
            inside = store.root in path.parents
            place = path.relative_to(store.root).as_posix() if inside else path.as_posix()
            n_again += place in places
            places[place] = place if inside else _rootless(path)
        for place, name in _told_apart(places).items():
            if os.path.isdir(store.root / place):
                listing.troubles.append(Trouble(place, "a folder; name the recordings in it"))
            elif patterns.take_named(name):
                _look(store, name, place, listing)
            else:
                listing.ignore(name)
    named.leave_out(n_again, "lines that name a recording again")
    listing.troubles += named.troubles
    return listing


def _meant(root: Path, name: str) -> Path:
    """The path that a list names, as it is written or else as `transcribe.files.names` has it."""
    for text in dict.fromkeys((name, decode_text(os.fsencode(name)))):
        found = find_on_disk(root, text)
        if found is not None:
            return Path(os.path.normpath(found))
    return Path(os.path.normpath(root / name))


def _told_apart(places: Mapping[str, str]) -> dict[str, str]:
    """Names by places, of which no two are the same: what is inside the folder keeps its own."""
    taken = {name for place, name in places.items() if name == place}
    apart = {}
    for place, name in places.items():
        while name != place and name in taken:
            name = f"elsewhere/{name}"
        taken.add(name)
        apart[place] = name
    return apart


def _addressed(names: Sequence[str], patterns: Patterns) -> Listing:
    """Recordings as a list of addresses names them; they share the beginning of these."""
    parts = [_path_of(name).split("/") for name in names]
    folders = [each[:-1] for each in parts]
    shared = next(
        (n for n, each in enumerate(zip(*folders, strict=False)) if len(set(each)) > 1),
        min(map(len, folders)),
    )
    if shared < 3 or not folders[0][2]:  # PROTOCOL: // PLACE
        raise StoreError(
            f"{Address(names[0])}: expected addresses of one place in a list; found several: make "
            "a list for each"
        )
    root = Address("/".join(folders[0][:shared]))
    listing = Listing(root)
    for address, each in zip(names, parts, strict=True):
        name = "/".join(each[shared:])
        fault = fault_of(name)
        if fault:
            listing.troubles.append(Trouble(str(Address(address)), f"{fault}; rename it"))
        elif patterns.take_named(name):
            place = Address(name + address[len(_path_of(address)) :], shown=name)
            _look(open_store(root), name, place, listing)
        else:
            listing.ignore(name)
    return listing


def _path_of(address: str) -> str:
    """An address without its query, which may be a signature."""
    return address.partition("?")[0] if address.startswith(("http://", "https://")) else address


def _look(store: Store, name: str, place: str, listing: Listing) -> None:
    try:
        found: StoredFile | None = store.stat(place)
        why = "no such file"
    except OSError as error:
        found, why = None, reason(error)
    if found is None:
        listing.troubles.append(Trouble(name, why))
    else:
        listing.add(ListedRecording(name, place, found.size, found.modified))


def _rootless(path: PurePath) -> str:
    """An absolute path as a name: without its root, a drive as a folder."""
    parts = [path.drive.strip(":\\/").replace("\\", "/"), *path.parts[1:]]
    return "/".join(part for part in parts if part)


def _holds(patterns: Iterable[str], name: str) -> bool:
    name = name.lower()
    last = name.rpartition("/")[2]
    return any(
        fnmatchcase(name, pattern) or fnmatchcase(last, pattern)
        for pattern in (each.lower().rstrip("/") for each in patterns)
    )
