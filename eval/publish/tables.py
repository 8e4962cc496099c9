"""Summaries as Markdown tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from transcribe.evaluation.aggregate import Summary
from transcribe.evaluation.error_types import FALSE, MISSED

ROWS = {
    "onset": "onset, 50 ms",
    "onset_20ms": "onset, 20 ms",
    "onset_10ms": "onset, 10 ms",
    "key/onset_offset": "onset + offset, key release",
    "key/onset_offset_velocity": "onset + offset + velocity, key release",
    "key/frame": "frame, key release",
    "sustained/onset_offset": "onset + offset, pedal-extended",
    "sustained/onset_offset_velocity": "onset + offset + velocity, pedal-extended",
    "sustained/frame": "frame, pedal-extended",
    "pedal/onset": "pedal onset, 50 ms",
    "pedal/onset_offset": "pedal onset + offset",
    "pedal/frame": "pedal frame",
}
"""Metrics in percent, in the order of the table."""
NUMBER_ROWS = {
    "onset_deviation/median": ("median onset deviation, ms", 1000.0),
    "onset_deviation/spread": ("its interquartile range, ms", 1000.0),
    "as_found/velocity_error": ("velocity error, raw MIDI steps", 1.0),
    "as_found/velocity_correlation": ("velocity correlation", 1.0),
    "as_found/key/overlap": ("overlap of matched notes, key release", 1.0),
    "as_found/sustained/overlap": ("overlap of matched notes, pedal-extended", 1.0),
}


def metrics_table(summaries: Mapping[str, Summary]) -> str:
    """The metrics as Markdown: F1 in percent, mean over recordings with its interval."""
    lines = [
        "| metric | recordings | as found: F1 | precision | recall | pooled F1 "
        "| aligned: F1 | precision | recall | pooled F1 |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, label in ROWS.items():
        cells = []
        for alignment in ("as_found", "aligned"):
            summary = summaries.get(f"{alignment}/{name}")
            if summary is None or summary.pooled is None:
                continue
            cells += [
                _with_interval(summary, 100),
                f"{100 * (summary.mean_precision or 0):.1f}",
                f"{100 * (summary.mean_recall or 0):.1f}",
                f"{100 * summary.pooled.f1:.1f}",
            ]
        if cells:
            n_recordings = summaries[f"as_found/{name}"].n_recordings
            lines.append(f"| {label} | {n_recordings} | {' | '.join(cells)} |")
    measures = [name for name in NUMBER_ROWS if name in summaries]
    if measures:
        lines += ["", "| measure | recordings | mean over recordings |", "|---|--:|--:|"]
    for name in measures:
        label, scale = NUMBER_ROWS[name]
        cell = _with_interval(summaries[name], scale, 2 if scale == 1 else 1)
        lines.append(f"| {label} | {summaries[name].n_recordings} | {cell} |")
    return "\n".join(lines)


SYSTEM_ROWS = {
    "onset": "note onset, 50 ms",
    "onset_20ms": "note onset, 20 ms",
    "onset_10ms": "note onset, 10 ms",
    "key/onset_offset": "note + offset, key release",
    "key/onset_offset_velocity": "note + offset + velocity, key release",
    "sustained/onset_offset": "note + offset, pedal-extended",
    "sustained/onset_offset_velocity": "note + offset + velocity, pedal-extended",
    "key/frame": "frame (10 ms grid), key release",
    "sustained/frame": "frame (10 ms grid), pedal-extended",
    "pedal/onset_offset": "pedal onset + offset, 50 ms",
}
"""Rows of the tables that have a column for each system; F1 in percent."""
SYSTEM_NUMBER_ROWS = {
    "velocity_correlation": ("velocity of matched notes: correlation", 2),
    "velocity_error": ("velocity of matched notes: mean error of 127", 1),
}
_ABSENT = "–"


def systems_table(record: Mapping[str, Any], alignment: str) -> str:
    """Accuracy, false notes, speed and memory with a column for each system, as Markdown.

    Parameters
    ----------
    record : mapping
        Of `eval.accuracy.benchmark` with several systems.
    alignment : str
        ``"aligned"`` or ``"as_found"``.
    """
    blocks = record["systems"]
    names = [block["system"]["title"] for block in blocks.values()]
    aligned = alignment.replace("_", " ")
    lines = [f"| {aligned} | {' | '.join(names)} |", "|---|" + "--:|" * len(names)]

    def row(label: str, cells: list[str]) -> None:
        if any(cell != _ABSENT for cell in cells):
            lines.append(f"| {label} | {' | '.join(cells)} |")

    summaries = [block.get("summary", {}) for block in blocks.values()]
    for name, label in SYSTEM_ROWS.items():
        row(label, [_recorded(each.get(f"{alignment}/{name}"), 100, 1) for each in summaries])
    for name, (label, digits) in SYSTEM_NUMBER_ROWS.items():
        row(label, [_recorded(each.get(f"{alignment}/{name}"), 1, digits) for each in summaries])
    for index, noise in enumerate(next(iter(blocks.values())).get("noise", [])):
        found = [block["noise"][index]["false_notes_per_minute"] for block in blocks.values()]
        cells = [_ABSENT if each is None else f"{each:.1f}" for each in found]
        row(f"false notes a minute, {noise['name']}", cells)
    speeds = [block["speed"] for block in blocks.values()]
    threads = f"{record['threads']} thread{'s' if record['threads'] > 1 else ''}"
    for label, key, digits in (
        (f"real-time factor, {threads}", "real_time_factor", 3),
        ("processor time / audio time", "cpu_real_time_factor", 3),
        ("peak memory, MB", "peak_mb", 0),
        ("start-up until loaded, s", "startup_seconds", 1),
        ("start-up until the first notes, s", "first_notes_seconds", 1),
        ("clips that failed", "n_failed", 0),
    ):
        found = [speed.get(key) for speed in speeds]
        row(label, [_ABSENT if each is None else f"{each:.{digits}f}" for each in found])
    return "\n".join(lines)


def differences_table(record: Mapping[str, Any]) -> str:
    """Ours minus each other system over the same recordings, aligned, as Markdown."""
    found = record["differences"]
    names = [record["systems"][name]["system"]["title"] for name in found]
    lines = [
        f"| ours minus, aligned | {' | '.join(names)} |",
        "|---|" + "--:|" * len(names),
    ]
    rows = {name: (label, 100.0, 1) for name, label in SYSTEM_ROWS.items()}
    rows |= {name: (label, 1.0, digits) for name, (label, digits) in SYSTEM_NUMBER_ROWS.items()}
    for name, (label, scale, digits) in rows.items():
        each = [summary.get(f"aligned/{name}") for summary in found.values()]
        cells = [_recorded(one, scale, digits, signed=True) for one in each]
        if any(cell != _ABSENT for cell in cells):
            lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def mistakes_table(blocks: Sequence[Mapping[str, Any]]) -> str:
    """Which mistakes each system makes, a column for each, as Markdown.

    Parameters
    ----------
    blocks : sequence of mapping
        What a record of `eval.accuracy.benchmark` says of each system; those from before mistakes
        were counted are left out, and without any the table is empty.
    """
    blocks = [block for block in blocks if "mistakes" in block]
    if not blocks:
        return ""
    names = [block["system"].get("title", block["system"]["name"]) for block in blocks]
    lines = [f"| of 100 played notes | {' | '.join(names)} |", "|---|" + "--:|" * len(names)]
    counted = [block["mistakes"] for block in blocks]
    for side, kinds in (("missed", MISSED), ("false", FALSE)):
        for kind, words in kinds.items():
            cells = [f"{100 * each[side][kind] / each['notes']['n_ref']:.2f}" for each in counted]
            lines.append(f"| {side}: {words} | {' | '.join(cells)} |")
    lines += ["", f"| F1 in %, pooled | {' | '.join(names)} |", "|---|" + "--:|" * len(names)]
    for breakdown, classes in counted[0]["breakdowns"].items():
        for name in classes:
            found = [each["breakdowns"][breakdown][name] for each in counted]
            cells = [f"{100 * each['f1']:.1f}" for each in found]
            lines.append(f"| {breakdown} {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def noise_table(noise: Mapping[str, Any]) -> str:
    """False notes a minute as Markdown."""
    lines = ["| recording without piano | minutes | false notes a minute |", "|---|--:|--:|"]
    for each in noise["recordings"]:
        lines.append(f"| {each['name']} | {each['duration'] / 60:.1f} | {each['per_minute']:.1f} |")
    total, minutes = noise["false_notes_per_minute"], noise["seconds"] / 60
    cell = _ABSENT if total is None else f"**{total:.1f}**"
    lines.append(f"| **all {noise['n_recordings']}** | {minutes:.1f} | {cell} |")
    return "\n".join(lines)


def _with_interval(summary: Summary, scale: float, digits: int = 1) -> str:
    cell = f"{scale * summary.mean:.{digits}f}"
    if summary.interval is None:
        return cell
    low, high = (f"{scale * edge:.{digits}f}" for edge in summary.interval)
    return f"{cell} [{low}, {high}]"


def _recorded(
    summary: Mapping[str, Any] | None, scale: float, digits: int, *, signed: bool = False
) -> str:
    """A summary as a record has it."""
    if summary is None:
        return _ABSENT
    sign = "+" if signed else ""
    cell = f"{scale * summary['mean']:{sign}.{digits}f}"
    if summary["interval_95"] is None:
        return cell
    low, high = (f"{scale * edge:{sign}.{digits}f}" for edge in summary["interval_95"])
    return f"{cell} [{low}, {high}]"
