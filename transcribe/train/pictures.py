"""What a person looks at while a network learns: its curves, and its rolls of a passage.

Colours differ in lightness too, so that they are distinguishable in every kind of colour
blindness.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from transcribe.features import FrameGrid
from transcribe.files.atomic import atomic_path
from transcribe.notes import HIGHEST_PITCH, LOWEST_PITCH, Performance
from transcribe.rolls import Rolls

Curve = Sequence[tuple[int, float]]
"""Pairs of step and value."""
PLAYED, FOUND = "#d55e00", "#000000"
_COLOURS = ("#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999")
_MARGIN = 3
_DOTS_PER_INCH = 90
_SMOOTHING = 0.1
"""Share of the curve's length over which the loss is averaged."""


def draw_curves(curves: Mapping[str, Curve], path: Path, *, title: str) -> None:
    """The loss and its terms, the validation's F1 and the learning rate, over steps, as PNG.

    Parameters
    ----------
    curves : mapping
        By the name in the log: ``loss`` and ``loss/...`` go to the first panel, on a
        logarithmic scale, ``val/...`` (fractions) to the second, in percent, and ``lr...``
        to the third. A panel without curves is left out.
    path : Path
        Written whole or not at all.
    title : str
    """
    panels = [
        ("loss", "loss", 1.0, [name for name in curves if name.partition("/")[0] == "loss"]),
        ("validation", "F1, %", 100.0, [name for name in curves if name.startswith("val/")]),
        ("learning rate", "", 1.0, [name for name in curves if name.startswith("lr")]),
    ]
    panels = [panel for panel in panels if panel[3]]
    figure = Figure(figsize=(9, 3.2 * max(1, len(panels)) + 0.4), layout="constrained")
    grid = figure.subplots(max(1, len(panels)), 1, squeeze=False, sharex=True)[:, 0]
    for axes, (heading, label, scale, names) in zip(grid, panels, strict=False):
        for index, name in enumerate(sorted(names)):
            _draw_curve(axes, name, curves[name], _COLOURS[index % len(_COLOURS)], scale)
        axes.set_title(heading, loc="left")
        axes.set_ylabel(label)
        axes.grid(color="0.88", linewidth=0.6)
        if heading == "loss":
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter(NullFormatter())
        else:
            axes.set_ylim(0, 100 if heading == "validation" else None)
        if len(names) > 1:
            axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8)
    grid[-1].set_xlabel("step")
    figure.suptitle(title)
    _save(figure, path)


def draw_roll(
    rolls: Rolls,
    grid: FrameGrid,
    ref: Performance,
    est: Performance,
    path: Path,
    *,
    title: str,
) -> None:
    """The rolls of a passage under what was played and what was decoded.

    Time goes to the right, pitch upwards. Grey is the probability that a key is down; an
    outline is a note that was played, a dot the onset of one that was found: outlines
    without a dot are missed, dots off an outline's left end false or late. The strip below
    is the pedal's probability, with what was played as a line.

    Parameters
    ----------
    rolls : Rolls
        The network's, from the passage's start.
    grid : FrameGrid
        Of the rolls.
    ref, est : Performance
        Played and transcribed, in seconds from the passage's start.
    path : Path
        PNG; written whole or not at all.
    title : str
    """
    pitches = [note.pitch for note in (*ref.notes, *est.notes)] or [60]
    low = max(LOWEST_PITCH, min(pitches) - _MARGIN)
    high = min(HIGHEST_PITCH, max(pitches) + _MARGIN)
    n_frames = len(rolls.frame)
    left, right = grid.seconds(-0.5), grid.seconds(n_frames - 0.5)
    figure = Figure(figsize=(14, 6), layout="constrained")
    keys, strip = figure.subplots(2, 1, height_ratios=[12, 1], sharex=True)
    plane = rolls.frame[:, low - LOWEST_PITCH : high - LOWEST_PITCH + 1].T
    extent = (left, right, low - 0.5, high + 0.5)
    shading = {"aspect": "auto", "origin": "lower", "cmap": "Greys", "vmin": 0, "vmax": 1.3}
    keys.imshow(plane, extent=extent, interpolation="nearest", **shading)
    for note in ref.notes:
        bar = [(note.onset, note.offset - note.onset)]
        keys.broken_barh(bar, (note.pitch - 0.42, 0.84), facecolor="none", edgecolor=PLAYED)
    onsets = [note.onset for note in est.notes]
    keys.plot(onsets, [note.pitch for note in est.notes], ".", color=FOUND, markersize=5)
    octaves = [pitch for pitch in range(low, high + 1) if pitch % 12 == 0]
    keys.set_yticks(octaves, [f"C{pitch // 12 - 1}" for pitch in octaves])
    keys.set(ylim=(low - 0.5, high + 0.5))
    strip.imshow(rolls.pedal[None], extent=(left, right, 0, 1), interpolation="nearest", **shading)
    for press in ref.pedal:
        strip.plot([press.onset, press.offset], [0.5, 0.5], color=PLAYED, linewidth=2)
    strip.set_yticks([0.5], ["pedal"])
    strip.set(xlim=(left, right), ylim=(0, 1), xlabel="seconds")
    figure.suptitle(
        f"{title}\ngrey: probability of a key held; outlines: played; dots: onsets found",
        fontsize=11,
    )
    _save(figure, path)


def _draw_curve(axes: Axes, name: str, curve: Curve, colour: str, scale: float) -> None:
    steps = [step for step, _ in curve]
    values = [scale * value for _, value in curve]
    marker = "o" if name.startswith("val/") else None
    is_loss = name.partition("/")[0] == "loss"
    if is_loss:
        axes.plot(steps, values, color=colour, linewidth=0.5, alpha=0.35)
        values = _smoothed(values)
    axes.plot(steps, values, color=colour, linewidth=1.4, label=name, marker=marker, markersize=3)


def _smoothed(values: Sequence[float]) -> list[float]:
    """Means of what came shortly before, so that the curve keeps its length."""
    reach = max(1, round(_SMOOTHING * len(values)))
    windows = (values[max(0, stop - reach) : stop] for stop in range(1, len(values) + 1))
    return [sum(window) / len(window) for window in windows]


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=_DOTS_PER_INCH, format="png")
