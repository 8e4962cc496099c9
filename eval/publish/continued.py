"""Draw a recording and what the generator makes of it, on one piano roll.

    python -m eval.publish.continued RECORDING --at 20 --seconds 20 --out docs/continued.png

Time runs from left to right, pitch upwards, keys that are black on the piano on darker ground;
a bar lasts as long as the key is down, and is the darker the harder it was struck. The strip
below is the sustain pedal.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from eval.common.command import new_parser, run
from eval.common.record import command, provenance
from transcribe.evaluation.figures import new_figure
from transcribe.evaluation.pianoroll import BLACK_KEYS
from transcribe.files.atomic import atomic_path
from transcribe.files.endings import MIDI_SUFFIXES
from transcribe.generate import Continued, Continuer, Sampling
from transcribe.midi import read_midi
from transcribe.notes import Performance
from transcribe.options import moment, natural_number, positive_seconds
from transcribe.transcriber import Transcriber

PLAYED, GENERATED = "#1f4e79", "#d55e00"
"""Told apart by lightness too."""
SIZE_INCHES = (11.0, 4.2)
DOTS_PER_INCH = 100
_FAINTEST = 0.35


def draw(continued: Continued, path: Path, *, begin: float, title: str, about: str) -> None:
    """Draw from ``begin``, in seconds, to the end; the file appears when it is whole."""
    figure = new_figure(*SIZE_INCHES)
    notes_axes, pedal_axes = figure.subplots(
        2, 1, sharex=True, gridspec_kw={"height_ratios": [10, 1]}
    )
    parts = ((continued.opening, PLAYED, "heard"), (continued.continuation, GENERATED, "goes on"))
    pitches = [note.pitch for note in continued.whole.notes if note.offset > begin]
    low, high = min(pitches) - 2, max(pitches) + 2
    for pitch in range(low, high + 1):
        if pitch % 12 in BLACK_KEYS:
            notes_axes.axhspan(pitch - 0.5, pitch + 0.5, color="0.95", zorder=0)
    for performance, colour, label in parts:
        _bars(notes_axes, performance, colour, label)
        spans = [(p.onset, p.offset - p.onset) for p in performance.pedal]
        pedal_axes.broken_barh(spans, (0.1, 0.8), facecolor=colour)
    for axes in (notes_axes, pedal_axes):
        axes.axvline(continued.start, color="black", linewidth=1, linestyle="--")
    octaves = [pitch for pitch in range(low, high + 1) if pitch % 12 == 0]
    notes_axes.set_yticks(octaves, [f"C{pitch // 12 - 1}" for pitch in octaves])
    notes_axes.set(ylim=(low - 0.5, high + 0.5), title=title)
    notes_axes.legend(loc="upper left", ncols=2, fontsize=9)
    pedal_axes.set_yticks([0.5], ["pedal"])
    end = continued.whole.notes[-1].onset + 1
    pedal_axes.set(xlim=(begin, end), ylim=(0, 1), xlabel="seconds")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DOTS_PER_INCH, metadata={"Description": about})


def _bars(axes: object, performance: Performance, colour: str, label: str) -> None:
    for index, note in enumerate(performance.notes):
        axes.broken_barh(  # type: ignore[attr-defined]
            [(note.onset, note.offset - note.onset)],
            (note.pitch - 0.42, 0.84),
            facecolor=colour,
            alpha=_FAINTEST + (1 - _FAINTEST) * note.velocity / 127,
            label=None if index else label,
            zorder=3,
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say; 0, or 1 with one line if a file is not as promised."""
    parser = new_parser("eval.publish.continued", __doc__, out="draw here (.png)")
    add = parser.add_argument
    add("source", type=Path, help="a recording or a MIDI file")
    add("--at", type=moment, help="go on from this second; default: the last key")
    add("--seconds", type=positive_seconds, default=20.0, help="of continuation; default: 20")
    add(
        "--before",
        type=positive_seconds,
        default=20.0,
        help="drawn of what was played; default: 20",
    )
    add("--seed", type=natural_number, default=0, help="default: 0")
    add("--title", default="")
    add("--generator", type=Path, help="weights, in place of the packaged ones")
    return run(parser, continued, arguments)


def continued(options: argparse.Namespace) -> None:
    """Go on from the source, and draw it."""
    if options.out is None:
        raise argparse.ArgumentError(None, "give --out")
    if options.source.suffix.lower() in MIDI_SUFFIXES:
        played = read_midi(options.source)
    else:
        played = Transcriber.load()(options.source)
    *_, last = Continuer.load(options.generator).stream(
        played, seconds=options.seconds, at=options.at, sampling=Sampling(seed=options.seed)
    )
    made = command("eval.publish.continued", options, positional=("source",))
    draw(
        last,
        options.out,
        begin=max(0.0, last.start - options.before),
        title=options.title or options.source.stem,
        about=f"{made}; commit {provenance()['commit']}",
    )


if __name__ == "__main__":
    sys.exit(main())
