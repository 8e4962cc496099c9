"""Gather the runs of a sweep: one table, one plot, with intervals over seeds.

    python -m recipes.gather FOLDER --data DATA

``FOLDER`` holds a folder for every run, named for what was varied, as in
``learning_rate=0.003,seed=1``, with its weights in ``last.safetensors``. Every run is scored on
``DATA`` by the benchmark, unless it has been; then ``FOLDER`` gets

- ``runs.csv``: every run and its figures;
- ``table.csv`` and ``table.md``: for each value, the mean over seeds and its 95 % interval
  (Student's t, cut at 0 and 100: how much the mean would change with other seeds, and
  nothing about other music);
- ``sweep.png``: the same as a plot, every seed a dot;
- ``record.json``: the same for `recipes.check`.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t as student

from eval.common.record import provenance, rounded, write_record
from recipes.check import benchmark
from transcribe.errors import DatasetError, TranscribeError
from transcribe.evaluation.figures import new_figure
from transcribe.files.atomic import atomic_path, write_atomically, write_csv

METRICS = {
    "as_found/onset": "onset, 50 ms",
    "as_found/key/onset_offset": "onset + offset, key release",
    "as_found/sustained/onset_offset": "onset + offset, pedal-extended",
    "as_found/key/frame": "frame, key release",
}
"""What is gathered of every run's record, and its heading."""
SEED = "seed"
_COLOURS = ("#000000", "#0072b2", "#d55e00", "#009e73")


@dataclass(frozen=True)
class Run:
    """One training: what was varied, and its figures by metric."""

    varied: dict[str, str]
    figures: dict[str, float]

    @property
    def value(self) -> str:
        """What was varied but the seed, in words."""
        return ",".join(f"{name}={value}" for name, value in self.varied.items() if name != SEED)


@dataclass(frozen=True)
class Point:
    """Runs that differ in their seed alone."""

    n_seeds: int
    mean: float
    interval: tuple[float, float] | None
    """95 %; None for one seed."""


def varied_by(name: str) -> dict[str, str] | None:
    """``learning_rate=0.003,seed=1`` as a dictionary; None for a name of another kind."""
    pairs = [part.partition("=") for part in name.split(",")]
    if not all(setting and equals and value for setting, equals, value in pairs):
        return None
    return {setting: value for setting, _, value in pairs}


def point(values: Sequence[float]) -> Point:
    """Mean over seeds with Student's interval, cut to what a fraction can be."""
    n_seeds, mean = len(values), float(np.mean(values))
    if n_seeds < 2:
        return Point(n_seeds, mean, None)
    reach = float(student.ppf(0.975, n_seeds - 1)) * float(np.std(values, ddof=1))
    reach /= math.sqrt(n_seeds)
    return Point(n_seeds, mean, (max(0.0, mean - reach), min(1.0, mean + reach)))


def by_value_and_metric(runs: Sequence[Run]) -> dict[str, dict[str, Point]]:
    """By value, by metric; values in the order of their numbers."""
    by_value: dict[str, list[Run]] = {}
    for run in runs:
        by_value.setdefault(run.value, []).append(run)
    return {
        value: {name: point([run.figures[name] for run in by_value[value]]) for name in METRICS}
        for value in sorted(by_value, key=_place)
    }


def read_runs(folder: Path, data: Path) -> list[Run]:
    """Every finished run of a sweep, scored.

    Raises
    ------
    DatasetError
        There is none, or one could not be scored.
    """
    runs = []
    for path in sorted(folder.glob("*/last.safetensors")):
        varied = varied_by(path.parent.name)
        if varied is None:
            continue
        record = path.with_name("test.json")
        if not record.is_file() or record.stat().st_mtime < path.stat().st_mtime:
            print(path.parent.name, file=sys.stderr)
            if benchmark(data, "test", path, "cpu", record) != 0:
                raise DatasetError(f"{path} could not be scored on {data}")
        summary = json.loads(record.read_text(encoding="utf-8"))["summary"]
        runs.append(Run(varied, {name: summary[name]["mean"] for name in METRICS}))
    if not runs:
        raise DatasetError(
            f"expected runs named like learning_rate=0.003,seed=1 in {folder}, each with "
            "last.safetensors; found none"
        )
    return runs


def write_tables(runs: Sequence[Run], points: Mapping[str, Mapping[str, Point]], out: Path) -> str:
    """``runs.csv``, ``table.csv`` and ``table.md``; returns the last, in percent."""
    write_csv(out / "runs.csv", _run_rows(runs))
    write_csv(out / "table.csv", _point_rows(points))
    text = _markdown(points)
    write_atomically(out / "table.md", text)
    return text


def _run_rows(runs: Sequence[Run]) -> Iterator[Sequence[str]]:
    settings = list(dict.fromkeys(name for run in runs for name in run.varied))
    yield [*settings, *METRICS]
    for run in sorted(runs, key=lambda run: [_place(each) for each in run.varied.values()]):
        figures = [f"{run.figures[name]:.6f}" for name in METRICS]
        yield [*(run.varied.get(name, "") for name in settings), *figures]


def _point_rows(points: Mapping[str, Mapping[str, Point]]) -> Iterator[Sequence[object]]:
    yield "value", "metric", "n_seeds", "mean", "low_95", "high_95"
    for value, by_metric in points.items():
        for name, each in by_metric.items():
            edges = ["", ""] if each.interval is None else [f"{x:.6f}" for x in each.interval]
            yield value, name, each.n_seeds, f"{each.mean:.6f}", *edges


def _markdown(points: Mapping[str, Mapping[str, Point]]) -> str:
    lines = [
        "F1 in %, mean over seeds of the mean over recordings, with the 95 % interval over seeds.",
        "",
        f"| value | seeds | {' | '.join(METRICS.values())} |",
        "|---|--:|" + "--:|" * len(METRICS),
    ]
    for value, by_metric in points.items():
        n_seeds = next(iter(by_metric.values())).n_seeds
        cells = " | ".join(_cell(each) for each in by_metric.values())
        lines.append(f"| {value} | {n_seeds} | {cells} |")
    return "\n".join(lines) + "\n"


def draw(runs: Sequence[Run], points: Mapping[str, Mapping[str, Point]], path: Path) -> None:
    """Means with intervals, and every seed as a dot; one panel a metric."""
    figure = new_figure(3.4 * len(METRICS), 4.0)
    grid = figure.subplots(1, len(METRICS), sharey=True, squeeze=False)[0]
    values = list(points)
    for axes, (name, heading), colour in zip(grid, METRICS.items(), _COLOURS, strict=True):
        for place, value in enumerate(values):
            each = points[value][name]
            seeds = [100 * run.figures[name] for run in runs if run.value == value]
            axes.plot([place] * len(seeds), seeds, "o", color=colour, alpha=0.4, markersize=5)
            if each.interval is not None:
                low, high = each.interval
                reach = [[100 * (each.mean - low)], [100 * (high - each.mean)]]
                axes.errorbar([place], [100 * each.mean], reach, color=colour, capsize=5)
            axes.plot([place], [100 * each.mean], "_", color=colour, markersize=14)
        axes.set_title(heading, fontsize=10)
        axes.set_xticks(range(len(values)), [value.replace("=", "\n") for value in values])
        axes.set_xlim(-0.5, len(values) - 0.5)
        axes.set_ylim(0, 100)
        axes.grid(color="0.88", linewidth=0.6, axis="y")
    grid[0].set_ylabel("F1, %")
    n_seeds = sorted({each.n_seeds for by_metric in points.values() for each in by_metric.values()})
    counts = " or ".join(str(count) for count in n_seeds)
    figure.suptitle(f"mean and 95 % interval over {counts} seeds, each a dot")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=100, format="png")


def _cell(each: Point) -> str:
    if each.interval is None:
        return f"{100 * each.mean:.1f}"
    low, high = each.interval
    return f"{100 * each.mean:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def _place(value: str) -> tuple[float, str]:
    """Sorts by the number after the last ``=``, if it is one."""
    try:
        return float(value.rpartition("=")[2]), value
    except ValueError:
        return math.inf, value


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say; 0, or 1 with one line."""
    parser = argparse.ArgumentParser(
        prog="python -m recipes.gather",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="scored on its split test")
    options = parser.parse_args(arguments)
    try:
        runs = read_runs(options.folder, options.data)
        points = by_value_and_metric(runs)
        print(write_tables(runs, points, options.folder))
        draw(runs, points, options.folder / "sweep.png")
        summary: dict[str, Any] = {
            f"{value}/{name}": {"mean": each.mean, "interval_95": each.interval}
            for value, by_metric in points.items()
            for name, each in by_metric.items()
        }
        record = {**provenance(), "n_runs": len(runs), "summary": rounded(summary)}
        write_record(record, options.folder / "record.json")
    except TranscribeError as error:
        print(f"recipes.gather: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
