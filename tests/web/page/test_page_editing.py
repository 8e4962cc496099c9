"""Notes and pedal are corrected on the page, and corrections undone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from chromium import watched
from playwright.sync_api import expect
from web_server import wait_until

from .actions import (
    DONE,
    SOON,
    drag,
    n_notes,
    over,
    set_slider,
    show,
)
from .server import ask

pytestmark = pytest.mark.slow


def test_the_slider_answers_at_once_and_goes_back(opened, heard):
    page = opened()
    before = show(page, heard)
    set_slider(page, "threshold", 5)
    expect(page.locator("#n-notes")).not_to_have_text(f"{before} notes")
    fewer = n_notes(page)
    set_slider(page, "threshold", 95)
    expect(page.locator("#n-notes")).not_to_have_text(f"{fewer} notes")
    expect(page.locator("#n-notes")).not_to_have_text(f"{before} notes")
    more = n_notes(page)
    assert fewer < before < more
    set_slider(page, "minimum-length", 200)
    expect(page.locator("#n-notes")).not_to_have_text(f"{more} notes")
    notes = ask(heard, "notes")["notes"]
    assert min(offset - onset for _, onset, _, offset, *_ in notes) >= 0.199
    page.click("#settings-reset")
    expect(page.locator("#n-notes")).to_have_text(f"{before} notes")


def test_notes_are_added_moved_and_lengthened_with_the_mouse_and_undone(opened, heard):
    page = opened()
    before = show(page, heard)
    box = page.locator("#roll").bounding_box()
    page.mouse.dblclick(box["x"] + 300, box["y"] + 110)
    expect(page.locator("#n-notes")).to_have_text(f"{before + 1} notes")
    expect(page.locator("#selected-words")).to_contain_text("by you")
    name = page.locator("#selected-name").inner_text()
    onset = float(page.locator("#field-onset").input_value())
    x, y = over(page, "note", 110)
    drag(page, (x, y), (x + 70, y + 60))
    expect(page.locator("#selected-name")).not_to_have_text(name)
    assert float(page.locator("#field-onset").input_value()) > onset + 0.3
    length = float(page.locator("#field-length").input_value())
    x, y = over(page, "edge", 170)
    drag(page, (x, y), (x + 50, y))
    expect(page.locator("#field-length")).not_to_have_value(f"{length:.3f}")
    assert float(page.locator("#field-length").input_value()) > length + 0.2
    assert sum(row[6] for row in ask(heard, "notes")["notes"]) == 1
    page.reload()
    expect(page.locator("#n-notes")).to_have_text(f"{before + 1} notes")
    for _ in range(3):
        page.keyboard.press("Control+z")
    expect(page.locator("#n-notes")).to_have_text(f"{before} notes")
    page.keyboard.press("Control+Shift+z")
    expect(page.locator("#n-notes")).to_have_text(f"{before + 1} notes")
    page.click("#undo")
    expect(page.locator("#n-notes")).to_have_text(f"{before} notes")


SCREENS = ((1280, 800), (1440, 900), (1920, 1080), (2560, 1440))


@pytest.mark.parametrize(("width", "height"), SCREENS)
def test_a_note_dragged_sideways_keeps_its_pitch_and_nothing_moves_under_the_pointer(
    opened, heard, width, height
):
    """Selecting lengthens the panel; the roll stays where it is, and fills what is left."""
    page = opened(viewport={"width": width, "height": height})
    before = show(page, heard)
    nothing_selected = page.locator("#roll").bounding_box()
    bar, workspace, transport = (
        page.locator(f"#editor > .{each}").bounding_box()
        for each in ("bar", "workspace", "transport")
    )
    assert workspace["y"] == pytest.approx(bar["y"] + bar["height"], abs=1)
    assert transport["y"] == pytest.approx(workspace["y"] + workspace["height"], abs=1)
    assert transport["y"] + transport["height"] == pytest.approx(height, abs=1)
    page.mouse.dblclick(nothing_selected["x"] + 300, nothing_selected["y"] + 110)
    expect(page.locator("#selected-words")).to_contain_text("by you")
    assert page.locator("#roll").bounding_box() == nothing_selected
    pitch = page.locator("#field-pitch").input_value()
    onset = page.locator("#field-onset").input_value()
    page.keyboard.press("Escape")
    expect(page.locator("#selected")).to_be_hidden()
    x, y = over(page, "note", 110)
    drag(page, (x, y), (x + 90, y))
    expect(page.locator("#field-onset")).not_to_have_value(onset)
    assert page.locator("#field-pitch").input_value() == pitch
    assert page.locator("#roll").bounding_box() == nothing_selected
    for _ in range(2):
        page.keyboard.press("Control+z")
    expect(page.locator("#n-notes")).to_have_text(f"{before} notes")


def test_a_box_selects_and_delete_takes_away(opened, heard):
    page = opened()
    before = show(page, heard)
    box = page.locator("#roll").bounding_box()
    corner = (box["x"] + 400, box["y"] + box["height"] - 30)
    drag(page, (box["x"] + 60, box["y"] + 90), corner)
    expect(page.locator("#selected-name")).to_have_text(re.compile(r"^\d+ notes$"))
    chosen = int(page.locator("#selected-name").inner_text().split()[0])
    page.click("#delete")
    expect(page.locator("#n-notes")).to_have_text(f"{before - chosen} notes")
    page.click("#undo")
    expect(page.locator("#n-notes")).to_have_text(f"{before} notes")


TURN = """(hidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, value: hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
"""Let the page believe that nobody sees it, or that somebody does again."""


def test_two_windows_stay_one(opened, heard, tmp_path):
    first, second = opened(), opened()
    before = show(first, heard)
    # What happens until the second begins to listen reaches it, too.
    listening: list[Any] = []
    second.route("**/events", lambda route: listening.append(route))
    assert show(second, heard) == before
    box = first.locator("#roll").bounding_box()
    first.mouse.dblclick(box["x"] + 300, box["y"] + 110)
    expect(first.locator("#n-notes")).to_have_text(f"{before + 1} notes")
    wait_until(lambda: second.evaluate("1") and listening)
    listening.pop().continue_()
    expect(second.locator("#n-notes")).to_have_text(f"{before + 1} notes")
    second.unroute("**/events")
    # Unseen, it leaves its connection to others: a browser has six for all of its windows.
    with second.expect_event("requestfailed", lambda request: "/events" in request.url):
        second.evaluate(TURN, True)
    first.click("#undo")
    expect(first.locator("#n-notes")).to_have_text(f"{before} notes")
    second.evaluate(TURN, False)
    expect(second.locator("#n-notes")).to_have_text(f"{before} notes")
    second.click("#redo")
    expect(first.locator("#n-notes")).to_have_text(f"{before + 1} notes")
    second.click("#undo")
    expect(first.locator("#n-notes")).to_have_text(f"{before} notes")
    set_slider(second, "threshold", 5)
    expect(second.locator("#n-notes")).not_to_have_text(f"{before} notes")
    expect(first.locator("#threshold")).to_have_value("5")
    fewer = n_notes(second)
    expect(first.locator("#n-notes")).to_have_text(f"{fewer} notes")
    second.click("#settings-reset")
    expect(first.locator("#n-notes")).to_have_text(f"{before} notes")
    # What one window deletes, the others leave.
    text = tmp_path / "farewell.mp3"
    text.write_text("Dear Clara,")
    first.click("#back")
    first.set_input_files("#files", text)
    expect(first.locator("#progress-other")).to_be_visible(timeout=DONE)
    second.click("#back")
    second.locator(".card", has_text="farewell.mp3").get_by_role("button", name="Delete").click()
    second.click("#question-yes")
    expect(first.locator("#home")).to_be_visible()
    expect(first.locator("#notices")).to_contain_text("“farewell.mp3” was deleted")
    expect(first.locator(".card", has_text="farewell.mp3")).to_have_count(0)


def test_undo_takes_back_an_edit_that_the_server_has_not_answered_yet(opened, heard):
    page = opened()
    before = show(page, heard)
    waiting = []
    page.route("**/edits?*", lambda route: waiting.append(route))
    page.locator("#roll").focus()
    page.keyboard.press("a")
    # One more than there is to undo: nothing is refused for it.
    for _ in range(2):
        page.keyboard.press("Control+z")
    wait_until(lambda: page.evaluate("1") and waiting)
    waiting[0].continue_()
    expect(page.locator("#said")).to_have_text("Undone")
    expect(page.locator("#n-notes")).to_have_text(f"{before} notes")
    expect(page.locator("#undo")).to_be_disabled()
    assert not any(row[6] for row in ask(heard, "notes")["notes"])


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        pytest.param("#field-length", "99999", id="beyond the end"),
        pytest.param("#field-onset", "50000", id="after the end"),
        pytest.param("#field-length", "-1", id="no time"),
    ],
)
def test_what_is_typed_and_refused_leaves_the_field_as_it_was(
    chromium, served, heard, field, typed
):
    refused = "status of 422"
    with watched(chromium, served, patience=SOON, forgiven=refused) as new_context:
        page = new_context().new_page()
        show(page, heard)
        page.locator("#roll").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        before = page.locator(field).input_value()
        page.fill(field, typed)
        page.keyboard.press("Tab")
        expect(page.locator("#notices")).to_contain_text("Nothing was changed.")
        expect(page.locator(field)).to_have_value(before)
        expect(page.locator("#undo")).to_be_disabled()


@pytest.mark.parametrize("locale", ["en-US", "de-DE"])
def test_seconds_are_typed_with_a_point_or_a_comma_whatever_the_browser_s_language(
    opened, heard, locale
):
    """A browser's own field for numbers made 5 s of 0,5 where it writes 0.5."""
    page = opened(locale=locale)
    page.goto(heard)
    expect(page.locator("#n-notes")).to_have_text(re.compile(r"^\d+ (notes|Töne)$"))
    page.locator("#roll").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    length = page.locator("#field-length")
    comma = "," if locale == "de-DE" else "."
    for typed, shown in (("0,5", f"0{comma}500"), ("0.25", f"0{comma}250")):
        page.fill("#field-length", "")
        length.press_sequentially(typed)
        page.keyboard.press("Tab")
        expect(length).to_have_value(shown)
    # The field is changed before the note is; what is asked for later would change another test's.
    for key, shown in (("ArrowUp", f"0{comma}260"), ("ArrowDown", f"0{comma}250")):
        with page.expect_response("**/edits?*"):
            length.press(key)
        expect(length).to_have_value(shown)


def selected_notes(page: Any) -> int:
    name = page.locator("#selected-name").inner_text()
    return int(name.split()[0]) if name.endswith("notes") else 1


def test_notes_are_transposed_copied_pasted_and_split(opened, heard):
    page = opened()
    before = show(page, heard)
    rows = ask(heard, "notes")["notes"]
    roll = page.locator("#roll")
    roll.focus()
    page.keyboard.press("Control+a")
    page.click("[data-nudge=octaveUp]")
    expect(page.locator("#undo")).to_be_enabled()
    up = {row[0]: row[2] for row in ask(heard, "notes")["notes"]}
    assert {up[row[0]] - row[2] for row in rows} == {12}
    page.click("#undo")
    expect(page.locator("#undo")).to_be_disabled()
    roll.focus()
    page.keyboard.press("Escape")
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Enter")
    assert selected_notes(page) == 3
    page.keyboard.press("Control+c")
    page.keyboard.press("Home")
    page.keyboard.press("k")
    page.keyboard.press("Control+v")
    expect(page.locator("#n-notes")).to_have_text(f"{before + 3} notes")
    known = {row[0] for row in rows}
    now = {row[0]: row for row in ask(heard, "notes")["notes"]}
    assert min(now[name][1] for name in set(now) - known) == pytest.approx(5.0, abs=0.001)
    assert selected_notes(page) == 3
    page.keyboard.press("Escape")
    page.click("#zoom-all")
    whole = max(rows, key=lambda row: row[3] - row[1])
    middle = (whole[1] + whole[3]) / 2
    box = page.locator("#roll").bounding_box()
    duration = ask(heard, "")["duration"]
    page.mouse.click(box["x"] + 46 + (box["width"] - 46) * middle / duration, box["y"] + 8)
    page.keyboard.press("s")
    expect(page.locator("#said")).to_contain_text("split")
    after = {row[0]: row for row in ask(heard, "notes")["notes"]}
    first = after[whole[0]]
    (second,) = [row for row in after.values() if row[2] == whole[2] and row[1] == first[3]]
    assert (first[1], second[3]) == (whole[1], whole[3])
    assert first[3] == pytest.approx(middle, abs=0.05)


def test_the_pedal_is_pressed_and_lifted_on_its_lane(opened, heard):
    page = opened()
    show(page, heard)
    before = ask(heard, "notes")["pedal"]
    box = page.locator("#roll").bounding_box()
    x, y = box["x"], box["y"] + box["height"] - 8
    drag(page, (x + 60, y), (x + 380, y + 1), (x + 700, y))
    expect(page.locator("#said")).to_contain_text("Pedal")
    first = page.locator("#said").inner_text()
    drag(page, (x + 200, y), (x + 300, y + 1), (x + 400, y))
    expect(page.locator("#said")).not_to_have_text(first)
    said = {first.split()[1], page.locator("#said").inner_text().split()[1]}
    assert said == {"down", "up"}
    after = ask(heard, "notes")["pedal"]
    assert after != before
    for _ in range(2):
        page.click("#undo")
    expect(page.locator("#undo")).to_be_disabled()
    assert ask(heard, "notes")["pedal"] == before


def test_a_faint_note_is_clicked_into_place(opened, heard):
    page = opened()
    before = show(page, heard)
    page.click("#zoom-all")
    notes = ask(heard, "notes")["notes"]
    faint = ask(heard, "faint")["notes"]
    page.keyboard.press("f")
    expect(page.locator("#faint")).to_have_attribute("aria-pressed", "true")
    # Somewhere over it, the pointer says that a click adds it.
    box = page.locator("#roll").bounding_box()
    duration = ask(heard, "")["duration"]

    def place(row: list[Any]) -> tuple[float, float] | None:
        x = box["x"] + 46 + (box["width"] - 46) * (row[1] + row[3]) / 2 / duration
        for y in range(90, int(box["height"]) - 20, 4):
            page.mouse.move(x, box["y"] + y)
            if page.locator("#roll").get_attribute("data-over") == "faint":
                return x, box["y"] + y
        return None

    places: list[tuple[float, float] | None] = []
    wait_until(lambda: places.append(next(filter(None, map(place, faint)), None)) or places[-1])
    page.mouse.click(*places[-1])
    expect(page.locator("#n-notes")).to_have_text(f"{before + 1} notes")
    added = {row[0] for row in ask(heard, "notes")["notes"]} - {row[0] for row in notes}
    assert added <= {row[0] for row in faint}
