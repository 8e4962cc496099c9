"""What is heard on the page: the recording, its notes, loops, volumes."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect
from web_server import wait_until

from .actions import (
    DONE,
    drag,
    seconds,
    set_slider,
    show,
)

pytestmark = pytest.mark.slow


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
    x, y = box["x"] + 300, box["y"] + 50
    drag(page, (x, y), (x + 40, y + 2))
    expect(page.locator("#loop")).to_have_attribute("aria-pressed", "true")
    said = page.locator("#said").inner_text()
    start, end = (float(each) for each in re.findall(r"0:(\d\d\.\d)", said))
    assert 0.3 < end - start < 1.5
    page.click("#play")
    places = [seconds(page)]

    def comes_back() -> bool:
        places.append(seconds(page))
        return places[-1] < places[-2]

    for _ in range(2):
        wait_until(comes_back)
    page.click("#play")
    assert page.evaluate("document.querySelector('audio').playbackRate") == 0.5
    # A busy machine comes round late; it would be seconds if nobody turned back.
    assert start - 0.1 <= min(places) <= max(places) <= end + 1


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


COUNTED = """[struck.length, document.getElementById("position").textContent,
  document.querySelector("audio").paused]"""
"""What was struck, and where it stands meanwhile."""


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
    x, y = box["x"] + 300, box["y"] + 50
    drag(page, (x, y), (x + 60, y + 2))
    expect(page.locator("#loop")).to_have_attribute("aria-pressed", "true")
    stands = page.locator("#position").inner_text()
    page.click("#play")
    # A bar is counted before anything moves, and the loop comes back faster until it is as played.
    at_first: list[Any] = []
    wait_until(lambda: at_first.append(page.evaluate(COUNTED)) or at_first[-1][0] >= 2)
    counted, position, paused = at_first[-1]
    assert (position, paused) == (stands, True)
    expect(page.locator("#speed")).to_have_value("1", timeout=DONE)
    assert page.evaluate("document.querySelector('audio').playbackRate") == 1
    page.click("#play")
    # The recording alone is heard, so all else that was started are ticks.
    assert page.evaluate("struck.length") > counted


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
    onset = page.locator("#field-onset").input_value()
    page.click("[data-nudge=right]")
    expect(page.locator("#field-onset")).not_to_have_value(onset)
    assert page.evaluate("struck.length") == 3  # later, it sounds the same


# The volumes that the page sets. Gains made at a loudness are those of notes: they come and go.
VOLUMES = """
window.volumes = [];
const Made = GainNode;
window.GainNode = class extends Made {
  constructor(...given) {
    super(...given);
    if (given.length === 1) window.volumes.push(this);
  }
};
"""


def test_recording_notes_and_metronome_have_volumes_of_their_own(opened, heard):
    page = opened()
    page.add_init_script(VOLUMES)
    show(page, heard)

    def volumes() -> list[float]:
        return [round(each, 4) for each in page.evaluate("volumes.map(({gain}) => gain.value)")]

    # What is chosen before anything sounds holds for the first note that does.
    page.click("#practice")
    set_slider(page, "volume-notes", 0)
    page.click("#doubtful-next")
    wait_until(lambda: page.evaluate("struck.length") == 1)
    usual = {"recording": 1, "notes": 1, "metronome": 0.98}
    names = list(usual)
    assert volumes() == [1, 0, 0.98]
    page.click("#practice")
    set_slider(page, "volume-notes", 100)
    page.keyboard.press("Escape")
    page.click("#to-start")
    page.click("#play")
    expect(page.locator("#position")).to_have_text(re.compile(r"0:0[1-9]\.\d"))
    page.click("#practice")
    assert volumes() == list(usual.values())
    # Half as loud is about a quarter of the power.
    for name, value, loudness in (("recording", 50, 0.25), ("notes", 0, 0), ("metronome", 100, 2)):
        before = volumes()
        set_slider(page, f"volume-{name}", value)
        before[names.index(name)] = loudness
        assert volumes() == before
    for name, value in (("recording", 100), ("notes", 100), ("metronome", 70)):
        set_slider(page, f"volume-{name}", value)
    assert volumes() == list(usual.values())
