"""Which store an address means: a folder of this machine, or a place that fsspec reaches."""

from __future__ import annotations

import os
from functools import lru_cache
from urllib.parse import unquote

from transcribe.archive.storage.base import Store
from transcribe.archive.storage.local import LocalStore
from transcribe.extras import needing
from transcribe.files.address import whole


def local_path(address: str) -> str:
    """The path that a ``file://`` address names; any other address as it is.

    Every such address must be known for a folder of this machine: what keeps outputs from
    going among the recordings holds the one against the other.
    """
    kind, scheme, rest = address.partition("://")
    if not scheme or kind.lower() not in ("file", "local"):
        return address
    path = rest.removeprefix("localhost") if rest.startswith("localhost/") else rest
    if os.name == "nt" and path[:1] == "/":
        path = path[1:]
    return path if os.path.exists(path) else unquote(path)


def open_store(address: str) -> Store:
    """The store of an address: a folder's path, or a URL such as ``s3://bucket/folder``.

    Parameters
    ----------
    address : str
        May be an `Address`, whose text does not hold the password.

    Raises
    ------
    StoreError
        The address is of a kind that can't be opened here.
    TranscribeError
        It is a URL, and fsspec is not installed.
    """
    return _opened(whole(address))


@lru_cache(maxsize=64)
def _opened(address: str) -> Store:
    address = local_path(address)
    if "://" in address:
        with needing("cloud", "fsspec"):
            from transcribe.archive.storage.remote import FsspecStore

        store: Store = FsspecStore(address)
        return store
    return LocalStore(address)
