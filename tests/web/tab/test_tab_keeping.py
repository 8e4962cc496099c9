"""What the site keeps in the browser: nothing is lost on the way, and all can be deleted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from playwright.sync_api import Error, expect
from site_checks import PRELUDE, assert_as_the_command, by_command, rows_of

from transcribe.audio.reader import read_audio

from .actions import DONE, add, begin, download, expect_done, pause

pytestmark = pytest.mark.slow


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
    begin(page, long)
    pause(page)
    page.reload()
    expect(page.locator("#progress-resume")).to_be_visible()
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
    begin(page, long)
    pause(page)
    page.evaluate(OTHER_SETTINGS)
    page.reload()
    page.click("#progress-resume")
    expect_done(page)
    assert page.evaluate(KEPT)["attempt"] == 2
    assert_as_the_command(rows_of(download(page, "csv", tmp_path)), by_command(long, tmp_path))


def test_the_sound_of_a_recording_in_work_is_fetched_when_it_is_played(visit, long):
    page = visit()
    begin(page, long)
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


def test_a_killed_tab_loses_nothing_and_another_goes_on_with_all_that_waits(visit, long):
    page = visit()
    add(page, long, PRELUDE)
    cards = page.locator("#recordings .card")
    expect(cards.filter(has_text="long.wav").locator("progress[value]")).to_be_visible(timeout=DONE)
    with suppress(Error):
        page.goto("chrome://crash")
    second = visit(page.context)
    said = second.locator("#recordings .card .what")
    expect(said).to_have_text([re.compile(r"^\d+ notes")] * 2, timeout=DONE)
    kept = second.evaluate(KEPT)
    assert kept["attempt"] == 1
    assert kept["n_bytes_of_sound"] == 2 * len(read_audio(long)) + 2 * len(read_audio(PRELUDE))


def test_storage_emptied_by_its_owner_ends_the_work_and_the_page_goes_on(visit, long):
    page = visit()
    begin(page, long)
    session = page.context.new_cdp_session(page)
    everything = {"origin": page.evaluate("location.origin"), "storageTypes": "indexeddb"}
    session.send("Storage.clearDataForOrigin", everything)
    expect(page.locator("#notices .notice")).to_have_text("This recording is not here any more.")
    expect(page.locator("#recordings .card")).to_have_count(0)
    add(page, PRELUDE)
    page.wait_for_url("**/#/recording/*")
    expect_done(page)


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
