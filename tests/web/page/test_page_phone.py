"""The page on a phone: small, and touched."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from transcribe.midi import read_midi

from .actions import (
    DONE,
    SMALL_SCREENS,
    show,
)
from .server import ask

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", SMALL_SCREENS)
def test_on_small_screens_everything_is_within_reach(opened, heard, address, name):
    size = SMALL_SCREENS[name]
    page = opened(viewport=size, has_touch="phone" in name)
    page.goto(address)
    expect(page.locator("#choose-files")).to_be_visible()
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(overflow) <= 0
    show(page, heard)

    def is_in_window(selector: str) -> bool:
        box = page.locator(selector).bounding_box()
        return (
            box["x"] >= 0
            and box["x"] + box["width"] <= size["width"] + 0.5
            and box["y"] >= 0
            and box["y"] + box["height"] <= size["height"] + 0.5
        )

    for shown in ("#play", "#roll", ".transport .segments", "#speed", "#loop", "#download"):
        assert is_in_window(shown), shown
    assert page.evaluate(overflow) <= 0
    assert page.locator("#roll").bounding_box()["height"] > 180
    page.click("#download")
    assert is_in_window("#download-menu")
    page.locator("[data-kind=original]").scroll_into_view_if_needed()
    assert is_in_window("[data-kind=original]")
    page.keyboard.press("Escape")
    page.locator("#roll").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    for button in ("left", "right", "up", "down", "shorter", "longer"):
        assert is_in_window(f"[data-nudge={button}]"), button
    assert is_in_window("#delete")
    assert is_in_window("#play")


def test_a_note_is_corrected_on_a_phone_by_touch_alone(opened, heard, tmp_path):
    page = opened(viewport=SMALL_SCREENS["phone"], has_touch=True)
    page.goto(heard)
    expect(page.locator("#n-notes")).to_have_text(re.compile(r"^[1-9]"))
    before = ask(heard, "notes")["notes"]
    page.tap("#panel-toggle")
    page.tap("#doubtful-next")
    expect(page.locator("#panel-toggle")).to_have_attribute("aria-expanded", "false")
    onset = float(page.locator("#field-onset").input_value())
    pitch = int(page.locator("#field-pitch").input_value())
    (found,) = [row for row in before if row[2] == pitch and abs(row[1] - onset) < 1e-3]
    page.tap("[data-nudge=up]")
    expect(page.locator("#field-pitch")).to_have_value(str(pitch + 1))
    page.tap("[data-nudge=longer]")
    length = f"{found[3] - found[1] + 0.01:.3f}"
    expect(page.locator("#field-length")).to_have_value(length)
    page.tap("#download")
    with page.expect_download() as download:
        page.tap("[data-kind=mid]")
    download.value.save_as(tmp_path / "page.mid")
    taken = [note for note in read_midi(tmp_path / "page.mid").notes if note.pitch == pitch + 1]
    assert min(abs(note.onset - found[1]) for note in taken) < 0.002
    for _ in range(2):
        page.tap("#undo")
    expect(page.locator("#undo")).to_be_disabled()
    assert ask(heard, "notes")["notes"] == before


MOVES = """() => {
  window.kept = [];
  addEventListener("touchmove", (event) => kept.push(event.defaultPrevented));
}"""


def test_a_finger_moves_a_selected_note_up_the_keyboard(opened, heard):
    page = opened(viewport=SMALL_SCREENS["phone"], has_touch=True)
    before = show(page, heard)
    box = page.locator("#roll").bounding_box()
    x, y = box["x"] + 300, box["y"] + 250
    page.mouse.dblclick(x, y)
    expect(page.locator("#n-notes")).to_have_text(f"{before + 1} notes")
    pitch = int(page.locator("#field-pitch").input_value())
    finger = page.context.new_cdp_session(page)

    def touch(kind: str, *points: dict[str, float]) -> None:
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    page.evaluate(MOVES)
    touch("touchStart", {"x": x + 5, "y": y})
    for step in range(1, 9):
        touch("touchMove", {"x": x + 5, "y": y - 10 * step})
    touch("touchEnd")
    # What the browser may use too becomes a fling, and that swallows the tap that comes next.
    kept = page.evaluate("kept")
    assert kept
    assert all(kept)
    expect(page.locator("#field-pitch")).not_to_have_value(str(pitch))
    assert int(page.locator("#field-pitch").input_value()) > pitch + 2
    for _ in range(2):
        page.tap("#undo")
    expect(page.locator("#n-notes")).to_have_text(f"{before} notes")


@pytest.mark.parametrize("width", [320, 360, 390, 430])
def test_nothing_lies_on_the_time_of_a_phone(opened, heard, width):
    page = opened(viewport={"width": width, "height": 700}, has_touch=True)
    show(page, heard)
    for words in ("0:02.4", "1:02:03.4"):
        page.evaluate("words => document.getElementById('position').textContent = words", words)
        time = page.locator("#position").bounding_box()
        for other in ("#play", "#speed", "#loop", "#practice"):
            box = page.locator(other).bounding_box()
            beside = (
                box["x"] >= time["x"] + time["width"] - 1
                or time["x"] >= box["x"] + box["width"] - 1
            )
            below = box["y"] >= time["y"] + time["height"] - 1
            assert beside or below, (words, other)
            assert box["x"] + box["width"] <= width


@pytest.mark.parametrize("locale", ["en-GB", "de-DE", "fr-FR"])
def test_the_list_fits_the_narrowest_window(opened, heard, address, locale):
    """As of a small phone, or of a window at 400 %."""
    page = opened(viewport={"width": 320, "height": 480}, locale=locale)
    page.goto(address)
    expect(page.locator(".card").first).to_be_visible()
    # What is shown once there are many recordings.
    page.evaluate("document.querySelectorAll('#list-tools, #quit').forEach(e => e.hidden = false)")
    for what in ("#sort", "#search", "#quit", ".masthead .group", "#list-tools"):
        for box in (each.bounding_box() for each in page.locator(what).all()):
            assert box is None or box["x"] + box["width"] <= 320, what
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_on_a_phone_music_stays_in_sight_beside_the_open_panel(opened, heard):
    for width, height in ((390, 844), (360, 640)):
        page = opened(viewport={"width": width, "height": height}, has_touch=True)
        show(page, heard)
        page.tap("#panel-toggle")
        panel, roll = (page.locator(each) for each in ("#panel", "#roll"))
        expect(panel).to_be_visible()
        assert roll.bounding_box()["height"] > 110
        above, below = roll.bounding_box(), panel.bounding_box()
        assert above["y"] + above["height"] <= below["y"] + 1
        transport = page.locator(".transport").bounding_box()
        assert below["y"] + below["height"] <= transport["y"] + 1
        page.locator("#part-open").scroll_into_view_if_needed()
        page.tap("#part-open")  # its form wants the waveform, which the panel would cover
        expect(panel).to_be_hidden()
        expect(page.locator("#part-from")).to_be_in_viewport()
        page.tap("#part-close")


@pytest.mark.parametrize("locale", ["en", "de"])
def test_no_form_scrolls_sideways_and_the_transport_keeps_to_its_lines(opened, heard, locale):
    sizes = [(320, 568), (360, 640), (390, 844), (768, 1024), (1000, 560), (1366, 768)]
    page = opened(viewport={"width": 320, "height": 568}, locale=locale)
    page.goto(heard)
    expect(page.locator("#n-notes")).to_have_text(re.compile(r"^[1-9]"))
    for width, height in sizes:
        page.set_viewport_size({"width": width, "height": height})
        for form in ("part", "continuation"):
            opener = {"part": "part-open", "continuation": "continue"}[form]
            page.evaluate("(id) => document.getElementById(id).click()", opener)
            expect(page.locator(f"#{form}")).to_be_visible()
            beyond = page.evaluate(
                """(id) => {
                  const form = document.getElementById(id);
                  return form.scrollWidth - form.clientWidth;
                }""",
                form,
            )
            assert beyond <= 0, (width, form)
            close = page.locator(f"#{form}-close")
            expect(close).to_be_in_viewport()
            close.click()
        n_lines = 2 if width < 544 else 1
        assert page.locator(".transport").bounding_box()["height"] < 65 * n_lines + 10, width


@pytest.mark.parametrize("locale", ["en", "de"])
def test_bars_are_shown_and_hidden_again_on_a_phone_by_touch_alone(opened, heard, locale):
    page = opened(viewport=SMALL_SCREENS["phone"], has_touch=True, locale=locale)
    page.goto(heard)
    expect(page.locator("#n-notes")).to_have_text(re.compile(r"^[1-9]"))
    page.tap("#bars")
    expect(page.locator("#piece-words")).to_contain_text("4/4", timeout=DONE)
    page.tap("#bars")
    expect(page.locator("#piece")).to_be_hidden()


@pytest.mark.parametrize("size", [*SMALL_SCREENS.values(), {"width": 1000, "height": 560}], ids=str)
def test_stop_is_in_sight_while_it_records(opened, address, size):
    page = opened(viewport=size)
    page.goto(address)
    page.click("#record")
    expect(page.locator("#live-roll")).to_be_visible()
    expect(page.locator("#recorder-stop")).to_be_in_viewport(ratio=1)
    expect(page.locator("#recorder-discard")).to_be_in_viewport(ratio=1)
    page.click("#recorder-discard")
    # The server shows notes to a few pages only.
    with page.expect_response(lambda answer: answer.request.method == "DELETE"):
        page.click("#question-yes")
