"""Work that ends when nobody waits for it any more: whoever asked has left, or pressed Stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

_LOOK_AGAIN = 0.3
"""Seconds between looks at whether the page is still there."""

Gone = Callable[[], Awaitable[bool]]
"""Whether nobody waits for the answer any more."""
_Made = TypeVar("_Made")


async def while_wanted(work: Awaitable[_Made], gone: Gone, stop: Callable[[], None]) -> _Made:
    """The outcome of work; `stop` ends it, with an error, once nobody waits for it."""
    ended = asyncio.ensure_future(work)
    while not (await asyncio.wait({ended}, timeout=_LOOK_AGAIN))[0]:
        if await gone():
            stop()
    return await ended
