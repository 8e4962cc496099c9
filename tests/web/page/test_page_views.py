"""Falling notes, and the spectrogram behind the roll."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect
from web_server import wait_until

from .actions import (
    show,
)

pytestmark = pytest.mark.slow


def test_notes_fall_onto_their_keys(opened, heard):
    page = opened()
    show(page, heard)
    page.locator("#views").get_by_text("Falling").click()
    falling = page.locator("#falling")
    expect(falling).to_be_visible()
    expect(page.locator("#roll")).to_be_hidden()
    first = falling.screenshot()
    page.keyboard.press("k")
    wait_until(lambda: falling.screenshot() != first)
    page.locator("#views").get_by_text("Notes").click()
    expect(page.locator("#roll")).to_be_visible()


def test_the_spectrogram_is_shown_behind_the_notes(opened, heard):
    page = opened()
    asked: list[str] = []
    page.on("request", lambda request: "/spectrogram/" in request.url and asked.append(request.url))
    show(page, heard)
    roll = page.locator("#roll canvas").first
    before = roll.screenshot()
    page.keyboard.press("y")
    expect(page.locator("#spectrogram")).to_have_attribute("aria-pressed", "true")
    wait_until(lambda: roll.screenshot() != before)
    page.click("#zoom-all")
    # 41 s are three tiles of the next level; nothing is asked for twice.
    tiles = {f"1/{number}" for number in range(3)}

    def have_come() -> bool:
        page.evaluate("1")  # so that what was asked is told of
        return tiles <= {each.partition("/spectrogram/")[2] for each in asked}

    wait_until(have_come)
    assert len(asked) == len(set(asked)) < 30
    page.click("#spectrogram")
    expect(page.locator("#spectrogram")).to_have_attribute("aria-pressed", "false")


COME = """what => performance.getEntriesByType("resource").filter(({ name }) => name.includes(what))
  .length"""
PIANO = "fetch('/api/piano').then(each => each.json()).then(({ samples }) => samples.length)"
TASKS = "devtools.timeline,toplevel,disabled-by-default-devtools.timeline"


def longest_task(page: Any, act: Callable[[], Any]) -> float:
    """Milliseconds of the processor that the longest task of the page's own thread takes."""
    session = page.context.new_cdp_session(page)
    events: list[dict[str, Any]] = []
    ended: list[Any] = []
    session.on("Tracing.dataCollected", lambda told: events.extend(told["value"]))
    session.on("Tracing.tracingComplete", lambda told: ended.append(told))
    config = {"includedCategories": TASKS.split(",")}
    session.send("Tracing.start", {"transferMode": "ReportEvents", "traceConfig": config})
    act()
    session.send("Tracing.end")
    wait_until(lambda: page.evaluate("1") and ended)
    session.detach()
    main = {
        (each["pid"], each["tid"])
        for each in events
        if each["name"] == "thread_name" and each["args"]["name"] == "CrRendererMain"
    }
    times = [
        each.get("tdur", 0) / 1000
        for each in events
        if each["name"].endswith("RunTask") and (each["pid"], each["tid"]) in main
    ]
    assert len(times) > 10
    return max(times)


def test_switching_the_spectrogram_on_keeps_the_page_at_hand(opened, heard):
    page = opened(viewport={"width": 1440, "height": 900})
    show(page, heard)

    def have_come(what: str, n: int) -> None:
        wait_until(lambda: page.evaluate(COME, what) >= n)
        page.evaluate("new Promise(requestAnimationFrame)")

    have_come("/waveform", 1)
    have_come("/api/piano/", page.evaluate(PIANO))
    roll = page.locator("#roll canvas").first
    seconds = (roll.bounding_box()["width"] - 46) / 70

    def switch() -> None:
        before = roll.screenshot()
        page.keyboard.press("y")
        wait_until(lambda: roll.screenshot() != before)
        have_come("/spectrogram/", math.ceil(seconds / 4.096))  # a tile

    assert longest_task(page, switch) < 50
