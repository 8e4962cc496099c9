"""The standard streams: lines printed whole, and the progress of work on a recording."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, cast

from transcribe.errors import UNEXPECTED, TranscribeError
from transcribe.files.address import without_secrets
from transcribe.wording import clock, one_line, reason

FAILURES = (TranscribeError, OSError, MemoryError)
"""What a file or the machine is to blame for: a damaged file, a full disk, no memory."""
SILENT_SECONDS = 1.0
"""How long work goes on before a progress bar appears."""
SECONDS_BETWEEN_LINES = 10.0
"""How often progress is printed where the output is no terminal."""


class _ForgivingStream:
    """Standard error, where a terminal or a log that is gone costs the text and no more."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def standard_streams() -> Iterator[None]:
    """See that there are three standard streams, which print whatever a name holds.

    Under cron, or as a daemon, some may be closed. Their numbers would go to the next files
    that are opened, which whatever a library prints would then be written into.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)  # for child processes too
        if getattr(sys, name) is None:
            mode = "r" if number == 0 else "w"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    standard_error = sys.stderr
    sys.stderr = cast(TextIO, _ForgivingStream(standard_error))
    try:
        yield
    finally:
        sys.stderr = standard_error


def say(text: str, stream: TextIO) -> None:
    """Print one line at once; whatever the text holds, it stays one line without passwords."""
    show(one_line(without_secrets(text)) + "\n", stream)


def show(text: str, stream: TextIO) -> None:
    """Print text at once; where nobody reads it any more, that is no reason to stop."""
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError) as error:  # a ValueError: it is closed
        if getattr(error, "errno", None) != errno.ENOSPC:
            let_go(stream)


def let_go(stream: TextIO) -> None:
    """Have what is still to be written to a stream that broke go nowhere."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


@contextmanager
def reported(prog: str, name: str, *, about: Path, verbose: bool) -> Iterator[None]:
    """Print in one line why one file of several failed, so that the others can go on.

    Parameters
    ----------
    prog : str
        The command, such as ``"transcribe tokens"``.
    name : str
        What the file is called.
    about : Path
        The file; messages that begin with it are printed without it.
    verbose : bool
        Whether to print a traceback too.
    """
    try:
        yield
    except (*FAILURES, *UNEXPECTED) as error:
        if verbose:
            traceback.print_exc()
        what = reason(error, about=about)
        if not isinstance(error, FAILURES):
            what = f"unexpected {type(error).__name__}: {error} (--verbose shows where)"
        say(f"{prog}: {name}: {what}", sys.stderr)


@contextmanager
def progress_of(
    name: str, duration: float | None, *, quiet: bool = False
) -> Iterator[Callable[[float], None] | None]:
    """What to call with the seconds of a recording that are done.

    On a terminal it moves a bar, which appears when the work takes more than a moment;
    elsewhere it prints a line now and then. Both show the time left where the duration
    (seconds) is known. Quiet, there is nothing to call.
    """
    name = one_line(name)
    if quiet:
        yield None
    elif sys.stderr.isatty():
        from tqdm import tqdm

        shape = "{desc}: {percentage:3.0f}% |{bar}| {remaining} left" if duration else "{desc}"
        with tqdm(
            desc=name,
            total=duration,
            bar_format=shape,
            delay=SILENT_SECONDS,
            miniters=0,
            leave=False,
            file=sys.stderr,
        ) as bar:

            def move(seconds: float) -> None:
                if duration:
                    bar.update(min(seconds, duration) - bar.n)
                else:
                    bar.set_description_str(f"{name}: {clock(seconds)} of music done")

            yield move
    else:
        started = printed = time.monotonic()

        def show_line(seconds: float) -> None:
            nonlocal printed
            now = time.monotonic()
            if now - printed < SECONDS_BETWEEN_LINES or not seconds:
                return
            printed = now
            line = f"{name}: {clock(seconds)}"
            if duration:
                left = max(0.0, duration - seconds) * (now - started) / seconds
                line += f" of {clock(duration)}, about {clock(left)} left"
            say(line, sys.stderr)

        yield show_line
