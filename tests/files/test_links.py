"""What a link that leads nowhere is, said by every command in place of "no such file"."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from transcribe import cli

CIRCLE = "a link that leads to itself; remove it, or have it lead to what was meant"
NOTHING = "a link to nothing (gone)"
MADE = {
    "c.mid": "c.mid",
    "a.wav": "b.wav",
    "b.wav": "a.wav",
    "d": "d",
    "n.mid": "gone",
    "m.wav": "gone",
}
"""Links, and where they lead."""


@pytest.fixture(autouse=True)
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "x.mid").touch()
    for name, target in MADE.items():
        try:
            Path(name).symlink_to(target)
        except OSError:
            pytest.skip("a kind of link that this system does not allow")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("a.wav", f"a.wav: can't be read: {CIRCLE}"),
        ("d/a.wav", f"d/a.wav: can't be read: {CIRCLE}"),
        ("m.wav", f"m.wav: expected a file, found {NOTHING}"),
        ("score c.mid", f"c.mid: expected a file, found {CIRCLE}"),
        ("score n.mid", f"n.mid: expected a file, found {NOTHING}"),
        ("tokens c.mid --for abc", f"c.mid: expected a file, found {CIRCLE}"),
        ("continue c.mid", f"c.mid: expected a file, found {CIRCLE}"),
        ("place c.mid --onto c.mid", f"c.mid: expected a file, found {CIRCLE}"),
        ("render c.mid", f"c.mid: can't be read: {CIRCLE}"),
        ("evaluate c.mid n.mid", f"c.mid: expected a file or folder, found {CIRCLE}"),
        ("archive d -o o", f"d: expected a folder, list or recording, found {CIRCLE}"),
        ("archive . -o o", f"b.wav: {CIRCLE}"),
        ("corpus d -o o", f"d: expected a folder of transcriptions, found {CIRCLE}"),
        ("corpus some -o d", f"d: expected a folder for the corpus, found {CIRCLE}"),
        ("archive some -o d", f"d: expected a folder, found {CIRCLE}"),
        ("evaluate some some -o d", f"d: expected a folder, found {CIRCLE}"),
        ("evaluate some some -o n.mid", f"n.mid: expected a folder, found {NOTHING}"),
        ("gone.wav -o d/", f"-o d/: expected a folder, found {CIRCLE}"),
        ("site d", f"d: can't be written: expected a folder, found {CIRCLE}"),
    ],
)
def test_a_link_that_leads_nowhere_is_called_so(words: str, said: str, capsys) -> None:
    with contextlib.suppress(SystemExit):
        assert cli.main(words.split()) == 1
    err = capsys.readouterr().err
    assert said in err
    assert "symbolic" not in err
