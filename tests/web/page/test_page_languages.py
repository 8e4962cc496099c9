"""The page in German and French, in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from chromium import watched
from conftest import write_pcm
from playwright.sync_api import expect
from site_checks import PRELUDE
from web_server import wait_until

from eval.performance import browser
from transcribe.audio.reader import read_audio

RATE = 16_000
PATIENCE = 180_000
"""Milliseconds that anything may take: the machine may be busy."""
LOCALES = {"de": "de-DE", "fr": "fr-FR"}

pytestmark = pytest.mark.slow

# What is to be read at the top of the page, with every frame from the first on.
WATCH = """
window.read = new Set();
const look = () => {
  const title = document.getElementById("home-title");
  const shown = title && getComputedStyle(document.body).visibility === "visible";
  if (shown) window.read.add(title.textContent);
  requestAnimationFrame(look);
};
look();
"""
# What is cut off or beyond the window's edges, of all that is to be read or pressed.
OVERFLOWING = """() => {
  const found = [];
  const { scrollWidth } = document.documentElement;
  if (scrollWidth > innerWidth) found.push(`the page is ${scrollWidth} wide`);
  for (const each of document.querySelectorAll("button, .button, label, p, h1, h2, select, span")) {
    const { left, right, width } = each.getBoundingClientRect();
    if (width < 2 || each.closest(".sr, .skip, #forms form, dialog:not([open])")) continue;
    const words = each.id || each.textContent.trim();
    if (left < -1 || right > innerWidth + 1) found.push(`${words}: from ${left} to ${right}`);
    const cut = each.matches("button, .button") && each.scrollWidth > each.clientWidth + 1;
    if (cut) found.push(`${words}: ${each.scrollWidth} in ${each.clientWidth}`);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server that has nothing but what is heard here."""
    with browser.serving(tmp_path_factory.mktemp("served")) as where:
        yield where


@pytest.fixture
def opened(chromium: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Open pages in a language; at the end none of them may have failed."""
    expect.set_options(timeout=PATIENCE)
    refused = "Failed to load resource"  # the answers that some tests give
    with watched(chromium, address, patience=PATIENCE, forgiven=refused) as new_context:

        def new(language: str, **options: Any) -> Any:
            return new_context(locale=LOCALES[language], **options).new_page()

        yield new


@pytest.fixture(scope="module")
def heard(chromium: Any, address: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of eight seconds of music that are transcribed."""
    samples = read_audio(PRELUDE, RATE)[: 8 * RATE]
    recording = write_pcm(tmp_path_factory.mktemp("music") / "prelude.wav", samples, RATE)
    context = chromium.new_context(locale="de-DE")
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(address)
    page.set_input_files("#files", recording)
    page.wait_for_url("**/#/recording/*")
    page.locator("#progress").wait_for(state="hidden")
    found: str = page.url
    context.close()
    return found


def test_a_german_reader_never_sees_another_language(opened, address):
    page = opened("de")
    page.add_init_script(WATCH)
    page.goto(address)
    expect(page.locator("#home-title")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "de")
    wait_until(lambda: page.evaluate("window.read.size"))
    assert page.evaluate("[...window.read]") == ["Aus Klavieraufnahmen werden Noten"]
    expect(page.locator("#list-empty")).to_have_text(re.compile("^Noch keine"))
    expect(page.locator("#disk")).to_have_text(re.compile(r"^[\d.]+,\d\sGB frei auf"))
    expect(page.locator("#search")).to_have_attribute("placeholder", "Suchen")


@pytest.mark.parametrize(
    ("language", "pitches", "keys"),
    [
        (
            "de",
            {
                21: "A₂",
                34: "B₁",
                35: "H₁",
                47: "H",
                48: "c",
                58: "b",
                60: "c¹",
                66: "fis¹",
                108: "c⁵",
            },
            {"C": "C-Dur", "Bb": "B-Dur", "B": "H-Dur", "Cm": "c-Moll", "F#m": "fis-Moll"},
        ),
        (
            "fr",
            {21: "la-2", 24: "do-1", 36: "do1", 60: "do3", 69: "la3", 70: "si♭3", 108: "do7"},
            {"C": "do majeur", "Bb": "si♭ majeur", "Cm": "do mineur", "F#m": "fa♯ mineur"},
        ),
    ],
)
def test_notes_and_keys_have_the_names_of_the_language(opened, address, language, pitches, keys):
    page = opened(language)
    page.goto(address)
    page.locator("#list-empty").wait_for(state="attached")
    names = (
        "(id) => Object.fromEntries([...document.getElementById(id)].map((o) => [o.value, o.text]))"
    )
    found = page.evaluate(names, "field-pitch")
    assert {pitch: found[str(pitch)] for pitch in pitches} == pitches
    found = page.evaluate(names, "piece-key")
    assert {key: found[key] for key in keys} == keys
    page.evaluate("document.querySelector('[data-help]').click()")
    expect(page.locator("#help-keys")).to_contain_text("Strg + Z" if language == "de" else "Suppr")


def test_a_recording_is_corrected_in_german(opened, heard, address):
    page = opened("de")
    page.goto(heard)
    expect(page.locator("#n-notes")).to_have_text(re.compile(r"^\d+ Töne$"))
    expect(page.locator("#position")).to_have_text("0:00,0")
    expect(page.locator("#of")).to_have_text("von 0:08")
    page.focus("#roll")
    page.keyboard.press("ArrowRight")
    seconds, sure = r"\d+,\d\d s", r"(ziemlich )?\w+ \(\d+\s%\)"
    spoken = rf"^[cdefgah]\S*, bei {seconds}, {seconds} lang, [mpf]+ \(\d+\), {sure}$"
    expect(page.locator("#said")).to_have_text(re.compile(spoken))
    page.keyboard.press("Enter")
    expect(page.locator("#selected-words")).to_have_text(re.compile(r"\(\d+\s%\)\.$"))
    page.fill("#field-onset", "7.9")
    page.keyboard.press("Tab")
    expect(page.locator("#selected-words")).to_have_text(re.compile("^Von Ihnen geändert"))
    page.click("#undo")
    expect(page.locator("#said")).to_have_text("Rückgängig gemacht")
    page.click("#download")
    expect(page.locator("#download-menu")).to_contain_text("Gesetzte Noten (PDF)")
    page.goto(address)
    what = page.locator(".card .what")
    expect(what).to_have_text(re.compile(r"^\d+ Töne · 0:08 · \d{1,2}\. \S+, \d\d:\d\d$"))
    page.get_by_label("Löschen: prelude.wav").click()
    expect(page.locator("#question-words")).to_contain_text("lässt sich nicht rückgängig machen")
    page.locator("#question").get_by_text("Abbrechen").click()
    expect(what).to_be_visible()


def answering(**answer: Any) -> Callable[[Any], None]:
    """What answers a page in the server's place."""
    return lambda route: route.fulfill(**answer)


def test_errors_and_warnings_are_told_by_their_kind_or_else_in_english(opened, heard, address):
    page = opened("de")
    answers = {
        "known": (404, {"error": "Gone.", "hint": "Go.", "kind": "not_here", "values": {}}),
        "odd": (418, {"error": "A new thing.", "hint": "Wait.", "kind": "tea", "values": {}}),
        "bare": (
            404,
            {"error": "It ended after {seconds}.", "kind": "note_too_long", "values": {}},
        ),
    }
    for name, (status, content) in answers.items():
        page.route(f"**/api/recordings/{name}", answering(status=status, json=content))
    recording = {
        "id": "a", "name": "a.wav", "created": 1e9, "bytes": 1, "duration": 9.0, "state": "done",
        "heard_seconds": 9.0, "seconds_left": None, "n_before": None, "error": "", "hint": "",
        "n_notes": 1, "notes_version": "1", "edited": False,
        "warnings": ["Distorted.", "Tuned.", "Something new."],
        "remarks": [
            {"kind": "clipped", "message": "", "values": {"share": 0.0312}},
            {"kind": "tuning", "message": "", "values": {"cents": -41.3, "a4": 440}},
            {"kind": "new", "message": "", "values": {}},
        ],
    }  # fmt: skip
    failed = {
        **recording, "id": "b", "name": "b.wav", "state": "failed", "warnings": [], "remarks": [],
        "error": "This recording is empty.", "hint": "Copy.", "error_kind": "empty",
    }  # fmt: skip
    listed = {"recordings": [recording, failed], "limits": {"upload_bytes": 5e8}}
    page.route("**/api/recordings", answering(json=listed))
    page.goto(address)
    warned = page.locator(".card", has_text="a.wav")
    expect(warned).to_contain_text(re.compile(r"Übersteuert: 3,1\s% der Abtastwerte"))
    expect(warned).to_contain_text(
        re.compile("41 Cent unter a¹ = 440 Hz gestimmt: a¹ liegt bei 429,6 Hz; alle")
    )
    expect(warned).to_contain_text("Something new.")
    expect(warned).to_contain_text(re.compile(r"1 Ton · 0:09"))
    expect(page.locator(".card", has_text="b.wav")).to_contain_text("Diese Aufnahme ist leer.")
    for name, words in (
        ("known", "Diese Aufnahme gibt es hier nicht mehr."),
        ("%E0%A4%A", "Diese Aufnahme gibt es hier nicht mehr."),
        ("odd", "A new thing."),
        ("bare", "It ended after {seconds}."),
    ):
        page.goto(f"{address}/#/recording/{name}")
        expect(page.locator(".notice.error").last).to_contain_text(words)
    # One that is told late does not close what is open by then.
    late: list[Any] = []
    page.route("**/api/recordings/late", lambda route: late.append(route))
    page.goto(f"{address}/#/recording/late")
    wait_until(lambda: page.evaluate("1") and late)
    page.goto(heard)
    expect(page.locator("#n-notes")).to_have_text(re.compile(r"^\d"))
    with page.expect_response("**/late"):
        late[0].fulfill(status=404, json=answers["known"][1])
    page.evaluate("new Promise(requestAnimationFrame)")
    assert page.url == heard


def test_the_language_is_chosen_on_the_page_or_by_the_address_and_kept(opened, address):
    page = opened("de")
    page.goto(address)
    expect(page.locator("#language option")).to_have_text(["English", "Deutsch", "Français"])
    page.select_option("#language", "fr")
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    expect(page.locator("#list-title")).to_have_text("Vos enregistrements")
    page.reload()
    expect(page.locator("#list-title")).to_have_text("Vos enregistrements")
    page.goto(f"{address}/?lang=en")
    expect(page.locator("#list-title")).to_have_text("Your recordings")
    wait_until(lambda: "lang" not in page.url)
    page.reload()
    expect(page.locator("#list-title")).to_have_text("Your recordings")
    page.goto(f"{address}/?lang=tlh")
    expect(page.locator("#list-title")).to_have_text("Your recordings")


@pytest.mark.parametrize("language", LOCALES)
@pytest.mark.parametrize(("width", "height"), [(390, 844), (1366, 768)])
def test_longer_words_have_room(opened, heard, address, language, width, height):
    page = opened(language, viewport={"width": width, "height": height})
    page.goto(address)
    expect(page.locator(".card .what")).to_be_visible()
    assert page.evaluate(OVERFLOWING) == []
    page.goto(heard)
    expect(page.locator("#n-notes")).to_have_text(re.compile(r"^\d"))
    assert page.evaluate(OVERFLOWING) == []
    for hidden in ("false", "true"):
        forms = "document.querySelectorAll('#forms form')"
        page.evaluate(f"{forms}.forEach((form) => (form.hidden = {hidden}))")
        assert page.evaluate(OVERFLOWING) == []
    for opener in ("#download", "#practice"):
        page.click(opener)
        assert page.evaluate(OVERFLOWING) == []
        page.keyboard.press("Escape")
    page.focus("#roll")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator("#selected-name")).not_to_be_empty()
    assert page.evaluate(OVERFLOWING) == []
    if page.locator("#panel-toggle").is_visible():
        page.click("#panel-toggle")
        assert page.evaluate(OVERFLOWING) == []
    page.evaluate("document.querySelector('#editor [data-help]').click()")
    assert page.evaluate(OVERFLOWING) == []
