"""What a pianist does on the page, and reads off it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

DONE = 180_000
"""Milliseconds that a recording may take: the machine may be busy."""

SOON = 20_000
"""Milliseconds that anything else may take."""

RATE = 48000


def drop(page: Any, path: Path) -> None:
    """Drop a file or a folder on the page."""
    hand = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        hand.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": data})
    hand.detach()


def expect_heard(page: Any, least: int) -> None:
    """Wait until a recording is done and at least so many of its notes are counted."""
    expect(page.locator("#progress")).to_be_hidden(timeout=DONE)
    expect(page.locator("#n-notes")).to_have_text(re.compile(r"^\d"))
    for _ in range(SOON // 50):
        if n_notes(page) >= least:
            break
        page.wait_for_timeout(50)
    assert n_notes(page) >= least


def n_notes(page: Any) -> int:
    return int(page.locator("#n-notes").inner_text().replace(",", "").split()[0])


def seconds(page: Any) -> float:
    """Where the playhead is."""
    minutes, rest = page.locator("#position").inner_text().split(":")
    return 60 * int(minutes) + float(rest)


def show(page: Any, where: str) -> int:
    """Open a recording's page and wait for its notes; how many there are."""
    page.goto(where)
    expect(page.locator("#n-notes")).to_have_text(re.compile(r"^[1-9][\d,]* notes?$"))
    return n_notes(page)


def set_slider(page: Any, name: str, value: float) -> None:
    page.locator(f"#{name}").fill(str(value))


Place = tuple[float, float]
"""Pixels from the left and from the top of the page."""


def over(page: Any, what: str, y: float) -> Place:
    """Where the mouse is over a note (or its edge), looking along a height of the roll."""
    box = page.locator("#roll").bounding_box()
    for x in range(60, 900, 4):
        page.mouse.move(box["x"] + x, box["y"] + y)
        if page.locator("#roll").get_attribute("data-over") == what:
            return box["x"] + x, box["y"] + y
    raise AssertionError(f"expected the {what} of a note at the height {y} of the roll; found none")


def drag(page: Any, start: Place, *stops: Place) -> None:
    """Press the mouse, move it from place to place, let it go."""
    page.mouse.move(*start)
    page.mouse.down()
    for stop in stops:
        page.mouse.move(*stop, steps=5)
    page.mouse.up()


SMALL_SCREENS = {
    "phone": {"width": 390, "height": 844},
    "small phone": {"width": 360, "height": 640},
    "phone on its side": {"width": 844, "height": 390},
    "laptop at 200 %": {"width": 683, "height": 384},
}
