"""``transcribe false-notes RECORDING MIDI``: notes found where nobody plays the piano."""

from __future__ import annotations

import argparse

from transcribe.evaluation.command import add_est_suffix, add_json, check_sides, exit_code
from transcribe.extras import needing
from transcribe.options import Subparsers, add_command, path_name


def add_parser(subparsers: Subparsers) -> None:
    """The options of ``transcribe false-notes``."""
    parser = add_command(
        subparsers,
        "false-notes",
        run,
        description="Count the notes per minute in transcriptions of recordings in which nobody "
        "plays the piano: rain, applause, voices. Every note in them is false.",
        epilog="Files in folders and their subfolders are paired by name, ignoring the file "
        "ending; what is missing on either side is listed, and the exit code is 1.",
    )
    add = parser.add_argument
    add("recordings", metavar="RECORDING", type=path_name, help="a recording, or a folder of them")
    add("midi", metavar="MIDI", type=path_name, help="its transcription, or a folder of them")
    add_est_suffix(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Count, print."""
    with needing("eval", "mir_eval", "scipy", "matplotlib"):
        from transcribe.evaluation import report, tables
        from transcribe.evaluation.evaluate import evaluate_without_piano

    check_sides("RECORDING", options.recordings, "MIDI", options.midi)
    found = evaluate_without_piano(options.recordings, options.midi, est_suffix=options.est_suffix)
    text = report.as_json(found) if options.json else tables.false_note_table(found).text()
    print(text.rstrip("\n"))
    return exit_code("transcribe false-notes", report.remarks(found), found.left_out)
