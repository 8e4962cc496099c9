"""``transcribe serve`` without a terminal: in the background, and from the menu of programs."""

from __future__ import annotations

import argparse
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from transcribe.errors import TranscribeError
from transcribe.files.atomic import write_atomically
from transcribe.files.json_text import parse_json
from transcribe.terminal import say

_ICON = Path(__file__).parent / "static" / "icon.svg"
_DETACHED = 0x00000008
"""Of Windows: a process without a console."""
_LONGEST_START = 60.0
"""Seconds."""


def words_of(options: argparse.Namespace, *, background: bool) -> list[str]:
    """The command that serves the page with some options."""
    words = ["serve", *(["--background"] if background else [])]
    for name in ("folder", "host", "port", "checkpoint", "threads"):
        value = getattr(options, name)
        if value is not None:
            is_path = name in ("folder", "checkpoint")
            words += [f"--{name}", str(Path(value).expanduser().absolute() if is_path else value)]
    words += ["--device", options.device, "--jobs", str(options.jobs)]
    words += ["--max-upload", f"{options.max_upload:g}"]
    return [*words, "--no-browser"] if options.no_browser else words


def start_in_background(folder: Path, options: argparse.Namespace) -> int:
    """Serve the page in a process that outlives this one; the exit code once it answers.

    What it says goes to ``server.log`` in the folder.

    Raises
    ------
    TranscribeError
        It did not start.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [_python(), "-m", "transcribe", *words_of(options, background=False)]
    log, note = folder / "server.log", folder / "server.json"
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=sys.platform != "win32",
            creationflags=_DETACHED if sys.platform == "win32" else 0,
        )
    until = time.monotonic() + _LONGEST_START
    while process.poll() is None and time.monotonic() < until:
        if note.is_file() and f'"pid": {process.pid}' in note.read_text("utf-8"):
            address = parse_json(note.read_text("utf-8"))["url"]
            say(f"transcribe: running at {address}; Quit on the page ends it", sys.stdout)
            return 0
        time.sleep(0.05)
    said = log.read_text(encoding="utf-8", errors="replace").strip()
    if process.returncode == 0:  # another one runs already, and its page was opened
        say(said, sys.stdout)
        return 0
    raise TranscribeError(f"the page could not be started: {said or 'it gave no reason'}")


def install_shortcut(options: argparse.Namespace) -> int:
    """Put transcribe among the programs of this account; the exit code."""
    words = [_python(), "-m", "transcribe", *words_of(options, background=True)]
    if sys.platform == "win32":
        path = _start_menu_entry(words)
    elif sys.platform == "darwin":
        path = _command_file(words)
    else:
        path = _desktop_entry(words)
    untried = "" if sys.platform.startswith("linux") else " (untried on this kind of computer)"
    say(f"{path}: starts transcribe without a terminal{untried}", sys.stdout)
    return 0


def _desktop_entry(words: Sequence[str]) -> Path:
    """An entry for the menus of Linux desktops (freedesktop.org, Desktop Entry 1.5)."""
    named = os.environ.get("XDG_DATA_HOME", "")
    home = Path(named) if os.path.isabs(named) else Path.home() / ".local" / "share"
    icon = home / "icons" / "hicolor" / "scalable" / "apps" / "transcribe.svg"
    icon.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_ICON, icon)
    path = home / "applications" / "transcribe.desktop"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        "[Desktop Entry]",
        "Type=Application",
        "Version=1.5",
        "Name=transcribe",
        "Comment=Turn piano recordings into notes",
        "Comment[de]=Aus Klavieraufnahmen werden Noten",
        f"Exec={' '.join(map(_quoted, words))}",
        "Icon=transcribe",
        "Categories=AudioVideo;Audio;Music;",
        "Terminal=false",
    ]
    write_atomically(path, "\n".join(lines) + "\n")
    return path


def _quoted(word: str) -> str:
    """An argument as desktop entries have it: quoted, then escaped as every string there."""
    inner = "".join(f"\\{letter}" if letter in '"`$\\' else letter for letter in word)
    return f'"{inner}"'.replace("\\", "\\\\").replace("%", "%%")


def _command_file(words: Sequence[str]) -> Path:
    """A file for macOS that the Finder runs."""
    path = Path.home() / "Applications" / "transcribe.command"
    path.parent.mkdir(parents=True, exist_ok=True)
    quoted = " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)
    write_atomically(path, f"#!/bin/sh\nexec {quoted}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def _start_menu_entry(words: Sequence[str]) -> Path:
    """An entry of the start menu of Windows: a file of commands."""
    home = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    path = home / "Microsoft" / "Windows" / "Start Menu" / "Programs" / "transcribe.cmd"
    path.parent.mkdir(parents=True, exist_ok=True)
    quoted = " ".join(f'"{word}"' for word in words).replace("%", "%%")
    write_atomically(path, f'@start "" {quoted}\r\n')
    return path


def _python() -> str:
    """This Python; on Windows the one that opens no terminal."""
    windowless = Path(sys.executable).with_name("pythonw.exe")
    return str(windowless if windowless.is_file() else sys.executable)
