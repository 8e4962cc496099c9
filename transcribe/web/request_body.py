"""What a request says in its body, checked before anything is done with it."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from starlette.requests import Request

from transcribe.files.json_text import parse_json
from transcribe.web.edits import LONGEST
from transcribe.web.errors import RefusedError

SHORTEST_PART = 0.5
"""Seconds; the shortest part of a recording that can be transcribed."""
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
        or not lowest <= value <= highest
    ):
        raise RefusedError(
            422,
            f"{name} is a number from {lowest:g} to {highest:g}.",
            "",
            kind="invalid",
        )
    return float(value)


def part_of(wanted: dict[str, Any], duration: float | None) -> list[float | None] | None:
    """The part of a recording that is wanted; None for all of it, RefusedError if there is none."""
    longest = math.inf if duration is None else duration
    most = LONGEST if duration is None else duration
    start = number(wanted, "from", 0.0, most)
    stop = number(wanted, "to", 0.0, most)
    begin = start or 0.0
    end = longest if stop is None else stop
    if end - begin < SHORTEST_PART:
        raise RefusedError(
            422,
            f"A part lasts {SHORTEST_PART:g} s or more; this one would last {end - begin:.1f} s.",
            "Choose an end that is later than the beginning.",
            kind="no_part",
            values={"least": SHORTEST_PART, "seconds": round(end - begin, 1)},
        )
    if begin == 0 and end >= longest:
        return None
    return [begin, None if end >= longest else end]
