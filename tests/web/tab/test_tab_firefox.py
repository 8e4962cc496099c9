"""The site in a real Firefox: the same notes as the command's, and nobody else is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from site_checks import PRELUDE, assert_as_the_command, by_command, rows_of

from eval.performance import browser, firefox
from transcribe.web.site import BUILT, HOW_TO_BUILD, write_site

if firefox.firefox() is None:
    pytest.skip(firefox.HOW_TO, allow_module_level=True)
if not (BUILT / "index.html").is_file():
    pytest.skip(f"the site is not built: {HOW_TO_BUILD}", allow_module_level=True)

pytestmark = pytest.mark.slow
DONE = 240
"""Seconds that the recording may take: the machine may be busy."""
SOON = 180


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    write_site(tmp_path / "site")
    with browser.static_host(tmp_path / "site") as host:
        yield f"{host}/"


def test_firefox_transcribes_and_saves(address, tmp_path):
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    saved = downloads / "prelude.csv"
    with firefox.running(downloads) as page:
        page.open(address)
        page.wait("return document.body?.dataset.kept", SOON)
        page.wait("return window.crossOriginIsolated", SOON)  # it loads itself once more
        page.choose_file("#files", PRELUDE)
        page.wait("return location.hash", SOON)
        page.wait("return /^[1-9]/.test(document.getElementById('n-notes').textContent)", DONE)
        page.wait("return document.getElementById('progress').hidden", DONE)
        page.click("#download")
        page.click("[data-kind='csv']")
        firefox.wait(lambda: saved.is_file() and saved.stat().st_size, SOON, "the table is saved")
        asked = page.run("return performance.getEntriesByType('resource').map(({ name }) => name)")
    assert_as_the_command(rows_of(saved), by_command(PRELUDE, tmp_path))
    assert asked
    assert [url for url in asked if not url.startswith((address, "blob:", "data:"))] == []
