"""The score on the page, and the bars and beats that it stands on."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect
from web_server import wait_until

from .actions import (
    DONE,
    seconds,
    show,
)
from .server import ask

pytestmark = pytest.mark.slow


def test_the_score_follows_what_is_played_clicked_and_corrected(opened, heard):
    page = opened()
    page.goto(heard)
    # It may be chosen before anything is known of the recording.
    known: list[Any] = []
    page.route(re.compile(r"/api/recordings/[^/]+$"), lambda route: known.append(route))
    page.reload()
    wait_until(lambda: page.evaluate("1") and known)
    page.locator("#views").get_by_text("Score").click()
    known[0].continue_()
    pages = page.locator("#score-pages")
    expect(pages.locator("> svg")).to_be_visible(timeout=DONE)
    expect(page.locator("#score-words")).to_contain_text("C major")
    page.select_option("#piece-metre", "4/4")
    expect(page.locator("#score-words")).to_contain_text("4/4, C major")
    bars = pages.locator(".measure").count()
    pages.locator(".note .notehead").nth(20).click(force=True)
    expect(pages.locator(".note.selected")).to_have_count(1)
    name = page.locator("#selected-name").text_content()
    expect(pages.locator(".measure.playing")).to_have_count(1)
    with page.expect_response("**/wishes"):
        page.locator("#piece-downbeat").click()
    # The metronome ticks as is said of the piece, though no bars are shown.
    page.click("#practice")
    with page.expect_response("**/beats"):
        page.check("#metronome")
    page.keyboard.press("Escape")
    with page.expect_response("**/beats") as beats:
        page.select_option("#piece-metre", "3/4")
    assert beats.value.json()["metre"] == "3/4"
    expect(page.locator("#score-words")).to_contain_text("3/4")
    expect(pages.locator(".measure.playing")).to_have_count(1)
    assert pages.locator(".measure").count() > bars
    page.select_option("#piece-metre", "4/4")
    page.select_option("#piece-swing", "true")
    expect(page.locator("#score-words")).to_contain_text("C major, swung")
    expect(pages.get_by_text("Swing", exact=True)).to_have_count(1)
    page.select_option("#piece-swing", "false")
    expect(page.locator("#score-words")).not_to_contain_text("swung")
    page.locator("#views").get_by_text("Notes").click()
    expect(page.locator("#roll")).to_be_visible()
    assert page.locator("#selected-name").text_content() == name


def tempo(page: Any) -> int:
    return int(page.locator("#piece-words").inner_text().split()[0])


def test_bars_on_the_roll_obey_who_knows_the_piece(opened, heard, tmp_path):
    page = opened()
    show(page, heard)
    page.keyboard.press("b")
    words = page.locator("#piece-words")
    expect(words).to_have_text(re.compile(r"^\d+ beats a minute, \d/\d"), timeout=DONE)
    found = tempo(page)
    before = page.locator("#roll canvas").first.screenshot()
    page.click("#piece-slower")
    expect(words).not_to_have_text(re.compile(rf"^{found} "), timeout=DONE)
    assert 0.45 * found < tempo(page) < 0.55 * found
    box = page.locator("#roll").bounding_box()
    page.mouse.click(box["x"] + 400, box["y"] + 50)
    # What is said while the beats are asked for is obeyed, too.
    asked: list[Any] = []
    page.route("**/beats", lambda route: asked.append(route))
    page.click("#piece-downbeat")
    wait_until(lambda: page.evaluate("1") and asked)
    page.select_option("#piece-metre", "3/4")
    wait_until(lambda: page.evaluate("1") and len(asked) == 2)
    for each in reversed(asked):
        each.continue_()
    page.unroute("**/beats")
    expect(words).to_contain_text("3/4", timeout=DONE)
    one = seconds(page)  # the playhead is shown where it is by now
    assert one > 1
    assert float(ask(heard, "")["wishes"]["downbeat"]) == pytest.approx(one, abs=0.06)
    assert page.locator("#roll canvas").first.screenshot() != before
    page.reload()
    page.click("#bars")
    expect(words).to_contain_text("3/4", timeout=DONE)
    page.click("#piece-reset")
    expect(words).to_have_text(re.compile(rf"^{found} beats"), timeout=DONE)
    page.evaluate("for (const _ of 'ab') document.querySelector('#piece-slower').click()")
    wait_until(
        lambda: float(ask(heard, "")["wishes"].get("tempo", 0)) == pytest.approx(found / 4, abs=1)
    )
    page.click("#piece-reset")
    wait_until(lambda: not ask(heard, "")["wishes"])


# Tapped on the page itself: keys that come from outside are late where the machine is busy.
TAP = """async () => {
  const audio = document.querySelector("audio");
  const taps = [];
  while (taps.length < 6) {
    await new Promise(requestAnimationFrame);
    if (audio.currentTime < (taps.at(-1) ?? 0) + 0.4) continue;
    taps.push(audio.currentTime);
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "t", bubbles: true }));
  }
  return taps;
}"""
"""Seconds of the music at which the key was struck: 0.4 s apart, or a little more."""


def test_tapping_along_says_which_pulse_is_the_beat(opened, heard):
    page = opened()
    show(page, heard)
    page.click("#bars")
    expect(page.locator("#piece-words")).to_contain_text("beats a minute", timeout=DONE)
    page.select_option("#speed", "0.5")
    page.click("#play")
    expect(page.locator("#position")).to_have_text(re.compile(r"0:0[1-9]"))
    taps = page.evaluate(TAP)
    page.click("#play")
    wait_until(lambda: "tempo" in ask(heard, "")["wishes"])
    tapped = float(ask(heard, "")["wishes"]["tempo"])
    ask(heard, "wishes", "PUT", {})
    assert tapped == pytest.approx(60 / np.median(np.diff(taps)), rel=0.1)


def test_the_score_prints_on_a4_and_nothing_else_does(opened, heard):
    page = opened()
    show(page, heard)
    page.locator("#views").get_by_text("Score").click()
    expect(page.locator("#score-pages svg").first).to_be_visible(timeout=DONE)
    n_pages = page.locator("#score-pages > *").count()
    page.emulate_media(media="print")
    for what in ("#download", "#views", ".transport", "#panel", "#overview", "#undo", ".zoom"):
        expect(page.locator(what)).to_be_hidden()
    expect(page.locator("#name")).to_be_visible()
    pdf = page.pdf(format="A4", print_background=True)
    boxes = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", pdf)
    assert n_pages <= len(boxes) <= 2 * n_pages + 1
    for width, height in boxes:
        assert (float(width), float(height)) == pytest.approx((595.3, 841.9), abs=1.2)
