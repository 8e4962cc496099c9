"""The shape of a command, and the options that several of them share.

A command is a module with two functions, which `transcribe.cli` calls:

    add_parser(subparsers) -> None    adds its parser with `add_command`
    run(options) -> int               does the work; returns an exit code

Both are cheap to reach: a command imports what is heavy inside `run`, so that ``--help`` and
wrong usage are answered at once.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from transcribe.excerpt import as_seconds
from transcribe.notes import A4_RANGE, STANDARD_A4
from transcribe.weights_file import packaged_settings

if TYPE_CHECKING:
    from transcribe.music.beat_grid import Metre

DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130
EXIT_CODES = """\
exit codes, of every command:
  0    everything was done
  1    something failed; what could be done is written
  2    wrong usage; nothing was done
  130  interrupted (Ctrl-C, or a request to end)"""

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""What ``ArgumentParser.add_subparsers`` returns."""


class UsageError(Exception):
    """The command line asks for something that makes no sense; exit code 2."""


@contextmanager
def usage_errors() -> Iterator[None]:
    """Take a ValueError, which blames the caller, for wrong usage."""
    try:
        yield
    except ValueError as error:
        raise UsageError(str(error)) from error


def add_command(
    subparsers: Subparsers,
    name: str,
    run: Callable[[argparse.Namespace], int],
    *,
    description: str,
    **more: Any,
) -> argparse.ArgumentParser:
    """Add the parser of a command; ``more`` is passed on to ArgumentParser."""
    parser = subparsers.add_parser(name, description=description, allow_abbrev=False, **more)
    parser.set_defaults(run=run)
    return parser


# --- output ---


def add_output(
    parser: argparse._ActionsContainer, metavar: str, *, help: str, type: Any = None, **more: Any
) -> None:
    """``-o`` or ``--output``, and without a word in the help ``--out``."""
    action = parser.add_argument(
        "-o",
        "--output",
        "--out",
        dest="output",
        metavar=metavar,
        type=type or path_name,
        help=help,
        **more,
    )
    action.option_strings = ["-o", "--output"]


def add_overwrite(
    parser: argparse._ActionsContainer, *, what: str = "files that already exist"
) -> None:
    """``--overwrite``."""
    parser.add_argument("--overwrite", action="store_true", help=f"replace {what}")


def add_formats(parser: argparse._ActionsContainer) -> None:
    """What is written beside the MIDI file, and where notes end."""
    add = parser.add_argument
    add(
        "--offsets",
        choices=("key", "sustained"),
        default="key",
        help="where notes end: key, at the key release, with the sustain pedal as CC64; "
        "sustained, where the sound ends, without CC64 (default: key)",
    )
    add("--csv", action="store_true", help="also write the notes as a CSV table")
    add("--json", action="store_true", help="also write notes, confidences and pedal as JSON")


# --- transcription ---


def add_transcription(parser: argparse.ArgumentParser) -> None:
    """Thresholds, tuning and weights."""
    group = parser.add_argument_group("transcription")
    defaults = packaged_settings("decode")
    add = group.add_argument
    add(
        "--onset-threshold",
        metavar="P",
        type=probability,
        help="minimum probability of a note onset; lower finds more notes, and more false ones "
        f"(default: {defaults['onset_threshold']:g})",
    )
    add(
        "--frame-threshold",
        metavar="P",
        type=probability,
        help="a note ends when its probability falls below this; lower makes notes longer "
        f"(default: {defaults['frame_threshold']:g})",
    )
    add(
        "--minimum-note",
        metavar="SECONDS",
        type=seconds,
        help=f"discard notes shorter than this (default: {defaults['minimum_duration']:g})",
    )
    add(
        "--a4",
        metavar="HZ",
        type=concert_pitch,
        default=STANDARD_A4,
        help=f"tuning of the A above middle C, {A4_RANGE[0]:g} to {A4_RANGE[1]:g} Hz "
        f"(default: {STANDARD_A4:g}); use 415 for an instrument at baroque pitch, which would "
        "otherwise come out a semitone low",
    )
    add_checkpoint(
        group,
        help="weights to use instead of the packaged ones, with their own thresholds as defaults",
    )


def add_checkpoint(
    parser: argparse._ActionsContainer,
    *,
    help: str = "weights to use instead of the packaged ones",
) -> None:
    """``--checkpoint``."""
    parser.add_argument("--checkpoint", metavar="FILE", type=existing_file, help=help)


# --- how it runs ---


def add_device(
    parser: argparse._ActionsContainer,
    *,
    help: str = "where to compute; auto uses a GPU if there is one (default: auto)",
) -> None:
    """``--device``."""
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda", "mps"), default="auto", help=help
    )


def add_threads(parser: argparse._ActionsContainer, *, help: str = "CPU threads to use") -> None:
    """``--threads``."""
    parser.add_argument("--threads", metavar="N", type=whole_number, help=help)


def add_workers(parser: argparse._ActionsContainer, *, default: str) -> None:
    """``--workers``; ``default`` says in words how many there are without it."""
    parser.add_argument(
        "--workers",
        metavar="N",
        type=whole_number,
        help=f"number of worker processes (default: {default})",
    )


def add_quiet(parser: argparse._ActionsContainer) -> None:
    """``--quiet``."""
    parser.add_argument("--quiet", action="store_true", help="print only warnings and errors")


def add_verbose(parser: argparse._ActionsContainer) -> None:
    """``--verbose``."""
    parser.add_argument(
        "--verbose", action="store_true", help="print details, and a traceback for every error"
    )


# --- values ---


def path_name(text: str) -> Path:
    """A file or a folder; an empty name, as of a shell's variable that is not set, is none."""
    if not text:
        raise argparse.ArgumentTypeError("expected a name; found an empty one")
    return Path(text)


def file_name(text: str) -> Path:
    """A file; neither an empty name nor ``.`` is one."""
    path = path_name(text)
    if not path.name:
        raise argparse.ArgumentTypeError(f"expected the name of a file; found {text!r}")
    if is_address(text):
        raise argparse.ArgumentTypeError(f"{NO_ADDRESSES}; found {text!r}")
    return path


def existing_file(text: str) -> Path:
    """A file that is read, if it is needed at all: one that isn't there is always a mistake."""
    path = file_name(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"expected a file, found none: {text}")
    return path


NO_ADDRESSES = (
    "expected a file, not an address: download it first (transcribe archive alone reads addresses)"
)


def is_address(text: str) -> bool:
    """Whether a name is an address, such as of the web, and no file here has it."""
    return "://" in text and not Path(text).exists()


def tempo(text: str) -> float:
    """Beats a minute within `music.beat_grid.TEMPO_RANGE`."""
    from transcribe.music.beat_grid import TEMPO_RANGE

    value = _as_number(text)
    lowest, highest = TEMPO_RANGE
    if not lowest <= value <= highest:
        raise argparse.ArgumentTypeError(
            f"expected beats per minute, {lowest:g} to {highest:g}; found {text!r}"
        )
    return value


def metre(text: str) -> Metre:
    """A time signature, such as ``3/4``."""
    from transcribe.music.beat_grid import Metre

    try:
        return Metre.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def concert_pitch(text: str) -> float:
    """Hertz within `A4_RANGE`."""
    lowest, highest = A4_RANGE
    return _number(text, f"{lowest:g} to {highest:g} Hz", lambda hertz: lowest <= hertz <= highest)


def probability(text: str) -> float:
    """A number between 0 and 1."""
    return _number(text, "a number between 0 and 1", lambda value: 0 < value < 1)


def seconds(text: str) -> float:
    """Seconds, 0 or more."""
    return _number(text, "seconds, 0 or more", lambda value: 0 <= value < math.inf)


def moment(text: str) -> float:
    """Seconds of a time in a recording, such as ``95`` or ``1:35``."""
    try:
        return as_seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def positive_moment(text: str) -> float:
    """As `moment`, after the recording's start."""
    value = moment(text)
    if not value:
        raise argparse.ArgumentTypeError(f"expected a time above 0, such as 1:35; found {text!r}")
    return value


def positive_seconds(text: str) -> float:
    """Seconds, above 0."""
    return _number(text, "seconds, above 0", lambda value: 0 < value < math.inf)


def positive_number(text: str) -> float:
    """A number above 0."""
    return _number(text, "a number above 0", lambda value: 0 < value < math.inf)


def number_from_0(text: str) -> float:
    """A number, 0 or more."""
    return _number(text, "a number, 0 or more", lambda value: 0 <= value < math.inf)


def whole_number(text: str) -> int:
    """1 or more."""
    return _whole(text, lowest=1)


def natural_number(text: str) -> int:
    """0 or more."""
    return _whole(text, lowest=0)


def _whole(text: str, *, lowest: int) -> int:
    if not text.isdecimal() or int(text) < lowest:
        raise argparse.ArgumentTypeError(
            f"expected a whole number, {lowest} or more; found {text!r}"
        )
    return int(text)


def _number(text: str, expected: str, is_right: Callable[[float], bool]) -> float:
    value = _as_number(text)
    if not is_right(value):
        raise argparse.ArgumentTypeError(f"expected {expected}; found {text!r}")
    return value


def _as_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
