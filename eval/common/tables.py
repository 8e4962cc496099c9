"""Records of `eval.accuracy.benchmark` as tables, in Markdown, LaTeX and CSV.

Everything is made from a record's JSON, so that a table can be made again without measuring.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from transcribe.evaluation.error_types import FALSE, MISSED
from transcribe.evaluation.tables import DEVIATIONS, NUMBERS, RATIOS, Table
from transcribe.export import no_formula

Record = Mapping[str, Any]
ABSENT = "–"
SCALES = {
    **{name: (label, 100.0, 1) for name, label in RATIOS.items()},
    **{name: (label, 1.0, 2) for name, label in NUMBERS.items()},
    "velocity_error": (NUMBERS["velocity_error"], 1.0, 1),
}
"""Of each name without alignment its words, what it is multiplied by, and digits."""
RATIO_ROWS = (
    "onset",
    "onset_20ms",
    "onset_10ms",
    "key/onset_offset",
    "key/onset_offset_velocity",
    "key/frame",
    "sustained/onset_offset",
    "sustained/onset_offset_velocity",
    "sustained/frame",
    "pedal/onset",
    "pedal/onset_offset",
    "pedal/frame",
)
NUMBER_ROWS = ("velocity_error", "velocity_correlation", "key/overlap", "sustained/overlap")
SHORT_ROWS = (
    "onset",
    "onset_20ms",
    "key/onset_offset",
    "sustained/onset_offset",
    "sustained/onset_offset_velocity",
    "sustained/frame",
    "pedal/onset_offset",
)
"""What tables show that have little room."""
SYSTEM_ROWS = (
    *(name for name in RATIO_ROWS if name not in ("pedal/onset", "pedal/frame")),
    "velocity_correlation",
    "velocity_error",
)
COMPOSER_COLUMNS = ("onset", "key/onset_offset", "sustained/onset_offset", "sustained/frame")
CSV_COLUMNS = (
    *("system", "recording", "composer", "title", "seconds", "metric", "value"),
    *("precision", "recall", "f1", "n_ref", "n_est", "n_matched"),
)


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table without a title."""
    return Table("", tuple(head), [tuple(row) for row in rows]).markdown()


def mean_cell(
    summary: Record | None,
    scale: float,
    digits: int,
    *,
    interval: bool = True,
    signed: bool = False,
) -> str:
    """A recorded mean, with its 95 % interval if it has one; a dash for None."""
    if summary is None:
        return ABSENT
    sign = "+" if signed else ""
    cell = f"{scale * summary['mean']:{sign}.{digits}f}"
    if not interval or summary["interval_95"] is None:
        return cell
    low, high = (f"{scale * edge:{sign}.{digits}f}" for edge in summary["interval_95"])
    return f"{cell} [{low}, {high}]"


def metrics_table(summaries: Record) -> str:
    """A recorded summary: F1 in percent, mean over recordings with its interval."""
    head = ["metric", "recordings", "as found: F1", "precision", "recall", "pooled F1"]
    head += ["aligned: F1", "precision", "recall", "pooled F1"]
    rows = []
    for name in RATIO_ROWS:
        both = [summaries.get(f"{each}/{name}") for each in ("as_found", "aligned")]
        cells = [
            cell
            for each in both
            if each is not None
            for cell in (
                mean_cell(each, 100, 1),
                f"{100 * each['mean_precision']:.1f}",
                f"{100 * each['mean_recall']:.1f}",
                f"{100 * each['pooled']['f1']:.1f}",
            )
        ]
        if both[0] is not None:
            rows.append([RATIOS[name], str(both[0]["n_recordings"]), *cells])
    measures = [(name, label, 1000.0, 1) for name, label in DEVIATIONS.items()]
    measures += [(f"as_found/{name}", NUMBERS[name], 1.0, 2) for name in NUMBER_ROWS]
    measured = [
        (label, str(summaries[name]["n_recordings"]), mean_cell(summaries[name], scale, digits))
        for name, label, scale, digits in measures
        if name in summaries
    ]
    tables = [markdown(head, rows)]
    if measured:
        tables.append(markdown(("measure", "recordings", "mean over recordings"), measured))
    return "\n\n".join(tables)


def alignments_table(summaries: Record) -> str:
    """A recorded summary as found and aligned, side by side, for the short rows."""
    rows = [
        [label, *(mean_cell(summaries[f"{each}/{name}"], scale, digits) for each in _ALIGNMENTS)]
        for name in (*SHORT_ROWS, "velocity_correlation", "velocity_error")
        for label, scale, digits in [SCALES[name]]
    ]
    return markdown(("F1 in %", "as found", "aligned"), rows)


_ALIGNMENTS = ("as_found", "aligned")


def systems_table(record: Record, alignment: str) -> str:
    """Accuracy, false notes, speed and memory with a column for each system.

    Parameters
    ----------
    record : mapping
        Of `eval.accuracy.benchmark` with several systems.
    alignment : str
        ``"aligned"`` or ``"as_found"``.
    """
    systems = list(record["systems"].values())
    rows: list[list[str]] = []
    summaries = [each.get("summary", {}) for each in systems]
    for name in SYSTEM_ROWS:
        label, scale, digits = SCALES[name]
        found = [summary.get(f"{alignment}/{name}") for summary in summaries]
        rows.append([label, *(mean_cell(each, scale, digits) for each in found)])
    for index, noise in enumerate(systems[0].get("noise", [])):
        numbers = [each["noise"][index]["false_notes_per_minute"] for each in systems]
        rows.append([f"false notes a minute, {noise['name']}", *(_cell(n, 1) for n in numbers)])
    threads = f"{record['threads']} thread{'s' if record['threads'] > 1 else ''}"
    for label, key, digits in (
        (f"real-time factor, {threads}", "real_time_factor", 3),
        ("processor time / audio time", "cpu_real_time_factor", 3),
        ("peak memory, MB", "peak_mb", 0),
        ("start-up until loaded, s", "startup_seconds", 1),
        ("start-up until the first notes, s", "first_notes_seconds", 1),
        ("clips that failed", "n_failed", 0),
    ):
        rows.append([label, *(_cell(each["speed"].get(key), digits) for each in systems)])
    titles = [each["system"]["title"] for each in systems]
    return markdown([alignment.replace("_", " "), *titles], _known(rows))


def differences_table(record: Record) -> str:
    """Ours minus each other system over the same recordings, aligned, and whether by chance."""
    found = record["differences"]
    tested = any("wilcoxon_p" in each for every in found.values() for each in every.values())
    head, rows = ["ours minus, aligned"], []
    for name in found:
        title = record["systems"][name]["system"]["title"]
        head += [title, "p, Wilcoxon", "p, bootstrap"] if tested else [title]
    for name in SYSTEM_ROWS:
        label, scale, digits = SCALES[name]
        cells = []
        for every in found.values():
            each = every.get(f"aligned/{name}")
            cells.append(mean_cell(each, scale, digits, signed=True))
            if tested:
                cells += [_probability((each or {}).get(f"{test}_p")) for test in _TESTS]
        rows.append([label, *cells])
    return markdown(head, _known(rows))


_TESTS = ("wilcoxon", "bootstrap")


def composers_table(systems: Sequence[Record]) -> str:
    """Mean F1 by composer, aligned, of each system; empty where recordings name fewer than two.

    Parameters
    ----------
    systems : sequence of mapping
        What a record says of each system.
    """
    by_composer: dict[str, list[int]] = {}
    for place, each in enumerate(systems[0].get("recordings", [])):
        by_composer.setdefault(each.get("composer") or "unknown", []).append(place)
    if len(by_composer) < 2:
        return ""
    several = len(systems) > 1
    columns = COMPOSER_COLUMNS[:1] if several else COMPOSER_COLUMNS
    head = [each["system"].get("title", "") for each in systems] if several else []
    head = head or [RATIOS[name] for name in columns]
    title = f"composer: {RATIOS[columns[0]]}" if several else "composer"
    rows = []
    for composer, places in sorted(by_composer.items()):
        cells = []
        for system in systems:
            for name in columns:
                scores = [system["recordings"][i]["scores"].get(f"aligned/{name}") for i in places]
                f1 = [each["f1"] for each in scores if each is not None and each["n_ref"]]
                cells.append(f"{100 * float(np.mean(f1)):.1f}" if f1 else ABSENT)
        rows.append([composer, str(len(places)), *cells])
    return markdown([title, "recordings", *head], rows)


def mistakes_table(systems: Sequence[Record]) -> str:
    """Which mistakes each system makes, a column for each.

    Records from before mistakes were counted are left out; without any the table is empty.
    """
    systems = [each for each in systems if "mistakes" in each]
    if not systems:
        return ""
    names = [each["system"].get("title", each["system"]["name"]) for each in systems]
    counted = [each["mistakes"] for each in systems]
    kinds = [
        [
            f"{side}: {words}",
            *(f"{100 * each[side][kind] / max(1, each['notes']['n_ref']):.2f}" for each in counted),
        ]
        for side, of_side in (("missed", MISSED), ("false", FALSE))
        for kind, words in of_side.items()
    ]
    classes = [
        [
            f"{breakdown} {name}",
            *(f"{100 * each['breakdowns'][breakdown][name]['f1']:.1f}" for each in counted),
        ]
        for breakdown, of_breakdown in counted[0]["breakdowns"].items()
        for name in of_breakdown
    ]
    tables = (("of 100 played notes", kinds), ("F1 in %, pooled", classes))
    return "\n\n".join(markdown([title, *names], rows) for title, rows in tables)


def noise_table(noise: Record) -> str:
    """False notes a minute."""
    rows = [
        [each["name"], f"{each['duration'] / 60:.1f}", f"{each['per_minute']:.1f}"]
        for each in noise["recordings"]
    ]
    total = noise["false_notes_per_minute"]
    cell = ABSENT if total is None else f"**{total:.1f}**"
    rows.append([f"**all {noise['n_recordings']}**", f"{noise['seconds'] / 60:.1f}", cell])
    return markdown(("recording without piano", "minutes", "false notes a minute"), rows)


def of_systems(record: Record) -> list[Record]:
    """What a record says of each system: of several it is under ``systems``."""
    return list(record["systems"].values()) if "systems" in record else [record]


def benchmark_tables(record: Record) -> str:
    """All tables of one record, in order."""
    systems = of_systems(record)
    tables: list[str] = []
    if "systems" in record:
        tables += [systems_table(record, alignment) for alignment in ("aligned", "as_found")]
    elif "summary" in record:
        tables.append(metrics_table(record["summary"]))
    tables += [composers_table(systems), mistakes_table(systems)]
    if "differences" in record:
        tables.append(differences_table(record))
    if "systems" not in record:
        tables += [noise_table(each) for each in record.get("noise", [])]
    return "\n\n".join(filter(None, tables))


def recordings_csv(record: Record) -> str:
    """Every figure of every recording, a line each, to be filtered or pivoted.

    Fractions are 0 to 1, times seconds; a metric that a recording does not define has no value.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, CSV_COLUMNS, lineterminator="\n", restval="")
    writer.writeheader()
    for each in of_systems(record):
        for recording in each.get("recordings", []):
            line = {
                "system": each["system"]["name"],
                "recording": no_formula(recording["name"]),
                "composer": no_formula(recording.get("composer") or ""),
                "title": no_formula(recording.get("title") or ""),
                "seconds": recording["duration"],
            }
            for metric, figure in recording["scores"].items():
                found = figure if isinstance(figure, Mapping) else {"value": figure}
                writer.writerow({**line, "metric": metric, **found})
    return text.getvalue()


def latex(text: str) -> str:
    """Every table of a Markdown text, for LaTeX with ``booktabs``; what is no table is left out."""
    tables, rows = [], []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif rows:
            head, rule, *body = rows
            sides = "".join("r" if cell.endswith(":") else "l" for cell in rule)
            lines = [" & ".join(map(_latex_cell, row)) + r" \\" for row in (head, *body)]
            tables.append(
                "\n".join(
                    [
                        rf"\begin{{tabular}}{{{sides}}}",
                        r"\toprule",
                        lines[0],
                        r"\midrule",
                        *lines[1:],
                        r"\bottomrule",
                        r"\end{tabular}",
                    ]
                )
            )
            rows = []
    return "\n\n".join(tables) + "\n"


def _latex_cell(cell: str) -> str:
    cell = re.sub(r"([%&_#$])", r"\\\1", cell.replace("\\|", "|"))
    cell = re.sub(r"`([^`]*)`", r"\\texttt{\1}", re.sub(r"\*\*([^*]*)\*\*", r"\\textbf{\1}", cell))
    return cell.replace(ABSENT, "--")


def _cell(value: float | None, digits: int) -> str:
    return ABSENT if value is None else f"{value:.{digits}f}"


def _probability(p: float | None) -> str:
    if p is None:
        return ABSENT
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _known(rows: Sequence[list[str]]) -> list[list[str]]:
    """Rows of which at least one system has a figure."""
    return [row for row in rows if any(cell != ABSENT for cell in row[1:])]
