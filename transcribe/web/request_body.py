"""What a request says in its body, checked before anything is done with it."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from starlette.requests import Request

from transcribe.files.json_text import parse_json
from transcribe.web.errors import RefusedError

_MOST_JSON = 64 << 20
"""Bytes: every note of half a day of music, changed at once."""


async def json_object(request: Request) -> dict[str, Any]:
    """The body of a request, an object; raises RefusedError for anything else."""
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > _MOST_JSON:
            raise RefusedError(
                413, "This is too much at once.", "Select fewer notes.", kind="too_much"
            )
    try:
        content = await asyncio.to_thread(parse_json, data)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise RefusedError(400, "Expected a JSON object.", "", kind="invalid")
    return content


def number(wanted: dict[str, Any], name: str, lowest: float, highest: float) -> float | None:
    """A value of an object, None where it is left out or null; RefusedError out of range."""
    value = wanted.get(name)
    if value is None:
        return None
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not (math.isfinite(value) and lowest <= value <= highest)
    ):
        raise RefusedError(
            422,
            f"{name} is a number from {lowest:g} to {highest:g}.",
            "",
            kind="invalid",
        )
    return float(value)
