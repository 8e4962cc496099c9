"""A tree of files at any address that fsspec knows: ``s3://``, ``gs://``, ``sftp://`` ...

An object store shows an object when all of it is there, so nothing is renamed there; other
places rename. Who may read and write is for the environment to say (``AWS_PROFILE``,
``AWS_ENDPOINT_URL`` ...), in each worker's too. What is no text in a name, a line's end or a
byte that is no UTF-8, is written ``%u000a`` and ``%udc..``, since such places know only text.
"""

from __future__ import annotations

import contextlib
import errno
import posixpath
import re
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import fsspec

from transcribe.archive.storage.base import (
    Skip,
    StoredFile,
    StoreError,
    Trouble,
    Version,
    checked_name,
    leftover,
    skip_nothing,
)
from transcribe.files.address import Address, whole
from transcribe.files.names import is_unfinished, unfinished_name
from transcribe.files.relative import fault_of
from transcribe.wording import one_line

OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss", "oci", "memory"})
"""Protocols whose puts are atomic."""
_TIMES = ("LastModified", "last_modified", "mtime", "modified")
_NO_TEXT = re.compile("[\x00-\x1f\x7f\udc80-\udcff]")
_WAS_NO_TEXT = re.compile("%u(00[01][0-9a-f]|007f|dc[89a-f][0-9a-f])")


class FsspecStore:
    """The files under an address.

    Parameters
    ----------
    address : str
        ``PROTOCOL://PLACE``.

    Raises
    ------
    StoreError
        There is no such protocol, or its package is missing.
    """

    def __init__(self, address: str) -> None:
        self._address = Address(whole(address).rstrip("/"))
        protocol = address.partition("://")[0]
        try:
            self._fs, root = fsspec.core.url_to_fs(whole(address))
        except ImportError as error:
            raise StoreError(
                f"{self._address}: {self._message(error)}; for s3:// install them with: "
                "pip install 'transcribe[cloud]'"
            ) from error
        except Exception as error:  # of whatever package serves the protocol
            # Not chained: the message may hold the password.
            raise StoreError(f"{self._address}: can't be opened: {self._message(error)}") from None
        self._root = root.rstrip("/")
        self._renames = protocol not in OBJECT_STORES
        self._is_s3 = protocol in ("s3", "s3a")
        self._is_http = protocol in ("http", "https")

    @property
    def address(self) -> Address:
        return self._address

    def _message(self, error: Exception) -> str:
        """The message of an error, in one line without the password."""
        return one_line(self._address.clean(str(error))) or type(error).__name__

    @contextlib.contextmanager
    def _as_os_error(self) -> Iterator[None]:
        """What network libraries raise, as the OSError that a store promises."""
        try:
            yield
        except OSError as error:
            if self._address.clean(str(error)) == str(error):
                raise
            # Not chained, here and below: what it says holds the password.
            raise type(error)(error.errno or errno.EIO, self._message(error)) from None
        except Exception as error:
            message = f"the address gives no answer: {self._message(error)}"
            hides = self._address.clean(str(error)) != str(error)
            raise OSError(errno.EIO, message) from (None if hides else error)

    @property
    def folder(self) -> Path | None:
        return None

    def path(self, name: str) -> str:
        """Where a name is, as the file system calls it."""
        name = whole(name)  # of a signed address the signature too
        return f"{self._root}/{_as_text(checked_name(name))}"

    def _parse(self, path: str, info: dict[str, Any]) -> StoredFile | Trouble | None:
        """A file of the address; None for what is none, such as the address itself."""
        if not path.startswith(f"{self._root}/"):
            return None
        key = path[len(self._root) + 1 :]
        name = _WAS_NO_TEXT.sub(lambda match: chr(int(match[1], 16)), key)
        if key.endswith("/") and info.get("size"):
            return Trouble(name, "a file whose name ends with a slash; rename it")
        if not _is_file(info):
            return None
        fault = fault_of(name)
        if fault:
            return Trouble(name, f"{fault}, so it is left out; rename it")
        if _as_text(name) != key:
            return Trouble(name, "the name is spelt so that it can't be asked for; rename it")
        return _found(name, info)

    def walk(self, *, skip: Skip = skip_nothing) -> Iterator[StoredFile | Trouble]:
        try:
            listed = self._listed()
        except OSError as error:
            raise StoreError(f"{self.address}: can't be read: {error.strerror or error}") from error
        skipped: dict[str, bool] = {"": False}

        def is_skipped(folder: str) -> bool:
            if folder not in skipped:
                skipped[folder] = is_skipped(folder.rpartition("/")[0]) or skip(folder)
            return skipped[folder]

        for each in sorted(listed, key=lambda each: each.name):
            if not is_skipped(each.name.rpartition("/")[0]):
                yield leftover(each.name) if is_unfinished(each.name) else each

    def _listed(self) -> list[StoredFile | Trouble]:
        """All files; none where there is no such folder yet."""
        with self._as_os_error():
            self._fs.invalidate_cache()
            try:
                found = self._fs.find(self._root, detail=True)
                if not found and self._is_http:  # which lists nothing where nobody answers, too
                    self._fs.info(self._root)
            except FileNotFoundError as error:
                _raise_unanswered(error)
                return []
        found_files = (self._parse(path, info) for path, info in found.items())
        return [each for each in found_files if each is not None]

    def stat(self, name: str) -> StoredFile | None:
        with self._as_os_error():
            self._fs.invalidate_cache()
            try:
                info = self._fs.info(self.path(name))
            except (FileNotFoundError, NotADirectoryError) as error:
                _raise_unanswered(error)
                return None
        if self._renames and info.get("type") == "directory":
            raise OSError(errno.EISDIR, "there is a folder in its place")
        return _found(name, info) if _is_file(info) else None

    @contextlib.contextmanager
    def fetch(self, name: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="transcribe-") as folder:
            local = Path(folder) / f"fetched{posixpath.splitext(name)[1][:20]}"
            with self._as_os_error():
                self._fs.get_file(self.path(name), str(local))
            yield local

    def put(self, name: str, content: bytes) -> StoredFile:
        path = self.path(name)
        with self._as_os_error():
            if self._renames:
                self.stat(name)  # a folder in its place would swallow the file
                folder = posixpath.dirname(path)
                self._fs.makedirs(folder, exist_ok=True)
                temporary = f"{folder}/{unfinished_name(posixpath.basename(path))}"
                try:
                    self._fs.pipe_file(temporary, content)
                    self._fs.mv(temporary, path)
                finally:
                    if self._fs.exists(temporary):
                        self._fs.rm_file(temporary)
            else:
                self._fs.pipe_file(path, content)
        found = self.stat(name)
        if found is None or found.size != len(content):
            raise OSError(errno.EIO, f"what was written is not there: {name}")
        return found

    def version(self, name: str) -> Version | None:
        """A small file as it is now; None if it isn't there."""
        path = self.path(name)
        with self._as_os_error():
            self._fs.invalidate_cache()
            try:
                if self._is_s3:
                    head = self._fs.call_s3("head_object", **self._s3(path))
                    content = self._fs.cat_file(path)
                    now = parsedate_to_datetime(head["ResponseMetadata"]["HTTPHeaders"]["date"])
                    age = (now - head["LastModified"]).total_seconds()
                    return Version(head["ETag"], content, max(age, 0.0))
                content = self._fs.cat_file(path)
                found = _found(name, self._fs.info(path))
            except FileNotFoundError:
                return None
        age = 0.0 if found.modified is None else max(time.time() - found.modified, 0.0)
        return Version(sha256(content).hexdigest(), content, age)

    def put_if(self, name: str, content: bytes, version: str | None) -> str | None:
        """Put a file where it is still of a version, or, for None, where there is none.

        On S3 the server decides between two who come at once. The new version; None if
        somebody else was faster.
        """
        if self._is_s3:
            match = {"IfNoneMatch": "*"} if version is None else {"IfMatch": version}
            try:
                with self._as_os_error():
                    put = self._fs.call_s3(
                        "put_object", Body=content, **match, **self._s3(self.path(name))
                    )
                return str(put["ETag"])
            except OSError as error:
                status = _http_status(error)
                if status in (409, 412) or (status == 404 and version is not None):
                    return None
                if status != 501:
                    raise
        there = self.version(name)
        if (there and there.version) != version:
            return None
        self.put(name, content)
        there = self.version(name)
        return there.version if there is not None and there.content == content else None

    def _s3(self, path: str) -> dict[str, str]:
        bucket, key, _ = self._fs.split_path(path)
        return {"Bucket": bucket, "Key": key}

    def rename(self, name: str, to: str) -> None:
        old, new = self.path(name), self.path(to)
        with self._as_os_error():
            if self._renames:
                self.stat(name), self.stat(to)  # folders stay where they are
                self._fs.makedirs(posixpath.dirname(new), exist_ok=True)
                self._fs.mv(old, new)
            else:
                self._fs.cp_file(old, new)
                self._fs.rm_file(old)

    def remove(self, name: str) -> None:
        with self._as_os_error(), contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(self.path(name))

    def clear_leftovers(self) -> int:
        if not self._renames:
            return 0
        leftovers = [each.name for each in self._listed() if is_unfinished(each.name)]
        for name in leftovers:
            self.remove(name)
        return len(leftovers)


def _raise_unanswered(error: OSError) -> None:
    """Raise ConnectionError where a file was not found because nobody answered."""
    cause = error.__cause__
    while cause is not None and not isinstance(cause, FileNotFoundError):
        if isinstance(cause, (OSError, TimeoutError)):
            raise ConnectionError(
                errno.EHOSTUNREACH, f"the host did not answer: {cause}"
            ) from error
        cause = cause.__cause__


def _as_text(name: str) -> str:
    """A name as such places can hold it."""
    return _NO_TEXT.sub(lambda match: f"%u{ord(match[0]):04x}", name)


def _is_file(info: dict[str, Any]) -> bool:
    """Not a folder, nor an empty object that stands for one."""
    return info.get("type") == "file" and not str(info.get("name", "")).endswith("/")


def _found(name: str, info: dict[str, Any]) -> StoredFile:
    value = next((info[key] for key in _TIMES if info.get(key) is not None), None)
    modified = value.timestamp() if isinstance(value, datetime) else value
    return StoredFile(name, int(info["size"]), modified if isinstance(modified, float) else None)


def _http_status(error: BaseException) -> int:
    """The answer of a server that led to an error; 0 if none did."""
    response = getattr(error.__cause__, "response", None) or {}
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
