"""``transcribe archive SOURCE -o DEST``: many recordings, unattended."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from transcribe.archive import report, run_folder
from transcribe.archive.driver import Driver, Places, StoppedError
from transcribe.archive.escaping import escaped
from transcribe.archive.forecast import Forecast
from transcribe.archive.html_report import as_page
from transcribe.archive.jobs import JobSettings
from transcribe.archive.listing import Listing, Patterns, list_source
from transcribe.archive.manifest import Manifest, copy
from transcribe.archive.plan import Plan, Wanted, apply, make_plan
from transcribe.archive.preview import preview, probe_some, told_ignored
from transcribe.archive.progress import JSON, MODES, Progress, count_of
from transcribe.archive.rows import export_csv
from transcribe.archive.scratch import scratch
from transcribe.archive.storage.base import Store, StoreError
from transcribe.archive.storage.opening import open_store
from transcribe.archive.workers.base import PoolError
from transcribe.archive.workers.factory import make_pool
from transcribe.errors import TranscribeError
from transcribe.export import CSV, MIDI
from transcribe.export import JSON as JSON_FILE
from transcribe.files.address import Address
from transcribe.files.atomic import write_atomically
from transcribe.notes import STANDARD_A4
from transcribe.options import (
    DONE,
    FAILED,
    Subparsers,
    add_command,
    add_device,
    add_formats,
    add_output,
    add_transcription,
    add_verbose,
    add_workers,
    seconds,
    whole_number,
)
from transcribe.terminal import SECONDS_BETWEEN_LINES, say, show
from transcribe.weights_file import read_provenance

_SHOWN_TROUBLES = 20


def add_parser(subparsers: Subparsers) -> None:
    """The options of ``transcribe archive``."""
    parser = add_command(
        subparsers,
        "archive",
        run,
        description="Transcribe all recordings of a folder into another folder of the same "
        "structure, unattended. A manifest keeps the state of each recording: the same command "
        "again does only what is left, whatever stopped it before. A recording that crashes or "
        "hangs its worker is retried alone, then quarantined, and the run goes on.",
        epilog="DEST/_transcribe holds report.html and report.csv for people, and manifest.sqlite "
        "and manifest.csv with a row for every recording. The exit code is 0 only if every "
        "recording is done.",
    )
    add = parser.add_argument
    add(
        "source",
        metavar="SOURCE",
        type=Address,
        help="a folder; or a list of recordings: a text file with one per line (- for standard "
        "input), or a CSV file with a column named recording or path; or an address such as "
        "s3://bucket/folder",
    )
    add("--dry-run", action="store_true", help="print what would be done and how long it takes")
    add("--allow-empty", action="store_true", help="do not fail if there are no recordings")

    add = parser.add_argument_group("selection").add_argument
    for name, what in (
        ("include", "only these (default: all audio and video files)"),
        ("exclude", "not these files or folders"),
    ):
        add(
            f"--{name}",
            metavar="PATTERN",
            action="append",
            default=[],
            help=f"{what}, such as '*.wav' or 'drafts/*'; can be repeated",
        )
    add(
        "--redo",
        action="store_true",
        help="redo recordings that were done with another model or other settings",
    )
    add("--retry", action="store_true", help="retry recordings that failed or were quarantined")

    group = parser.add_argument_group("output")
    add_output(
        group, "DEST", type=Address, required=True, help="folder or address for the MIDI files"
    )
    add_formats(group)
    group.add_argument(
        "--state",
        metavar="FOLDER",
        type=Path,
        help="folder for the manifest and the reports (default: DEST/_transcribe)",
    )
    add_transcription(parser)

    group = parser.add_argument_group("run")
    add_workers(group, default="as many as cores and memory allow, or one for each GPU")
    add_device(group, help="where to compute; auto uses all GPUs if there are any (default: auto)")
    add = group.add_argument
    add(
        "--retries",
        metavar="N",
        type=int,
        choices=range(11),
        default=2,
        help="retry transient errors and worker crashes up to N times, 0 to 10 (default: 2)",
    )
    add(
        "--time-limit",
        metavar="SECONDS",
        type=seconds,
        default=3600.0,
        help="give up on a recording after this time (default: 3600)",
    )
    add(
        "--stall-limit",
        metavar="SECONDS",
        type=seconds,
        default=300.0,
        help="restart a worker that has made no progress for this long (default: 300)",
    )
    add(
        "--memory-limit",
        metavar="MB",
        type=whole_number,
        help="restart a worker that uses more memory (default: its share of the free memory)",
    )
    add(
        "--progress",
        choices=MODES,
        default="auto",
        help="live, a line that is updated; plain, a log; json, JSON lines on standard output; or "
        "none (default: auto, live on a terminal, else plain)",
    )
    add_verbose(group)

    add = parser.add_argument_group(
        "several machines", "needs pip install 'transcribe[ray]'"
    ).add_argument
    add("--ray", action="store_true", help="run on a Ray cluster of this machine alone")
    add("--ray-address", metavar="ADDRESS", help="run on the Ray cluster at this address")


def run(options: argparse.Namespace) -> int:
    """Plan, then transcribe what is left to do, or say what that is."""
    if options.verbose:
        logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    destination = open_store(options.output)
    with _told_to_end(), scratch():
        listing = list_source(
            options.source, Patterns(options.include, options.exclude), destination
        )
        wanted = _wanted(options)
        _tell_troubles(listing)
        if not listing.entries and not options.allow_empty:
            raise _nothing_there(listing)
        if options.dry_run:
            return _dry_run(options, listing, destination, wanted)
        folder = run_folder.folder_of(destination, options.state)
        with run_folder.held(destination, folder) as check:
            return _run(options, listing, destination, wanted, folder, check)


def _nothing_there(listing: Listing) -> StoreError:
    """A mistyped name and a disk that is not mounted look like an empty folder."""
    left_out = f"; {told_ignored(listing)}" if listing.ignored else ""
    return StoreError(
        f"{listing.source}: no recordings to transcribe{left_out}. Is this the right place, and "
        "the disk mounted? --allow-empty takes it for success"
    )


def _run(
    options: argparse.Namespace,
    listing: Listing,
    destination: Store,
    wanted: Wanted,
    folder: Path,
    check: Callable[[], None],
) -> int:
    """Settle what is left, and report."""
    manifest = Manifest(folder / run_folder.MANIFEST)
    with contextlib.closing(manifest):
        destination.clear_leftovers()
        source = open_store(listing.source)
        plan = make_plan(listing, manifest, source, destination, wanted, looking=_Looking(options))
        apply(plan, manifest, destination)
        run_folder.begin_run(manifest)
        manifest.tell("source", listing.source)
        _tell_plan(plan, listing, wanted, options)
        stopped: BaseException | None = None
        if plan.todo:
            forecast = Forecast(manifest.rows())
            probe_some(plan.todo, listing.source, forecast)
            progress = Progress(plan.todo, forecast, options.progress)
            pool = make_pool(options, _settings(options), folder / run_folder.LOG)
            _say(options, pool.description)
            places = Places(source, destination)
            observer = run_folder.Publisher(progress, destination, folder, check=check)
            driver = Driver(manifest, pool, places, wanted, observer, retries=options.retries)
            try:
                driver.run(plan.todo)
            except (StoppedError, PoolError, OSError, KeyboardInterrupt) as error:
                stopped = error
            finally:
                progress.ended()
        check()
        tally = report.Tally(list(manifest.rows()), listing)
        unwritten: OSError | None = None
        try:
            _report(tally, destination, folder)
        except OSError as error:  # the same disk may be what stopped the run
            unwritten = error
        _tell_end(tally, None if unwritten else folder / run_folder.REPORT, options)
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
    write_atomically(folder / run_folder.REPORT, page(run_folder.outputs_from(folder, destination)))
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
            told = preview(plan, listing, Forecast(manifest.rows()), wanted, options)
    if options.progress == JSON:
        print(json.dumps(told.record), flush=True)
    else:
        for line in told.lines:
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
    return Wanted(
        kinds=kinds,
        model=provenance.name,
        model_sha256=provenance.sha256,
        settings=json.dumps(settings, sort_keys=True),
        redo=options.redo,
        retry=options.retry,
    )


def _settings(options: argparse.Namespace) -> JobSettings:
    return JobSettings(
        offsets=options.offsets,
        onset_threshold=options.onset_threshold,
        frame_threshold=options.frame_threshold,
        minimum_note=options.minimum_note,
        a4=options.a4,
        checkpoint=options.checkpoint,
    )


# --- what is said ---


def _say(options: argparse.Namespace, text: str) -> None:
    if options.progress not in (JSON, "none"):
        say(f"transcribe archive: {text}", sys.stderr)


class _Looking:
    """Tells now and then that recordings are read to see what changed or moved."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options, self._n, self._told = options, 0, time.monotonic()

    def __call__(self, name: str) -> None:
        self._n += 1
        if time.monotonic() - self._told > SECONDS_BETWEEN_LINES:
            self._told = time.monotonic()
            n = count_of(self._n, "recording")
            _say(self._options, f"{n} read, to see what changed or moved; at {escaped(name)}")


def _tell_troubles(listing: Listing) -> None:
    for each in listing.troubles[:_SHOWN_TROUBLES]:
        say(
            f"transcribe archive: {escaped(each.name) or listing.source}: {each.reason}", sys.stderr
        )
    rest = len(listing.troubles) - _SHOWN_TROUBLES
    if rest > 0:
        say(f"transcribe archive: and {rest} more places, all in the report", sys.stderr)


def _tell_plan(plan: Plan, listing: Listing, wanted: Wanted, options: argparse.Namespace) -> None:
    if options.progress == JSON:
        event = {"event": "start", **plan.figures(), "ignored": dict(listing.ignored)}
        show(json.dumps(event) + "\n", sys.stdout)
        return
    why = ", ".join(f"{n:,} {why}" for why, n in plan.why.items())
    todo = count_of(len(plan.todo), "recording")
    if plan.todo:
        _say(options, f"{todo} to do ({why}); {plan.n_settled:,} settled before")
    else:
        _say(options, f"nothing to do; {plan.n_settled:,} settled before")
    if listing.ignored:
        _say(options, told_ignored(listing))
    if plan.n_moved:
        _say(options, f"{plan.n_moved:,} moved in the source; their outputs moved along")
    if plan.n_gone:
        _say(options, f"{plan.n_gone:,} no longer in the source; their outputs are kept")
    if plan.n_outdated:
        _say(
            options,
            f"{plan.n_outdated:,} were done by another model or with other settings than now "
            f"({wanted.model}); --redo does them again",
        )


def _tell_end(tally: report.Tally, page: Path | None, options: argparse.Namespace) -> None:
    """The last words; ``page`` is the report, if it was written."""
    if options.progress == JSON:
        record = {
            "event": "end",
            "recordings": len(tally.here),
            "done": len(tally.of("done")),
            "failed": len(tally.of("failed")),
            "quarantined": len(tally.of("quarantined")),
            "not_looked_into": len(tally.lost),
            "seconds_of_music": round(tally.seconds_heard, 3),
            "causes": dict(tally.causes),
            "report": None if page is None else str(page),
        }
        show(json.dumps(record) + "\n", sys.stdout)
        return
    for line in report.in_words(tally):
        say(line, sys.stdout)
    say("no report could be written" if page is None else f"report: {page}", sys.stdout)


@contextlib.contextmanager
def _told_to_end() -> Iterator[None]:
    """Take a request to end, or a closed terminal, for what Ctrl-C is; not under ``nohup``."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    wanted = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    before = {each: signal.getsignal(each) for each in wanted}
    for each, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(each, _interrupt)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler or signal.SIG_DFL)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
