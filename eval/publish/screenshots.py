"""Take the pictures of the page that the documentation shows.

    python -m eval.publish.screenshots tests/data/prelude.mp3 --title "Bach, Prelude in C major.mp3"

Starts a server of its own, has the recording transcribed in headless Chromium, asks for some
more notes than usual (so that doubtful ones can be seen), moves one by hand, and writes
``docs/page-light.png``, ``page-dark.png``, ``page-phone.png`` and ``page-home.png``.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.common.command import new_parser, run
from eval.performance.browser import HOW_TO, browser, chromium, serving
from transcribe.errors import TranscribeError

SIZES: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "phone": {
        "viewport": {"width": 360, "height": 740},
        "color_scheme": "light",
        "device_scale_factor": 2,
        "has_touch": True,
    },
}
PATIENCE = 300_000
"""Milliseconds for the transcription."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pictures; 1 with one line where there is no browser."""
    parser = new_parser("eval.publish.screenshots", __doc__, out="folder; default: docs")
    parser.set_defaults(out=Path("docs"))
    parser.add_argument("recording", type=Path, help="what is to be seen")
    parser.add_argument("--title", help="name it shall have in the pictures")
    return run(parser, screenshots, arguments)


def screenshots(options: argparse.Namespace) -> None:
    """Serve the page, and photograph it."""
    if chromium() is None:
        raise TranscribeError(HOW_TO)
    options.out.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder) / "served") as address,
        browser() as started,
    ):
        named = Path(folder) / (options.title or options.recording.name)
        shutil.copyfile(options.recording, named)
        take(started, address, named, options.out)


def take(started: Any, address: str, recording: Path, out: Path) -> None:
    """Have a recording transcribed and take all pictures of it."""
    page = None
    for name, size in SIZES.items():
        context = started.new_context(**size)
        where = page.url if page else address
        page = context.new_page()
        page.goto(where)
        if where == address:
            page.set_input_files("#files", recording)
            page.locator("#n-notes", has_text=re.compile("^[1-9]")).wait_for(timeout=PATIENCE)
            page.locator("#progress").wait_for(state="hidden", timeout=PATIENCE)
            correct(page)
        page.locator("#roll").focus()
        for _ in range(11):
            page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        page.locator("h1:visible").focus()
        page.wait_for_timeout(600)
        page.screenshot(path=out / f"page-{name}.png")
        if name == "light":
            page.click("#back")
            page.wait_for_timeout(400)
            page.screenshot(path=out / "page-home.png")
            page.go_back()


def correct(page: Any) -> None:
    """Ask for more notes, and move one by hand."""
    page.locator("#threshold").fill("90")
    page.wait_for_timeout(1000)
    page.locator("#roll").focus()
    for key in ("ArrowRight",) * 7 + ("Enter", "]", "]", "]", "]", "Escape", "Home"):
        page.keyboard.press(key)
        page.wait_for_timeout(100)


if __name__ == "__main__":
    sys.exit(main())
