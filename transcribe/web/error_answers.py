"""What the server answers where a request fails: JSON with a plain sentence and a hint."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from transcribe.web.errors import RefusedError, disk_full


async def _refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, RefusedError):
        raise error
    return JSONResponse(error.content, error.status)


async def _http_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    words = {404: "There is nothing at this address.", 405: "This can't be done here."}
    kinds = {404: "no_address", 405: "no_method"}
    kind = kinds.get(error.status_code, "")
    words_of_it = words.get(error.status_code, error.detail)
    content = {"error": words_of_it, "hint": "", "kind": kind, "values": {}}
    return JSONResponse(content, error.status_code, headers=error.headers)


async def _disk_error(request: Request, error: Exception) -> Response:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return await _refused(request, disk_full())
    raise error


async def _unexpected(_: Request, error: Exception) -> Response:
    """A bug, or a disk that fails: say so; the terminal shows where."""
    what = type(error).__name__
    content = {
        "error": f"Something unexpected went wrong ({what}).",
        "hint": "Try again; nothing that was kept is lost.",
        "kind": "unexpected",
        "values": {"what": what},
    }
    return JSONResponse(content, 500)


HANDLERS: dict[Any, Callable[..., Any]] = {
    RefusedError: _refused,
    HTTPException: _http_error,
    OSError: _disk_error,
    Exception: _unexpected,
}
"""By the kind of what was raised, as Starlette takes them."""
