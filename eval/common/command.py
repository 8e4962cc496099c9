"""What all measuring commands do alike: options in; figures out, printed and as a record.

A command names its options and what it measures; `run` does the rest. A record in
``eval/results`` names the commit that made it, so it is refused while the checkout has changes
that are not committed, unless ``--draft`` says that the record is to be made again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.common.record import command, provenance, rounded, write_record
from transcribe.errors import TranscribeError
from transcribe.model.device import find_device

RESULTS = Path(__file__).resolve().parents[1] / "results"
Figures = Mapping[str, Any]
Measure = Callable[[argparse.Namespace], "Figures | Iterator[Figures] | None"]


def new_parser(
    module: str, description: str | None, *, out: str = "write the record here (.json)"
) -> argparse.ArgumentParser:
    """A parser named after its module, with ``--out`` and ``--draft``."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--out", type=Path, help=out)
    parser.add_argument(
        "--draft",
        action="store_true",
        help="write into eval/results though the checkout has uncommitted changes",
    )
    return parser


def device(text: str) -> str:
    """A device that there is here; for ``type`` of an option."""
    try:
        return find_device(text)
    except (ValueError, TranscribeError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def run(
    parser: argparse.ArgumentParser,
    measure: Measure,
    arguments: Sequence[str] | None = None,
    *,
    show: Callable[[dict[str, Any]], str] | None = None,
    failure: Callable[[dict[str, Any]], str | None] | None = None,
    words: Callable[[argparse.Namespace], str] | None = None,
    positional: Sequence[str] = (),
) -> int:
    """Parse, measure, write the record, print.

    Parameters
    ----------
    parser : ArgumentParser
        Of `new_parser`, with the command's own options.
    measure : callable
        From the options to the record's figures; or to several of them one after the other,
        more and more complete, each of which is written; or to None, where nothing is recorded.
        Raises `argparse.ArgumentError` for options that don't go together.
    arguments : sequence of str, optional
        In place of the command line's.
    show : callable, optional
        From the record to what is printed.
    failure : callable, optional
        From the record to what is wrong about it, if anything is: printed, and exit code 1.
    words : callable, optional
        From the options to the command as the record names it; by default `record.command`.
    positional : sequence of str
        Names of options that are written without their name.

    Returns
    -------
    int
        0, or 1 with one line on stderr.
    """
    options = parser.parse_args(arguments)
    module = parser.prog.removeprefix("python -m ")
    record: dict[str, Any] = {}
    try:
        head = provenance()
        refuse_uncommitted(options.out, head["commit"], draft=options.draft)
        line = command(module, options, positional=positional) if words is None else words(options)
        found = measure(options)
        for figures in found if isinstance(found, Iterator) else [found]:
            if figures is None:
                return 0
            record = {**head, "command": line, **rounded(dict(figures))}
            if options.out is not None:
                write_record(record, options.out)
    except argparse.ArgumentError as error:
        parser.error(str(error))
    except (TranscribeError, OSError) as error:
        print(f"{module}: {error}", file=sys.stderr)
        return 1
    if show is not None:
        print(show(record), end="\n\n")
    wrong = None if failure is None else failure(record)
    if wrong:
        print(f"{module}: {wrong}", file=sys.stderr)
    return 1 if wrong else 0


def refuse_uncommitted(out: Path | None, commit: str | None, *, draft: bool) -> None:
    """Raise TranscribeError for a record in ``eval/results`` that no commit could make again."""
    kept = out is not None and out.resolve().is_relative_to(RESULTS)
    if not kept or draft or (commit is not None and not commit.endswith("-dirty")):
        return
    found = "no git checkout" if commit is None else "changes that are not committed"
    raise TranscribeError(
        f"{out}: expected code that a commit names, so that the record can be made again; found "
        f"{found}. Commit first, write elsewhere, or give --draft"
    )
