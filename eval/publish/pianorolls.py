"""Draw what was played, what was transcribed, and where they differ, for three recordings.

    python -m eval.publish.pianorolls --data maps-real-dev --split test --out pianorolls.png
    python -m eval.publish.pianorolls --data maps-real-dev --midi HEARD --out pianorolls.png

The three are the data set's best, median and worst recording by the F1 of onsets within
50 ms, the median onset deviation taken off (`transcribe.evaluation.metrics`). One panel each;
what is in them is said by `transcribe.evaluation.pianoroll`.

``--midi`` takes the transcriptions that ``eval.accuracy.benchmark --midi-out`` wrote,
so that nothing has to be transcribed again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from eval.common.command import run
from eval.common.record import command, data_name, provenance
from eval.common.transcribing import (
    Transcribe,
    audio_path,
    cut_at_end,
    dataset_parser,
    for_each,
    load_transcriber,
    recordings_with_audio,
)
from transcribe.audio.probing import probe
from transcribe.datasets import Recording, has_pedal, reference_performance
from transcribe.errors import MidiError
from transcribe.evaluation.metrics import onset_f1
from transcribe.evaluation.pianoroll import Panel, best_median_worst, draw, parts
from transcribe.midi import read_midi
from transcribe.notes import Performance
from transcribe.options import positive_seconds


@dataclass(frozen=True, slots=True)
class Rolled:
    """One recording, played and transcribed."""

    name: str
    f1: float
    """Of the whole recording: aligned, onsets, 0 to 1."""
    ref: Performance
    est: Performance
    ref_has_pedal: bool


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say; 0, or 1 with one line if a file is not as promised."""
    parser = dataset_parser("eval.publish.pianorolls", __doc__, out="draw the picture here (.png)")
    parser.add_argument("--midi", type=Path, help="folder of transcriptions, as NAME.mid")
    parser.add_argument(
        "--seconds",
        type=positive_seconds,
        default=30.0,
        help="drawn of each recording; default: 30",
    )
    return run(parser, pianorolls, arguments)


def pianorolls(options: argparse.Namespace) -> None:
    """Find the three recordings, print what was chosen, and draw them."""
    if options.out is None:
        raise argparse.ArgumentError(None, "give --out")
    recordings = recordings_with_audio(options)
    if options.midi is None:
        transcribe = load_transcriber(options)
        system = transcribe.describe()["name"]
        job = partial(rolled_recording, max_seconds=options.max_seconds)
        rolled = for_each(job, recordings, transcribe, options, line=_line)
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
        title=f"{data_name(options.data)}, transcribed by {system}",
        metadata={
            "Description": command("eval.publish.pianorolls", options),
            "Source": f"commit {found['commit']}, {found['date']}",
        },
    )


def rolled_recording(
    recording: Recording, transcribe: Transcribe, max_seconds: float | None
) -> Rolled:
    """Transcribe a recording."""
    found = transcribe(audio_path(recording))
    return _rolled(recording, found.performance, found.duration, max_seconds)


def read(recording: Recording, folder: Path, max_seconds: float | None) -> Rolled:
    """An earlier transcription of a recording; raises MidiError if it isn't in the folder."""
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
    ref, est = cut_at_end((reference_performance(recording), est), duration, max_seconds)
    f1 = onset_f1(ref, est, aligned=True)
    return Rolled(recording.name, f1, ref, est, has_pedal(recording))


def _line(each: Rolled) -> str:
    return f"{each.name}: aligned onset F1 {100 * each.f1:.1f}"


if __name__ == "__main__":
    sys.exit(main())
