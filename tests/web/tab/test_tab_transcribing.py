"""Transcribing on the site without a server: as the command does, and what is refused."""

from __future__ import annotations

import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import tab_checks
from chromium import AXE, violations
from live_page import assert_played, record_with_notes
from playwright.sync_api import expect
from site_checks import PRELUDE, assert_as_the_command, by_command, rows_of

from eval.data.recordings import encode
from eval.performance import browser
from transcribe.audio.reader import read_audio
from transcribe.midi_file import midi_file_bytes
from transcribe.version import __version__

from .actions import DONE, RATE, add, download, expect_done

pytestmark = pytest.mark.slow


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
    (away / "diary").mkdir()
    (away / "diary" / "index.html").write_text("Dear Clara,")
    context = chromium.new_context()
    with browser.static_host(away) as host:
        page = context.new_page()
        page.goto(f"{host}/")
        page.locator("body[data-kept]").wait_for()
        page.goto(f"{host}/diary/")  # what lies below the site is no part of it
        expect(page.locator("body")).to_have_text("Dear Clara,")
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
    page.goto(f"{host}/licences.txt")
    expect(page.locator("body")).to_contain_text("Mozilla Public License")
    context.close()
    visit()


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
    midi = tmp_path / "song.mid"
    midi.write_bytes(midi_file_bytes(480, [[]]))
    add(page, empty, text, cut, midi, misleading)
    expect(page.locator("#uploads .failed .what")).to_contain_text("“empty.wav” is empty")
    said = page.locator("#recordings .card").filter(has_text="text.mp3")
    expect(said.locator(".what")).to_contain_text("This is not a recording", timeout=DONE)
    said = page.locator("#recordings .card").filter(has_text="song.mid")
    expect(said.locator(".what")).to_contain_text("This is a MIDI file", timeout=DONE)
    for name in ("cut.mp3", "misleading.flac"):
        said = page.locator("#recordings .card").filter(has_text=name)
        expect(said.locator(".what")).to_have_text(re.compile(r"^\d+ notes"), timeout=DONE)


def with_block(flac: bytes, content: bytes) -> bytes:
    """A FLAC file with a block of another program's data after its first one, of 38 bytes."""
    header = bytes([2]) + len(content).to_bytes(3, "big")
    return flac[:42] + header + content + flac[42:]


def test_a_file_that_is_not_as_it_was_chosen_is_told(visit, tmp_path):
    page = visit()
    page.evaluate(
        "addEventListener('change', (event) => window.chosen || event.stopPropagation(), true)"
    )
    path = shutil.copy(PRELUDE, tmp_path / "changed.mp3")
    add(page, path)
    assert page.evaluate("document.getElementById('files').files[0].size") == path.stat().st_size
    path.write_bytes(b"Something else")
    os.utime(path, (0, 0))  # browsers tell by the time, and only to the second
    page.evaluate(
        "window.chosen = true; document.getElementById('files').dispatchEvent(new Event('change'))"
    )
    said = page.locator("#uploads .failed .what")
    expect(said).to_contain_text("The browser can't read this file. It may have been changed")
    expect(page.locator("#recordings .card")).to_have_count(0)


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


def test_nobody_is_shut_out(visit):
    if not AXE.is_file():
        pytest.skip(tab_checks.HOW_TO)
    page = visit(bypass_csp=True)
    expect_nobody_shut_out(page)
    page.click("text=About this page")
    expect(page.locator("#about-parts li")).to_have_count(7)
    expect_nobody_shut_out(page)
    page.keyboard.press("Escape")
    add(page, PRELUDE)
    page.wait_for_url("**/#/recording/*")
    expect_done(page)
    expect_nobody_shut_out(page)


def expect_nobody_shut_out(page: Any) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert violations(page) == [], scheme
