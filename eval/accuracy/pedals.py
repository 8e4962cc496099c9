"""How long pianists' pedals need from where dampers may move to where they count as moved.

    python -m eval.accuracy.pedals --data maestro-v3.0.0.csv --out eval/results/pedals.json

A pedal counts as down from CC64 = 64 on. Strings are free somewhat before, and dampers touch
them before it counts as up; at which value is not known, so times from several are given. Of
every press the seconds since the pedal last was below a value, of every lift since it last
was at or above one; in recordings of one split, as many as asked for, drawn at random.
Times are those of the controller's messages, in MAESTRO some 20 ms apart.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import mido
import numpy as np
from numpy.typing import NDArray

from eval.common.command import new_parser, run
from eval.common.record import data_name
from transcribe.datasets import load_dataset
from transcribe.options import whole_number

SUSTAIN, DOWN = 64, 64
"""The controller, and the value from which it counts as down."""
PRESSED_FROM = (10, 30, 50)
LIFTED_FROM = (120, 100, 80)
PERCENTILES = (10, 25, 50, 75, 90)
_LONGEST = 1.0
"""Seconds; a pedal that took longer was held half down."""

Movements = NDArray[np.float64]
"""Seconds and value of each message, shape (n, 2)."""


def movements(path: Path) -> Movements:
    """Every message of the sustain pedal in a MIDI file."""
    seconds, found = 0.0, []
    for message in mido.MidiFile(path, clip=True):
        seconds += message.time
        if message.type == "control_change" and message.control == SUSTAIN:
            found.append((seconds, float(message.value)))
    return np.array(found).reshape(-1, 2)


def travel_times(pedal: Movements, value: int) -> list[float]:
    """Seconds from a value on the other side of 64 to the first message beyond 64.

    Parameters
    ----------
    pedal : array
        See `Movements`.
    value : int
        Below 64: of presses, since the pedal last was below it. Above: of lifts, since it
        last was at or above it.
    """
    return list(_travel_times(pedal, value))


def _travel_times(pedal: Movements, value: int) -> Iterator[float]:
    times, values = pedal[:, 0], pedal[:, 1]
    pressing = value < DOWN
    is_down = values >= DOWN
    beyond = values < value if pressing else values >= value
    last: float | None = None
    for i in range(1, len(values)):
        if beyond[i - 1]:
            last = float(times[i])  # the pedal leaves the value with the message that follows
        crossed = is_down[i] == pressing and is_down[i - 1] != pressing
        if crossed and last is not None and times[i] - last <= _LONGEST:
            yield float(times[i]) - last


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say; 0, or 1 with one line if the data is not as promised."""
    parser = new_parser("eval.accuracy.pedals", __doc__)
    parser.add_argument("--data", type=Path, required=True, help="index of MAESTRO's columns")
    parser.add_argument("--split", default="train", help="default: train")
    parser.add_argument("--recordings", type=whole_number, default=60, help="default: 60")
    return run(parser, measure, arguments, show=pedals_table)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Travel times of as many recordings as asked for."""
    recordings = [r for r in load_dataset(options.data, split=options.split) if r.midi_path]
    n_drawn = min(options.recordings, len(recordings))
    chosen = np.random.default_rng(0).choice(len(recordings), n_drawn, replace=False)
    pedals = [movements(recordings[i].midi_path) for i in chosen.tolist()]
    record: dict[str, Any] = {"data": data_name(options.data), "n_recordings": n_drawn}
    for name, starts in (("press", PRESSED_FROM), ("lift", LIFTED_FROM)):
        record[name] = {}
        for value in starts:
            times = np.array([each for pedal in pedals for each in travel_times(pedal, value)])
            found = np.percentile(times, PERCENTILES).tolist() if len(times) else []
            record[name][str(value)] = {
                "n": len(times),
                "percentiles": dict(zip(map(str, PERCENTILES), found, strict=False)),
            }
    return record


def pedals_table(record: Mapping[str, Any]) -> str:
    """Presses and lifts, as Markdown."""
    lines = []
    for name in ("press", "lift"):
        lines.append(f"| {name} from | movements | {' | '.join(f'{p} %' for p in PERCENTILES)} |")
        lines.append("|--:|--:|" + "--:|" * len(PERCENTILES))
        for value, each in record[name].items():
            cells = " | ".join(
                f"{1000 * seconds:.0f} ms" for seconds in each["percentiles"].values()
            )
            lines.append(f"| {value} | {each['n']} | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
