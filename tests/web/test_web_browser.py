"""The page in a real Chromium, with the packaged weights, as a pianist would use it."""

from __future__ import annotations

import base64
import json
import re
import urllib.request
import wave
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import write_pcm
from live_page import assert_played, record_with_notes
from web_server import wait_until

from eval.performance import browser
from transcribe.audio.reader import read_audio
from transcribe.cli import main
from transcribe.midi import read_midi
from transcribe.web import app

sync_api = pytest.importorskip("playwright.sync_api", reason=browser.HOW_TO)
if browser.chromium() is None:
    pytest.skip(browser.HOW_TO, allow_module_level=True)

expect = sync_api.expect
PRELUDE = Path(__file__).parents[1] / "data" / "prelude.mp3"
DONE = 180_000
"""Milliseconds that a recording may take: the machine may be busy."""
SOON = 20_000
"""Milliseconds that anything else may take."""

pytestmark = pytest.mark.slow
expect.set_options(timeout=SOON)
RATE = 48000

# What a page can't be asked from outside: which sounds it started.
SPY = """
window.struck = [];
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (when, ...rest) {
  window.struck.push(when);
  return start.call(this, when, ...rest);
};
"""


@pytest.fixture(scope="module")
def prelude() -> np.ndarray:
    """The prelude's samples."""
    return read_audio(PRELUDE, RATE)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with browser.serving(tmp_path_factory.mktemp("served")) as where:
        yield where


def call(address: str, path: str, method: str = "GET", content: Any = None) -> Any:
    """What the server of the page answers; None for an empty answer."""
    headers = {"X-Transcribe": "1", "Content-Type": "application/json"}
    data = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(
        f"{address}/api/recordings{path}", data=data, headers=headers, method=method
    )
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read() or "null")


def recordings(address: str) -> set[str]:
    return {each["id"] for each in call(address, "")["recordings"]}


@pytest.fixture
def address(served: str) -> Iterator[str]:
    """Address of the server; what a test leaves there is gone for the next, and not in work."""
    before = recordings(served)
    yield served
    for recording in recordings(served) - before:
        call(served, f"/{recording}", "DELETE")


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory, prelude: np.ndarray) -> Iterator[Any]:
    """Chromium, whose microphone hears the prelude."""
    heard = write_pcm(tmp_path_factory.mktemp("microphone") / "prelude.wav", prelude, RATE)
    with browser.browser(
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={heard}",
    ) as started:
        yield started


@pytest.fixture
def opened(chromium: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Open pages; at the end none of them may have failed or asked anybody else."""
    asked: list[str] = []
    wrong: list[str] = []
    contexts = []

    def new(**options: Any) -> Any:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(SOON)
        context.add_init_script(SPY)
        context.on("request", lambda request: asked.append(request.url))
        context.on("weberror", lambda error: wrong.append(str(error.error)))
        context.on("console", lambda said: said.type == "error" and wrong.append(said.text))
        contexts.append(context)
        return context.new_page()

    yield new
    for context in contexts:
        context.close()
    assert asked
    assert [url for url in asked if not url.startswith((f"{address}/", "blob:", "data:"))] == []
    assert wrong == []


def drop(page: Any, path: Path) -> None:
    """Drop a file on the page."""
    data = base64.b64encode(path.read_bytes()).decode()
    transfer = page.evaluate_handle(
        """([data, name]) => {
          const transfer = new DataTransfer();
          const bytes = Uint8Array.from(atob(data), (each) => each.charCodeAt(0));
          transfer.items.add(new File([bytes], name));
          return transfer;
        }""",
        [data, path.name],
    )
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event("body", event, {"dataTransfer": transfer})


@pytest.fixture(scope="module")
def transcribed(chromium: Any, served: str) -> str:
    """Address of a page that shows the prelude's notes."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(served)
    page.set_input_files("#files", PRELUDE)
    page.wait_for_url("**/#/recording/*", timeout=SOON)
    # Progress is hidden before the work begins too; notes are there only once it has.
    expect(page.locator("#n-notes")).to_have_text(re.compile(r"^[1-9]"), timeout=DONE)
    expect(page.locator("#progress")).to_be_hidden(timeout=DONE)
    where = page.url
    context.close()
    return str(where)


@pytest.fixture
def heard(transcribed: str) -> Iterator[str]:
    """Address of a page that shows the prelude's notes, as they were heard at first."""
    yield transcribed
    chosen = {"threshold": None, "minimum_duration": None}
    left = ask(transcribed, "settings", "PUT", chosen)
    while left["can_undo"]:
        left = ask(transcribed, "undo", "POST")


def ask(heard: str, what: str, method: str = "GET", content: Any = None) -> Any:
    """What the server says of the recording that an address shows."""
    address, _, recording = heard.partition("/#/recording/")
    return call(address, f"/{recording}/{what}".rstrip("/"), method, content)


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


# Everything that is said of the progress, however soon something else is said.
WORDS = """() => {
  window.words = [];
  const progress = document.querySelector("#progress-words");
  const note = () => words.push(progress.textContent);
  new MutationObserver(note).observe(progress, { childList: true });
}"""


def test_a_dropped_file_becomes_the_notes_that_the_command_writes(
    opened, address, tmp_path, monkeypatch
):
    page = opened()
    page.goto(address)
    page.evaluate(WORDS)
    drop(page, PRELUDE)
    expect(page.locator("#name")).to_have_text("prelude.mp3")
    expect_heard(page, 100)
    said = page.evaluate("words")
    assert any(re.match("(Waiting|Starting|.* of 0:40 transcribed)", words) for words in said)
    assert n_notes(page) == len(ask(page.url, "notes")["notes"])
    page.click("#download")
    with page.expect_download() as download:
        page.click("[data-kind=mid]")
    assert download.value.suggested_filename == "prelude.mid"
    download.value.save_as(tmp_path / "page.mid")
    monkeypatch.chdir(tmp_path)
    assert main([str(PRELUDE), "-o", "command.mid"]) == 0
    assert read_midi(tmp_path / "page.mid") == read_midi(tmp_path / "command.mid")


def test_the_recording_its_notes_or_both_are_heard(opened, heard):
    page = opened()
    show(page, heard)
    page.click("#play")
    expect(page.locator("#position")).to_have_text(re.compile(r"0:0[1-9]\.\d"))
    assert page.evaluate("!document.querySelector('audio').paused")
    page.keyboard.press("Space")
    stopped = seconds(page)
    assert page.evaluate("document.querySelector('audio').paused")
    assert page.evaluate("struck.length") == 0
    for key, both in (("2", False), ("3", True)):
        page.keyboard.press("Home")
        page.keyboard.press(key)
        page.evaluate("struck.length = 0")
        page.click("#play")
        expect(page.locator("#position")).to_have_text(re.compile(r"0:0[1-9]\.\d"))
        times = page.evaluate("struck")
        assert page.evaluate("!document.querySelector('audio').paused") == both
        page.click("#play")
        # The prelude begins with a broken chord, a note every fifth of a second.
        assert len(times) >= 3
        assert np.median(np.diff(times)) == pytest.approx(0.2, abs=0.05)
    assert stopped < 20


def test_a_click_goes_there_and_a_passage_is_repeated_slowly(opened, heard):
    page = opened()
    show(page, heard)
    box = page.locator("#roll").bounding_box()
    page.mouse.click(box["x"] + 400, box["y"] + 50)
    there = seconds(page)
    assert there > 1
    page.select_option("#speed", "0.5")
    assert page.evaluate("document.querySelector('audio').preservesPitch")
    page.mouse.move(box["x"] + 300, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 340, box["y"] + 52, steps=4)
    page.mouse.up()
    expect(page.locator("#loop")).to_have_attribute("aria-pressed", "true")
    said = page.locator("#said").inner_text()
    start, end = (float(each) for each in re.findall(r"0:(\d\d\.\d)", said))
    assert 0.3 < end - start < 1.5
    page.click("#play")
    places = []
    for _ in range(30):
        page.wait_for_timeout(100)
        places.append(seconds(page))
    page.click("#play")
    assert page.evaluate("document.querySelector('audio').playbackRate") == 0.5
    assert start - 0.1 <= min(places) <= max(places) <= end + 0.3
    assert any(later < earlier for earlier, later in pairwise(places))


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


def over(page: Any, what: str, y: float) -> tuple[float, float] | None:
    """Where the mouse is over a note (or its edge), looking along a height of the roll."""
    box = page.locator("#roll").bounding_box()
    for x in range(60, 900, 4):
        page.mouse.move(box["x"] + x, box["y"] + y)
        if page.locator("#roll").get_attribute("data-over") == what:
            return box["x"] + x, box["y"] + y
    return None


def test_notes_are_added_moved_and_lengthened_with_the_mouse_and_undone(opened, heard):
    page = opened()
    before = show(page, heard)
    box = page.locator("#roll").bounding_box()
    page.mouse.dblclick(box["x"] + 300, box["y"] + 110)
    expect(page.locator("#n-notes")).to_have_text(f"{before + 1} notes")
    expect(page.locator("#selected-words")).to_contain_text("by you")
    name = page.locator("#selected-name").inner_text()
    onset = float(page.locator("#field-onset").input_value())
    place = over(page, "note", 110)
    assert place is not None
    page.mouse.move(*place)
    page.mouse.down()
    page.mouse.move(place[0] + 70, place[1] + 60, steps=5)
    page.mouse.up()
    expect(page.locator("#selected-name")).not_to_have_text(name)
    assert float(page.locator("#field-onset").input_value()) > onset + 0.3
    length = float(page.locator("#field-length").input_value())
    place = over(page, "edge", 170)
    assert place is not None
    page.mouse.move(*place)
    page.mouse.down()
    page.mouse.move(place[0] + 50, place[1], steps=5)
    page.mouse.up()
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
    place = over(page, "note", 110)
    assert place is not None
    page.mouse.move(*place)
    page.mouse.down()
    page.mouse.move(place[0] + 90, place[1], steps=6)
    page.mouse.up()
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
    page.mouse.move(box["x"] + 60, box["y"] + 90)
    page.mouse.down()
    page.mouse.move(box["x"] + 400, box["y"] + box["height"] - 30, steps=4)
    page.mouse.up()
    expect(page.locator("#selected-name")).to_have_text(re.compile(r"^\d+ notes$"))
    chosen = int(page.locator("#selected-name").inner_text().split()[0])
    page.click("#delete")
    expect(page.locator("#n-notes")).to_have_text(f"{before - chosen} notes")
    page.click("#undo")
    expect(page.locator("#n-notes")).to_have_text(f"{before} notes")


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
    expect(page.locator("[data-kind=mid]")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#download")).to_be_focused()


def at_least(seconds: int) -> re.Pattern[str]:
    """A clock from so many seconds on: on a busy machine no single one of them is sure seen."""
    return re.compile(rf"^0:(0[{seconds}-9]|[1-5]\d)$")


def test_what_the_microphone_heard_is_transcribed(opened, address):
    page = opened()
    page.goto(address)
    page.click("#record")
    expect(page.locator("#recorder")).to_be_visible()
    expect(page.locator("#level-words")).to_have_text(re.compile("^(Good|Rather quiet)"))
    expect(page.locator("#recorder-clock")).to_have_text(at_least(4))
    # To discard it asks first, and records on meanwhile.
    page.click("#recorder-discard")
    expect(page.locator("#question-words")).to_have_text(re.compile(r"^Discard the 0:\d\d "))
    page.click("text=Cancel")
    expect(page.locator("#recorder")).to_be_visible()
    page.click("#recorder-stop")
    expect(page.locator("#name")).to_have_text(re.compile(r"^Recorded .*\d\d\.\d\d\.\d\d\."))
    expect_heard(page, 8)


def test_notes_come_while_it_records_and_leave_by_a_midi_port(opened, address):
    page = opened()
    page.goto(address)
    sent = record_with_notes(page, expect, patience=DONE)
    expect_heard(page, 8)
    assert_played(sent)


def test_a_recording_outlives_the_page_that_was_closed(opened, address):
    page = opened()
    page.goto(address)
    page.click("#record")
    expect(page.locator("#recorder-clock")).to_have_text(at_least(3))
    other = page.context.new_page()
    page.close()
    other.goto(address)
    expect(other.locator("#unfinished-list .card")).to_have_count(1)
    other.locator("#unfinished-list").get_by_role("button", name="Transcribe").click()
    expect(other.locator("#name")).to_have_text(re.compile("^Recorded "))
    expect_heard(other, 2)
    other.click("#back")
    expect(other.locator("#unfinished")).to_be_hidden()


def test_work_goes_on_while_the_page_is_loaded_again_and_can_be_stopped(
    opened, address, prelude, tmp_path
):
    long = tmp_path / "long.wav"
    samples = np.round(read_audio(PRELUDE, 16000) * 32767).astype("<i2").tobytes()
    with wave.open(str(long), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(samples * 30)
    page = opened()
    page.goto(address)
    page.set_input_files("#files", long)
    expect(page.locator("#progress-words")).to_have_text(
        re.compile(r"of 20:\d\d transcribed, about .* left"), timeout=DONE
    )
    expect(page.locator("#n-notes")).to_have_text(re.compile(r"^[1-9]"), timeout=DONE)
    page.reload()
    expect(page.locator("#progress-words")).to_have_text(re.compile("transcribed"))
    # How long it is and what is there is said before anything is played.
    expect(page.locator("#of")).to_have_text(re.compile(r"^of 20:\d\d$"))
    expect(page.locator("#roll-empty")).to_be_hidden()
    expect(page.locator("#n-notes")).to_have_text(re.compile(r"^[1-9]"))
    some = n_notes(page)
    expect(page.locator("#n-notes")).not_to_have_text(re.compile(f"^{some:,} "), timeout=DONE)
    page.click("#progress-cancel")
    expect(page.locator("#progress-words")).to_have_text(re.compile("^Stopped after"))
    assert n_notes(page) >= some
    page.click("#back")
    card = page.locator(".card", has_text="long.wav")
    card.get_by_role("button", name="Delete").click()
    page.click("#question-yes")
    expect(card).to_have_count(0)


def test_what_is_no_recording_is_said_and_can_be_removed(opened, address, tmp_path):
    text = tmp_path / "letter.mp3"
    text.write_text("Dear Clara,")
    page = opened()
    page.goto(address)
    page.set_input_files("#files", text)
    expect(page.locator("#progress-words")).not_to_have_text(
        re.compile("^(|Waiting.*|Starting)$"), timeout=DONE
    )
    expect(page.locator("#progress-hint")).not_to_be_empty()
    expect(page.locator("#progress-again")).to_be_visible()
    empty = tmp_path / "empty.wav"
    empty.touch()
    page.click("#back")
    page.set_input_files("#files", empty)
    expect(page.locator("#uploads .card")).to_contain_text("is empty. Choose another file")


SMALL_SCREENS = {
    "phone": {"width": 390, "height": 844},
    "small phone": {"width": 360, "height": 640},
    "phone on its side": {"width": 844, "height": 390},
    "laptop at 200 %": {"width": 683, "height": 384},
}


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


def test_two_windows_stay_one(opened, heard, tmp_path):
    first, second = opened(), opened()
    before = show(first, heard)
    assert show(second, heard) == before
    box = first.locator("#roll").bounding_box()
    first.mouse.dblclick(box["x"] + 300, box["y"] + 110)
    expect(second.locator("#n-notes")).to_have_text(f"{before + 1} notes")
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
    expect(first.locator("#progress-again")).to_be_visible(timeout=DONE)
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
    while not waiting:
        page.wait_for_timeout(20)
    waiting[0].continue_()
    expect(page.locator("#said")).to_have_text("Undone")
    expect(page.locator("#n-notes")).to_have_text(f"{before} notes")
    expect(page.locator("#undo")).to_be_disabled()
    assert not any(row[6] for row in ask(heard, "notes")["notes"])


def test_an_onset_after_the_end_is_refused_and_nothing_is_undone(opened, heard):
    page = opened()
    show(page, heard)
    page.locator("#roll").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    onset = page.locator("#field-onset").input_value()
    page.fill("#field-onset", "50000")
    page.keyboard.press("Tab")
    expect(page.locator("#notices")).to_contain_text("Nothing was changed.")
    expect(page.locator("#field-onset")).to_have_value(onset)
    expect(page.locator("#undo")).to_be_disabled()


# What is played, before it gets to the speakers.
LISTEN = """
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (to, ...rest) {
  if (to instanceof AudioDestinationNode && !(this.context instanceof OfflineAudioContext)) {
    const analyser = (window.analyser ??= new AnalyserNode(this.context, { fftSize: 32768 }));
    connect.call(this, analyser);
  }
  return connect.call(this, to, ...rest);
};
"""
LOUDNESS = """() => {
  const samples = new Float32Array(analyser.fftSize);
  analyser.getFloatTimeDomainData(samples);
  return samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
}"""


def test_notes_are_as_loud_as_the_recording(opened, heard):
    page = opened()
    page.add_init_script(LISTEN)
    show(page, heard)
    levels = []
    for key in ("1", "2"):
        page.locator("#roll").focus()
        page.keyboard.press("Home")
        page.keyboard.press(key)
        page.click("#play")
        expect(page.locator("#position")).to_have_text(re.compile(r"0:0[2-9]\.\d"))
        powers = []
        for _ in range(5):
            page.wait_for_timeout(600)
            powers.append(page.evaluate(LOUDNESS))
        page.click("#play")
        levels.append(10 * np.log10(np.mean(powers)))
    assert abs(levels[0] - levels[1]) < 3  # was 9 dB


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


def send(address: str, name: str, content: bytes) -> str:
    """Put a file in without the page; its id."""
    request = urllib.request.Request(
        f"{address}/api/recordings?name={name}", content, {"X-Transcribe": "1"}
    )
    with urllib.request.urlopen(request) as answer:
        return str(json.loads(answer.read())["id"])


def test_the_list_is_searched_sorted_played_taken_from_and_renamed(
    opened, heard, address, tmp_path
):
    for name in ("Waltz.mp3", "Etude.mp3", "waltz+2.mp3"):
        send(address, name, b"no sound")
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


def test_a_midi_file_can_be_dragged_out_of_the_page(opened, heard):
    page = opened()
    show(page, heard)
    page.click("#download")
    dragged = page.evaluate(
        """() => {
          const dataTransfer = new DataTransfer();
          const link = document.querySelector("#download-menu [data-kind='sustained.mid']");
          link.dispatchEvent(new DragEvent("dragstart", { dataTransfer, bubbles: true }));
          return dataTransfer.getData("DownloadURL");
        }"""
    )
    kind, name, where = dragged.split(":", 2)
    assert (kind, name) == ("audio/midi", "prelude.sustained.mid")
    with urllib.request.urlopen(where) as answer:
        assert answer.read(4) == b"MThd"


def test_a_file_that_takes_long_to_make_need_not_be_waited_for(opened, heard):
    page = opened()
    show(page, heard)
    page.route("**/download/wav*", lambda route: None)  # never answered
    page.click("#download")
    page.click("[data-kind=wav]")
    work = page.locator(".notice.work")
    expect(work).to_contain_text("Preparing the file")
    work.get_by_role("button", name="Cancel").click()
    expect(page.locator(".notice")).to_have_count(0)


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


def test_pictures_tables_and_sound_are_taken_away(opened, heard, tmp_path):
    page = opened()
    count = show(page, heard)
    taken = {}
    for kind in ("sustained.mid", "csv", "json", "svg", "roll.pdf", "wav", "original", "png"):
        page.click("#download")
        with page.expect_download(timeout=DONE) as download:
            page.click("#download-png" if kind == "png" else f"[data-kind='{kind}']")
        assert download.value.suggested_filename.startswith("prelude")
        taken[kind] = tmp_path / kind
        download.value.save_as(taken[kind])
    assert len(read_midi(taken["sustained.mid"]).notes) == count
    assert len(taken["csv"].read_text(encoding="utf-8").splitlines()) == count + 1
    assert len(json.loads(taken["json"].read_text(encoding="utf-8"))["notes"]) == count
    assert "<svg" in taken["svg"].read_text(encoding="utf-8")[:300]
    assert taken["roll.pdf"].read_bytes().startswith(b"%PDF")
    assert np.abs(read_audio(taken["wav"], 16000)).max() > 0.01
    assert taken["original"].read_bytes() == PRELUDE.read_bytes()
    assert taken["png"].read_bytes().startswith(b"\x89PNG")


def test_an_upload_can_be_stopped(opened, address, tmp_path):
    large = tmp_path / "large.wav"
    with large.open("wb") as file:
        file.truncate(1_500_000_000)
    page = opened()
    page.goto(address)
    slow = page.context.new_cdp_session(page)
    slow.send("Network.enable")
    speed = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 2e7}
    slow.send("Network.emulateNetworkConditions", speed)
    page.set_input_files("#files", large)
    card = page.locator("#uploads .card")
    expect(card.locator(".what")).to_have_text(re.compile(r"^Uploading, \d+% of 1\.5 GB$"))
    card.get_by_role("button", name="Stop").click()
    expect(card).to_have_count(0)
    page.reload()
    expect(page.locator("#disk")).not_to_be_empty()
    assert page.locator("#recordings .card", has_text="large.wav").count() == 0


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


def test_the_score_follows_what_is_played_clicked_and_corrected(opened, heard):
    page = opened()
    page.goto(heard)
    page.locator("#views").get_by_text("Score").click()
    pages = page.locator("#score-pages")
    expect(pages.locator("> svg")).to_be_visible()
    expect(page.locator("#score-words")).to_contain_text("C major")
    page.select_option("#piece-metre", "4/4")
    expect(page.locator("#score-words")).to_contain_text("4/4, C major")
    bars = pages.locator(".measure").count()
    pages.locator(".note .notehead").nth(20).click(force=True)
    expect(pages.locator(".note.selected")).to_have_count(1)
    name = page.locator("#selected-name").text_content()
    expect(pages.locator(".measure.playing")).to_have_count(1)
    page.locator("#piece-downbeat").click()
    page.select_option("#piece-metre", "3/4")
    expect(page.locator("#score-words")).to_contain_text("3/4")
    expect(pages.locator(".measure.playing")).to_have_count(1)
    assert pages.locator(".measure").count() > bars
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
    one = seconds(page)
    page.click("#piece-downbeat")
    page.select_option("#piece-metre", "3/4")
    expect(words).to_contain_text("3/4", timeout=DONE)
    assert float(ask(heard, "")["wishes"]["downbeat"]) == pytest.approx(one, abs=0.06)
    assert page.locator("#roll canvas").first.screenshot() != before
    page.reload()
    page.click("#bars")
    expect(words).to_contain_text("3/4", timeout=DONE)
    page.click("#piece-reset")
    expect(words).to_have_text(re.compile(rf"^{found} beats"), timeout=DONE)


def test_tapping_along_says_which_pulse_is_the_beat(opened, heard):
    page = opened()
    show(page, heard)
    page.click("#bars")
    expect(page.locator("#piece-words")).to_contain_text("beats a minute", timeout=DONE)
    page.select_option("#speed", "0.5")
    page.click("#play")
    expect(page.locator("#position")).to_have_text(re.compile(r"0:0[1-9]"))
    for _ in range(6):
        page.keyboard.press("t")
        page.wait_for_timeout(800)  # 0.4 s of the music: about 150 a minute
    page.click("#play")
    page.wait_for_timeout(2000)
    tapped = float(ask(heard, "")["wishes"]["tempo"])
    ask(heard, "wishes", "PUT", {})
    assert 100 < tapped < 160


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
    y = box["y"] + box["height"] - 8

    def drag(start: float, end: float) -> None:
        page.mouse.move(box["x"] + start, y)
        page.mouse.down()
        page.mouse.move(box["x"] + (start + end) / 2, y + 1, steps=3)
        page.mouse.move(box["x"] + end, y, steps=3)
        page.mouse.up()

    drag(60, 700)
    expect(page.locator("#said")).to_contain_text("Pedal")
    first = page.locator("#said").inner_text()
    drag(200, 400)
    expect(page.locator("#said")).not_to_have_text(first)
    said = {first.split()[1], page.locator("#said").inner_text().split()[1]}
    assert said == {"down", "up"}
    after = ask(heard, "notes")["pedal"]
    assert after != before
    for _ in range(2):
        page.click("#undo")
    expect(page.locator("#undo")).to_be_disabled()
    assert ask(heard, "notes")["pedal"] == before


def test_how_the_music_goes_on_is_heard_before_it_is_kept(opened, heard, tmp_path):
    page = opened()
    show(page, heard)
    expect(page.locator("#of")).to_have_text("of 0:40")
    page.click("#download")
    page.click("#continue")
    page.select_option("#continuation-seconds", "10")
    page.click("#continuation-hear")
    words = page.locator("#continuation-words")
    expect(words).to_have_text(re.compile(r"^\d+ notes more"), timeout=DONE)
    expect(page.locator("#of")).to_have_text(re.compile("of 0:4[5-9]|of 0:5"))
    expect(page.locator("#play-words")).to_have_text("Pause", use_inner_text=False)
    wait_until(lambda: page.evaluate("struck.length > 5"))
    with page.expect_download(timeout=DONE) as download:
        page.click("#continuation-keep")
    assert re.fullmatch(r"prelude\.continued-\d+\.mid", download.value.suggested_filename)
    download.value.save_as(tmp_path / "kept.mid")
    n_more = int(words.inner_text().split()[0])
    assert len(read_midi(tmp_path / "kept.mid").notes) == pytest.approx(
        n_notes(page) + n_more, abs=2
    )
    page.click("#continuation-close")
    expect(page.locator("#of")).to_have_text("of 0:40")
    expect(page.locator("#play-words")).to_have_text("Play", use_inner_text=False)


def test_a_faint_note_is_clicked_into_place(opened, heard):
    page = opened()
    before = show(page, heard)
    page.click("#zoom-all")
    notes = ask(heard, "notes")["notes"]
    faint = ask(heard, "faint")["notes"]
    page.keyboard.press("f")
    expect(page.locator("#faint")).to_have_attribute("aria-pressed", "true")
    page.wait_for_timeout(1000)
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

    page.mouse.click(*next(filter(None, map(place, faint))))
    expect(page.locator("#n-notes")).to_have_text(f"{before + 1} notes")
    added = {row[0] for row in ask(heard, "notes")["notes"]} - {row[0] for row in notes}
    assert added <= {row[0] for row in faint}


def test_a_loop_is_practised_with_count_in_metronome_and_growing_speed(opened, heard):
    page = opened()
    show(page, heard)
    page.click("#practice")
    page.check("#metronome")
    page.check("#count-in")
    page.select_option("#loop-speed", "1")
    page.locator("#volume-recording").fill("20")
    page.keyboard.press("Escape")
    expect(page.locator("#practice-menu")).to_be_hidden()
    page.select_option("#speed", "0.5")
    box = page.locator("#roll").bounding_box()
    page.mouse.move(box["x"] + 300, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 360, box["y"] + 52, steps=4)
    page.mouse.up()
    expect(page.locator("#loop")).to_have_attribute("aria-pressed", "true")
    start = seconds(page)
    page.click("#play")
    # A bar is counted before anything moves, and the loop comes back faster until it is as played.
    wait_until(lambda: page.evaluate("struck.length >= 2"))
    counted = page.evaluate("struck.length")
    assert seconds(page) == start
    assert page.evaluate("document.querySelector('audio').paused")
    expect(page.locator("#speed")).to_have_value("1", timeout=DONE)
    assert page.evaluate("document.querySelector('audio').playbackRate") == 1
    page.click("#play")
    # The recording alone is heard, so all else that was started are ticks.
    assert page.evaluate("struck.length") > counted


def test_notes_fall_onto_their_keys(opened, heard):
    page = opened()
    show(page, heard)
    page.locator("#views").get_by_text("Falling").click()
    falling = page.locator("#falling")
    expect(falling).to_be_visible()
    expect(page.locator("#roll")).to_be_hidden()
    first = falling.screenshot()
    page.keyboard.press("k")
    page.wait_for_timeout(300)
    assert falling.screenshot() != first
    page.locator("#views").get_by_text("Notes").click()
    expect(page.locator("#roll")).to_be_visible()


AXE = Path(app.__file__).parent / "tab/node_modules/axe-core/axe.min.js"


@pytest.mark.skipif(not AXE.is_file(), reason="needs axe-core: npm --prefix transcribe/web/tab ci")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_lists_menus_and_views(opened, heard, address, scheme):
    page = opened(bypass_csp=True, color_scheme=scheme)

    def violations() -> list[str]:
        page.evaluate(AXE.read_text("utf-8"))
        found = page.evaluate("axe.run().then(({violations}) => violations)")
        return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found]

    page.goto(address)
    expect(page.locator("#recordings .card").first).to_be_visible()
    assert violations() == []
    show(page, heard)
    page.click("#bars")
    page.click("#practice")
    assert violations() == []
    page.keyboard.press("Escape")
    page.click("#download")
    assert violations() == []
    page.click("#continue")
    page.locator("#views").get_by_text("Falling").click()
    assert violations() == []


def test_a_long_transcription_is_paused_and_goes_on(opened, address, tmp_path, prelude):
    long = write_pcm(tmp_path / "long.wav", np.tile(prelude, 6), RATE)
    page = opened()
    page.goto(address)
    page.set_input_files("#files", long)
    page.wait_for_url("**/#/recording/*", timeout=SOON)
    words = page.locator("#progress-words")
    expect(words).to_contain_text("transcribed", timeout=DONE)
    page.click("#progress-pause")
    expect(words).to_have_text(re.compile(r"^Paused after \d:\d\d of 4:04"), timeout=DONE)
    paused = ask(page.url, "")
    assert 0 < paused["heard_seconds"] < 240
    expect(page.locator("#progress-pause")).to_be_hidden()
    expect(page.locator("#progress-cancel")).to_be_visible()
    # What is there can be looked at and corrected meanwhile, and another recording passes.
    expect(page.locator("#undo")).to_be_disabled()
    page.keyboard.press("a")
    expect(page.locator("#undo")).to_be_enabled()
    page.click("#undo")
    send(address, "short.wav", write_pcm(tmp_path / "short.wav", prelude, RATE).read_bytes())
    wait_until(lambda: all(each["state"] != "queued" for each in call(address, "")["recordings"]))
    expect(words).to_have_text(re.compile("^Paused"))
    before = {row[0]: row for row in ask(page.url, "notes")["notes"]}
    page.click("#progress-resume")
    expect(page.locator("#progress")).to_be_hidden(timeout=DONE)
    after = {row[0]: row for row in ask(page.url, "notes")["notes"]}
    settled = [name for name, row in before.items() if row[3] < paused["heard_seconds"] - 5]
    assert len(settled) > 50
    assert all(after[name][:3] == before[name][:3] for name in settled)
    assert ask(page.url, "")["n_notes"] > len(before) + 100


def test_only_a_part_is_transcribed(opened, address):
    send(address, "prelude.mp3", PRELUDE.read_bytes())
    page = opened()
    page.goto(address)
    page.get_by_role("link", name="prelude.mp3").first.click()
    # Progress is hidden before the work begins too; notes are there only once it has.
    expect(page.locator("#n-notes")).to_have_text(re.compile(r"^[1-9]"), timeout=DONE)
    expect(page.locator("#progress")).to_be_hidden(timeout=DONE)
    expect(page.locator("#part-now")).to_have_text("All of the recording is transcribed.")
    whole = {row[0] for row in ask(page.url, "notes")["notes"]}
    page.click("#part-open")
    expect(page.locator("#part-to")).to_have_value("0:40.8")
    page.fill("#part-from", "0:30")
    page.fill("#part-to", "0:20")
    page.click("#part-start")
    expect(page.locator("#part-words")).to_have_text("The end comes after the beginning.")
    page.fill("#part-to", "0:75")
    page.click("#part-start")
    expect(page.locator("#part-words")).to_have_text("A time is written as 1:30, or in seconds.")
    # A drag on the waveform fills the form.
    box = page.locator("#roll").bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 500, box["y"] + 50, steps=5)
    page.mouse.up()
    expect(page.locator("#part-from")).to_have_value(re.compile(r"^0:0\d\.\d$"))
    page.fill("#part-from", "10")
    page.fill("#part-to", "0:25.5")
    page.click("#part-start")
    expect(page.locator("#part-now")).to_have_text(
        "Only 0:10 to 0:25 is transcribed.", timeout=DONE
    )
    wait_until(lambda: ask(page.url, "")["state"] == "done")
    expect(page.locator("#progress")).to_be_hidden(timeout=DONE)
    part = ask(page.url, "notes")["notes"]
    assert all(10 <= row[1] < 25.5 for row in part)
    assert 40 < len(part) < len(whole) / 2
    assert {row[0] for row in part if 10.1 < row[1] < 25.4} <= whole
    expect(page.locator("#of")).to_have_text("of 0:40")


def test_a_note_that_moves_to_another_key_is_heard(opened, heard):
    page = opened()
    show(page, heard)
    page.locator("#roll").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    wait_until(lambda: page.evaluate("struck.length") == 1)  # it is heard when it is selected
    page.click("[data-nudge=up]")
    wait_until(lambda: page.evaluate("struck.length") == 2)
    page.keyboard.press("<")
    wait_until(lambda: page.evaluate("struck.length") == 3)
    page.click("[data-nudge=right]")
    expect(page.locator("#said")).to_contain_text(re.compile("[A-G]"))
    page.wait_for_timeout(500)
    assert page.evaluate("struck.length") == 3  # later, it sounds the same


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
    page.wait_for_timeout(1000)  # until what comes with a recording is there
    roll = page.locator("#roll canvas").first

    def switch() -> None:
        before = roll.screenshot()
        page.keyboard.press("y")
        wait_until(lambda: roll.screenshot() != before)
        page.wait_for_timeout(1500)

    assert longest_task(page, switch) < 50


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


# Every gain that the page makes.
GAINS = """
window.gains = [];
const Made = GainNode;
window.GainNode = class extends Made {
  constructor(...given) {
    super(...given);
    window.gains.push(this);
  }
};
"""


def test_recording_notes_and_metronome_have_volumes_of_their_own(opened, heard):
    page = opened()
    page.add_init_script(GAINS)
    show(page, heard)
    page.click("#play")
    wait_until(lambda: page.evaluate("window.gains.length >= 2"))

    def gains() -> list[float]:
        return [round(each, 4) for each in page.evaluate("gains.map(({gain}) => gain.value)")]

    page.click("#practice")
    before = gains()
    set_slider(page, "volume-recording", 50)
    halved = gains()
    changed = [i for i, value in enumerate(halved) if value != before[i]]
    assert [halved[i] for i in changed] == [0.25]  # half as loud is about a quarter of the power
    set_slider(page, "volume-notes", 0)
    silent = gains()
    others = [i for i, value in enumerate(silent) if value != halved[i]]
    assert [silent[i] for i in others] == [0]
    assert others != changed
    set_slider(page, "volume-metronome", 100)
    loud = gains()
    ticks = [i for i, value in enumerate(loud) if value != silent[i]]
    assert len(ticks) == 1
    assert ticks[0] not in (*changed, *others)
    assert (before[ticks[0]], loud[ticks[0]]) == (0.98, 2)
    set_slider(page, "volume-recording", 100)
    set_slider(page, "volume-notes", 100)
    set_slider(page, "volume-metronome", 70)
    assert gains() == before


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
