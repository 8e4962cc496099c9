"""The files of the page: sent compressed, and asked for only once as long as they are the same."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).parent / "static"
_LEAST_COMPRESSED = 500
"""Bytes."""


class _Kept(StaticFiles):
    """Files that never change at their address."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """As there, to be kept."""
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
        return response


class PageFiles:
    """The page's files as they are when the server starts.

    Their addresses hold a digest of them all, so that a page of another version loads all of
    its own modules and none of those that a browser has kept.
    """

    def __init__(self) -> None:
        digest = hashlib.sha256()
        for path in sorted(path for path in STATIC.rglob("*") if path.is_file()):
            name = path.relative_to(STATIC).as_posix()
            digest.update(name.encode() + b"\0" + path.read_bytes())
        self.prefix = f"/static/{digest.hexdigest()[:12]}"

    def routes(self) -> list[BaseRoute]:
        """Where the files are; without the digest they are not kept."""
        return [Mount(self.prefix, _compressed(_Kept)), Mount("/static", _compressed(StaticFiles))]

    def index(self) -> Response:
        """The page."""
        text = (STATIC / "index.html").read_text("utf-8")
        return HTMLResponse(
            text.replace('"/static/', f'"{self.prefix}/'), headers={"Cache-Control": "no-cache"}
        )


def _compressed(kind: type[StaticFiles]) -> GZipMiddleware:
    return GZipMiddleware(kind(directory=STATIC), minimum_size=_LEAST_COMPRESSED)
