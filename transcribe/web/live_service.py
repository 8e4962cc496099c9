"""Notes while the page records: its sound comes in pieces, and each is answered with events.

They are a draft. What is kept is the recording itself, which the page sends as a whole when it
stops, and which is transcribed with all of its context.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from transcribe.errors import TranscribeError
from transcribe.live.events import KeyDown, KeyUp, LiveEvent
from transcribe.live.latency import DEFAULT_LATENCY, LATENCIES
from transcribe.live.live_transcriber import LiveTranscriber
from transcribe.transcriber import Transcriber
from transcribe.web.errors import RefusedError

MOST_DRAFTS = 4
"""At once; each takes a third of a core."""
IDLE_SECONDS = 60.0
"""After which a draft whose page sends nothing any more is forgotten."""
MOST_BYTES = 4 * 16000 * 30
"""Of one piece: half a minute, such as after the computer slept."""


@dataclass
class _Draft:
    live: LiveTranscriber
    used: float = field(default_factory=time.monotonic)
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)


class LiveService:
    """The drafts of all pages that record now.

    Parameters
    ----------
    checkpoint : Path, optional
        Weights; the packaged ones if left out. They are loaded for the first draft.
    """

    def __init__(self, checkpoint: Path | None = None) -> None:
        self._checkpoint = checkpoint
        self._transcriber: Transcriber | None = None
        self._loading = asyncio.Lock()
        self._drafts: dict[str, _Draft] = {}

    async def open(self, latency: str | None) -> dict[str, Any]:
        """Begin a draft; its id, and what its sound must be.

        Parameters
        ----------
        latency : str, optional
            Milliseconds, as asked for.
        """
        lowest, highest = LATENCIES
        seconds = DEFAULT_LATENCY if latency is None else _number(latency) / 1000
        if not lowest <= seconds <= highest:
            raise RefusedError(
                400,
                f"A latency is {1000 * lowest:g} to {1000 * highest:g} ms.",
                kind="invalid",
            )
        self._forget_idle()
        if len(self._drafts) >= MOST_DRAFTS:
            raise RefusedError(
                503,
                f"{MOST_DRAFTS} other pages show notes while they record, the most that this "
                "computer does at once.",
                "The recording itself goes on, and is transcribed when it stops.",
                kind="too_many_drafts",
                values={"most": MOST_DRAFTS},
            )
        async with self._loading:
            if self._transcriber is None:
                self._transcriber = await asyncio.to_thread(self._load)
        live = LiveTranscriber(self._transcriber, latency=seconds)
        name = secrets.token_urlsafe(12)
        self._drafts[name] = _Draft(live)
        return {
            "id": name,
            "sample_rate": live.sample_rate,
            "wait": live.wait,
        }

    async def push(self, name: str, content: bytes) -> dict[str, Any]:
        """Take the next samples, as 32-bit floats with the low byte first; what they decide."""
        draft = self._draft(name)
        if len(content) % 4 or len(content) > MOST_BYTES:
            raise RefusedError(
                400,
                "This is no sound as the page sends it.",
                "Reload the page and record again.",
                kind="no_sound",
            )
        samples = np.frombuffer(content, "<f4")
        async with draft.busy:
            try:
                events = await asyncio.to_thread(draft.live.push, samples)
            except ValueError:  # it was closed while this waited
                raise _gone() from None
            return {"events": as_rows(events), "seconds": draft.live.seconds}

    async def close(self, name: str) -> dict[str, Any]:
        """End a draft; what it still held back."""
        draft = self._draft(name)
        async with draft.busy:
            self._drafts.pop(name, None)
            events = await asyncio.to_thread(draft.live.finish)
            return {"events": as_rows(events), "seconds": draft.live.seconds}

    def _draft(self, name: str) -> _Draft:
        draft = self._drafts.get(name)
        if draft is None:
            raise _gone()
        draft.used = time.monotonic()
        return draft

    def _forget_idle(self) -> None:
        now = time.monotonic()
        for name, draft in list(self._drafts.items()):
            if now - draft.used > IDLE_SECONDS:
                del self._drafts[name]

    def _load(self) -> Transcriber:
        try:
            transcriber = Transcriber.load(self._checkpoint, device="cpu", threads=1)
        except TranscribeError as error:
            raise RefusedError(
                503,
                f"The network could not be loaded: {error}",
                "The recording itself goes on, and is kept.",
                kind="no_network",
                values={"reason": str(error)},
            ) from error
        LiveTranscriber(transcriber).push(np.zeros(transcriber.grid.sample_rate, np.float32))
        return transcriber


def as_rows(events: Sequence[LiveEvent]) -> list[list[Any]]:
    """Events as the page takes them: ``["down", seconds, pitch, velocity, confidence]``,
    ``["up", seconds, pitch]``, ``["pedal", seconds, is_down]``."""
    rows: list[list[Any]] = []
    for event in events:
        at = round(event.time, 4)
        if isinstance(event, KeyDown):
            rows.append(["down", at, event.pitch, event.velocity, round(event.confidence, 4)])
        elif isinstance(event, KeyUp):
            rows.append(["up", at, event.pitch])
        else:
            rows.append(["pedal", at, event.down])
    return rows


def _gone() -> RefusedError:
    return RefusedError(
        404,
        "This draft has ended.",
        "The recording itself goes on; stop it to have its notes.",
        kind="draft_ended",
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
