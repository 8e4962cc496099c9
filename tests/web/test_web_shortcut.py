"""The page without a terminal: a shortcut, in the background, ended from the page."""

from __future__ import annotations

import configparser
import json
import shlex
import sys

import pytest
import web_server

from transcribe.cli import main
from transcribe.files.lock import BusyError, locked


def words_of(entry: str) -> list[str]:
    """An Exec line, read as desktops do: the string's escapes, the quotes, the percent signs."""
    # In quotes a shell leaves no backslash before a dollar sign; shlex does.
    return [
        word.replace("%%", "%").replace("\\$", "$")
        for word in shlex.split(entry.replace("\\\\", "\\"))
    ]


def test_linux_gets_an_entry_in_its_menus(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    kept = tmp_path / 'my "music" 100 % $HOME'
    assert main(["serve", "--install-shortcut", "--folder", str(kept), "--jobs", "2"]) == 0
    path = tmp_path / "applications" / "transcribe.desktop"
    assert str(path) in capsys.readouterr().out
    entry = configparser.ConfigParser(interpolation=None)
    entry.optionxform = str  # keys have capitals
    entry.read(path, "utf-8")
    words = words_of(entry["Desktop Entry"]["Exec"])
    assert words[1:5] == ["-m", "transcribe", "serve", "--background"]
    assert words[words.index("--folder") + 1] == str(kept)
    assert words[words.index("--jobs") + 1] == "2"
    assert (tmp_path / "icons/hicolor/scalable/apps/transcribe.svg").is_file()
    assert not kept.exists()


@pytest.mark.parametrize(
    ("platform", "path"),
    [
        ("darwin", "Applications/transcribe.command"),
        ("win32", "Microsoft/Windows/Start Menu/Programs/transcribe.cmd"),
    ],
)
def test_elsewhere_it_says_that_it_is_untried(tmp_path, monkeypatch, capsys, platform, path):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("APPDATA", str(tmp_path))
    assert main(["serve", "--install-shortcut"]) == 0
    assert "untried" in capsys.readouterr().out
    text = (tmp_path / path).read_text("utf-8")
    assert "transcribe" in text
    assert "--background" in text


def test_who_may_not_quit_is_told_so(tmp_path):
    with web_server.serving(tmp_path) as client:
        assert client.get("/api/recordings").json["can_quit"] is False
        assert client.ask("POST", "/api/quit").status == 403


@pytest.mark.slow
def test_it_runs_in_the_background_until_the_page_says_quit(tmp_path, capfd):
    words = ["serve", "--background", "--no-browser", "--folder", str(tmp_path)]
    port = web_server.free_port()
    assert main([*words, "--port", str(port)]) == 0
    assert f":{port}/" in capfd.readouterr().out
    client = web_server.Client(port)
    assert client.get("/api/recordings").json["can_quit"] is True
    # Once more: the one that runs is named.
    assert main(words) == 0
    assert "already running" in capfd.readouterr().out
    assert json.loads((tmp_path / "server.json").read_text("utf-8"))["url"].endswith(f":{port}/")
    assert client.ask("POST", "/api/quit", marked=False).status == 403
    assert client.ask("POST", "/api/quit").status == 204

    def is_free() -> bool:
        try:
            with locked(tmp_path / "server.lock"):
                return True
        except BusyError:
            return False

    web_server.wait_until(is_free)
    assert not (tmp_path / "server.json").exists()
