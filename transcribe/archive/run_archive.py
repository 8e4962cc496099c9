"""One archive run from its options to its reports: list, plan, transcribe, report."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transcribe.archive import report, run_folder
from transcribe.archive.console import (
    ReadingNotice,
    notify,
    print_plan,
    print_summary,
    print_troubles,
)
from transcribe.archive.driver import Driver, RunStores, StoppedError
from transcribe.archive.forecast import Forecast
from transcribe.archive.html_report import as_page
from transcribe.archive.jobs import JobSettings
from transcribe.archive.listing import Listing, Patterns, list_source
from transcribe.archive.manifest import Manifest, copy
from transcribe.archive.plan import Wanted, apply, make_plan
from transcribe.archive.preview import describe_ignored, preview, probe_some
from transcribe.archive.progress import JSON, Progress
from transcribe.archive.rows import export_csv
from transcribe.archive.scratch import scratch
from transcribe.archive.storage.base import Store, StoreError
from transcribe.archive.storage.opening import open_store
from transcribe.archive.workers.base import PoolError
from transcribe.archive.workers.factory import make_pool
from transcribe.errors import TranscribeError
from transcribe.export import CSV, MIDI
from transcribe.export import JSON as JSON_FILE
from transcribe.files.atomic import write_atomically
from transcribe.interruption import interrupted_by_signals
from transcribe.notes import STANDARD_A4
from transcribe.options import DONE, FAILED
from transcribe.outputs import check_folder
from transcribe.terminal import say
from transcribe.weights_file import read_provenance


def run_archive(options: argparse.Namespace) -> int:
    """Plan, then transcribe what is left to do, or print what that is; the exit code."""
    if options.verbose:
        logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    destination = open_store(options.output)
    if destination.folder is not None:
        check_folder(destination.folder, is_written=not options.dry_run)
    with interrupted_by_signals(), scratch():
        listing = list_source(
            options.source, Patterns(options.include, options.exclude), destination
        )
        wanted = _wanted(options)
        print_troubles(listing)
        if not listing.entries and not options.allow_empty:
            raise _nothing_there(listing)
        if options.dry_run:
            return _dry_run(options, listing, destination, wanted)
        folder = run_folder.folder_of(destination, options.state)
        with run_folder.locked_for_run(destination, folder) as check:
            return _run(options, listing, destination, wanted, folder, check)


def _nothing_there(listing: Listing) -> StoreError:
    """A mistyped name and a disk that is not mounted look like an empty folder."""
    found = "; ".join(["no recordings to transcribe", *describe_ignored(listing)])
    question = "Is this the right place, and the disk mounted?"
    if listing.left_out:
        question = "Do the patterns say what they should?"
    return StoreError(f"{listing.source}: {found}. {question} --allow-empty makes this no error")


def _run(
    options: argparse.Namespace,
    listing: Listing,
    destination: Store,
    wanted: Wanted,
    folder: Path,
    check: Callable[[], None],
) -> int:
    """Transcribe what is left to do, and write the reports."""
    manifest = Manifest(folder / run_folder.MANIFEST)
    with contextlib.closing(manifest):
        destination.clear_leftovers()
        source = open_store(listing.source)
        plan = make_plan(
            listing, manifest, source, destination, wanted, on_read=ReadingNotice(options)
        )
        apply(plan, manifest, destination)
        run_folder.begin_run(manifest)
        manifest.set_about("source", listing.source)
        print_plan(plan, listing, wanted, options)
        stopped: BaseException | None = None
        if plan.todo:
            forecast = Forecast(manifest.rows())
            probe_some(plan.todo, listing.source, forecast)
            progress = Progress(plan.todo, forecast, options.progress)
            pool = make_pool(options, _job_settings(options), folder / run_folder.LOG)
            notify(options, pool.description)
            places = RunStores(source, destination)
            observer = run_folder.Publisher(progress, destination, folder, check=check)
            driver = Driver(manifest, pool, places, wanted, observer, retries=options.retries)
            try:
                driver.run(plan.todo)
            except (StoppedError, PoolError, OSError, KeyboardInterrupt) as error:
                stopped = error
            finally:
                progress.close()
        check()
        tally = report.Tally(list(manifest.rows()), listing)
        return _conclude(tally, stopped, destination, folder, options)


def _conclude(
    tally: report.Tally,
    stopped: BaseException | None,
    destination: Store,
    folder: Path,
    options: argparse.Namespace,
) -> int:
    """Write the reports, print the summary, and raise what has stopped the run or them."""
    unwritten: OSError | None = None
    try:
        _report(tally, destination, folder)
    except OSError as error:  # the same disk may be what stopped the run
        unwritten = error
    print_summary(tally, None if unwritten else folder / run_folder.REPORT, options)
    if isinstance(stopped, PoolError):
        raise TranscribeError(str(stopped)) from stopped
    if stopped is not None:
        raise stopped
    if unwritten is not None:
        raise unwritten
    return DONE if tally.is_complete else FAILED


def _report(tally: report.Tally, destination: Store, folder: Path) -> None:
    """Write tables and page, here and into a destination that is elsewhere."""
    files = {
        run_folder.MANIFEST_CSV: export_csv(tally.rows),
        run_folder.PROBLEMS: report.as_csv(tally),
    }

    def page(outputs: str | None) -> bytes:
        return as_page(tally, destination.address, outputs).encode("utf-8")

    for name, content in files.items():
        write_atomically(folder / name, content)
    write_atomically(folder / run_folder.REPORT, page(run_folder.link_prefix(folder, destination)))
    if run_folder.is_elsewhere(destination, folder):
        run_folder.publish(destination, folder, instead={run_folder.REPORT: page("..")})


def _dry_run(
    options: argparse.Namespace, listing: Listing, destination: Store, wanted: Wanted
) -> int:
    """Say what a run would do; nothing is written."""
    folder = run_folder.folder_of(destination, options.state)
    with tempfile.TemporaryDirectory(prefix="transcribe-") as temporary:
        snapshot = Path(temporary) / run_folder.MANIFEST
        is_newer = run_folder.fetch_newer(destination, folder, snapshot)
        if not is_newer and (folder / run_folder.MANIFEST).exists():
            copy(folder / run_folder.MANIFEST, snapshot)
        with contextlib.closing(Manifest(snapshot, name=folder / run_folder.MANIFEST)) as manifest:
            source = open_store(listing.source)
            plan = make_plan(listing, manifest, source, destination, wanted)
            described = preview(plan, listing, Forecast(manifest.rows()), wanted, options)
    if options.progress == JSON:
        print(json.dumps(described.record), flush=True)
    else:
        for line in described.lines:
            say(line, sys.stdout)
    return DONE


def _wanted(options: argparse.Namespace) -> Wanted:
    provenance = read_provenance(options.checkpoint)
    kinds = (*([CSV] * options.csv), *([JSON_FILE] * options.json), MIDI)
    settings: dict[str, Any] = {"outputs": sorted(kinds), "offsets": options.offsets}
    for name in ("onset_threshold", "frame_threshold", "minimum_note"):
        if getattr(options, name) is not None:
            settings[name] = getattr(options, name)
    if options.a4 != STANDARD_A4:
        settings["a4"] = options.a4
    if provenance.decode:  # the same weights may come with other thresholds
        settings["decode"] = provenance.decode
    return Wanted(
        kinds=kinds,
        model=provenance.name,
        model_sha256=provenance.sha256,
        settings=json.dumps(settings, sort_keys=True),
        redo=options.redo,
        retry=options.retry,
    )


def _job_settings(options: argparse.Namespace) -> JobSettings:
    return JobSettings(
        offsets=options.offsets,
        onset_threshold=options.onset_threshold,
        frame_threshold=options.frame_threshold,
        minimum_note=options.minimum_note,
        a4=options.a4,
        checkpoint=options.checkpoint,
    )
