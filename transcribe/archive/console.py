"""What ``transcribe archive`` prints beside its progress: the plan, notices, the summary."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from transcribe.archive import report
from transcribe.archive.escaping import escaped
from transcribe.archive.listing import Listing
from transcribe.archive.plan import Plan, Wanted
from transcribe.archive.preview import describe_ignored
from transcribe.archive.progress import JSON, NONE, count_of
from transcribe.terminal import SECONDS_BETWEEN_LINES, say, show

_SHOWN_TROUBLES = 20
"""Recordings named on the terminal; the reports have all."""


def notify(options: argparse.Namespace, text: str) -> None:
    if options.progress not in (JSON, NONE):
        say(f"transcribe archive: {text}", sys.stderr)


class ReadingNotice:
    """Prints now and then that recordings are read to see what changed or moved."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options, self._n, self._printed = options, 0, time.monotonic()

    def __call__(self, name: str) -> None:
        self._n += 1
        if time.monotonic() - self._printed > SECONDS_BETWEEN_LINES:
            self._printed = time.monotonic()
            n = count_of(self._n, "recording")
            notify(self._options, f"{n} checked for changes; at {escaped(name)}")


def print_troubles(listing: Listing) -> None:
    for each in listing.troubles[:_SHOWN_TROUBLES]:
        say(
            f"transcribe archive: {escaped(each.name) or listing.source}: {each.reason}", sys.stderr
        )
    rest = len(listing.troubles) - _SHOWN_TROUBLES
    if rest > 0:
        say(f"transcribe archive: and {rest} more places; the report lists them all", sys.stderr)


def print_plan(plan: Plan, listing: Listing, wanted: Wanted, options: argparse.Namespace) -> None:
    if options.progress == JSON:
        event = {
            "event": "start",
            **plan.figures(),
            "ignored": dict(listing.ignored),
            "left_out": dict(listing.left_out),
        }
        show(json.dumps(event) + "\n", sys.stdout)
        return
    why = ", ".join(f"{n:,} {why}" for why, n in plan.why.items())
    todo = count_of(len(plan.todo), "recording")
    if plan.todo:
        notify(options, f"{todo} to do ({why}); {plan.n_finished:,} finished earlier")
    else:
        notify(options, f"nothing to do; {plan.n_finished:,} finished earlier")
    for line in describe_ignored(listing):
        notify(options, line)
    if plan.n_moved:
        notify(options, f"{plan.n_moved:,} moved in the source; their outputs were moved too")
    if plan.n_gone:
        notify(options, f"{plan.n_gone:,} no longer in the source; their outputs are kept")
    if plan.n_outdated:
        notify(
            options,
            f"{plan.n_outdated:,} were done with another model or other settings than now "
            f"({wanted.model}); use --redo to redo them",
        )


def print_summary(tally: report.Tally, page: Path | None, options: argparse.Namespace) -> None:
    """The last lines; ``page`` is the report, if it was written."""
    if options.progress == JSON:
        record = {
            "event": "end",
            "recordings": len(tally.here),
            "done": len(tally.of("done")),
            "failed": len(tally.of("failed")),
            "quarantined": len(tally.of("quarantined")),
            "not_looked_into": len(tally.lost),
            "seconds_of_music": round(tally.seconds_of_music, 3),
            "causes": dict(tally.causes),
            "report": None if page is None else str(page),
        }
        show(json.dumps(record) + "\n", sys.stdout)
        return
    for line in report.summary_lines(tally):
        say(line, sys.stdout)
    say("no report could be written" if page is None else f"report: {page}", sys.stdout)
