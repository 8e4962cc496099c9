"""The page's list of recordings, its notices, and a server that comes and goes."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect
from web_server import wait_until

from eval.performance import browser

from .server import ask, call, send

pytestmark = pytest.mark.slow


def test_the_list_shows_warnings_and_what_waits_for_what(opened, address):
    page = opened()
    shared = {
        "created": 0, "bytes": 1, "duration": 60.0, "heard_seconds": 0, "n_notes": 0, "error": "",
        "hint": "", "edited": False,
    }  # fmt: skip
    waits = {"n_before": 2, "seconds_before": 95.0, "warnings": []}
    listed = [
        {**shared, "id": "a", "name": "a.wav", "state": "queued", **waits},
        {**shared, "id": "b", "name": "b.wav", "state": "done", "warnings": ["Distorted: 5 %."]},
    ]
    content = json.dumps({"recordings": listed})
    page.route("**/api/recordings", lambda route: route.fulfill(body=content))
    page.goto(address)
    expect(page.locator(".card", has_text="a.wav").locator(".what")).to_contain_text(
        "Waiting: 2 recordings before it, starts in about 1 min 35 s"
    )
    expect(page.locator(".card", has_text="b.wav")).to_contain_text("Distorted: 5 %.")


def test_the_list_is_searched_sorted_played_taken_from_and_renamed(
    opened, heard, address, tmp_path
):
    names = ("Waltz.mp3", "Etude.mp3", "waltz+2.mp3")
    waltz, *_ = [send(address, name, b"no sound") for name in names]
    page = opened()
    page.goto(address)
    cards = page.locator("#recordings .card:visible h3")
    expect(cards).to_have_text(["waltz 2.mp3", "Etude.mp3", "Waltz.mp3", "prelude.mp3"])
    page.fill("#search", "waltz")
    expect(cards).to_have_text(["waltz 2.mp3", "Waltz.mp3"])
    page.fill("#search", "sonata")
    expect(page.locator("#search-empty")).to_be_visible()
    page.fill("#search", "")
    page.select_option("#sort", "name")
    expect(cards).to_have_text(["Etude.mp3", "prelude.mp3", "Waltz.mp3", "waltz 2.mp3"])
    card = page.locator("#recordings .card", has_text="prelude")
    shades = "canvas => new Set(canvas.getContext('2d').getImageData(0, 0, 120, 30).data).size"
    drawn = f"({shades})(document.querySelector('.card.done .thumbnail')) > 20"
    wait_until(lambda: page.evaluate(drawn))
    play = card.get_by_role("button", name="Play: prelude")
    play.click()
    expect(play).to_have_attribute("aria-pressed", "true")
    play.click()
    expect(play).to_have_attribute("aria-pressed", "false")
    with page.expect_download() as download:
        card.get_by_role("link", name="MIDI file: prelude").click()
    assert download.value.suggested_filename == "prelude.mid"
    card.get_by_role("button", name="Rename").click()
    expect(page.locator("#naming-field")).to_have_value("prelude")
    page.fill("#naming-field", "Prelude in C")
    page.keyboard.press("Enter")
    expect(cards).to_have_text(["Etude.mp3", "Prelude in C.mp3", "Waltz.mp3", "waltz 2.mp3"])
    ask(heard, "", "PATCH", {"name": "prelude"})
    expect(cards.nth(1)).to_have_text("prelude.mp3")
    # Who goes there and back with the keyboard is where they were.
    page.get_by_role("link", name="prelude.mp3", exact=True).press("Enter")
    expect(page.locator("#n-notes")).to_have_text(re.compile(r"^[1-9]"))
    page.locator("#back").press("Enter")
    expect(page.get_by_role("link", name="prelude.mp3", exact=True)).to_be_focused()
    # Until another is known, nothing is said of the one that was looked at last.
    page.route(f"**/recordings/{waltz}", lambda route: None)
    page.get_by_role("link", name="Waltz.mp3", exact=True).click()
    for what, words in {"n-notes": "–", "doubtful-words": "", "part-now": "", "of": ""}.items():
        expect(page.locator(f"#{what}")).to_have_text(words)
    expect(page).to_have_title("transcribe")
    expect(page.locator("#download")).to_be_disabled()


def test_notices_leave_by_themselves(opened, address):
    page = opened()
    page.clock.install()
    page.goto(address)
    expect(page.locator("#disk")).not_to_be_empty()
    page.evaluate("""async () => {
      const { tell, tellError } = await import("/static/notices.js");
      tell("Saved.");
      tellError(new Error("It failed."));
    }""")
    expect(page.locator(".notice")).to_have_count(2)
    page.clock.fast_forward(7_000)
    expect(page.locator(".notice")).to_have_text(["It failed."])
    page.clock.fast_forward(14_000)
    expect(page.locator(".notice")).to_have_count(0)


def test_the_page_says_when_the_program_is_gone_and_goes_on_when_it_is_back(chromium, tmp_path):
    page = chromium.new_page(viewport={"width": 390, "height": 400})
    with browser.serving(tmp_path) as address:
        page.goto(address)
        expect(page.locator("#list-empty")).to_be_visible()
    expect(page.locator("#lost")).to_be_visible()
    expect(page.locator("#lost")).to_contain_text("transcribe serve")
    page.mouse.wheel(0, 500)
    wait_until(lambda: page.evaluate("scrollY > 100"))
    assert page.locator("#lost").bounding_box()["y"] == 0
    with browser.serving(tmp_path, ["--port", address.rpartition(":")[2]]):
        expect(page.locator("#lost")).to_be_hidden()
    page.close()


def test_quit_ends_the_program_once_it_is_sure(chromium, tmp_path):
    page = chromium.new_page()
    with browser.serving(tmp_path) as address:
        page.goto(address)
        page.click("#quit")
        page.locator("#question").get_by_text("Cancel").click()
        assert call(address, "")["can_quit"]
        page.click("#quit")
        page.click("#question-yes")
        expect(page.locator("#lost")).to_be_visible()
        expect(page.locator("#lost-words")).to_have_text("transcribe has ended.")

        def has_ended() -> bool:
            try:
                call(address, "")
            except OSError:
                return True
            return False

        wait_until(has_ended)
    page.close()
