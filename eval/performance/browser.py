"""The page in a real browser: a server of its own and Chromium, for tests, pictures and speed.

Chromium is the system's (``chromium``, ``google-chrome`` or what the variable ``CHROMIUM``
names) or else playwright's own; neither is looked for anywhere but on this computer.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HOW_TO = (
    "needs playwright and Chromium: pip install -e '.[dev]', then the system's chromium "
    "(apt-get install chromium) or `playwright install chromium`"
)


def chromium() -> str | None:
    """Where Chromium is, or None."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named
    for name in NAMES:
        if found := shutil.which(name):
            return found
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


@contextmanager
def browser(*words: str) -> Iterator[Browser]:
    """Headless Chromium, started with some words more."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=list(words))
        try:
            yield started
        finally:
            started.close()


@contextmanager
def serving(folder: Path, words: Sequence[str] = ()) -> Iterator[str]:
    """`transcribe serve` in a folder, on any port; yields its address."""
    command = [sys.executable, "-m", "transcribe", "serve", "--no-browser"]
    with tempfile.TemporaryFile("w+") as told:
        process = subprocess.Popen(
            [*command, "--folder", str(folder), *words],
            stdout=subprocess.PIPE,
            stderr=told,
            text=True,
        )
        try:
            if process.stdout is None:
                raise RuntimeError("the server has no output")
            first = process.stdout.readline()
            addresses = [word for word in first.split() if word.startswith("http")]
            if not addresses:
                told.seek(0)
                raise RuntimeError(f"the server did not start: {first}{told.read()}")
            yield addresses[0].rstrip("/")
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def static_host(folder: Path) -> Iterator[str]:
    """A folder served as any web host serves it, on any port; yields its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as host:
        serving = threading.Thread(target=host.serve_forever, daemon=True)
        serving.start()
        try:
            yield f"http://127.0.0.1:{host.server_port}"
        finally:
            host.shutdown()
            serving.join()
