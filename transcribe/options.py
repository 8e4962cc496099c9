"""Arguments that several commands take, and the numbers in them."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Any

from transcribe.notes import A4_RANGE, STANDARD_A4


def add_outputs(add: Callable[..., Any]) -> None:
    """What is written beside the MIDI file, and where notes end."""
    add(
        "--offsets",
        choices=("key", "sustained"),
        default="key",
        help="where notes end: key, when the key is released, with the sustain pedal as "
        "CC64 (default); sustained, when the sound ends, without CC64",
    )
    add("--csv", action="store_true", help="also write the notes as a table")
    add("--json", action="store_true", help="also write notes, confidences and pedal as JSON")


def add_listening(parser: argparse.ArgumentParser) -> None:
    """Thresholds and weights."""
    add = parser.add_argument_group("how it listens").add_argument
    add(
        "--onset-threshold",
        metavar="P",
        type=probability,
        help="a note starts above this probability; lower finds more, and more wrong ones",
    )
    add(
        "--frame-threshold",
        metavar="P",
        type=probability,
        help="a note lasts while it is above this probability; lower makes notes longer",
    )
    add(
        "--minimum-note",
        metavar="SECONDS",
        type=seconds,
        help="leave out notes shorter than this",
    )
    add(
        "--a4",
        metavar="HZ",
        type=concert_pitch,
        default=STANDARD_A4,
        help="how the A above middle C is tuned, 390 to 490 Hz (default 440). Say 415 for an "
        "instrument at baroque pitch, of which every note is heard a semitone low otherwise: "
        "from the sound alone it can't be told",
    )
    add("--checkpoint", metavar="FILE", help="weights to use in place of the packaged ones")


def concert_pitch(text: str) -> float:
    """Hertz within `A4_RANGE`."""
    value = _as_number(text)
    lowest, highest = A4_RANGE
    if not lowest <= value <= highest:
        raise argparse.ArgumentTypeError(f"expected {lowest:g} to {highest:g} Hz; found {text!r}")
    return value


def probability(text: str) -> float:
    """A number between 0 and 1."""
    value = _as_number(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"expected a number between 0 and 1; found {text!r}")
    return value


def seconds(text: str) -> float:
    """Seconds, 0 or more."""
    value = _as_number(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"expected seconds, 0 or more; found {text!r}")
    return value


def whole_number(text: str) -> int:
    """1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number, 1 or more; found {text!r}")
    return int(text)


def _as_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
