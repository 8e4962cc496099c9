"""What the page is measured and photographed with."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from eval.performance import page, site, site_peer
from eval.publish import screenshots
from transcribe.notes import Note
from transcribe.web import app


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


def test_only_one_module_of_the_page_talks_to_the_server():
    """So that another one with the same functions can take its place."""
    static = Path(app.__file__).parent / "static"
    talking = re.compile(r"\bfetch\(|EventSource|XMLHttpRequest|/api/")
    found = [path.name for path in static.glob("*.js") if talking.search(path.read_text("utf-8"))]
    assert found == ["server.js"]


def test_the_tab_answers_whatever_the_page_asks_of_the_server():
    """So that a new question can't be forgotten in one of the two."""
    exported = re.compile(r"^export (?:async )?(?:function|const|class) (\w+)", re.MULTILINE)
    renamed = re.compile(r"^export {.* as (\w+) }", re.MULTILINE)
    static, tab = (Path(app.__file__).parent / name for name in ("static", "tab/src"))
    asked = exported.findall((static / "server.js").read_text("utf-8"))
    script = (tab / "server.ts").read_text("utf-8")
    assert len(asked) > 20
    assert set(asked) <= {*exported.findall(script), *renamed.findall(script)}


def test_every_element_that_a_script_looks_up_is_on_the_page():
    static = Path(app.__file__).parent / "static"
    ids = set(re.findall(r'\bid="([^"]+)"', (static / "index.html").read_text("utf-8")))
    scripts = " ".join(path.read_text("utf-8") for path in static.glob("*.js"))
    assert set(re.findall(r'byId\("([^"]+)"\)', scripts)) <= ids


@pytest.mark.parametrize("tool", [page, screenshots, site, site_peer])
def test_without_a_browser_one_line_says_what_is_needed(tool, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(tool, "chromium", lambda: None)
    assert tool.main([str(tmp_path / "song.mp3")]) == 1
    assert "apt-get install chromium" in capsys.readouterr().err
