"""The site in a real Firefox: enough of Marionette, its own remote control, to use a page.

Playwright drives only a Firefox of its own. Any Firefox speaks Marionette when asked to
(``--marionette``): commands and answers as JSON over a socket, each with its length before it [1]_.

References
----------
.. [1] Mozilla, "Marionette protocol",
   https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("firefox-esr", "firefox")
HOW_TO = "needs Firefox: apt-get install firefox-esr, or name it in the variable FIREFOX"
_PORT_FILE = "MarionetteActivePort"
_PREFERENCES = {
    "marionette.port": 0,  # any that is free
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
}
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The key under which WebDriver names an element, for all browsers the same."""
_START = 180.0
"""Seconds that Firefox may take to start."""
_POLL = 0.25


def firefox() -> str | None:
    """Where Firefox is, or None."""
    return os.environ.get("FIREFOX") or next(filter(None, map(shutil.which, NAMES)), None)


class Firefox:
    """One window of a running Firefox."""

    def __init__(self, connection: socket.socket) -> None:
        self._stream = connection.makefile("rwb")
        self._n_asked = 0
        self._read()  # says which protocol it speaks
        capabilities = self.ask("WebDriver:NewSession", capabilities={})["capabilities"]
        self.version: str = capabilities["browserVersion"]

    def ask(self, command: str, **given: Any) -> Any:
        """Have a command carried out; its answer.

        Raises
        ------
        RuntimeError
            Firefox says that it can't.
        """
        self._n_asked += 1
        content = json.dumps([0, self._n_asked, command, given]).encode()
        self._stream.write(b"%d:%s" % (len(content), content))
        self._stream.flush()
        _, _, error, answer = self._read()
        if error is not None:
            raise RuntimeError(f"Firefox, {command}: {error['error']}: {error['message']}")
        return answer

    def _read(self) -> Any:
        length = b""
        while (digit := self._stream.read(1)) != b":":
            if not digit:
                raise RuntimeError("Firefox has ended")
            length += digit
        return json.loads(self._stream.read(int(length)))

    def open(self, address: str) -> None:
        """Open a page and wait until it is loaded."""
        self.ask("WebDriver:Navigate", url=address)

    def run(self, script: str, *given: Any) -> Any:
        """What the body of a function returns in the page; ``arguments`` are what is given."""
        return self.ask("WebDriver:ExecuteScript", script=script, args=list(given))["value"]

    def wait(self, script: str, seconds: float) -> Any:
        """What the body of a function returns as soon as that is true.

        Raises
        ------
        TimeoutError
            It never was.
        """
        return wait(lambda: self.run(script), seconds, script)

    def click(self, selector: str) -> None:
        """Click the first element that a CSS selector finds."""
        self.ask("WebDriver:ElementClick", id=self._find(selector))

    def choose_file(self, selector: str, path: Path) -> None:
        """Choose a file in an ``<input type=file>``, which may be hidden."""
        self.ask("WebDriver:ElementSendKeys", id=self._find(selector), text=str(path.resolve()))

    def _find(self, selector: str) -> str:
        found = self.ask("WebDriver:FindElement", using="css selector", value=selector)
        name: str = found["value"][_ELEMENT]
        return name


@contextmanager
def running(downloads: Path | None = None) -> Iterator[Firefox]:
    """Headless Firefox with a profile of its own, which is deleted afterwards."""
    program = firefox()
    if program is None:
        raise RuntimeError(HOW_TO)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        profile = Path(name)
        preferences: dict[str, Any] = dict(_PREFERENCES)
        if downloads is not None:
            preferences |= {
                "browser.download.folderList": 2,  # the one that is named
                "browser.download.dir": str(downloads),
            }
        (profile / "user.js").write_text(
            "".join(
                f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in preferences.items()
            )
        )
        process = subprocess.Popen(
            [program, "--headless", "--no-remote", "--marionette", "--profile", name],
            env={**os.environ, "HOME": name},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            port = int(wait(lambda: _text_of(profile / _PORT_FILE), _START, "Firefox starts"))
            with socket.create_connection(("127.0.0.1", port)) as connection:
                yield Firefox(connection)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _text_of(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


def wait(how: Callable[[], Any], seconds: float, what: str) -> Any:
    """What a function returns as soon as that is true.

    Raises
    ------
    TimeoutError
        It never was; ``what`` says in words what was waited for.
    """
    until = time.monotonic() + seconds
    while not (found := how()):
        if time.monotonic() > until:
            raise TimeoutError(f"waited {seconds:g} s in vain: {what}")
        time.sleep(_POLL)
    return found
