"""Music that goes on, for those who still wait for it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from transcribe.notes import Note, Performance
from transcribe.web import continued
from transcribe.web.errors import RefusedError


def test_what_nobody_waits_for_any_more_is_not_begun(monkeypatch):
    """Whoever asked has left while others had their turn."""
    notes = (Note(onset=0.5, pitch=60, offset=1.0, velocity=70),)
    service = SimpleNamespace(performance=lambda _: Performance(notes=notes))
    begun = []

    async def begin(*words, **_):
        begun.append(words)

    async def gone() -> bool:
        return True

    monkeypatch.setattr(asyncio, "create_subprocess_exec", begin)
    wanted = continued.ContinuationWishes(seed=1)
    with pytest.raises(RefusedError, match="could not be continued"):
        asyncio.run(continued.response(service, SimpleNamespace(name="song.wav"), wanted, gone))
    assert begun == []
