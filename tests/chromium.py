"""Chromium for the tests of the page: one with a microphone, contexts that are watched, and axe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import write_pcm

from eval.performance import browser
from transcribe.web.site import SOURCE

AXE = SOURCE / "node_modules/axe-core/axe.min.js"


def needs_chromium() -> None:
    """Skip where there is no Chromium."""
    if browser.chromium() is None:
        pytest.skip(browser.HOW_TO)


def hearing(samples: np.ndarray, rate: int, folder: Path) -> AbstractContextManager[Any]:
    """Chromium, whose microphone hears samples over and over."""
    heard = write_pcm(folder / "microphone.wav", samples, rate)
    return browser.browser(
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={heard}",
    )


@contextmanager
def watched(
    chromium: Any, address: str, *, patience: float, forgiven: str | None = None
) -> Iterator[Callable[..., Any]]:
    """Make contexts; at the end no page of theirs may have failed or asked another host.

    ``patience`` is in milliseconds; errors that contain ``forgiven`` are expected.
    """
    asked: list[str] = []
    wrong: list[str] = []
    contexts = []

    def new(**options: Any) -> Any:
        context = chromium.new_context(**options)
        context.set_default_timeout(patience)
        context.on("request", lambda request: asked.append(request.url))
        context.on("weberror", lambda error: wrong.append(str(error.error)))
        context.on("console", lambda said: said.type == "error" and wrong.append(said.text))
        contexts.append(context)
        return context

    yield new
    for context in contexts:
        context.close()
    assert asked
    own = (f"{address.rstrip('/')}/", "blob:", "data:")
    assert [url for url in asked if not url.startswith(own)] == []
    assert [words for words in wrong if forgiven is None or forgiven not in words] == []


def violations(page: Any) -> list[str]:
    """What axe finds on a page whose context has ``bypass_csp``."""
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("async () => (await axe.run()).violations")
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found]
