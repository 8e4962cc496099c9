"""One run at a time over a bucket, whichever machine it is on.

An object in the bucket says who is at work. It is put only where there is none (S3's
``If-None-Match``) or where it is still what was read (``If-Match``), and put anew every
`EVERY` seconds; one that is `LAPSE` seconds old belongs to a run that was killed. Ages are
by the bucket's clock. Where a place knows no conditional put, the object is read back
instead, which leaves a moment in which two runs may both begin.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from transcribe.archive.storage.base import StoreError, Version
from transcribe.files.lock import BusyError
from transcribe.wording import reason

log = logging.getLogger(__name__)

EVERY = 30.0
"""Seconds between two signs of life."""
LAPSE = 300.0
"""Seconds without one after which another run may begin."""
_ATTEMPTS = 3
"""To take the lock before another run that takes it, too, is given way to."""
_IDENTITY = "holder"


class Versioned(Protocol):
    """A store that knows whether a file is still the one that was read."""

    @property
    def address(self) -> str: ...

    def version(self, name: str) -> Version | None:
        """What a file is now; None if it isn't there. Raises OSError."""
        ...

    def put_if(self, name: str, content: bytes, version: str | None) -> str | None:
        """Put a file where it is still of a version, or, for None, where there is none.

        The new version; None if somebody else was faster. Raises OSError.
        """
        ...

    def remove(self, name: str) -> None: ...


class Lease:
    """A run's hold of a bucket, with a thread that keeps it.

    Parameters
    ----------
    store : Versioned
    name : str
        Of the object.
    identity : str
        Of whoever can hold only one lease at a time, such as of the folder whose lock is
        held: a lease of the same identity was left by a run that was killed.
    every, lapse : float
        Seconds; see `EVERY` and `LAPSE`.

    Raises
    ------
    BusyError
        Another run is at work.
    OSError
        The object can't be read or written.
    """

    def __init__(
        self,
        store: Versioned,
        name: str,
        identity: str,
        *,
        every: float = EVERY,
        lapse: float = LAPSE,
    ) -> None:
        self._store, self._name, self._identity = store, name, identity
        self._every, self._lapse = every, lapse
        self._token = uuid4().hex
        self._version = self._taken()
        self._kept = time.monotonic()
        self._lost = ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise BusyError if the bucket is no longer held by this run."""
        if self._lost:
            raise BusyError(
                f"{self._store.address}: {self._lost}; this run has ended, and what it did is kept"
            )

    def release(self) -> None:
        """Let others begin."""
        self._ended.set()
        self._thread.join()
        if self._lost:
            return
        try:
            there = self._store.version(self._name)
            if there is not None and _parse(there.content).get("token") == self._token:
                self._store.remove(self._name)
        except OSError as error:
            log.warning("%s: the lock is left there: %s", self._store.address, error)

    def _taken(self) -> str:
        """Put the object, whatever it takes; its version."""
        for _ in range(_ATTEMPTS):
            there = self._store.version(self._name)
            if there is not None:
                self._refuse_living(there)
            version = None if there is None else there.version
            if self._store.put_if(self._name, self._content(), version) is None:
                continue
            there = self._store.version(self._name)  # for places that put whatever is there
            if there is not None and _parse(there.content).get("token") == self._token:
                return there.version
        raise BusyError(
            f"{self._store.address}: another run has just begun on this archive; wait until it ends"
        )

    def _refuse_living(self, there: Version) -> None:
        content = _parse(there.content)
        if content.get("identity") == self._identity or there.age >= self._lapse:
            return
        raise BusyError(
            f"{self._store.address}: another run ({content.get('holder', 'unknown')}) is "
            f"working on this archive, or was {there.age:.0f} s ago; wait until it ends. If it was "
            f"killed, its lock expires in {self._lapse - there.age:.0f} s"
        )

    def _content(self) -> bytes:
        content = {
            "holder": f"process {os.getpid()} on {socket.gethostname()}",
            "identity": self._identity,
            "token": self._token,
            "sign": uuid4().hex,
        }
        return json.dumps(content).encode()

    def _keep(self) -> None:
        while not self._ended.wait(self._every):
            try:
                put = self._store.put_if(self._name, self._content(), self._version)
            except OSError as error:
                if time.monotonic() - self._kept >= self._lapse:
                    self._lost = f"the lock could not be kept ({error})"
                    return
                continue
            if put is None:
                self._lost = "another run has begun on this archive"
                return
            self._version, self._kept = put, time.monotonic()


@contextlib.contextmanager
def leased(store: Versioned, name: str, folder: Path) -> Iterator[Lease]:
    """Hold a bucket for a run whose folder is locked."""
    path = folder / _IDENTITY
    if not path.exists():
        path.write_text(uuid4().hex)
    try:
        lease = Lease(store, name, path.read_text())
    except OSError as error:
        raise StoreError(f"{store.address}: can't be written: {reason(error)}") from error
    try:
        yield lease
    finally:
        lease.release()


def _parse(content: bytes) -> dict[str, str]:
    """The content of a lock; empty if it isn't one."""
    try:
        content = json.loads(content)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
