"""``transcribe archive SOURCE -o DEST``: many recordings, unattended."""

from __future__ import annotations

import argparse

from transcribe.archive.progress import MODES
from transcribe.files.address import Address
from transcribe.options import (
    Subparsers,
    add_command,
    add_device,
    add_formats,
    add_output,
    add_transcription,
    add_verbose,
    add_workers,
    path_name,
    positive_seconds,
    whole_number,
)


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
        type=_address,
        help="a folder; or a list of recordings: a text file with one per line (- for standard "
        "input), or a CSV file with a column named recording or path; or an address such as "
        "s3://bucket/folder",
    )
    add("--dry-run", action="store_true", help="print what would be done and how long it takes")
    add("--allow-empty", action="store_true", help="do not fail if there are no recordings")

    _add_selection(parser.add_argument_group("selection"))
    group = parser.add_argument_group("output")
    add_output(
        group, "DEST", type=_address, required=True, help="folder or address for the MIDI files"
    )
    add_formats(group)
    group.add_argument(
        "--state",
        metavar="FOLDER",
        type=path_name,
        help="folder for the manifest and the reports (default: DEST/_transcribe)",
    )
    add_transcription(parser)
    group = parser.add_argument_group("run")
    add_workers(group, default="as many as cores and memory allow, or one for each GPU")
    add_device(group, help="where to compute; auto uses all GPUs if there are any (default: auto)")
    _add_limits(group)
    add_verbose(group)
    group = parser.add_argument_group("several machines", "needs pip install 'transcribe[ray]'")
    add = group.add_argument
    add("--ray", action="store_true", help="run on a Ray cluster of this machine alone")
    add("--ray-address", metavar="ADDRESS", help="run on the Ray cluster at this address")


def _add_selection(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
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


def _add_limits(group: argparse._ArgumentGroup) -> None:
    """What a recording and its worker may take, and how they are told of."""
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
        type=positive_seconds,
        default=3600.0,
        help="give up on a recording after this time (default: 3600)",
    )
    add(
        "--stall-limit",
        metavar="SECONDS",
        type=positive_seconds,
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


def run(options: argparse.Namespace) -> int:
    """Transcribe what is left to do in an archive, or print what that is."""
    from transcribe.archive.run_archive import run_archive

    return run_archive(options)


def _address(text: str) -> Address:
    path_name(text)  # which refuses an empty one
    return Address(text)
