"""The folder in which a run keeps its manifest, lock and reports."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from transcribe.archive.lock import locked
from transcribe.archive.store import OWN_FOLDER, Store

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


def publish(destination: Store, folder: Path) -> None:
    """Put the manifest and the reports into a destination that is elsewhere."""
    if destination.folder is not None and destination.folder / OWN_FOLDER == folder.absolute():
        return
    for name in (MANIFEST, MANIFEST_CSV, REPORT, PROBLEMS):
        if (folder / name).exists():
            destination.put(f"{OWN_FOLDER}/{name}", (folder / name).read_bytes())
