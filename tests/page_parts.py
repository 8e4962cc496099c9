"""The form for a part of a recording, on the page and on the site."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect


def expect_wrong_parts_refused(page: Any) -> None:
    """Fill in the open form what is no part; each time it says why."""
    page.fill("#part-from", "0:30")
    page.fill("#part-to", "0:20")
    page.click("#part-start")
    expect(page.locator("#part-words")).to_have_text("The end comes after the beginning.")
    page.fill("#part-to", "0:75")
    page.click("#part-start")
    expect(page.locator("#part-words")).to_have_text("A time is written as 1:30, or in seconds.")
