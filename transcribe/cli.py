"""The command line: arguments in, exit code out.

``transcribe song.mp3`` transcribes; a first word from `COMMANDS` does something else. Results
go to standard output; errors, warnings and progress go to standard error. The exit codes are
in `transcribe.options`.

Nothing heavy is imported before the arguments are understood, so that ``--help`` is instant.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from transcribe import command
from transcribe.interruption import interrupted_by_signals
from transcribe.options import EXIT_CODES, FAILED, INTERRUPTED, UsageError
from transcribe.terminal import FAILURES, let_go, say, standard_streams
from transcribe.version import __version__
from transcribe.wording import one_line, reason


class Command(NamedTuple):
    """One of the commands beside transcribing."""

    module: str
    """Has ``add_parser`` and ``run``, see `transcribe.options`."""
    arguments: str
    summary: str
    has_own_signals: bool = False
    """Whether the command itself says what a request to end does."""


COMMANDS = {
    "archive": Command(
        "transcribe.archive.command", "SOURCE", "transcribe thousands of recordings, unattended"
    ),
    "continue": Command(
        "transcribe.generate.command", "SOURCE", "continue the music of a recording or MIDI file"
    ),
    "corpus": Command(
        "transcribe.corpus.command", "SOURCE", "make a training set from a folder of transcriptions"
    ),
    "evaluate": Command(
        "transcribe.evaluation.command", "REF EST", "compare MIDI files, or folders of them"
    ),
    "false-notes": Command(
        "transcribe.evaluation.false_notes",
        "RECORDING MIDI",
        "count notes found in recordings without a piano",
    ),
    "live": Command(
        "transcribe.live.command", "[RECORDING]", "transcribe a piano while it is played"
    ),
    "place": Command(
        "transcribe.tokens.place_command",
        "GENERATED",
        "put what a music generator wrote back onto a recording",
    ),
    "render": Command(
        "transcribe.synthesis.command", "MIDI", "turn MIDI into sound with a sampled piano"
    ),
    "score": Command(
        "transcribe.score.command", "SOURCE", "write sheet music of a recording or MIDI file"
    ),
    "serve": Command(
        "transcribe.web.command", "", "open a page in the browser to transcribe and edit notes"
    ),
    "site": Command(
        "transcribe.web.site", "FOLDER", "write a web site that transcribes in the browser"
    ),
    "tokens": Command(
        "transcribe.tokens.command", "SOURCE", "encode recordings or MIDI for music generators"
    ),
    "train": Command(
        "transcribe.train.command", "[OVERRIDE]", "train a network, with Hydra overrides", True
    ),
}
"""What the first word of the command line may name instead of a recording."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say (``sys.argv`` if left out) and return the exit code.

    Wrong usage raises SystemExit(2), as argparse does.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    prog = f"transcribe {words[0]}" if words and words[0] in COMMANDS else "transcribe"
    # Of numpy, which is not imported yet: its products here are small, and its other threads
    # would do no more than wait for them, at full load.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with standard_streams():
        try:
            with _requests_to_end(words):
                return _run(words)
        except KeyboardInterrupt:
            say(f"{prog}: interrupted; no partial files are left", sys.stderr)
            return INTERRUPTED
        except BrokenPipeError:  # the reader of the results has gone
            let_go(sys.stdout)
            return FAILED
        except FAILURES as error:
            if "--verbose" in words:
                traceback.print_exc()
            say(f"{prog}: {reason(error)}", sys.stderr)
            return FAILED
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if package in ("", "transcribe"):
                raise
            say(
                f"{prog}: {package} is not installed, though this version needs it; install "
                "transcribe again, as you did at first",
                sys.stderr,
            )
            return FAILED


def make_parser(name: str | None = None) -> argparse.ArgumentParser:
    """The parser of a command; of transcribing if left out."""
    root = argparse.ArgumentParser(prog="transcribe")
    subparsers = root.add_subparsers()
    if name is not None:
        import_module(COMMANDS[name].module).add_parser(subparsers)
        parser: argparse.ArgumentParser = subparsers.choices[name]
        return parser
    command.add_parser(subparsers, epilog=_epilog())
    parser = subparsers.choices[command.NAME]
    parser.add_argument("--version", action="version", version=f"transcribe {__version__}")
    return parser


def _run(words: Sequence[str]) -> int:
    """The command that the first word names, or else transcribing."""
    name = words[0] if words and words[0] in COMMANDS else None
    parser = make_parser(name)
    try:
        if name is None:
            options = _parse_recordings(parser, words)
        else:
            if Path(name).is_file():
                raise UsageError(
                    f"{name!r} is a command and also a file here; write ./{name} to transcribe "
                    "the file, or run the command from another folder"
                )
            options, rest = parser.parse_known_args(words[1:])
            if "overrides" in options:
                options.overrides = rest
            elif rest:
                raise UsageError(f"unrecognized arguments: {' '.join(rest)}")
        options.words = words
        code: int = options.run(options)
        return code
    except UsageError as error:
        parser.error(one_line(str(error)))


def _requests_to_end(words: Sequence[str]) -> AbstractContextManager[None]:
    """Have them end a command as Ctrl-C does, so that it leaves nothing that is half written."""
    if words and words[0] in COMMANDS and COMMANDS[words[0]].has_own_signals:
        return nullcontext()
    return interrupted_by_signals()


def _parse_recordings(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    """Options and recordings in any order; after ``--`` all are recordings."""
    words = list(words)
    stop = words.index("--") if "--" in words else len(words)
    for word in words[:stop]:
        if word.startswith("-") and "." in word and Path(word).is_file():
            raise UsageError(f"{word} looks like an option; write ./{word} to transcribe the file")
    options = parser.parse_intermixed_args(words[:stop])
    options.recordings += words[stop + 1 :]
    return options


def _epilog() -> str:
    named = {name: f"{name} {each.arguments}".strip() for name, each in COMMANDS.items()}
    width = max(map(len, named.values()))
    lines = [f"  {named[name]:{width}}  {each.summary}" for name, each in COMMANDS.items()]
    return "\n".join(
        [
            "commands (transcribe COMMAND --help shows the options of one):",
            *lines,
            "",
            "To transcribe a file that has the name of a command, write ./NAME.",
            "",
            command.EXAMPLES,
            "",
            EXIT_CODES,
        ]
    )
