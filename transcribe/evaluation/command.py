"""``transcribe evaluate REF EST``: two performances, or two folders of them, compared."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from transcribe.errors import OutputError, TranscribeError
from transcribe.extras import needing
from transcribe.files.endings import in_words
from transcribe.files.relative import remove_inside
from transcribe.options import (
    DONE,
    FAILED,
    Subparsers,
    UsageError,
    add_command,
    add_output,
    add_overwrite,
    path_name,
    positive_seconds,
)
from transcribe.outputs import check_folder
from transcribe.terminal import progress_of, say
from transcribe.wording import absence, count

if TYPE_CHECKING:
    from transcribe.evaluation.evaluate import Evaluation

PROG = "transcribe evaluate"


def add_parser(subparsers: Subparsers) -> None:
    """The options of ``transcribe evaluate``."""
    parser = add_command(
        subparsers,
        "evaluate",
        run,
        description="Compare transcriptions with what was played, two files or two folders: "
        "precision, recall and F1 of notes and pedal, as found and with the median onset "
        "deviation removed ('aligned'), with offsets at key release and with offsets extended "
        "by the sustain pedal ('pedal-extended'); and errors by type. What the reference does "
        "not contain, pedal or velocities, is not scored.",
        epilog="Files in folders and their subfolders are paired by name, ignoring the file "
        "ending. References without an estimate, estimates without a reference and what can't be "
        "read are listed, and the exit code is 1; the scores are of the other files, and a "
        "second mean counts missing files as transcriptions without notes. If the recording is "
        "next to the reference, both sides are cut where it ends.",
    )
    add = parser.add_argument
    add("ref", metavar="REF", type=path_name, help="what was played: MIDI, or labels (.tsv, .txt)")
    add(
        "est",
        metavar="EST",
        type=path_name,
        help="the transcription to score: MIDI from any program",
    )
    add(
        "--split",
        choices=("train", "validation", "test"),
        help="REF is a data set (MAESTRO, MAPS, or an index); compare with this split of it",
    )
    add_est_suffix(parser)
    add(
        "--seconds",
        metavar="SECONDS",
        type=positive_seconds,
        help="compare only the music before this time, or before the end of the recording next "
        "to the reference if that is earlier (default: everything)",
    )
    group = parser.add_argument_group("output")
    add_output(
        group,
        "FOLDER",
        help="also write a report: evaluation.json, .csv and .md, and piano rolls that show hits, "
        "missed notes and false notes",
    )
    add = group.add_argument
    add(
        "--pictures",
        choices=("few", "all", "none"),
        default="few",
        help="which pieces to draw in the report: few (the best, the median and the worst), all "
        "or none (default: few)",
    )
    add(
        "--row-seconds",
        metavar="SECONDS",
        type=positive_seconds,
        default=30.0,
        help="seconds of music in each row of a picture (default: 30)",
    )
    add_json(group)
    add_overwrite(group, what="an existing report")


def add_est_suffix(parser: argparse._ActionsContainer) -> None:
    """``--est-suffix``."""
    parser.add_argument(
        "--est-suffix",
        metavar="TEXT",
        default="",
        help="ending of the transcriptions' file names that is ignored in pairing, such as "
        "_basic_pitch",
    )


def add_json(parser: argparse._ActionsContainer) -> None:
    """``--json``."""
    parser.add_argument(
        "--json", action="store_true", help="print all results as JSON instead of tables"
    )


def run(options: argparse.Namespace) -> int:
    """Compare, print, and write the report if one is asked for."""
    with needing("eval", "mir_eval", "scipy", "matplotlib"):
        from transcribe.evaluation import report
        from transcribe.evaluation.evaluate import evaluate

        if options.output and options.pictures != "none":
            import matplotlib  # noqa: F401

    check_sides("REF", options.ref, "EST", options.est, alike=options.split is None)
    if options.output is not None:
        _check_report_folder(options.output, overwrite=options.overwrite)
    with progress_of(f"comparing with {options.ref.name}", None) as progress:
        evaluation = evaluate(
            options.ref,
            options.est,
            split=options.split,
            est_suffix=options.est_suffix,
            seconds=options.seconds,
            progress=progress,
        )
    for warning in evaluation.warnings:
        say(f"{PROG}: warning: {warning}", sys.stderr)
    print(report.as_json(evaluation) if options.json else report.as_text(evaluation))
    if options.output is not None:
        _write_report(evaluation, options)
    return exit_code(PROG, report.remarks(evaluation), evaluation.left_out)


def _write_report(evaluation: Evaluation, options: argparse.Namespace) -> None:
    from transcribe.evaluation import report

    folder: Path = options.output
    folder.mkdir(parents=True, exist_ok=True)
    earlier = report.linked_pictures(folder)
    pictures: list[str] = []
    if options.pictures != "none":
        from transcribe.evaluation.pictures import draw_pictures

        few = options.pictures == "few"
        pictures = draw_pictures(evaluation, folder, seconds=options.row_seconds, few=few)
    title = f"{options.est.name} compared with {options.ref.name}"
    written = report.write_report(evaluation, folder, title, pictures=pictures)
    remove_inside(folder, earlier.difference(pictures))
    if not options.json:
        names = ", ".join(map(str, written))
        say(f"wrote {names} and {count(len(pictures), 'picture')}", sys.stdout)


def check_sides(name: str, path: Path, other_name: str, other: Path, *, alike: bool = True) -> None:
    """See that two arguments are there, and if they are to be ``alike``, of one kind."""
    for each in (path, other):
        if not each.exists():
            raise TranscribeError(f"{each}: {absence(each, 'file or folder')}", kind="not_found")
    if alike and path.is_dir() != other.is_dir():
        what = {True: "a folder", False: "a file"}
        raise UsageError(
            f"{name} and {other_name} must be two files or two folders; found "
            f"{what[path.is_dir()]} {path} and {what[other.is_dir()]} {other}"
        )


def exit_code(prog: str, remarks: Sequence[str], left_out: Mapping[str, int]) -> int:
    """Print on standard error what was not compared; the exit code."""
    for line in remarks:
        say(f"{prog}: {line}", sys.stderr)
    if left_out:
        n_files = count(sum(left_out.values()), "file")
        say(f"{prog}: ignored {n_files} without notes ({in_words(left_out)})", sys.stderr)
    if remarks:
        say(f"{prog}: {count(len(remarks), 'file')} not compared", sys.stderr)
    return FAILED if remarks else DONE


def _check_report_folder(folder: Path, *, overwrite: bool) -> None:
    """Before anything slow is done, see that the report can be written."""
    check_folder(folder)
    if (folder / "evaluation.json").exists() and not overwrite:
        raise OutputError(f"{folder} already holds a report; use --overwrite to replace it")
