"""What a page shows and sends while it records, whichever way it gets its notes."""

from __future__ import annotations

import re
from typing import Any

# A MIDI port that remembers what it was sent.
MIDI = """() => {
  window.sent = [];
  const port = { id: "1", name: "Fake Synth", send: (bytes) => window.sent.push([...bytes]) };
  navigator.requestMIDIAccess = async () => ({ outputs: new Map([["1", port]]) });
}"""


def record_with_notes(page: Any, expect: Any, *, patience: float) -> list[list[int]]:
    """Record until ten notes or more have come, and again with another latency; stop.

    Returns what the MIDI port was sent. ``patience`` is in milliseconds.
    """
    page.evaluate(MIDI)
    page.click("#record")
    page.click("#live-midi-ask", timeout=patience)
    page.select_option("#live-midi", label="Fake Synth")
    expect(page.locator("#live-words")).to_have_text(
        re.compile(
            r"^[\d,]{2,} notes, shown [\d,]+ ms after the stroke, 99 of 100 within [\d,]+ ms\."
        ),
        timeout=patience,
    )
    expect(page.locator("#live-roll canvas")).to_have_count(2)
    page.select_option("#live-latency", "300")
    expect(page.locator("#live-words")).to_have_text(re.compile(r"^[1-9]"), timeout=patience)
    page.click("#recorder-stop")
    expect(page.locator("#name")).to_have_text(re.compile("^Recorded "))
    expect(page.locator("#live")).to_be_hidden()
    sent: list[list[int]] = page.evaluate("sent")
    return sent


def assert_played(sent: list[list[int]]) -> None:
    """Keys went down and came up, and at the end everything was let up."""
    assert len([1 for status, *_ in sent if status == 0x90]) >= 10
    assert len([1 for status, *_ in sent if status == 0x80]) >= 5
    assert sent[-2:] == [[0xB0, 64, 0], [0xB0, 123, 0]]
