"""The progress of an archive run: a live line, a plain log, or JSON lines."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Sequence
from typing import Any, TextIO

from transcribe.archive.escaping import escaped
from transcribe.archive.forecast import Forecast
from transcribe.archive.rows import DONE, FAILED, QUARANTINED, Row
from transcribe.terminal import say, show
from transcribe.wording import count, one_line

LIVE, PLAIN, JSON, NONE = "live", "plain", "json", "none"
MODES = ("auto", LIVE, PLAIN, JSON, NONE)
_BETWEEN = {LIVE: 0.2, PLAIN: 60.0, JSON: 10.0, NONE: float("inf")}
"""Seconds between two messages."""


class Progress:
    """Counts finished recordings and prints how far the run is; an `Observer` of `driver.Driver`.

    Parameters
    ----------
    todo : sequence of Row
        What the run is to transcribe.
    forecast : Forecast
        Knows or guesses how long each recording is.
    mode : str
        One of `MODES`.
    """

    def __init__(self, todo: Sequence[Row], forecast: Forecast, mode: str = "auto") -> None:
        if mode == "auto":
            mode = LIVE if sys.stderr.isatty() else PLAIN
        self.mode, self._forecast = mode, forecast
        self._stream: TextIO = sys.stdout if mode == JSON else sys.stderr
        self._open = {row.number: row for row in todo}
        self._n_files = len(todo)
        self._n = {DONE: 0, FAILED: 0, QUARANTINED: 0}
        self._transcribed = self._working = 0.0
        self._left = sum(map(forecast.duration, todo))
        self._started = time.monotonic()
        self._printed = self._started if mode == PLAIN else 0.0
        self._counted = 0.0
        self._shown = ""

    @property
    def n_failed(self) -> int:
        """Recordings that failed or were quarantined in this run."""
        return self._n[FAILED] + self._n[QUARANTINED]

    # --- called by the driver ---

    def finished(self, row: Row) -> None:
        self._n[row.state] += 1
        self._left -= self._forecast.duration(row)
        self._open.pop(row.number, None)
        if not self._open:
            self._left = 0.0
        if row.duration:
            self._transcribed += row.duration
            self._forecast.learn(row)
        if self.mode == JSON:
            self._write(
                event=row.state,
                name=escaped(row.name),
                cause=row.cause,
                error=row.error,
                warnings=list(row.warnings),
                **_rounded(duration=row.duration, seconds=row.seconds),
                attempts=row.attempts,
            )
        elif row.state != DONE:
            what = "quarantined" if row.state == QUARANTINED else "failed"
            self._line(f"{escaped(row.name)}: {what}: {row.error}")

    def retried(self, row: Row, why: str) -> None:
        if self.mode == JSON:
            self._write(event="again", name=escaped(row.name), error=why, attempts=row.attempts)
        else:
            self._line(f"{escaped(row.name)}: will be retried: {why}")

    def tick(self, transcribed: float) -> None:
        now = time.monotonic()
        if now - self._printed < _BETWEEN[self.mode]:
            return
        self._printed, self._working = now, transcribed
        if now - self._counted > 5:
            self._counted = now
            self._left = sum(map(self._forecast.duration, self._open.values()))
        if self.mode == JSON:
            self._write(event="progress", **self.figures())
        elif self.mode == PLAIN:
            say(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {self.sentence()}", self._stream)
        else:
            self._show(self.sentence())

    def close(self) -> None:
        """Take the live line away."""
        self._show("")

    # --- in figures and words ---

    def figures(self) -> dict[str, Any]:
        """How far it is."""
        passed = time.monotonic() - self._started
        transcribed = self._transcribed + self._working
        left = max(self._left - self._working, 0.0)
        rate = transcribed / passed if passed > 0 else 0.0
        return {
            "files": self._n_files,
            "files_done": self._n[DONE],
            "files_failed": self._n[FAILED],
            "files_quarantined": self._n[QUARANTINED],
            **_rounded(
                seconds_heard=transcribed,
                seconds_of_music_left=left,
                seconds_passed=passed,
                real_time_factor=rate,
                seconds_left=left / rate if rate > 0 and passed > 5 else None,
            ),
        }

    def sentence(self) -> str:
        """How far it is, for people."""
        figures = self.figures()
        n_finished = sum(self._n.values())
        transcribed, left = figures["seconds_heard"], figures["seconds_of_music_left"]
        words = [f"{n_finished:,} of {count_of(self._n_files, 'file')}"]
        if self.n_failed:
            words.append(f"{self.n_failed:,} failed")
        words.append(f"{hours(transcribed)} of about {hours(transcribed + left)} of music")
        if figures["seconds_left"] is not None:
            words.append(f"{figures['real_time_factor']:.0f} x real time")
            words.append(f"about {span(figures['seconds_left'])} left")
        return ", ".join(words)

    def _write(self, **record: Any) -> None:
        show(json.dumps(record) + "\n", self._stream)

    def _line(self, text: str) -> None:
        if self.mode == NONE:
            return
        self._show("")
        say(f"transcribe archive: {text}", self._stream)

    def _show(self, text: str) -> None:
        """Put a text in the place of the live line."""
        if self.mode != LIVE or text == self._shown:
            return
        width = shutil.get_terminal_size().columns - 1
        text = one_line(text)[:width]
        show("\r" + text.ljust(min(len(self._shown), width)) + "\r" + text, self._stream)
        self._shown = text


def count_of(number: int, one: str) -> str:
    """``20,000 files``."""
    return count(number, one).replace(str(number), f"{number:,}", 1)


def hours(seconds: float) -> str:
    """``3.2 h``, ``812 h``; less than an hour in minutes."""
    if seconds < 3600:
        return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"
    return f"{seconds / 3600:.1f} h" if seconds < 360_000 else f"{seconds / 3600:,.0f} h"


def span(seconds: float) -> str:
    """``2 d 3 h``, ``4 h 5 min``, ``6 min``: how long something takes."""
    minutes, rest = divmod(round(seconds), 60)
    hours_, minutes = divmod(minutes, 60)
    days, hours_ = divmod(hours_, 24)
    if days:
        return f"{days} d {hours_} h"
    if hours_:
        return f"{hours_} h {minutes} min"
    return f"{minutes} min" if minutes else f"{rest} s"


def _rounded(**values: float | None) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 3) for name, value in values.items()}
