"""Server-Sent Events for the pages that are open."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

ONLY_FOR_ONE = ("notes", "edited", "engraving")
"""Kinds of event that only those get who listen to that recording."""
_MOST_WAITING = 2000
"""Events a page may lag behind; one that is slower is cut off, and asks anew."""
_HEARTBEAT = 10.0
"""Seconds after which an idle stream says that it is still there."""


class EventStreams:
    """The streams that pages listen to. For use inside the event loop only."""

    def __init__(self) -> None:
        self._listeners: dict[asyncio.Queue[str | None], str | None] = {}
        self._closed = False

    def publish(self, recording: str, kind: str, content: dict[str, Any]) -> None:
        """Send those who listen to a recording; of all but notes, those who listen to all."""
        text = _event(kind, content)
        for queue, wanted in list(self._listeners.items()):
            if wanted != recording and not (wanted is None and kind not in ONLY_FOR_ONE):
                continue
            if queue.qsize() >= _MOST_WAITING:
                self._cut(queue)
            else:
                queue.put_nowait(text)

    def close(self) -> None:
        """End all streams."""
        self._closed = True
        for queue in list(self._listeners):
            self._cut(queue)

    def end(self, recording: str) -> None:
        """End the streams of a recording that was removed."""
        for queue, wanted in list(self._listeners.items()):
            if wanted == recording:
                self._cut(queue)

    def _cut(self, queue: asyncio.Queue[str | None]) -> None:
        self._listeners.pop(queue, None)
        queue.put_nowait(None)

    async def listen(
        self, recording: str | None, kind: str, first: dict[str, Any] | None
    ) -> AsyncIterator[str]:
        """What happens to a recording, or to any if None, as the text of a stream."""
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        if self._closed:
            return
        self._listeners[queue] = recording
        try:
            yield "retry: 1000\n\n" if first is None else _event(kind, first)
            while True:
                try:
                    text = await asyncio.wait_for(queue.get(), _HEARTBEAT)
                except asyncio.TimeoutError:
                    text = ": still here\n\n"
                if text is None:
                    return
                yield text
        finally:
            self._listeners.pop(queue, None)


def _event(kind: str, content: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps(content)}\n\n"
