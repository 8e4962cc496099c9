"""The site in a real Chromium: transcribing without a server, and nothing lost on the way."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tab_checks
from conftest import write_pcm
from live_page import assert_played, record_with_notes
from site_checks import PRELUDE, assert_as_the_command, by_command, rows_of

from eval.data.recordings import encode
from eval.performance import browser
from transcribe.audio.reader import read_audio
from transcribe.version import __version__
from transcribe.web.site import BUILT, HOW_TO_BUILD, SOURCE, write_site

sync_api = pytest.importorskip("playwright.sync_api", reason=browser.HOW_TO)
if browser.chromium() is None:
    pytest.skip(browser.HOW_TO, allow_module_level=True)
if not (BUILT / "index.html").is_file():
    pytest.skip(f"the site is not built: {HOW_TO_BUILD}", allow_module_level=True)

expect = sync_api.expect
DONE = 240_000
"""Milliseconds that a recording may take: the machine may be busy."""
SOON = 60_000
pytestmark = pytest.mark.slow
expect.set_options(timeout=SOON)
RATE = 16_000
AXE = SOURCE / "node_modules/axe-core/axe.min.js"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("host") / "music"  # within a folder of its host
    write_site(where)
    return where


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with browser.static_host(folder.parent) as host:
        yield f"{host}/music/"


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
def visit(chromium: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Open the page in a browser of its own; at the end nobody else was asked for anything."""
    asked: list[str] = []
    wrong: list[str] = []
    contexts = []

    def new(context: Any = None, **options: Any) -> Any:
        if context is None:
            context = chromium.new_context(**options)
            context.set_default_timeout(SOON)
            context.on("request", lambda request: asked.append(request.url))
            context.on("weberror", lambda error: wrong.append(str(error.error)))
            context.on("console", lambda said: said.type == "error" and wrong.append(said.text))
            contexts.append(context)
        page = context.new_page()
        page.goto(address)
        page.locator("body[data-kept]").wait_for()
        page.wait_for_timeout(1500)  # it loads itself once more, to use several cores
        return page

    yield new
    for context in contexts:
        context.close()
    assert asked
    assert [url for url in asked if not url.startswith((address, "blob:", "data:"))] == []
    assert [words for words in wrong if "ERR_INTERNET_DISCONNECTED" not in words] == []


@pytest.fixture(scope="module")
def prelude() -> np.ndarray:
    return read_audio(PRELUDE, RATE)


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory, prelude: np.ndarray) -> Path:
    """Two minutes, which are five windows of the network."""
    return write_pcm(tmp_path_factory.mktemp("long") / "long.wav", np.tile(prelude, 3), RATE)


def add(page: Any, *recordings: Path) -> None:
    page.set_input_files("#files", recordings)


def expect_done(page: Any) -> None:
    """Wait until the recording that is open is done."""
    expect(page.locator("#n-notes")).to_have_text(re.compile(r"^[0-9]"), timeout=DONE)
    expect(page.locator("#progress")).to_be_hidden(timeout=DONE)


def download(page: Any, kind: str, folder: Path) -> Path:
    page.click("#download")
    with page.expect_download() as downloading:
        page.click(f"[data-kind='{kind}']")
    path = folder / downloading.value.suggested_filename
    downloading.value.save_as(path)
    return path


def test_notes_are_the_command_s_and_every_download_is_there(visit, tmp_path):
    page = visit()
    assert page.evaluate("crossOriginIsolated")  # several cores, without headers of the host
    add(page, PRELUDE)
    page.wait_for_url("**/#/recording/*")
    expect_done(page)
    expected = by_command(PRELUDE, tmp_path)
    (tmp_path / "tab").mkdir()
    files = {
        kind: download(page, kind, tmp_path / "tab")
        for kind in ("csv", "mid", "sustained.mid", "json", "svg", "wav", "original")
    }
    assert_as_the_command(rows_of(files["csv"]), expected)
    assert [path.name for path in files.values()] == [
        "prelude.csv",
        "prelude.mid",
        "prelude.sustained.mid",
        "prelude.json",
        "prelude.svg",
        "prelude.piano.wav",
        "prelude.mp3",
    ]
    assert files["original"].read_bytes() == PRELUDE.read_bytes()
    assert files["mid"].read_bytes()[:4] == b"MThd"
    assert f"(transcribe {__version__})".encode() in files["mid"].read_bytes()
    header = (tmp_path / "prelude.json").read_text().split('"notes"')[0]
    assert files["json"].read_text().split('"notes"')[0] == header
    heard = read_audio(files["wav"], RATE)
    assert len(heard) / RATE == pytest.approx(float(expected[-1][1]) + 4, abs=1)
    assert np.abs(heard).max() > 0.05
    expect(page.locator("[data-kind='continued.mid']")).to_be_hidden()


def test_without_a_network_it_opens_and_transcribes(visit, chromium, folder, tmp_path):
    """The host is gone, and a new tab opens the page, hears a recording and saves it."""
    away = tmp_path / "host"
    shutil.copytree(folder, away)
    context = chromium.new_context()
    with browser.static_host(away) as host:
        page = context.new_page()
        page.goto(f"{host}/")
        page.locator("body[data-kept]").wait_for()
        page.wait_for_timeout(1500)
        page.close()
    context.set_offline(True)
    page = context.new_page()
    page.goto(f"{host}/")
    add(page, PRELUDE)
    page.wait_for_url("**/#/recording/*")
    expect_done(page)
    assert len(rows_of(download(page, "csv", tmp_path))) > 150
    page.reload()
    expect(page.locator("#n-notes")).to_have_text(re.compile(r"^1\d\d notes"))
    context.close()
    visit()


def test_a_closed_tab_loses_nothing_and_another_goes_on(visit, long, tmp_path):
    first = visit()
    add(first, long)
    first.wait_for_url("**/#/recording/*")
    expect(first.locator("#n-notes")).to_have_text(re.compile(r"^[1-9]"), timeout=DONE)
    where = first.url
    kept = first.evaluate(KEPT)
    first.close()
    second = visit(first.context)
    second.goto(where)
    expect_done(second)
    after = second.evaluate(KEPT)
    assert kept["attempt"] == after["attempt"] == 1
    assert kept["n_pieces"] < after["n_pieces"]
    rows = rows_of(download(second, "csv", tmp_path))
    assert_as_the_command(rows, by_command(long, tmp_path))
    assert after["n_bytes_of_sound"] == 2 * len(read_audio(long))


KEPT = """async () => {
  const database = await new Promise((resolve) => {
    const request = indexedDB.open("transcribe-library");
    request.onsuccess = () => resolve(request.result);
  });
  const all = (store) => new Promise((resolve) => {
    const request = database.transaction(store).objectStore(store).getAll();
    request.onsuccess = () => resolve(request.result);
  });
  const [entry] = await all("recordings");
  const pieces = await all("heard");
  database.close();
  return {
    attempt: entry.attempt,
    state: entry.state,
    n_pieces: pieces.length,
    n_bytes_of_sound: pieces.reduce((sum, piece) => sum + piece.sound.size, 0),
  };
}"""


def test_paused_it_waits_and_goes_on_from_there(visit, long):
    page = visit()
    add(page, long)
    page.wait_for_url("**/#/recording/*")
    expect(page.locator("#n-notes")).to_have_text(re.compile(r"^[1-9]"), timeout=DONE)
    page.click("#progress-pause")
    expect(page.locator("#progress-words")).to_contain_text("Paused after")
    page.reload()
    page.wait_for_timeout(2000)
    kept = page.evaluate(KEPT)
    assert kept["state"] == "paused"
    page.click("#progress-resume")
    expect_done(page)
    after = page.evaluate(KEPT)
    assert after["attempt"] == 1
    assert after["n_pieces"] > kept["n_pieces"]


OTHER_SETTINGS = """async () => {
  const database = await new Promise((resolve) => {
    const request = indexedDB.open("transcribe-library");
    request.onsuccess = () => resolve(request.result);
  });
  const store = database.transaction("recordings", "readwrite").objectStore("recordings");
  await new Promise((resolve) => {
    store.getAll().onsuccess = ({ target }) => {
      const [entry] = target.result;
      entry.decode.pedal_threshold = 0.4;
      store.put(entry).onsuccess = resolve;
    };
  });
  database.close();
}"""


def test_work_that_was_begun_with_other_settings_begins_again(visit, long, tmp_path):
    """As after an update of the site, whose weights may be called what they were."""
    page = visit()
    add(page, long)
    page.wait_for_url("**/#/recording/*")
    expect(page.locator("#n-notes")).to_have_text(re.compile(r"^[1-9]"), timeout=DONE)
    page.click("#progress-pause")
    expect(page.locator("#progress-words")).to_contain_text("Paused after")
    page.evaluate(OTHER_SETTINGS)
    page.reload()
    page.click("#progress-resume")
    expect_done(page)
    assert page.evaluate(KEPT)["attempt"] == 2
    assert_as_the_command(rows_of(download(page, "csv", tmp_path)), by_command(long, tmp_path))


def test_the_sound_of_a_recording_in_work_is_fetched_when_it_is_played(visit, long):
    page = visit()
    add(page, long)
    page.wait_for_url("**/#/recording/*")
    expect(page.locator("#n-notes")).to_have_text(re.compile(r"^[1-9]"), timeout=DONE)
    look = "[document.title, document.querySelector('#audio').getAttribute('src')]"
    title, source = page.evaluate(look)
    assert "%" in title  # still at work; every address that is looked into costs memory
    assert source is None
    page.click("#play")
    expect(page.locator("#position")).to_have_text(re.compile(r"0:0[1-9]\.\d"))
    assert page.evaluate(look)[1].startswith("blob:")
    page.keyboard.press("Space")
    expect_done(page)
    page.keyboard.press("End")
    page.keyboard.press("Space")  # to the end: all of the sound is there by now
    expect(page.locator("#position")).to_have_text(re.compile(r"0:0[1-9]\.\d"))
    assert page.evaluate("document.querySelector('#audio').duration") > 120


def test_two_tabs_agree_and_one_of_them_works(visit, tmp_path):
    first = visit()
    second = visit(first.context)
    add(second, PRELUDE)
    second.wait_for_url("**/#/recording/*")
    expect_done(second)
    first.goto(second.url)
    expect(first.locator("#n-notes")).to_have_text(second.locator("#n-notes").text_content())
    before = int(re.sub(r"\D", "", first.locator("#n-notes").text_content()))
    second.focus("#roll")
    second.keyboard.press("Control+a")
    second.keyboard.press("Delete")
    expect(first.locator("#n-notes")).to_have_text("0 notes")
    first.keyboard.press("Control+z")
    expect(second.locator("#n-notes")).to_have_text(f"{before} notes")
    first.close()
    second.goto(second.url.partition("#")[0])
    add(second, PRELUDE)  # the tab that worked is closed: this one takes over
    second.wait_for_url("**/#/recording/*")
    expect_done(second)


def test_notes_come_while_it_records_and_leave_by_a_midi_port(visit):
    page = visit()
    sent = record_with_notes(page, expect, patience=DONE)
    expect_done(page)
    assert_played(sent)


def test_what_is_no_recording_is_refused_in_a_sentence(visit, tmp_path):
    page = visit()
    empty, text, cut = tmp_path / "empty.wav", tmp_path / "text.mp3", tmp_path / "cut.mp3"
    empty.write_bytes(b"")
    text.write_text("Dear diary, today I practised.\n" * 300)
    content = PRELUDE.read_bytes()
    cut.write_bytes(content[: len(content) // 3])
    # A FLAC file in which the beginning of an mp3 is kept as a foreign block.
    misleading = encode(tmp_path / "misleading.flac", "flac", read_audio(PRELUDE)[: 4 * RATE], RATE)
    misleading.write_bytes(with_block(misleading.read_bytes(), b"test" + content[:4000]))
    add(page, empty, text, cut, misleading)
    expect(page.locator("#uploads .failed .what")).to_contain_text("“empty.wav” is empty")
    said = page.locator("#recordings .card").filter(has_text="text.mp3")
    expect(said.locator(".what")).to_contain_text("This is not a recording", timeout=DONE)
    for name in ("cut.mp3", "misleading.flac"):
        said = page.locator("#recordings .card").filter(has_text=name)
        expect(said.locator(".what")).to_have_text(re.compile(r"^\d+ notes"), timeout=DONE)


def with_block(flac: bytes, content: bytes) -> bytes:
    """A FLAC file with a block of another program's data after its first one, of 38 bytes."""
    header = bytes([2]) + len(content).to_bytes(3, "big")
    return flac[:42] + header + content + flac[42:]


def test_a_killed_tab_loses_nothing_and_another_goes_on_with_all_that_waits(visit, long):
    page = visit()
    add(page, long, PRELUDE)
    cards = page.locator("#recordings .card")
    expect(cards.filter(has_text="long.wav").locator("progress[value]")).to_be_visible(timeout=DONE)
    with suppress(sync_api.Error):
        page.goto("chrome://crash")
    second = visit(page.context)
    said = second.locator("#recordings .card .what")
    expect(said).to_have_text([re.compile(r"^\d+ notes")] * 2, timeout=DONE)
    kept = second.evaluate(KEPT)
    assert kept["attempt"] == 1
    assert kept["n_bytes_of_sound"] == 2 * len(read_audio(long)) + 2 * len(read_audio(PRELUDE))


def test_storage_emptied_by_its_owner_ends_the_work_and_the_page_goes_on(visit, long):
    page = visit()
    add(page, long)
    page.wait_for_url("**/#/recording/*")
    expect(page.locator("#n-notes")).to_have_text(re.compile(r"^[1-9]"), timeout=DONE)
    session = page.context.new_cdp_session(page)
    everything = {"origin": page.evaluate("location.origin"), "storageTypes": "indexeddb"}
    session.send("Storage.clearDataForOrigin", everything)
    expect(page.locator("#notices")).to_contain_text("This recording is not here any more")
    expect(page.locator("#recordings .card")).to_have_count(0)
    add(page, PRELUDE)
    page.wait_for_url("**/#/recording/*")
    expect_done(page)


def test_a_file_that_is_not_as_it_was_chosen_is_told(visit, tmp_path):
    page = visit()
    page.evaluate(
        "addEventListener('change', (event) => window.chosen || event.stopPropagation(), true)"
    )
    path = shutil.copy(PRELUDE, tmp_path / "changed.mp3")
    add(page, path)
    path.write_bytes(b"Something else")
    page.evaluate(
        "window.chosen = true; document.getElementById('files').dispatchEvent(new Event('change'))"
    )
    said = page.locator("#uploads .failed .what")
    expect(said).to_contain_text("The browser can't read this file. It may have been changed")
    expect(page.locator("#recordings .card")).to_have_count(0)


def test_full_storage_is_told_and_keeps_what_was_found(visit, long, tmp_path):
    page = visit()
    no_room = re.compile("There is no room left in the browser's storage")
    with room(page, 2_000_000):
        add(page, long)
        expect(page.locator("#uploads .failed .what")).to_have_text(no_room)
        expect(page.locator("#recordings .card")).to_have_count(0)
    page.click("#uploads button:has-text('Try again')")
    page.wait_for_url("**/#/recording/*")
    expect(page.locator("#n-notes")).to_have_text(re.compile(r"^[1-9]"), timeout=DONE)
    page.click("#progress-pause")
    words = page.locator("#progress-words")
    expect(words).to_contain_text("Paused after")
    paused = page.evaluate(KEPT)
    page.wait_for_timeout(REMEMBERED)
    with room(page, 500_000):  # for how the recording stands, not for a window's sound
        page.click("#progress-resume")
        expect(words).to_have_text(no_room, timeout=DONE)
        assert page.evaluate(KEPT)["n_pieces"] == paused["n_pieces"] > 0
    page.click("#progress-again")
    expect_done(page)
    after = page.evaluate(KEPT)
    assert after["attempt"] == 1  # it went on from there
    assert after["n_pieces"] > paused["n_pieces"]
    assert_as_the_command(rows_of(download(page, "csv", tmp_path)), by_command(long, tmp_path))


REMEMBERED = 31_000
"""Milliseconds; for so long Chromium reckons with what was left of the storage before."""


@contextmanager
def room(page: Any, n_bytes: int) -> Iterator[None]:
    """Leave so many bytes of the browser's storage, counted from what is taken now."""
    session = page.context.new_cdp_session(page)
    origin = {"origin": page.evaluate("location.origin")}
    taken = session.send("Storage.getUsageAndQuota", origin)["usage"]
    session.send("Storage.overrideQuotaForOrigin", {**origin, "quotaSize": taken + n_bytes})
    yield
    session.send("Storage.overrideQuotaForOrigin", origin)
    session.detach()


def test_an_address_that_is_not_secure_is_told(address):
    # In a thread of its own: Playwright drives one browser in each.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(_visit_insecurely, address).result()


def _visit_insecurely(address: str) -> None:
    with browser.browser("--host-resolver-rules=MAP piano.example 127.0.0.1") as started:
        page = started.new_page()
        page.goto(address.replace("127.0.0.1", "piano.example"))
        expect(page.locator("#notices")).to_contain_text("it is not secure")
        expect(page.locator("#notices")).to_contain_text("https")
        page.set_input_files("#files", PRELUDE)
        expect(page.locator("#uploads .failed .what")).to_contain_text("it is not secure")


def test_everything_kept_can_be_deleted(visit):
    page = visit()
    expect(page.locator("#list-section")).to_contain_text("A private window forgets them")
    add(page, PRELUDE, PRELUDE)
    expect(page.locator("#recordings .card")).to_have_count(2)
    expect(page.locator("#disk")).to_contain_text("kept in this browser")
    page.click("text=Delete everything kept here")
    page.click("#question-yes")
    expect(page.locator("#recordings .card")).to_have_count(0)
    page.reload()
    expect(page.locator("#list-empty")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_shut_out(visit, scheme):
    if not AXE.is_file():
        pytest.skip(tab_checks.HOW_TO)
    page = visit(color_scheme=scheme, bypass_csp=True)
    assert violations(page) == []
    page.click("text=About this page")
    expect(page.locator("#about-parts li")).to_have_count(7)
    assert violations(page) == []
    page.keyboard.press("Escape")
    add(page, PRELUDE)
    page.wait_for_url("**/#/recording/*")
    expect_done(page)
    assert violations(page) == []


def violations(page: Any) -> list[str]:
    page.add_script_tag(path=AXE)
    found = page.evaluate("async () => (await axe.run()).violations")
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found]
