"""A recording becomes notes on the page: uploaded, stopped, paused, in part."""

from __future__ import annotations

import re
import wave
from typing import Any

import numpy as np
import pytest
from conftest import write_pcm
from page_parts import expect_wrong_parts_refused
from playwright.sync_api import expect
from site_checks import PRELUDE
from web_server import wait_until

from transcribe.audio.reader import read_audio
from transcribe.cli import main
from transcribe.midi import read_midi
from transcribe.web.note_rows import present_id

from .actions import (
    DONE,
    RATE,
    SOON,
    drag,
    drop,
    expect_heard,
    n_notes,
    show,
)
from .server import ask, call, send

pytestmark = pytest.mark.slow


def test_a_dropped_file_becomes_the_notes_that_the_command_writes(
    opened, address, tmp_path, monkeypatch
):
    page = opened()
    page.goto(address)
    drop(page, PRELUDE)
    expect(page.locator("#name")).to_have_text("prelude.mp3")
    expect_heard(page, 100)
    assert n_notes(page) == len(ask(page.url, "notes")["notes"])
    page.click("#download")
    with page.expect_download() as download:
        page.click("[data-kind=mid]")
    assert download.value.suggested_filename == "prelude.mid"
    download.value.save_as(tmp_path / "page.mid")
    monkeypatch.chdir(tmp_path)
    assert main([str(PRELUDE), "-o", "command.mid"]) == 0
    assert read_midi(tmp_path / "page.mid") == read_midi(tmp_path / "command.mid")


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
    # The page may be left before the answer is there.
    asked: list[Any] = []
    page.route("**/again", lambda route: asked.append(route))
    page.click("#progress-again")
    wait_until(lambda: page.evaluate("1") and asked)
    page.click("#back")
    with page.expect_response("**/again"):
        asked[0].continue_()
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
    expect(page.locator("#progress-other")).to_be_visible()
    expect(page.locator("#progress-again")).to_be_hidden()
    empty = tmp_path / "empty.wav"
    empty.touch()
    page.click("#back")
    page.set_input_files("#files", empty)
    expect(page.locator("#uploads .card")).to_contain_text("is empty. Choose another file")
    # Another try would change nothing.
    expect(page.locator(".card").get_by_role("button", name="Try again")).to_have_count(0)


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


def test_a_part_is_named_before_its_notes_are_there(opened, heard):
    page = opened()
    show(page, heard)
    begun = {**ask(heard, ""), "state": "queued", "part": [10, 25.5]}
    page.route("**/part", lambda route: route.fulfill(json=begun))
    page.route(re.compile("/notes"), lambda route: None)  # never answered
    page.click("#part-open")
    page.fill("#part-from", "10")
    page.fill("#part-to", "0:25.5")
    page.click("#part-start")
    expect(page.locator("#notices .notice")).to_have_text("Only 0:10 to 0:25 is transcribed.")


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
    expect_wrong_parts_refused(page)
    # A drag on the waveform fills the form.
    box = page.locator("#roll").bounding_box()
    x, y = box["x"] + 200, box["y"] + 50
    drag(page, (x, y), (x + 300, y))
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
    inside = [row[0] for row in part if 10.1 < row[1] < 25.4]
    assert {present_id(each, whole) for each in inside} <= whole
    assert len(set(inside) - whole) <= 2  # in the next frame
    expect(page.locator("#of")).to_have_text("of 0:40")


def test_what_is_no_recording_is_shown_with_nothing_to_look_at(opened, address, tmp_path):
    """Neither its notes nor a score, for which one could only be told to move a slider."""
    page = opened()
    page.goto(address)
    folder = tmp_path / "letters"
    folder.mkdir()
    (folder / "letter.wav").write_text("Dear Clara, " * 200)
    (folder / "about.txt").write_text("Letters to Clara")
    drop(page, folder)
    expect(page.locator("#progress-words")).to_have_text("This is not a recording.", timeout=DONE)
    for what in ("#views", "#download", ".transport", "#panel-toggle"):
        expect(page.locator(what)).to_be_hidden()
    expect(page.locator("#back")).to_be_visible()
