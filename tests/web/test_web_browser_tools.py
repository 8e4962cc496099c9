"""What the page is measured and photographed with."""

from __future__ import annotations

from itertools import pairwise

import pytest

from eval.performance import page
from eval.publish import screenshots
from transcribe.notes import Note


def test_synthetic_notes_are_as_the_server_gives_them():
    given = page.synthetic(500, 600.0)
    rows = given["notes"]
    assert len({row[0] for row in rows}) == 500
    assert [row[1] for row in rows] == sorted(row[1] for row in rows)
    notes = [
        Note(onset=onset, pitch=pitch, offset=offset, velocity=velocity, confidence=confidence)
        for _, onset, pitch, offset, velocity, confidence, _ in rows
    ]
    assert max(note.onset for note in notes) < 595
    assert 0 < sum(note.confidence < 0.9 for note in notes) < 250
    assert all(up <= down for (_, up), (down, _) in pairwise(given["pedal"]))


@pytest.mark.parametrize("tool", [page, screenshots])
def test_without_a_browser_one_line_says_what_is_needed(tool, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(tool, "chromium", lambda: None)
    assert tool.main([str(tmp_path / "song.mp3")]) == 1
    assert "apt-get install chromium" in capsys.readouterr().err
