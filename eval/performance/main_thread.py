"""The tasks of a page's main thread, from Chromium's own trace: how long is each, and why?

A task lasts longer by the clock than it takes of a processor where other work has the
processors, or where it waits for another process; a page can only answer for the latter two
figures together with the first. So each task is told by both.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

LONG = 50.0
"""Milliseconds from which on a task is a long one, as in the Long Tasks API."""


@dataclass(frozen=True, slots=True, order=True)
class PageTask:
    """One task, in milliseconds by the clock and of a processor, and what asked for it."""

    milliseconds: float
    processor_milliseconds: float
    source: str
    """A function of Chromium's, as `SubmitCompositorFrame`."""

    def as_record(self) -> dict[str, Any]:
        """With few digits."""
        return {
            "ms": round(self.milliseconds, 1),
            "processor_ms": round(self.processor_milliseconds, 1),
            "source": self.source,
        }


@contextmanager
def traced(page: Any) -> Iterator[list[PageTask]]:
    """All tasks of pages' main threads meanwhile, once it is over."""
    program = page.context.browser
    found: list[PageTask] = []
    program.start_tracing(page=page, categories=["toplevel"])
    try:
        yield found
    finally:
        found += tasks_of(json.loads(program.stop_tracing())["traceEvents"])


def tasks_of(events: Sequence[Mapping[str, Any]]) -> list[PageTask]:
    """The tasks on the main threads of pages, from the events of a trace."""
    mains = {
        (each["pid"], each["tid"])
        for each in events
        if each["name"] == "thread_name" and each["args"]["name"] == "CrRendererMain"
    }
    return [
        PageTask(each["dur"] / 1000, each["tdur"] / 1000, each.get("args", {}).get("src_func", ""))
        for each in events
        if each["name"].endswith("RunTask")
        and "tdur" in each
        and (each["pid"], each["tid"]) in mains
    ]


def summary(tasks: Sequence[PageTask]) -> dict[str, Any]:
    """The longest by the clock and by processor time, and how many are long by each."""
    if not tasks:
        return {"n_tasks": 0}
    by_clock = max(tasks)
    by_processor = max(tasks, key=lambda task: task.processor_milliseconds)
    return {
        "n_tasks": len(tasks),
        "longest": by_clock.as_record(),
        "longest_of_processor": by_processor.as_record(),
        "n_long": sum(task.milliseconds > LONG for task in tasks),
        "n_long_of_processor": sum(task.processor_milliseconds > LONG for task in tasks),
    }
