"""Summaries as Markdown tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transcribe.summary import Summary

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


def noise_table(noise: Mapping[str, Any]) -> str:
    """False notes a minute as Markdown."""
    lines = ["| recording without piano | minutes | false notes a minute |", "|---|--:|--:|"]
    for each in noise["recordings"]:
        lines.append(f"| {each['name']} | {each['duration'] / 60:.1f} | {each['per_minute']:.1f} |")
    total, minutes = noise["false_notes_per_minute"], noise["seconds"] / 60
    lines.append(f"| **all {noise['n_recordings']}** | {minutes:.1f} | **{total:.1f}** |")
    return "\n".join(lines)


def _with_interval(summary: Summary, scale: float, digits: int = 1) -> str:
    cell = f"{scale * summary.mean:.{digits}f}"
    if summary.interval is None:
        return cell
    low, high = (f"{scale * edge:.{digits}f}" for edge in summary.interval)
    return f"{cell} [{low}, {high}]"
