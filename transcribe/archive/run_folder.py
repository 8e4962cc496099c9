"""The folder in which a run keeps its manifest, lock and reports."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote
from uuid import uuid4

from platformdirs import user_state_path

from transcribe.archive.driver import Observer
from transcribe.archive.lease import leased
from transcribe.archive.manifest import Manifest, ManifestError, copy
from transcribe.archive.rows import Row
from transcribe.archive.storage.base import OWN_FOLDER, Store
from transcribe.files.lock import BusyError, NoLockError, locked
from transcribe.files.names import UNFINISHED_START

log = logging.getLogger(__name__)

MANIFEST, LOG = "manifest.sqlite", "workers.log"
MANIFEST_CSV, REPORT, PROBLEMS = "manifest.csv", "report.html", "report.csv"
LOCK, REPLACED = "lock", "manifest.before.sqlite"
_RUNS, _MOST_RUNS = "runs", 1000


def folder_of(destination: Store, chosen: Path | None) -> Path:
    """Where the state of a destination is: the chosen folder, one in it, or one of the user's.

    The last does not depend on where the command is given, nor on a password in the address.
    """
    if chosen is not None:
        return chosen
    if destination.folder is not None:
        return destination.folder / OWN_FOLDER
    mark = hashlib.sha256(str(destination.address).encode("utf-8", "surrogateescape")).hexdigest()
    return user_state_path("transcribe", appauthor=False) / "archive" / mark[:16]


@contextmanager
def locked_for_run(destination: Store, folder: Path) -> Iterator[Callable[[], None]]:
    """Hold the destination for this run alone; a newer manifest that is there is brought here.

    Gives what raises BusyError once the destination is held no longer.

    Raises
    ------
    BusyError
        Another run holds it.
    ManifestError
        The manifest there, or here, can't be read.
    OSError
        Nothing can be written there.
    """
    with ExitStack() as locks:
        locks.enter_context(_alone(folder / LOCK, str(destination.address)))
        if destination.folder is None:
            from transcribe.archive.storage.remote import FsspecStore

            assert isinstance(destination, FsspecStore)
            lease = locks.enter_context(leased(destination, f"{OWN_FOLDER}/{LOCK}", folder))
            _adopt_newer_manifest(destination, folder)
            yield lease.check
            return
        if is_elsewhere(destination, folder):
            with suppress(NoLockError):  # which may be why the folder was chosen
                lock = destination.folder / OWN_FOLDER / LOCK
                locks.enter_context(_alone(lock, str(destination.address)))
        yield lambda: None


@contextmanager
def _alone(lock: Path, what: str) -> Iterator[None]:
    """Hold a lock file; errors say what it guards and which options help."""
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(lock))
        except BusyError as error:
            who = f" ({error.values['holder']})" if error.values["holder"] else ""
            raise BusyError(
                f"{what}: another run{who} is at work on this archive; wait for it to end, or "
                "choose another --output"
            ) from error
        except NoLockError as error:
            raise NoLockError(
                f"{error}, with --state: nothing else would keep two runs apart"
            ) from error
        yield


def _adopt_newer_manifest(destination: Store, folder: Path) -> None:
    """Take the manifest of a bucket, where another machine has gone on with it."""
    with TemporaryDirectory(prefix=UNFINISHED_START, dir=folder) as temporary:
        copied = Path(temporary) / MANIFEST
        if not fetch_newer(destination, folder, copied):
            return
        manifest = folder / MANIFEST
        if manifest.exists():
            manifest.replace(folder / REPLACED)
            log.warning(
                "%s: another machine has continued this archive; its manifest is used, and "
                "the one of this machine is kept as %s",
                destination.address,
                folder / REPLACED,
            )
        copied.replace(manifest)


def fetch_newer(destination: Store, folder: Path, to: Path) -> bool:
    """Copy a bucket's manifest, if it has a run that the folder's has not; whether it did.

    Raises
    ------
    ManifestError
        One of them can't be read.
    """
    kept = f"{OWN_FOLDER}/{MANIFEST}"
    if destination.folder is not None or destination.stat(kept) is None:
        return False
    with destination.fetch(kept) as path:
        shutil.copyfile(path, to)
    manifest = folder / MANIFEST
    try:
        theirs = runs_of(to)
    except ManifestError as error:
        raise ManifestError(
            f"{destination.address}/{kept}: this manifest can't be read; put back a copy of it, "
            "or remove it to continue with what this machine knows"
        ) from error
    if manifest.exists():
        with TemporaryDirectory(prefix="transcribe-") as temporary:
            copy(manifest, Path(temporary) / MANIFEST)
            ours = runs_of(Path(temporary) / MANIFEST)
        if not theirs or theirs[-1] in ours:
            to.unlink()
            return False
    return True


def runs_of(manifest: Path) -> list[str]:
    """The runs that wrote a manifest, the last one last."""
    with closing(Manifest(manifest)) as opened:
        return opened.about(_RUNS).split()


def begin_run(manifest: Manifest) -> None:
    """Write down that another run writes this manifest."""
    runs = [*manifest.about(_RUNS).split(), uuid4().hex[:12]]
    manifest.set_about(_RUNS, " ".join(runs[-_MOST_RUNS:]))


def is_elsewhere(destination: Store, folder: Path) -> bool:
    """Whether a run's folder is not the one in the destination, which then gets a copy."""
    return destination.folder is None or destination.folder / OWN_FOLDER != folder.absolute()


def link_prefix(folder: Path, destination: Store) -> str | None:
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
        Gets every call too.
    destination : Store
    folder : Path
        Where the manifest is.
    interval : float
        Seconds between copies.
    check : callable
        Raises BusyError once the destination is another run's.
    """

    def __init__(
        self,
        observer: Observer,
        destination: Store,
        folder: Path,
        interval: float = 300.0,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.observer, self.destination, self.folder = observer, destination, folder
        self.check = check
        self.interval = interval
        self._published = time.monotonic()

    def finished(self, row: Row) -> None:
        self.observer.finished(row)

    def retried(self, row: Row, why: str) -> None:
        self.observer.retried(row, why)

    def tick(self, transcribed: float) -> None:
        self.observer.tick(transcribed)
        self.check()
        if time.monotonic() - self._published >= self.interval:
            self._published = time.monotonic()
            try:
                publish(self.destination, self.folder, (MANIFEST,))
            except OSError as error:  # the next copy may pass
                log.warning("the manifest was not copied to the destination: %s", error)
