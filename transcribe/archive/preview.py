"""What a run would do: how many recordings, hours of music, hours of work."""

from __future__ import annotations

import argparse
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from transcribe.archive.escaping import escaped
from transcribe.archive.forecast import Forecast
from transcribe.archive.jobs import Job
from transcribe.archive.listing import Listing
from transcribe.archive.plan import Plan, Wanted
from transcribe.archive.progress import count_of, hours, span
from transcribe.archive.rows import Row
from transcribe.archive.storage.opening import open_store
from transcribe.archive.work import Prober
from transcribe.archive.workers.base import Finished, PoolError, WorkerLimits
from transcribe.archive.workers.factory import devices_of
from transcribe.archive.workers.processes import ProcessPool
from transcribe.files.endings import in_words
from transcribe.wording import count

log = logging.getLogger(__name__)

MOST_PROBED = 500
"""Headers that are read; of more recordings, a random choice."""
_PROBE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Preview:
    """A plan in words and in figures."""

    lines: list[str]
    record: dict[str, Any]


def preview(
    plan: Plan, listing: Listing, forecast: Forecast, wanted: Wanted, options: argparse.Namespace
) -> Preview:
    """Describe a plan.

    Parameters
    ----------
    plan : Plan
    listing : Listing
    forecast : Forecast
        Of the recordings that are known already; learns from the headers of others.
    wanted : Wanted
    options : Namespace
        Of the command.
    """
    n_probed = probe_some(plan.todo, listing.source, forecast, counting=True)
    duration = sum(map(forecast.duration, plan.todo))
    devices = devices_of(options.device, options.workers)
    time = duration / (forecast.real_time_factor * len(devices))
    lines = _counts(plan, listing, wanted)
    if plan.todo:
        known = (
            "" if n_probed == len(plan.todo) else f", by {count(n_probed, 'header')} and by size"
        )
        lines.append(f"music: {hours(duration)}{known}")
        rate = f"{forecast.real_time_factor:.0f} x real time each"
        source = "as before" if forecast.is_measured else "not measured here yet"
        lines.append(
            f"time: about {span(time)} with {count(len(devices), 'worker')} ({rate}, {source})"
        )
    if options.verbose:
        lines += [
            f"{escaped(row.name)} -> {escaped(row.stem)}.{kind}"
            for row in plan.todo
            for kind in wanted.kinds
        ]
    record = {
        "event": "plan",
        **plan.figures(),
        "ignored": dict(listing.ignored),
        "left_out": dict(listing.left_out),
        "troubles": len(listing.troubles),
        "seconds_of_music": round(duration, 1),
        "workers": len(devices),
        "real_time_factor": round(forecast.real_time_factor, 1),
        "is_measured": forecast.is_measured,
        "seconds": round(time, 1),
    }
    return Preview(lines, record)


def _counts(plan: Plan, listing: Listing, wanted: Wanted) -> list[str]:
    """How many recordings are to be done and why, and what becomes of the others."""
    lines = [f"to do: {count_of(len(plan.todo), 'recording')}"]
    lines += [f"  {n:,} {why}" for why, n in plan.why.items()]
    lines.append(f"finished earlier: {plan.n_finished:,}")
    if plan.n_outdated:
        lines.append(
            f"  {plan.n_outdated:,} of them with another model or other settings than now "
            f"({wanted.model}); use --redo to redo them"
        )
    for number, what in ((plan.n_moved, "moved in the source"), (plan.n_gone, "gone from it")):
        if number:
            lines.append(f"{what}: {number:,}")
    return [*lines, *describe_ignored(listing)]


def describe_ignored(listing: Listing) -> list[str]:
    """How many files of the source are ignored, and why; of which endings."""
    counted = {
        "ignored, not recordings": listing.ignored,
        "left out by --include or --exclude": listing.left_out,
    }
    return [
        f"{what}: {count_of(files.total(), 'file')} ({in_words(files)})"
        for what, files in counted.items()
        if files
    ]


def probe_some(
    rows: Sequence[Row], source: str, forecast: Forecast, *, counting: bool = False
) -> int:
    """Read the headers of some recordings, in worker processes; how many gave a length.

    Where a header can only guess the length, it is believed, or the packets are counted.
    """
    if open_store(source).folder is None:
        return 0  # a header there costs as much as the recording
    unknown = [row for row in rows if row.duration is None]
    some = unknown if len(unknown) <= MOST_PROBED else random.Random(0).sample(unknown, MOST_PROBED)
    n_known = len(rows) - len(unknown)
    if not some:
        return n_known
    pool = ProcessPool(
        [partial(Prober, counting=counting)] * min(4, len(some)),
        WorkerLimits(seconds=_PROBE_SECONDS),
    )
    try:
        for number, row in enumerate(some):
            pool.submit(Job(number, row.name, source, row.place, "", ()))
        for _ in some:
            event = pool.next(2 * _PROBE_SECONDS)
            if isinstance(event, Finished) and event.outcome.duration:
                row = some[event.job.number]
                row.duration = event.outcome.duration
                forecast.learn(row)
                n_known += 1
    except PoolError as error:  # a forecast can do without
        log.info("no headers were read: %s", error)
    finally:
        pool.close()
    return n_known
