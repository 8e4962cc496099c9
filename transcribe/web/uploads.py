"""A recording on its way in: streamed to disk, within the limits, or not at all."""

from __future__ import annotations

import asyncio
import errno
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import ClientDisconnect, Request

from transcribe.web.errors import RefusedError, disk_full
from transcribe.web.library import RecordingLibrary, too_many
from transcribe.web.library_entry import LibraryEntry
from transcribe.web.names import shown

SPARE_DISK = 200 * 1024 * 1024
"""Bytes that uploads leave free on the disk; transcribing needs some as well."""
_AT_ONCE = 1 << 20
_DRAINED, _LONGEST_DRAIN = 32 << 20, 10.0
"""Bytes and seconds of a refused upload that are still read."""
_NOTHING_MORE = 1.0
"""Seconds without data after which it is not read further."""


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """How much may be uploaded."""

    n_bytes: int = 2 * 10**9
    """Of one recording."""
    n_recordings: int = 1000
    """In the library."""


async def receive(
    request: Request, library: RecordingLibrary, limits: UploadLimits
) -> LibraryEntry:
    """Stream the body of a request into the library.

    Raises
    ------
    RefusedError
        It is empty, too large, one too many, or there is no room; nothing of it is kept.
    """
    try:
        return await _receive(request, library, limits)
    except RefusedError:
        await _drain(request)
        raise


async def _receive(
    request: Request, library: RecordingLibrary, limits: UploadLimits
) -> LibraryEntry:
    declared = request.headers.get("content-length", "")
    size = int(declared) if declared.isdecimal() else 0
    if library.n_entries() >= limits.n_recordings:
        raise too_many(limits.n_recordings)
    _check(size, limits, library.folder, size)
    name = shown(request.query_params.get("name", ""))
    path = library.new_upload()
    try:
        n_bytes = await _write(request, path, library, limits)
        if not n_bytes:
            raise RefusedError(
                400, "This file is empty.", "Choose another, or copy it again.", kind="empty_file"
            )
        if size and n_bytes != size:
            raise _cut_off()
        return await asyncio.to_thread(library.add, path, name, most=limits.n_recordings)
    except ClientDisconnect as error:
        raise _cut_off() from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full() from error
        raise RefusedError(
            500,
            f"The recording could not be written: {error.strerror}.",
            "Check that the folder may be written to, then try again.",
            kind="not_written",
            values={"reason": error.strerror or ""},
        ) from error
    finally:
        path.unlink(missing_ok=True)


async def _write(
    request: Request, path: Path, library: RecordingLibrary, limits: UploadLimits
) -> int:
    n_bytes = 0
    with path.open("wb") as file:
        held = bytearray()
        async for part in request.stream():
            held += part
            n_bytes += len(part)
            if len(held) >= _AT_ONCE:
                _check(n_bytes, limits, library.folder, len(held))
                await asyncio.to_thread(file.write, bytes(held))
                held.clear()
        _check(n_bytes, limits, library.folder, len(held))
        await asyncio.to_thread(file.write, bytes(held))
    return n_bytes


def _check(n_bytes: int, limits: UploadLimits, folder: Path, n_coming: int) -> None:
    if n_bytes > limits.n_bytes:
        raise RefusedError(
            413,
            f"This file is larger than {limits.n_bytes / 10**9:.3g} GB, the most that is taken.",
            "Convert it to mp3 or flac, or cut it into parts.",
            kind="too_large",
            values={"gigabytes": round(limits.n_bytes / 10**9, 2)},
        )
    if shutil.disk_usage(folder).free - n_coming < SPARE_DISK:
        raise disk_full()


def _cut_off() -> RefusedError:
    return RefusedError(
        400, "The file did not arrive whole.", "Add it again.", kind="cut_off_upload"
    )


async def _drain(request: Request) -> None:
    """Read on for a moment, so that a browser that is still sending sees the answer.

    One that sends nothing more, whatever size it announced, gets its answer at once.
    """
    n_bytes = 0
    until = time.monotonic() + _LONGEST_DRAIN
    parts = request.stream().__aiter__()
    try:
        while n_bytes <= _DRAINED and time.monotonic() < until:
            n_bytes += len(await asyncio.wait_for(parts.__anext__(), _NOTHING_MORE))
    except (ClientDisconnect, RuntimeError, StopAsyncIteration, asyncio.TimeoutError):
        return  # all of it was read, nobody is there, or nothing comes
