"""The piano roll of hits, misses and false notes: what was played over what was transcribed.

Time runs from left to right, pitch upwards, keys that are black on the piano on darker
ground. A bar lasts as long as the key is down:

- *right*: filled in light blue as it was transcribed, with a dark line around what was played; bar
  and line differ where the transcribed key comes up too early or too late;
- *missed*: played and not transcribed; hatched, orange outline;
- *false*: transcribed and not played; black, with a cross at its onset. On top of a missed note
  it is that note, transcribed more than 50 ms early or late.

Right is a pitch whose onset lies within 50 ms, the recording's median onset deviation taken
off (`matching.match_aligned`); times are the reference's. The strip under each panel is the
sustain pedal: below as it was played, above as it was transcribed.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from transcribe.evaluation.figures import new_figure
from transcribe.evaluation.matching import match_aligned
from transcribe.files.atomic import atomic_path
from transcribe.notes import HIGHEST_PITCH, LOWEST_PITCH, Note, PedalPress, Performance
from transcribe.wording import clock, one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RIGHT, PLAYED, MISSED, FALSE = "#8ecdf2", "#1f4e79", "#d55e00", "#000000"
"""Told apart by lightness too, so that they are in every kind of colour blindness."""
BLACK_KEYS = frozenset((1, 3, 6, 8, 10))
PANEL_INCHES = (16.0, 5.0)
DOTS_PER_INCH = 100
MARGIN = 2
"""Semitones drawn above and below the notes."""
Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Parts:
    """A recording's notes as they are drawn, with times of the reference."""

    right: tuple[tuple[Note, Span], ...]
    """The played note, and the onset and offset in the transcription."""
    missed: tuple[Note, ...]
    false: tuple[tuple[Note, Span], ...]
    """The transcribed note, and its onset and offset."""
    ref_pedal: tuple[Span, ...]
    est_pedal: tuple[Span, ...]

    @property
    def end(self) -> float:
        """Seconds until the last note is over."""
        ends = [note.offset for note, _ in self.right] + [note.offset for note in self.missed]
        return max(ends + [span[1] for _, span in (*self.right, *self.false)], default=0.0)

    def begun(self, start: float, stop: float) -> tuple[int, int, int]:
        """How many right, missed and false notes begin in ``start <= moment < stop``."""
        onsets = (
            [note.onset for note, _ in self.right],
            [note.onset for note in self.missed],
            [span[0] for _, span in self.false],
        )
        right, missed, false = (sum(start <= onset < stop for onset in each) for each in onsets)
        return right, missed, false


@dataclass(frozen=True, slots=True)
class Panel:
    """A stretch of a recording, drawn from left to right."""

    title: str
    notes: Parts
    start: float
    """Seconds."""
    stop: float
    ref_has_pedal: bool = True


def parts(ref: Performance, est: Performance) -> Parts:
    """Tell right, missed and false notes apart, on the reference's clock."""
    pairs, deviation = match_aligned(ref, est)

    def span(each: Note | PedalPress) -> Span:
        return each.onset - deviation, each.offset - deviation

    missed = set(range(len(ref.notes))) - set(pairs[:, 0].tolist())
    false = set(range(len(est.notes))) - set(pairs[:, 1].tolist())
    return Parts(
        right=tuple((ref.notes[i], span(est.notes[j])) for i, j in pairs.tolist()),
        missed=tuple(ref.notes[i] for i in sorted(missed)),
        false=tuple((est.notes[j], span(est.notes[j])) for j in sorted(false)),
        ref_pedal=tuple((press.onset, press.offset) for press in ref.pedal),
        est_pedal=tuple(span(press) for press in est.pedal),
    )


class Ranked(Protocol):
    """A recording with a name and its onset F1, 0 to 1."""

    @property
    def name(self) -> str: ...
    @property
    def f1(self) -> float: ...


AnyRanked = TypeVar("AnyRanked", bound=Ranked)


def best_median_worst(recordings: Sequence[AnyRanked]) -> dict[str, AnyRanked]:
    """Three recordings by F1, fewer if there are no three; of an even number the better median."""
    ranked = sorted(recordings, key=lambda each: (-each.f1, each.name))
    places = {0: "best", (len(ranked) - 1) // 2: "median", len(ranked) - 1: "worst"}
    if len(ranked) < 3:
        places = {0: "best", len(ranked) - 1: "worst"} if len(ranked) == 2 else {0: "only"}
    return {label: ranked[place] for place, label in sorted(places.items())}


def panels(
    notes: Parts, seconds: float, *, name: str = "", ref_has_pedal: bool = True
) -> list[Panel]:
    """A whole recording in panels of so many seconds, one at least."""
    n_panels = max(1, int(np.ceil(notes.end / seconds - 1e-9)))
    found = []
    for index in range(n_panels):
        start, stop = index * seconds, (index + 1) * seconds
        title = ", ".join(filter(None, (name, f"from {clock(start)}")))
        title += "   ({} right, {} missed, {} false)".format(
            *notes.begun(start if index else -np.inf, stop)
        )
        found.append(Panel(title, notes, start, stop, ref_has_pedal))
    return found


def draw(
    drawn: Sequence[Panel],
    path: Path,
    *,
    title: str,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Draw panels, one under the other; they appear under the path when they are whole.

    Parameters
    ----------
    drawn : sequence of Panel
        One or more.
    path : Path
        Ends in ``.png`` or ``.svg``; its folder is made if need be.
    title : str
        Above all panels.
    metadata : mapping, optional
        Text to put into the file, by PNG's or Dublin Core's keywords.

    Raises
    ------
    TranscribeError
        matplotlib is not installed.
    """
    width, height = PANEL_INCHES
    figure = new_figure(width, height * len(drawn) + 0.8)
    grid = figure.subplots(2 * len(drawn), 1, squeeze=False, height_ratios=[12, 1] * len(drawn))
    for index, panel in enumerate(drawn):
        roll, strip = grid[2 * index : 2 * index + 2, 0]
        _draw_notes(roll, panel)
        _draw_pedal(strip, panel)
        roll.set_title(one_line(panel.title), loc="left", fontsize=13, parse_math=False)
    figure.suptitle(one_line(title), fontsize=14, parse_math=False)
    figure.legend(handles=_legend(), loc="outside lower center", ncols=6, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = path.suffix.lower().removeprefix(".")
    compact: dict[str, Any] = {"pil_kwargs": {"optimize": True}} if kind == "png" else {}
    with atomic_path(path) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # of names in letters that the font lacks
        figure.savefig(temporary, dpi=DOTS_PER_INCH, format=kind, metadata=metadata, **compact)


def _draw_notes(axes: Axes, panel: Panel) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    notes, start, stop = panel.notes, panel.start, panel.stop

    def shown(rows: Iterable[tuple[int, Span]]) -> list[tuple[int, Span]]:
        return [row for row in rows if row[1][0] < stop and row[1][1] > start]

    def bars(rows: Iterable[tuple[int, Span]], height: float, **style: Any) -> None:
        boxes = [
            Rectangle((onset, pitch - height / 2), offset - onset, height)
            for pitch, (onset, offset) in rows
        ]
        axes.add_collection(PatchCollection(boxes, **style))

    right = shown((note.pitch, span) for note, span in notes.right)
    played = shown((note.pitch, (note.onset, note.offset)) for note, _ in notes.right)
    missed = shown((note.pitch, (note.onset, note.offset)) for note in notes.missed)
    false = shown((note.pitch, span) for note, span in notes.false)
    low, high = _pitch_range([pitch for pitch, _ in (*right, *played, *missed, *false)])
    for pitch in range(low, high + 1):
        if pitch % 12 in BLACK_KEYS:
            axes.axhspan(pitch - 0.5, pitch + 0.5, color="0.95", linewidth=0, zorder=0)
    bars(right, 0.84, facecolor=RIGHT, edgecolor="none", zorder=2)
    bars(played, 0.84, facecolor="none", edgecolor=PLAYED, linewidth=0.7, zorder=3)
    bars(missed, 0.94, facecolor="white", edgecolor=MISSED, linewidth=1.5, hatch="//////", zorder=4)
    bars(false, 0.5, facecolor=FALSE, edgecolor="none", zorder=5)
    crosses = np.array([(span[0], pitch) for pitch, span in false if span[0] >= start], float)
    axes.plot(
        *crosses.reshape(-1, 2).T, "x", color=FALSE, markersize=7, markeredgewidth=1.6, zorder=6
    )
    octaves = [pitch for pitch in range(low, high + 1) if pitch % 12 == 0]
    axes.set_yticks(octaves, [f"C{pitch // 12 - 1}" for pitch in octaves])
    axes.set(xlim=(start, stop), ylim=(low - 0.5, high + 0.5))
    axes.tick_params(labelbottom=False)
    axes.grid(color="0.85", linewidth=0.6)
    axes.set_axisbelow(True)


def _draw_pedal(axes: Axes, panel: Panel) -> None:
    rows = ((panel.notes.ref_pedal, 0, PLAYED), (panel.notes.est_pedal, 1, RIGHT))
    for presses, row, colour in rows:
        shown = [
            (onset, offset - onset)
            for onset, offset in presses
            if onset < panel.stop and offset > panel.start
        ]
        axes.broken_barh(shown, (row - 0.36, 0.72), facecolor=colour)
    labels = ["played" if panel.ref_has_pedal else "unknown", "transcribed"]
    axes.set_yticks([0, 1], [f"pedal {label}" for label in labels], fontsize=9)
    axes.set(xlim=(panel.start, panel.stop), ylim=(-0.6, 1.6))
    axes.xaxis.set_major_formatter(_time)
    axes.grid(color="0.85", linewidth=0.6, axis="x")
    axes.set_axisbelow(True)


def _time(seconds: float, _position: float) -> str:
    """A tick's label."""
    return clock(seconds) if seconds == round(seconds) else f"{seconds:g} s"


def _pitch_range(pitches: Sequence[int]) -> tuple[int, int]:
    """What is drawn: the notes and a margin, at least two octaves."""
    low, high = min(pitches, default=60), max(pitches, default=60)
    lack = max(0, 24 - (high - low)) // 2
    return max(LOWEST_PITCH, low - MARGIN - lack), min(HIGHEST_PITCH, high + MARGIN + lack)


def _legend() -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    return [
        Patch(facecolor=RIGHT, edgecolor=PLAYED, label="right: found (fill), played (outline)"),
        Patch(facecolor="white", edgecolor=MISSED, hatch="//////", label="missed: played only"),
        Line2D(
            [],
            [],
            color=FALSE,
            marker="x",
            linewidth=4,
            markersize=8,
            label="false: found only",
        ),
        Patch(facecolor="none", label="(false on missed: more than 50 ms early or late)"),
    ]
