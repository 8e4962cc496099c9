"""The folder in which a run keeps its manifest, lock and reports."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from transcribe.archive.lock import locked
from transcribe.archive.manifest import Row
from transcribe.archive.run import Observer
from transcribe.archive.store import OWN_FOLDER, Store

log = logging.getLogger(__name__)

MANIFEST, LOG = "manifest.sqlite", "workers.log"
MANIFEST_CSV, REPORT, PROBLEMS = "manifest.csv", "report.html", "report.csv"


def folder_of(destination: Store, chosen: Path | None) -> Path:
    """Where the state of a destination is: the chosen folder, one in it, or one beside us."""
    if chosen is not None:
        return chosen
    if destination.folder is not None:
        return destination.folder / OWN_FOLDER
    mark = hashlib.sha256(destination.address.encode("utf-8", "surrogateescape")).hexdigest()
    return Path(f"transcribe-archive-{mark[:8]}")


@contextmanager
def held(destination: Store, folder: Path) -> Iterator[None]:
    """Hold the destination for this run alone; a manifest that is there is brought here.

    Raises
    ------
    BusyError
        Another run holds it.
    """
    with locked(folder / "lock"):
        manifest = folder / MANIFEST
        kept = f"{OWN_FOLDER}/{MANIFEST}"
        if destination.folder is None and not manifest.exists() and destination.look(kept):
            with destination.fetch(kept) as copy:
                manifest.write_bytes(copy.read_bytes())
        yield


def is_elsewhere(destination: Store, folder: Path) -> bool:
    """Whether a run's folder is not the one in the destination, which then gets a copy."""
    return destination.folder is None or destination.folder / OWN_FOLDER != folder.absolute()


def outputs_from(folder: Path, destination: Store) -> str | None:
    """How links from a run's folder to outputs begin; None where they are on no disk."""
    if destination.folder is None:
        return None
    try:
        return quote(os.path.relpath(destination.folder, folder).replace(os.sep, "/"))
    except ValueError:  # on another drive
        return destination.folder.as_uri()


def publish(
    destination: Store,
    folder: Path,
    names: Sequence[str] = (MANIFEST, MANIFEST_CSV, REPORT, PROBLEMS),
    instead: Mapping[str, bytes] | None = None,
) -> None:
    """Put the manifest and the reports into a destination that is elsewhere.

    Parameters
    ----------
    destination : Store
    folder : Path
    names : sequence of str
        Files of the folder; those that are not there are left out.
    instead : mapping, optional
        What files hold there, where that is not what they hold here.
    """
    if not is_elsewhere(destination, folder):
        return
    for name in names:
        if (folder / name).exists():
            content = (instead or {}).get(name) or (folder / name).read_bytes()
            destination.put(f"{OWN_FOLDER}/{name}", content)


class Publisher:
    """An observer that copies the manifest, now and then, to a destination that is elsewhere.

    So another machine can go on where this one was lost.

    Parameters
    ----------
    observer : Observer
        Is told everything too.
    destination : Store
    folder : Path
        Where the manifest is.
    interval : float
        Seconds between copies.
    """

    def __init__(
        self, observer: Observer, destination: Store, folder: Path, interval: float = 300.0
    ) -> None:
        self.observer, self.destination, self.folder = observer, destination, folder
        self.interval = interval
        self._published = time.monotonic()

    def settled(self, row: Row) -> None:
        self.observer.settled(row)

    def again(self, row: Row, why: str) -> None:
        self.observer.again(row, why)

    def tick(self, heard: float) -> None:
        self.observer.tick(heard)
        if time.monotonic() - self._published >= self.interval:
            self._published = time.monotonic()
            try:
                publish(self.destination, self.folder, (MANIFEST,))
            except OSError as error:  # the next copy may pass
                log.warning("the manifest was not copied to the destination: %s", error)
