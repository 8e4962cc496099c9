"""The page without a mouse, without good eyes, and read aloud."""

from __future__ import annotations

import re
from typing import Any

import pytest
from chromium import AXE, violations
from playwright.sync_api import expect

from .actions import (
    n_notes,
    show,
)
from .server import ask

pytestmark = pytest.mark.slow


def focus(page: Any, target: str, limit: int = 60) -> None:
    """Press Tab until an element has the focus."""
    for _ in range(limit):
        page.keyboard.press("Tab")
        if page.evaluate(f"document.activeElement === document.querySelector('{target}')"):
            return
    pytest.fail(f"Tab never came to {target}")


def test_the_keyboard_alone_is_enough(opened, heard, address):
    page = opened()
    page.goto(address)
    recording = heard.partition("/#/recording/")[2]
    expect(page.locator(f'a[href$="{recording}"]')).to_be_visible()
    focus(page, f'a[href$="{recording}"]')
    page.keyboard.press("Enter")
    expect(page.locator("#n-notes")).to_have_text(re.compile(r"^[1-9]\d* notes$"))
    before = n_notes(page)
    focus(page, "#roll")
    page.keyboard.press("ArrowRight")
    first = page.locator("#said").inner_text()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#said")).not_to_have_text(first)
    notes = ask(heard, "notes")["notes"]
    page.keyboard.press("Enter")
    expect(page.locator("#field-onset")).to_have_value(f"{notes[1][1]:.3f}")
    page.keyboard.press("Shift+ArrowUp")
    expect(page.locator("#field-pitch")).to_have_value(str(notes[1][2] + 1))
    was_long = page.locator("#field-length").input_value()
    page.keyboard.press("]")
    length = notes[1][3] - notes[1][1]
    expect(page.locator("#field-length")).not_to_have_value(was_long)
    # A length of half a millisecond too much is rounded up here and down there.
    longer = float(page.locator("#field-length").input_value())
    assert longer == pytest.approx(length + 0.01, abs=0.0011)
    page.keyboard.press(">")
    expect(page.locator("#field-velocity")).to_have_value(str(notes[1][4] - 5))
    page.keyboard.press("Delete")
    expect(page.locator("#n-notes")).to_have_text(f"{before - 1} notes")
    page.keyboard.press("a")
    expect(page.locator("#n-notes")).to_have_text(f"{before} notes")
    for _ in range(5):
        page.keyboard.press("Control+z")
    expect(page.locator("#undo")).to_be_disabled()
    assert ask(heard, "notes")["notes"] == notes
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    focus(page, "#download")
    page.keyboard.press("Enter")
    first, second = page.locator("[data-kind=mid]"), page.locator("[data-kind='bars.mid']")
    expect(first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(second if second.is_visible() else first).to_be_focused()
    page.keyboard.press("Home")
    expect(first).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(first).not_to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#download")).to_be_focused()
    page.locator("#practice").press("Enter")
    expect(page.locator("#metronome")).to_be_focused()
    for _ in range(2):
        page.keyboard.press("Shift+Tab")
    expect(page.locator("#loop")).to_be_focused()
    expect(page.locator("#practice-menu")).to_be_hidden()


CHECKS = """() => {
  const shown = (element) => element.checkVisibility() && element.getClientRects().length > 0;
  const nameless = [...document.querySelectorAll("button, a, input, select, [role=application]")]
    .filter(shown)
    .filter((element) => !(element.textContent.trim() || element.getAttribute("aria-label")
      || [...(element.labels ?? [])].some((label) => label.textContent.trim())))
    .map((element) => element.outerHTML);
  const parse = (colour) => {
    const context = new OffscreenCanvas(1, 1).getContext("2d");
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b]
    .map((each) => each / 255)
    .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4))
    .reduce((sum, each, i) => sum + each * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour[3] > 200) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const read = walker.currentNode.data.trim() && shown(element);
    if (!read || element.closest(":disabled, .sr, option")) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(ground(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faint.push([walker.currentNode.data.trim(), contrast.toFixed(2)]);
  }
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  return { nameless, faint, repeated: ids.filter((id, i) => ids.indexOf(id) !== i),
    headings: document.querySelectorAll("main:not([hidden]) h1").length };
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_has_a_name_and_can_be_read(opened, heard, address, scheme):
    page = opened(color_scheme=scheme)
    page.goto(address)
    expect(page.locator("#recordings .card").first).to_be_visible()
    right = {"nameless": [], "faint": [], "repeated": [], "headings": 1}
    assert page.evaluate(CHECKS) == right
    show(page, heard)
    page.locator("#roll").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.click("#download")
    assert page.evaluate(CHECKS) == right


@pytest.mark.skipif(not AXE.is_file(), reason="needs axe-core: npm --prefix transcribe/web/tab ci")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_lists_menus_and_views(opened, heard, address, scheme):
    page = opened(bypass_csp=True, color_scheme=scheme)
    page.goto(address)
    expect(page.locator("#recordings .card").first).to_be_visible()
    assert violations(page) == []
    show(page, heard)
    page.click("#bars")
    page.click("#practice")
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.click("#download")
    assert violations(page) == []
    page.click("#continue")
    page.locator("#views").get_by_text("Falling").click()
    assert violations(page) == []
