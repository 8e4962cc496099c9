"""Files that leave the page."""

from __future__ import annotations

import json
import re
import urllib.request

import numpy as np
import pytest
from playwright.sync_api import expect
from site_checks import PRELUDE
from web_server import wait_until

from transcribe.audio.reader import read_audio
from transcribe.midi import read_midi

from .actions import (
    DONE,
    n_notes,
    show,
)

pytestmark = pytest.mark.slow


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
    # A score is stopped by its button, and by looking at something else.
    page.route("**/score?*", lambda route: None)
    ended: list[str] = []
    page.on("requestfailed", lambda request: ended.append(request.url))
    for view in (None, "Falling"):
        with page.expect_request("**/score?*"):
            page.locator("#views").get_by_text("Score").click()
        if view:
            page.locator("#views").get_by_text(view).click()
        else:
            expect(work).to_contain_text("Writing the score")
            work.get_by_role("button", name="Cancel").click()
        expect(work).to_have_count(0)
        expect(page.locator("#views").get_by_label(view or "Notes")).to_be_checked()
    wait_until(lambda: page.evaluate("1") and len([url for url in ended if "/score?" in url]) == 2)


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
