"""Draw what was played, what was heard, and where they differ, for three recordings.

    python -m eval.publish.pianorolls --data maps-real-dev --split test --out pianorolls.png
    python -m eval.publish.pianorolls --data maps-real-dev --midi HEARD --out pianorolls.png

The three are the data set's best, median and worst recording by the F1 of onsets within
50 ms, the median onset deviation taken off (`transcribe.evaluation.metrics`). One panel each;
what is in them is said by `transcribe.evaluation.pianoroll`.

``--midi`` takes what was heard from the files that ``eval.accuracy.benchmark --midi-out`` wrote,
so that nothing has to be transcribed again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from eval.common.record import command, data_name, provenance
from eval.common.transcribing import (
    Hear,
    as_heard,
    audio_path,
    for_each,
    hearing_parser,
    load_ear,
    recordings_with_audio,
)
from transcribe.audio.reader import probe
from transcribe.datasets import Recording, has_pedal, reference_performance
from transcribe.errors import MidiError, TranscribeError
from transcribe.evaluation.metrics import onset_f1
from transcribe.evaluation.pianoroll import Panel, best_median_worst, draw, parts
from transcribe.midi import read_midi
from transcribe.notes import Performance


@dataclass(frozen=True, slots=True)
class Rolled:
    """One recording, played and heard."""

    name: str
    f1: float
    """Of the whole recording: aligned, onsets, 0 to 1."""
    ref: Performance
    est: Performance
    ref_has_pedal: bool


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say; 0, or 1 with one line if a file is not as promised."""
    parser = hearing_parser("eval.publish.pianorolls", __doc__, out="draw the picture here (.png)")
    parser.add_argument("--midi", type=Path, help="folder of what was heard, as NAME.mid")
    parser.add_argument(
        "--seconds", type=float, default=30.0, help="drawn of each recording; default: 30"
    )
    options = parser.parse_args(arguments)
    if options.out is None:
        parser.error("give --out")
    if not options.seconds > 0:
        parser.error(f"--seconds is above 0; found {options.seconds:g}")
    try:
        pianorolls(options)
    except TranscribeError as error:
        print(f"eval.publish.pianorolls: {error}", file=sys.stderr)
        return 1
    return 0


def pianorolls(options: argparse.Namespace) -> None:
    """Find the three recordings, print what was chosen, and draw them."""
    recordings = recordings_with_audio(options)
    if options.midi is None:
        ear = load_ear(options)
        system = ear.describe()["name"]
        rolled = for_each(
            partial(listen, max_seconds=options.max_seconds), recordings, ear, options, tell=_line
        )
    else:
        system = data_name(options.midi)
        rolled = [read(each, options.midi, options.max_seconds) for each in recordings]
    chosen = best_median_worst(rolled)
    print("| | recording | aligned onset F1, % |", "|---|---|--:|", sep="\n")
    for label, each in chosen.items():
        print(f"| {label} | {each.name} | {100 * each.f1:.1f} |")
    found = provenance()
    draw(
        [panel(label, each, options.seconds) for label, each in chosen.items()],
        options.out,
        title=f"{data_name(options.data)}, heard by {system}",
        metadata={
            "Description": command("eval.publish.pianorolls", options),
            "Source": f"commit {found['commit']}, {found['date']}",
        },
    )


def listen(recording: Recording, ear: Hear, max_seconds: float | None) -> Rolled:
    """Transcribe a recording."""
    heard = ear(audio_path(recording))
    return _rolled(recording, heard.performance, heard.duration, max_seconds)


def read(recording: Recording, folder: Path, max_seconds: float | None) -> Rolled:
    """What was heard of a recording earlier; raises MidiError if it isn't in the folder."""
    path = folder / f"{recording.name}.mid"
    if not path.is_file():
        raise MidiError(
            f"expected {path}, as `python -m eval.accuracy.benchmark --midi-out {folder}` writes "
            "it; found none"
        )
    duration = probe(audio_path(recording)).duration or recording.duration
    return _rolled(recording, read_midi(path), duration, max_seconds)


def panel(label: str, each: Rolled, seconds: float) -> Panel:
    """The first seconds of a recording."""
    notes = parts(each.ref, each.est)
    counts = "{} right, {} missed, {} false".format(*notes.begun(float("-inf"), seconds))
    title = f"{label}: {each.name}, onset F1 {100 * each.f1:.1f} %   (shown: {counts})"
    return Panel(title, notes, 0.0, seconds, each.ref_has_pedal)


def _rolled(
    recording: Recording, est: Performance, duration: float, max_seconds: float | None
) -> Rolled:
    ref, est = as_heard((reference_performance(recording), est), duration, max_seconds)
    f1 = onset_f1(ref, est, aligned=True)
    return Rolled(recording.name, f1, ref, est, has_pedal(recording))


def _line(each: Rolled) -> str:
    return f"{each.name}: aligned onset F1 {100 * each.f1:.1f}"


if __name__ == "__main__":
    sys.exit(main())
