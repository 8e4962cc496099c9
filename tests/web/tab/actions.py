"""What is done on the site's page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

DONE = 240_000
"""Milliseconds that a recording may take: the machine may be busy."""

SOON = 60_000

RATE = 16_000


def add(page: Any, *recordings: Path) -> None:
    page.set_input_files("#files", recordings)


def begin(page: Any, recording: Path) -> None:
    """Add a recording, which opens by itself, and wait for its first notes."""
    add(page, recording)
    page.wait_for_url("**/#/recording/*")
    expect(page.locator("#n-notes")).to_have_text(re.compile(r"^[1-9]"), timeout=DONE)


def pause(page: Any) -> None:
    """Pause the recording that is in work."""
    page.click("#progress-pause")
    expect(page.locator("#progress-words")).to_contain_text("Paused after")


def expect_done(page: Any) -> None:
    """Wait until the recording that is open is done."""
    expect(page.locator("#n-notes")).to_have_text(re.compile(r"^[0-9]"), timeout=DONE)
    expect(page.locator("#progress")).to_be_hidden(timeout=DONE)


def download(page: Any, kind: str, folder: Path) -> Path:
    page.click("#download")
    with page.expect_download() as downloading:
        page.click(f"[data-kind='{kind}']")
    path = folder / downloading.value.suggested_filename
    downloading.value.save_as(path)
    return path
