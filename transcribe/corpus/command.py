"""``transcribe corpus``: a folder of transcriptions into a training set."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from transcribe.corpus.config import CorpusConfig
from transcribe.terminal import SECONDS_BETWEEN_LINES, SILENT_SECONDS, say
from transcribe.tokens.targets import TARGETS
from transcribe.wording import clock, count, one_line

if TYPE_CHECKING:
    from transcribe.corpus.builder import Corpus

ALL_DONE, SOME_FAILED = 0, 1
_MOST_TOLD = 10
"""Files whose warnings are said one by one."""
_DEFAULTS = CorpusConfig()


def main(words: Sequence[str]) -> int:
    """Do what the words after ``transcribe corpus`` say; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(words)
    try:
        chosen = {each.name: getattr(options, each.name) for each in fields(CorpusConfig)}
        config = CorpusConfig(**chosen)
    except ValueError as error:
        parser.error(one_line(str(error)))

    from transcribe.corpus.builder import build_corpus
    from transcribe.corpus.card import remarks
    from transcribe.corpus.splits import read_splits

    splits = None if options.splits is None else read_splits(options.splits)
    with _told(quiet=options.quiet) as progress:
        corpus = build_corpus(
            options.source,
            options.out,
            config,
            splits=splits,
            workers=options.workers,
            overwrite=options.overwrite,
            command=_as_given(words, options),
            progress=progress,
        )
    unreadable = [entry.reading for entry in corpus.entries if entry.status == "unreadable"]
    for reading in unreadable:
        say(f"transcribe corpus: {options.source / reading.name}: {reading.error}", sys.stderr)
    _tell_remarks(corpus, options.source)
    for remark in remarks(corpus):
        say(f"transcribe corpus: {options.out}: warning: {remark}", sys.stderr)
    if not options.quiet:
        for split, counts in corpus.counts.items():
            say(
                f"{split}: {count(corpus.n_pieces(split), 'piece')}, "
                f"{count(corpus.n_recordings(split), 'recording')}, "
                f"{clock(counts.played_seconds)} of music, {count(counts.n_records, 'record')}",
                sys.stdout,
            )
        left_out = [f"{n} {status}" for status, n in sorted(corpus.statuses.items())]
        say(f"{options.out}: {', '.join(left_out)}; README.md tells more", sys.stdout)
    return SOME_FAILED if unreadable else ALL_DONE


def _tell_remarks(corpus: Corpus, source: Path) -> None:
    """Say what was found in the files, of the first few of them."""
    doubtful = [entry.reading for entry in corpus.entries if entry.reading.remarks]
    for reading in doubtful[:_MOST_TOLD]:
        remarks = "; ".join(reading.remarks)
        say(f"transcribe corpus: {source / reading.name}: warning: {remarks}", sys.stderr)
    if len(doubtful) > _MOST_TOLD:
        n_more = count(len(doubtful) - _MOST_TOLD, "more file", "more files")
        say(f"transcribe corpus: warnings of {n_more} are in recordings.jsonl", sys.stderr)


def _as_given(words: Sequence[str], options: argparse.Namespace) -> str:
    """The command line, of paths only the names."""
    paths = {str(each): each.resolve().name for each in (options.source, options.out)}
    if options.splits is not None:
        paths[str(options.splits)] = options.splits.name
    shown = []
    skipped = False
    for word in words:
        if skipped or word in ("--workers", "--quiet", "--overwrite"):
            skipped = word == "--workers"
            continue
        shown.append(paths.get(word, word))
    return one_line(f"transcribe corpus {shlex.join(shown)}")


class _Told:
    """Tells how far the work is: a bar on a terminal, elsewhere a line now and then."""

    def __init__(self) -> None:
        self.started = self.told = time.monotonic()
        self.stage = ""
        self.is_terminal = sys.stderr.isatty()

    def __call__(self, stage: str, n_done: int, n: int) -> None:
        now = time.monotonic()
        if stage != self.stage:
            self.stage, self.started, self.told = stage, now, now
        pause = 0.1 if self.is_terminal else SECONDS_BETWEEN_LINES
        if now - self.told < pause or now - self.started < SILENT_SECONDS:
            return
        self.told = now
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
def _told(*, quiet: bool) -> Iterator[_Told | None]:
    if quiet:
        yield None
        return
    told = _Told()
    try:
        yield told
    finally:
        told.end()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="transcribe corpus",
        description="Make a training set of a folder of transcriptions: split by piece so that "
        "no piece is in two splits, whoever plays it in whatever key; the same performance twice "
        "is dropped; doubtful passages are cut out; the train split gets transposed and stretched "
        "variants. With a report of every file, statistics and a card.",
        epilog="A run that was interrupted goes on where it was; run again after files were added, "
        "it does what is new, and no recording changes its split. Exit codes: 0 all done, 1 some "
        "files could not be read (the others are in it), 2 wrong usage, 130 interrupted.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "source",
        metavar="SOURCE",
        type=Path,
        help="a folder of MIDI files; of those that transcribe --json made, the .json beside "
        "them tells which passages are doubtful",
    )
    add("-o", "--out", metavar="FOLDER", type=Path, required=True, help="where the corpus goes")
    add(
        "--for",
        dest="target",
        metavar="NAME",
        choices=list(TARGETS),
        help="make the files that `transcribe tokens --for NAME` makes, in tar files; without "
        f"it, notes as JSON Lines. One of {', '.join(TARGETS)}",
    )
    add = parser.add_argument_group("splits").add_argument
    _number(add, "--validation", "SHARE", "of the pieces")
    _number(add, "--test", "SHARE", "of the pieces")
    add(
        "--splits",
        metavar="CSV",
        type=Path,
        help="splits that are decided already: columns midi_filename and split, as MAESTRO's; "
        "what shares a piece with them follows",
    )
    _number(add, "--seed", "N", "of splits and variants")
    add = parser.add_argument_group("what is left out").add_argument
    _number(add, "--confidence", "P", "cut out where four seconds' mean is below; 0: nothing")
    _number(add, "--silence", "SECONDS", "longer silences divide passages")
    _number(add, "--shortest", "SECONDS", "leave out shorter passages")
    _number(add, "--fewest-notes", "N", "leave out passages with fewer")
    add = parser.add_argument_group("variants, in the train split").add_argument
    _number(add, "--copies", "N", "of each passage beside itself")
    _number(add, "--semitones", "N", "up or down at most")
    _number(add, "--stretch", "SHARE", "slower or faster at most")
    add = parser.add_argument_group("how it runs").add_argument
    _number(add, "--notes-per-shard", "N", "about so many in a file")
    add(
        "--workers",
        metavar="N",
        type=_n_workers,
        default=os.cpu_count() or 1,
        help="processes; default: one for each core",
    )
    add("--overwrite", action="store_true", help="replace a corpus of other settings")
    add("--quiet", action="store_true", help="print warnings and failures only")
    return parser


def _number(add: object, name: str, metavar: str, help_text: str) -> None:
    default = getattr(_DEFAULTS, name.removeprefix("--").replace("-", "_"))
    assert callable(add)
    add(
        name,
        metavar=metavar,
        type=type(default),
        default=default,
        help=f"{help_text}; default: {default:g}".replace("%", "%%"),
    )


def _n_workers(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number, 1 or more; found {text!r}")
    return int(text)
