"""Draw what was played, what was heard, and where they differ, for three recordings.

    python -m eval.pianorolls --data maps-real-dev --split test --out pianorolls.png
    python -m eval.pianorolls --data maps-real-dev --midi HEARD --out pianorolls.png

The three are the data set's best, median and worst recording by the F1 of onsets within
50 ms, the median onset deviation taken off (`transcribe.metrics`). One panel each, time from
left to right, pitch upwards, keys that are black on the piano on darker ground. A bar lasts
as long as the key is down:

- *right*: filled in light blue as it was heard, with a dark line around what was played; bar
  and line differ where a key was heard to come up too early or too late;
- *missed*: played and not heard; hatched, orange outline;
- *extra*: heard and not played; black, with a cross at its onset. On top of a missed note
  it is that note, heard more than 50 ms early or late.

The strip under each panel is the sustain pedal: below as it was played, above as it was
heard. ``--midi`` takes what was heard from the files that ``eval.benchmark --midi-out`` wrote,
so that nothing has to be transcribed again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.figures import new_figure
from eval.hearing import (
    Hear,
    as_heard,
    audio_path,
    for_each,
    hearing_parser,
    load_ear,
    recordings_with_audio,
)
from eval.record import command, data_name, provenance
from transcribe.audio import probe
from transcribe.datasets import Recording, has_pedal, reference_performance
from transcribe.errors import MidiError, TranscribeError
from transcribe.metrics import match_aligned, onset_f1
from transcribe.midi import read_midi
from transcribe.notes import HIGHEST_PITCH, LOWEST_PITCH, Note, PedalPress, Performance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RIGHT, PLAYED, MISSED, EXTRA = "#8ecdf2", "#1f4e79", "#d55e00", "#000000"
"""Told apart by lightness too, so that they are in every kind of colour blindness."""
BLACK_KEYS = frozenset((1, 3, 6, 8, 10))
PANEL_INCHES = (16.0, 5.0)
DOTS_PER_INCH = 100
MARGIN = 2
"""Semitones drawn above and below the notes."""
Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Rolled:
    """One recording, played and heard."""

    name: str
    f1: float
    """Of the whole recording: aligned, onsets, 0 to 1."""
    ref: Performance
    est: Performance
    ref_has_pedal: bool


@dataclass(frozen=True, slots=True)
class Parts:
    """A recording's notes as they are drawn, with times of the reference."""

    right: tuple[tuple[Note, Span], ...]
    """The played note, and from when to when it was heard."""
    missed: tuple[Note, ...]
    extra: tuple[tuple[Note, Span], ...]
    """The heard note, and from when to when it was."""
    ref_pedal: tuple[Span, ...]
    est_pedal: tuple[Span, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say; 0, or 1 with one line if a file is not as promised."""
    parser = hearing_parser("eval.pianorolls", __doc__, out="draw the picture here (.png)")
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
        print(f"eval.pianorolls: {error}", file=sys.stderr)
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
        chosen,
        options.out,
        seconds=options.seconds,
        title=f"{data_name(options.data)}, heard by {system}",
        metadata={
            "Description": command("eval.pianorolls", options),
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
            f"expected {path}, as `python -m eval.benchmark --midi-out {folder}` writes it; "
            "found none"
        )
    duration = probe(audio_path(recording)).duration or recording.duration
    return _rolled(recording, read_midi(path), duration, max_seconds)


def best_median_worst(rolled: Sequence[Rolled]) -> dict[str, Rolled]:
    """Three recordings by F1, fewer if there are no three; of an even number the better median."""
    ranked = sorted(rolled, key=lambda each: (-each.f1, each.name))
    places = {0: "best", (len(ranked) - 1) // 2: "median", len(ranked) - 1: "worst"}
    if len(ranked) < 3:
        places = {0: "best", len(ranked) - 1: "worst"} if len(ranked) == 2 else {0: "only"}
    return {label: ranked[place] for place, label in sorted(places.items())}


def parts(ref: Performance, est: Performance) -> Parts:
    """Tell right, missed and extra notes apart, on the reference's clock."""
    pairs, deviation = match_aligned(ref, est)

    def span(each: Note | PedalPress) -> Span:
        return each.onset - deviation, each.offset - deviation

    missed = set(range(len(ref.notes))) - set(pairs[:, 0].tolist())
    extra = set(range(len(est.notes))) - set(pairs[:, 1].tolist())
    return Parts(
        right=tuple((ref.notes[i], span(est.notes[j])) for i, j in pairs.tolist()),
        missed=tuple(ref.notes[i] for i in sorted(missed)),
        extra=tuple((est.notes[j], span(est.notes[j])) for j in sorted(extra)),
        ref_pedal=tuple((press.onset, press.offset) for press in ref.pedal),
        est_pedal=tuple(span(press) for press in est.pedal),
    )


def draw(
    chosen: dict[str, Rolled],
    path: Path,
    *,
    seconds: float,
    title: str,
    metadata: dict[str, str] | None = None,
) -> None:
    """Draw the first seconds of each recording, one panel under the other, as PNG.

    Raises
    ------
    TranscribeError
        matplotlib is not installed.
    """
    width, height = PANEL_INCHES
    figure = new_figure(width, height * len(chosen) + 0.8)
    grid = figure.subplots(2 * len(chosen), 1, squeeze=False, height_ratios=[12, 1] * len(chosen))[
        :, 0
    ]
    for index, (label, each) in enumerate(chosen.items()):
        roll, strip = grid[2 * index : 2 * index + 2]
        notes = parts(each.ref, each.est)
        _draw_notes(roll, notes, seconds)
        _draw_pedal(strip, notes, seconds, each.ref_has_pedal)
        n_right, n_missed, n_extra = _shown(notes, seconds)
        roll.set_title(
            f"{label}: {each.name}, onset F1 {100 * each.f1:.1f} %   (shown: {n_right} right, "
            f"{n_missed} missed, {n_extra} extra)",
            loc="left",
            fontsize=13,
        )
    grid[-1].set_xlabel("seconds")
    figure.suptitle(title, fontsize=14)
    figure.legend(handles=_legend(), loc="outside lower center", ncols=6, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".part")
    figure.savefig(
        aside,
        dpi=DOTS_PER_INCH,
        format="png",
        metadata=metadata,
        pil_kwargs={"optimize": True},
    )
    aside.replace(path)


def _rolled(
    recording: Recording, est: Performance, duration: float, max_seconds: float | None
) -> Rolled:
    ref, est = as_heard((reference_performance(recording), est), duration, max_seconds)
    f1 = onset_f1(ref, est, aligned=True)
    return Rolled(recording.name, f1, ref, est, has_pedal(recording))


def _line(each: Rolled) -> str:
    return f"{each.name}: aligned onset F1 {100 * each.f1:.1f}"


def _shown(notes: Parts, seconds: float) -> tuple[int, int, int]:
    """How many right, missed and extra notes begin within the picture."""
    onsets = (
        [note.onset for note, _ in notes.right],
        [note.onset for note in notes.missed],
        [span[0] for _, span in notes.extra],
    )
    right, missed, extra = (sum(onset < seconds for onset in each) for each in onsets)
    return right, missed, extra


def _draw_notes(axes: Axes, notes: Parts, seconds: float) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    def bars(rows: Iterable[tuple[int, Span]], height: float, **style: Any) -> None:
        boxes = [
            Rectangle((onset, pitch - height / 2), offset - onset, height)
            for pitch, (onset, offset) in rows
            if onset < seconds
        ]
        axes.add_collection(PatchCollection(boxes, **style))

    right = [(note.pitch, span) for note, span in notes.right]
    played = [(note.pitch, (note.onset, note.offset)) for note, _ in notes.right]
    missed = [(note.pitch, (note.onset, note.offset)) for note in notes.missed]
    extra = [(note.pitch, span) for note, span in notes.extra]
    low, high = _pitch_range(
        [pitch for pitch, span in (*played, *missed, *extra) if span[0] < seconds]
    )
    for pitch in range(low, high + 1):
        if pitch % 12 in BLACK_KEYS:
            axes.axhspan(pitch - 0.5, pitch + 0.5, color="0.95", linewidth=0, zorder=0)
    bars(right, 0.84, facecolor=RIGHT, edgecolor="none", zorder=2)
    bars(played, 0.84, facecolor="none", edgecolor=PLAYED, linewidth=0.7, zorder=3)
    bars(missed, 0.94, facecolor="white", edgecolor=MISSED, linewidth=1.5, hatch="//////", zorder=4)
    bars(extra, 0.5, facecolor=EXTRA, edgecolor="none", zorder=5)
    crosses = [(span[0], pitch) for pitch, span in extra if span[0] < seconds]
    axes.plot(*_columns(crosses), "x", color=EXTRA, markersize=7, markeredgewidth=1.6, zorder=6)
    octaves = [pitch for pitch in range(low, high + 1) if pitch % 12 == 0]
    axes.set_yticks(octaves, [f"C{pitch // 12 - 1}" for pitch in octaves])
    axes.set(xlim=(0, seconds), ylim=(low - 0.5, high + 0.5))
    axes.tick_params(labelbottom=False)
    axes.grid(color="0.85", linewidth=0.6)
    axes.set_axisbelow(True)


def _draw_pedal(axes: Axes, notes: Parts, seconds: float, ref_has_pedal: bool) -> None:
    rows = ((notes.ref_pedal, 0, PLAYED), (notes.est_pedal, 1, RIGHT))
    for presses, row, colour in rows:
        shown = [(onset, offset - onset) for onset, offset in presses if onset < seconds]
        axes.broken_barh(shown, (row - 0.36, 0.72), facecolor=colour)
    labels = ["played" if ref_has_pedal else "unknown", "heard"]
    axes.set_yticks([0, 1], [f"pedal {label}" for label in labels], fontsize=9)
    axes.set(xlim=(0, seconds), ylim=(-0.6, 1.6))
    axes.grid(color="0.85", linewidth=0.6, axis="x")
    axes.set_axisbelow(True)


def _pitch_range(pitches: Sequence[int]) -> tuple[int, int]:
    """What is drawn: the notes and a margin, at least two octaves."""
    low, high = min(pitches, default=60), max(pitches, default=60)
    lack = max(0, 24 - (high - low)) // 2
    return max(LOWEST_PITCH, low - MARGIN - lack), min(HIGHEST_PITCH, high + MARGIN + lack)


def _columns(points: Sequence[tuple[float, float]]) -> tuple[Any, Any]:
    table = np.array(points, float).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _legend() -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    return [
        Patch(facecolor=RIGHT, edgecolor=PLAYED, label="right: heard (fill), played (outline)"),
        Patch(facecolor="white", edgecolor=MISSED, hatch="//////", label="missed: played only"),
        Line2D(
            [], [], color=EXTRA, marker="x", linewidth=4, markersize=8, label="extra: heard only"
        ),
        Patch(facecolor="none", label="(extra on missed: more than 50 ms early or late)"),
    ]


if __name__ == "__main__":
    sys.exit(main())
