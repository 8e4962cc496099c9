"""What the page puts on paper and into files for it, in a real Chromium."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect
from web_server import wait_until

from .actions import DONE

pytest.importorskip("verovio")
pytest.importorskip("typst")

BOX = re.compile(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)")
NO_DIALOG = "window.asked = 0; window.print = () => { window.asked += 1; };"
CORNER = """() => {
  const { canvas } = document.querySelector("#roll canvas").getContext("2d");
  return [...canvas.getContext("2d").getImageData(canvas.width - 2, 2, 1, 1).data].slice(0, 3);
}"""
"""The colour in a corner of the roll."""

pytestmark = pytest.mark.slow


@pytest.fixture
def opened(opened: Callable[..., Any], heard: str) -> Callable[..., Any]:
    """Show the prelude in a language."""

    def new(language: str = "en", **options: Any) -> Any:
        page = opened(**options)
        page.set_default_timeout(DONE)
        page.add_init_script(NO_DIALOG)
        page.goto(heard.replace("/#", f"/?lang={language}#"))
        page.locator("#n-notes", has_text=re.compile("^[1-9]")).wait_for()
        return page

    return new


def assert_a4(pdf: bytes, n_pages: int) -> None:
    boxes = BOX.findall(pdf)
    assert len(boxes) == n_pages
    for width, height in boxes:
        assert (float(width), float(height)) == pytest.approx((595.3, 841.9), abs=1.2)


@pytest.mark.parametrize("language", ["en", "de", "fr"])
@pytest.mark.parametrize("view", ["notes", "score"])
def test_printing_is_of_whole_pages_without_the_screen(opened, language, view):
    page = opened(language, color_scheme="dark")
    page.locator(f"#views input[value={view}]").check(force=True)
    if view == "score":
        page.locator("#score-pages svg").first.wait_for()
    page.keyboard.press("Control+p")
    wait_until(lambda: page.evaluate("window.asked") == 1)
    shown = page.locator("#paper img")
    n_pages = shown.count()
    assert n_pages >= 1
    assert page.evaluate("[...document.images].every((each) => each.naturalWidth > 100)")
    page.emulate_media(media="print")
    expect(shown.first).to_be_visible()
    expect(page.locator("#editor")).to_be_hidden()
    assert_a4(page.pdf(prefer_css_page_size=True), n_pages)
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(page.locator("#editor")).to_be_visible()
    assert shown.count() == 0
    page.click("#download")
    page.click("#print")
    wait_until(lambda: page.evaluate("window.asked") == 2)


def test_what_the_browser_prints_by_itself_is_light_and_marks_nothing(opened):
    page = opened(color_scheme="dark")
    wait_until(lambda: any(page.evaluate(CORNER)))  # it is drawn
    dark = page.evaluate(CORNER)
    assert max(dark) < 60
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert min(page.evaluate(CORNER)) > 240
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    wait_until(lambda: page.evaluate(CORNER) == dark)
    size = page.evaluate("document.querySelector('#roll canvas').width")
    pdf = page.pdf(prefer_css_page_size=True)
    assert_a4(pdf, 1)
    assert b"/Width %d\n" % size in pdf  # all of the roll, as a picture
    page.locator("#views input[value=score]").check(force=True)
    page.locator("#score-pages .measure.playing").wait_for()
    page.emulate_media(media="print")
    colours = page.evaluate(
        """[...document.querySelectorAll("#score-pages .measure.playing, "
          + "#score-pages .measure.playing > .staff > path")]
          .map((each) => getComputedStyle(each)).map(({ color, stroke }) => color + stroke)"""
    )
    assert colours
    assert {each for each in colours if "29, 111, 184" in each} == set()  # the mark's blue


def test_the_roll_is_taken_away_on_pages(opened, tmp_path):
    page = opened()
    taken = {}
    for kind in ("roll.pdf", "roll.svg", "roll.png"):
        page.click("#download")
        with page.expect_download() as download:
            page.click(f"[data-kind='{kind}']")
        assert download.value.suggested_filename == f"prelude.{kind}"
        path = tmp_path / kind
        download.value.save_as(path)
        taken[kind] = path.read_bytes()
    assert taken["roll.pdf"].startswith(b"%PDF")
    assert b'viewBox="0 0 210 297"' in taken["roll.svg"]
    assert b"prelude" in taken["roll.svg"]
    assert taken["roll.png"].startswith(b"\x89PNG")
    assert struct.unpack(">II", taken["roll.png"][16:24]) == pytest.approx((1654, 2339), abs=1)
