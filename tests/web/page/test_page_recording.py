"""The page records with a microphone."""

from __future__ import annotations

import re

import pytest
from live_page import assert_played, record_with_notes
from playwright.sync_api import expect

from .actions import (
    DONE,
    expect_heard,
)

pytestmark = pytest.mark.slow


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
