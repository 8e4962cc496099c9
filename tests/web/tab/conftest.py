"""The site on a host of its own, a Chromium, music, and the engine in Node.js, for this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tab_checks
from chromium import hearing, needs_chromium, watched
from conftest import write_pcm
from playwright.sync_api import expect
from site_checks import PRELUDE

from eval.performance import browser
from transcribe.audio.reader import read_audio
from transcribe.web.site import BUILT, HOW_TO_BUILD, write_site

from .actions import RATE, SOON


@pytest.fixture(autouse=True)
def patience() -> None:
    expect.set_options(timeout=SOON)


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (BUILT / "index.html").is_file():
        pytest.skip(f"the site is not built: {HOW_TO_BUILD}")
    where = tmp_path_factory.mktemp("host") / "music"  # within a folder of its host
    write_site(where)
    return where


@pytest.fixture(scope="package")
def address(folder: Path) -> Iterator[str]:
    needs_chromium()
    with browser.static_host(folder.parent) as host:
        yield f"{host}/music/"


@pytest.fixture(scope="package")
def chromium(tmp_path_factory: pytest.TempPathFactory, prelude: np.ndarray) -> Iterator[Any]:
    """Chromium, whose microphone hears the prelude."""
    needs_chromium()
    with hearing(prelude, RATE, tmp_path_factory.mktemp("microphone")) as started:
        yield started


@pytest.fixture
def visit(chromium: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Open the page in a browser of its own; at the end nobody else was asked for anything."""
    cut_off = "ERR_INTERNET_DISCONNECTED"
    with watched(chromium, address, patience=SOON, forgiven=cut_off) as new_context:

        def new(context: Any = None, **options: Any) -> Any:
            page = (context or new_context(**options)).new_page()
            page.goto(address)
            page.locator("body[data-kept]").wait_for()  # it has loaded itself once more
            return page

        yield new


@pytest.fixture(scope="package")
def prelude() -> np.ndarray:
    return read_audio(PRELUDE, RATE)


@pytest.fixture(scope="package")
def long(tmp_path_factory: pytest.TempPathFactory, prelude: np.ndarray) -> Path:
    """Two minutes, which are five windows of the network."""
    return write_pcm(tmp_path_factory.mktemp("long") / "long.wav", np.tile(prelude, 3), RATE)


@pytest.fixture(scope="package")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tab_checks.needs_node()
    return tab_checks.build_checks(tmp_path_factory.mktemp("checks"))


@pytest.fixture
def ask(script: Path) -> Callable[..., list[Any]]:
    """Ask the engine, in Node.js."""
    return lambda *questions: tab_checks.ask(script, *questions)
