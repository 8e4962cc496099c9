"""A sound file that may still be growing, whole or in the parts that a player asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from starlette.responses import Response, StreamingResponse

_AT_ONCE = 1 << 18


def sound_response(path: Path, wanted: str | None) -> Response:
    """A wav file as it is now; what is written to it meanwhile is left out.

    Parameters
    ----------
    path : Path
    wanted : str or None
        The ``Range`` header. One range of bytes is answered with that part (206), one that
        begins beyond the end is refused (416), anything else is answered with the whole.
    """
    size = path.stat().st_size
    start, stop = 0, size
    headers = {"Accept-Ranges": "bytes"}
    status = 200
    asked = re.fullmatch(r"bytes=(\d*)-(\d*)", (wanted or "").replace(" ", ""))
    if asked is not None and (asked[1] or asked[2]):
        if asked[1]:
            start = int(asked[1])
            stop = min(int(asked[2]) + 1, size) if asked[2] else size
        else:
            start = max(0, size - int(asked[2]))
        if start >= size:
            headers["Content-Range"] = f"bytes */{size}"
            return Response(status_code=416, headers=headers)
        if start >= stop:
            start, stop = 0, size  # nonsense, which the standard says to ignore
        else:
            status = 206
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    headers["Content-Length"] = str(stop - start)
    return StreamingResponse(
        _part(path, start, stop), status_code=status, headers=headers, media_type="audio/wav"
    )


def _part(path: Path, start: int, stop: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while start < stop:
            data = file.read(min(_AT_ONCE, stop - start))
            if not data:
                return
            start += len(data)
            yield data
