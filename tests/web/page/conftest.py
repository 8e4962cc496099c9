"""A server, a Chromium, and a page that shows the prelude, for all tests of this folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from chromium import hearing, needs_chromium, watched
from playwright.sync_api import expect
from site_checks import PRELUDE

from eval.performance import browser
from transcribe.audio.reader import read_audio

from .actions import DONE, RATE, SOON
from .server import ask, call, recordings

# What a page can't be asked from outside: which sounds it started.
SPY = """
window.struck = [];
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (when, ...rest) {
  window.struck.push(when);
  return start.call(this, when, ...rest);
};
"""


@pytest.fixture(autouse=True)
def patience() -> None:
    expect.set_options(timeout=SOON)


@pytest.fixture(scope="package")
def prelude() -> np.ndarray:
    """The prelude's samples."""
    return read_audio(PRELUDE, RATE)


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server that all tests of the folder share."""
    needs_chromium()
    with browser.serving(tmp_path_factory.mktemp("served")) as where:
        yield where


@pytest.fixture
def address(served: str) -> Iterator[str]:
    """Address of the server; what a test leaves there is gone for the next, and not in work."""
    before = recordings(served)
    yield served
    for recording in recordings(served) - before:
        call(served, f"/{recording}", "DELETE")


@pytest.fixture(scope="package")
def chromium(tmp_path_factory: pytest.TempPathFactory, prelude: np.ndarray) -> Iterator[Any]:
    """Chromium, whose microphone hears the prelude."""
    needs_chromium()
    with hearing(prelude, RATE, tmp_path_factory.mktemp("microphone")) as started:
        yield started


@pytest.fixture
def opened(chromium: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Open pages; at the end none of them may have failed or asked anybody else."""
    with watched(chromium, address, patience=SOON) as new_context:

        def new(**options: Any) -> Any:
            context = new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
            context.add_init_script(SPY)
            return context.new_page()

        yield new


@pytest.fixture(scope="package")
def transcribed(chromium: Any, served: str) -> str:
    """Address of a page that shows the prelude's notes."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(served)
    page.set_input_files("#files", PRELUDE)
    page.wait_for_url("**/#/recording/*", timeout=SOON)
    # Progress is hidden before the work begins too; notes are there only once it has.
    expect(page.locator("#n-notes")).to_have_text(re.compile(r"^[1-9]"), timeout=DONE)
    expect(page.locator("#progress")).to_be_hidden(timeout=DONE)
    where = page.url
    context.close()
    return str(where)


@pytest.fixture
def heard(transcribed: str) -> Iterator[str]:
    """Address of a page that shows the prelude's notes, as they were heard at first."""
    yield transcribed
    ask(transcribed, "wishes", "PUT", {})
    chosen = {"threshold": None, "minimum_duration": None}
    left = ask(transcribed, "settings", "PUT", chosen)
    while left["can_undo"]:
        left = ask(transcribed, "undo", "POST")
