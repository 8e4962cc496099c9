"""What the command shows while it works."""

from __future__ import annotations

import re
import sys
import time

import pytest

from transcribe import terminal, wording


def test_quiet_says_nothing_if_all_is_well(run, melody_wav, monkeypatch):
    monkeypatch.setattr(terminal, "SECONDS_BETWEEN_LINES", 0)
    ran = run(melody_wav(), "--quiet")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_plain_lines_tell_progress_where_there_is_no_terminal(run, melody_wav, monkeypatch):
    monkeypatch.setattr(terminal, "SECONDS_BETWEEN_LINES", 0)
    ran = run(melody_wav())
    assert len(ran.complaints) > 2
    for line in ran.complaints:
        assert re.fullmatch(r"song\.wav: 0:0\d of 0:03, about \d+:\d\d left", line)


def test_a_short_recording_gets_no_progress_line(run, melody_wav):
    assert run(melody_wav()).err == ""


@pytest.mark.parametrize(
    ("duration", "shown"),
    [
        (100.0, r"song\.wav:  50% \|█+ +\| \d\d:\d\d left"),
        (None, r"song\.wav: 0:50 of music done"),
    ],
)
def test_a_bar_tells_progress_on_a_terminal(monkeypatch, capsys, duration, shown):
    monkeypatch.setattr(terminal, "SILENT_SECONDS", 0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with terminal.progress_of("song.wav", duration) as progress:
        for seconds in (25.0, 50.0):
            time.sleep(0.11)
            progress(seconds)
    frames = capsys.readouterr().err.split("\r")
    assert re.match(shown, frames[-3])
    assert frames[-2].strip() == ""


def test_a_bar_waits_before_it_appears(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with terminal.progress_of("song.wav", 100.0) as progress:
        progress(50.0)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (59.6, "1:00"), (245, "4:05"), (3723, "1:02:03")]
)
def test_clock(seconds, shown):
    assert wording.clock(seconds) == shown
