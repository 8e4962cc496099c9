"""``transcribe corpus``: a folder of transcriptions into a training set."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from transcribe.corpus.config import CorpusConfig
from transcribe.hardware import n_cores
from transcribe.options import (
    DONE,
    FAILED,
    Subparsers,
    add_command,
    add_output,
    add_overwrite,
    add_quiet,
    add_workers,
    path_name,
    usage_errors,
)
from transcribe.terminal import SECONDS_BETWEEN_LINES, SILENT_SECONDS, say
from transcribe.tokens.targets import TARGETS
from transcribe.wording import clock, count, one_line

if TYPE_CHECKING:
    from transcribe.corpus.corpus import Corpus

PROG = "transcribe corpus"
_MOST_TOLD = 10
"""Files whose warnings are printed one by one."""
_DEFAULTS = CorpusConfig()


def add_parser(subparsers: Subparsers) -> None:
    """The options of ``transcribe corpus``."""
    parser = add_command(
        subparsers,
        "corpus",
        run,
        description="Make a training set from a folder of transcriptions. Splits are by piece: no "
        "piece is in two splits, whoever plays it and in whatever key. Duplicates of a "
        "performance are dropped and passages of low confidence are cut out; the train split is "
        "augmented by transposing and stretching. A data card, statistics and a report on every "
        "file are written beside the data.",
        epilog="An interrupted run resumes when the same command is given again. After files were "
        "added, the same command adds them, and no recording changes its split.",
    )
    parser.add_argument(
        "source",
        metavar="SOURCE",
        type=path_name,
        help="a folder of MIDI files; confidences are read from the .json files beside them, "
        "which transcribe --json writes",
    )
    add_output(parser, "FOLDER", required=True, help="where the corpus goes")
    parser.add_argument(
        "--for",
        dest="target",
        metavar="NAME",
        choices=list(TARGETS),
        help="write what `transcribe tokens --for NAME` writes, in tar files, instead of notes as "
        f"JSON Lines; one of {', '.join(TARGETS)}",
    )
    add_overwrite(parser, what="a corpus that was made with other settings")
    group = parser.add_argument_group("splits")
    _number(group, "--validation", "SHARE", "share of the pieces in the validation split")
    _number(group, "--test", "SHARE", "share of the pieces in the test split")
    group.add_argument(
        "--splits",
        metavar="CSV",
        type=path_name,
        help="given splits: a table with the columns midi_filename and split, as in MAESTRO; other "
        "recordings of these pieces follow them",
    )
    _number(group, "--seed", "N", "random seed of splits and augmentation")
    group = parser.add_argument_group("filters")
    _number(
        group,
        "--confidence",
        "P",
        "cut out every four seconds with a mean confidence below this; 0 keeps everything",
    )
    _number(group, "--silence", "SECONDS", "split passages at silences longer than this")
    _number(group, "--shortest", "SECONDS", "leave out passages shorter than this")
    _number(group, "--fewest-notes", "N", "leave out passages with fewer notes")
    group = parser.add_argument_group("augmentation of the train split")
    _number(group, "--copies", "N", "augmented copies of each passage")
    _number(group, "--semitones", "N", "largest transposition, up or down")
    _number(group, "--stretch", "SHARE", "largest change of tempo, slower or faster")
    group = parser.add_argument_group("run")
    _number(group, "--notes-per-shard", "N", "approximate number of notes in a file")
    add_workers(group, default="one for each CPU core")
    add_quiet(group)


def run(options: argparse.Namespace) -> int:
    """Build the corpus and print a summary."""
    with usage_errors():
        chosen = {each.name: getattr(options, each.name) for each in fields(CorpusConfig)}
        config = CorpusConfig(**chosen)

    from transcribe.corpus.builder import build_corpus
    from transcribe.corpus.card import remarks
    from transcribe.corpus.splits import read_splits

    splits = None if options.splits is None else read_splits(options.splits)
    with _progress(quiet=options.quiet) as progress:
        corpus = build_corpus(
            options.source,
            options.output,
            config,
            splits=splits,
            workers=options.workers or n_cores(),
            overwrite=options.overwrite,
            command=_as_given(options),
            progress=progress,
        )
    unreadable = [entry.reading for entry in corpus.entries if entry.status == "unreadable"]
    for reading in unreadable:
        say(f"{PROG}: {options.source / reading.name}: {reading.error}", sys.stderr)
    _print_remarks(corpus, options.source)
    for remark in remarks(corpus):
        say(f"{PROG}: {options.output}: warning: {remark}", sys.stderr)
    if not options.quiet:
        for split, counts in corpus.counts.items():
            say(
                f"{split}: {count(corpus.n_pieces(split), 'piece')}, "
                f"{count(corpus.n_recordings(split), 'recording')}, "
                f"{clock(counts.played_seconds)} of music, {count(counts.n_records, 'record')}",
                sys.stdout,
            )
        left_out = [f"{n} {status}" for status, n in sorted(corpus.statuses.items())]
        say(f"{options.output}: {', '.join(left_out)}; see its README.md", sys.stdout)
    return FAILED if unreadable or corpus.unreadable else DONE


def _print_remarks(corpus: Corpus, source: Path) -> None:
    """Print what was found in the files, of the first few of them."""
    doubtful = [entry.reading for entry in corpus.entries if entry.reading.remarks]
    for reading in doubtful[:_MOST_TOLD]:
        remarks = "; ".join(reading.remarks)
        say(f"{PROG}: {source / reading.name}: warning: {remarks}", sys.stderr)
    if len(doubtful) > _MOST_TOLD:
        n_more = count(len(doubtful) - _MOST_TOLD, "more file", "more files")
        say(f"{PROG}: warnings of {n_more} are in recordings.jsonl", sys.stderr)


def _as_given(options: argparse.Namespace) -> str:
    """The command line, of paths only the names."""
    paths = {
        str(each): Path(os.path.realpath(each)).name for each in (options.source, options.output)
    }
    if options.splits is not None:
        paths[str(options.splits)] = options.splits.name
    shown = []
    skipped = False
    for word in options.words:
        if skipped or word in ("--workers", "--quiet", "--overwrite"):
            skipped = word == "--workers"
            continue
        shown.append(paths.get(word, word))
    return one_line(f"transcribe {shlex.join(shown)}")


class _ProgressLine:
    """Tells how far the work is: a bar on a terminal, elsewhere a line now and then."""

    def __init__(self) -> None:
        self.started = self.printed = time.monotonic()
        self.stage = ""
        self.is_terminal = sys.stderr.isatty()

    def __call__(self, stage: str, n_done: int, n: int) -> None:
        now = time.monotonic()
        if stage != self.stage:
            self.stage, self.started, self.printed = stage, now, now
        pause = 0.1 if self.is_terminal else SECONDS_BETWEEN_LINES
        if now - self.printed < pause or now - self.started < SILENT_SECONDS:
            return
        self.printed = now
        left = (n - n_done) * (now - self.started) / n_done
        line = f"{stage}: {n_done} of {n}, about {clock(left)} left"
        if self.is_terminal:
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()
        else:
            say(line, sys.stderr)

    def end(self) -> None:
        """Clear the line."""
        if self.is_terminal:
            sys.stderr.write("\r\x1b[K")


@contextmanager
def _progress(*, quiet: bool) -> Iterator[_ProgressLine | None]:
    if quiet:
        yield None
        return
    line = _ProgressLine()
    try:
        yield line
    finally:
        line.end()


def _number(parser: argparse._ActionsContainer, name: str, metavar: str, what: str) -> None:
    default = getattr(_DEFAULTS, name.removeprefix("--").replace("-", "_"))
    shown = f"{default:g}" if isinstance(default, float) else str(default)
    parser.add_argument(
        name,
        metavar=metavar,
        type=type(default),
        default=default,
        help=f"{what} (default: {shown})",
    )
