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
from collections.abc import Iterator, Sequence
from pathlib import Path

import mido
import numpy as np
from numpy.typing import NDArray

from eval.common.record import command, data_name, provenance, rounded, write_record
from transcribe.datasets import load_dataset
from transcribe.errors import TranscribeError

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
    parser = argparse.ArgumentParser(
        prog="python -m eval.accuracy.pedals",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, help="index of MAESTRO's columns")
    parser.add_argument("--split", default="train")
    parser.add_argument("--recordings", type=int, default=60, help="default: 60")
    parser.add_argument("--out", type=Path, help="write the record here (.json)")
    options = parser.parse_args(arguments)
    try:
        recordings = [r for r in load_dataset(options.data, split=options.split) if r.midi_path]
    except TranscribeError as error:
        print(f"eval.accuracy.pedals: {error}", file=sys.stderr)
        return 1
    rng = np.random.default_rng(0)
    n_drawn = min(options.recordings, len(recordings))
    chosen = rng.choice(len(recordings), n_drawn, replace=False)
    pedals = [movements(recordings[i].midi_path) for i in chosen.tolist()]
    record = {
        **provenance(),
        "command": command("eval.accuracy.pedals", options),
        "data": data_name(options.data),
        "n_recordings": n_drawn,
    }
    for name, starts in (("press", PRESSED_FROM), ("lift", LIFTED_FROM)):
        print(f"| {name} from | movements | " + " | ".join(f"{p} %" for p in PERCENTILES) + " |")
        print("|--:|--:|" + "--:|" * len(PERCENTILES))
        record[name] = {}
        for value in starts:
            times = np.array([each for pedal in pedals for each in travel_times(pedal, value)])
            figures = np.percentile(times, PERCENTILES).tolist() if len(times) else []
            record[name][str(value)] = {
                "n": len(times),
                "percentiles": dict(zip(map(str, PERCENTILES), figures, strict=False)),
            }
            cells = " | ".join(f"{1000 * each:.0f} ms" for each in figures)
            print(f"| {value} | {len(times)} | {cells} |")
    if options.out is not None:
        write_record(rounded(record), options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
