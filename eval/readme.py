"""Write the figures of ``results/`` into the README: ``python -m eval.readme``.

Between the lines ``<!-- results -->`` and ``<!-- end of results -->`` the README says what
the records say and nothing else; `tests/test_readme.py` fails where they differ.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
RESULTS = ROOT / "eval" / "results"
BEGIN, END = "<!-- results -->", "<!-- end of results -->"

ROWS = (
    ("onset", "note onset, 50 ms"),
    ("onset_20ms", "note onset, 20 ms"),
    ("key/onset_offset", "note + offset, key release"),
    ("sustained/onset_offset", "note + offset, pedal-extended"),
    ("sustained/onset_offset_velocity", "note + offset + velocity, pedal-extended"),
    ("sustained/frame", "frame (10 ms grid), pedal-extended"),
    ("pedal/onset_offset", "pedal onset + offset, 50 ms"),
)


def results(benchmark: Mapping[str, Any], speed: Mapping[str, Any]) -> str:
    """The section as Markdown."""
    data, summary = benchmark["data"], benchmark["summary"]
    lines = [
        f"Weights `{benchmark['system']['name']}` on {data['n_recordings']} recordings of "
        f"{data['name']} ({data['seconds'] / 3600:.2f} h), a real piano that nothing was trained "
        "or chosen on. F1 in %, mean over recordings, in brackets the 95 % interval of a bootstrap "
        "over recordings. *Aligned* has each recording's median onset deviation taken off, "
        "*as found* has not; never compare one with the other.",
        "",
        "| | as found | aligned |",
        "|---|--:|--:|",
    ]
    for name, label in ROWS:
        cells = [_percent(summary[f"{each}/{name}"]) for each in ("as_found", "aligned")]
        lines.append(f"| {label} | {cells[0]} | {cells[1]} |")
    error, correlation = (
        summary[f"aligned/velocity_{each}"]["mean"] for each in ("error", "correlation")
    )
    lines += [
        "",
        f"Velocities of matched notes: correlation {correlation:.2f}, mean error {error:.0f} of "
        "127. ",
    ]
    if "noise" in benchmark:
        noise = benchmark["noise"]
        lines[-1] += (
            f"False notes a minute in {noise['n_recordings']} recordings without a piano "
            f"({noise['seconds'] / 60:.0f} min of rain, dogs, engines and the like, which training "
            f"also laid under music): {noise['false_notes_per_minute']:.1f}."
        )
    lines += [
        "",
        f"Speed on {speed['machine']['cpu']}, all in one run: "
        + "; ".join(
            f"{each['times_real_time']['whole']:.0f} times real time on {each['threads']} "
            f"thread{'s' if each['threads'] > 1 else ''}"
            for each in speed["speed"]
        )
        + ". Peak memory of the command: "
        + ", ".join(
            f"{each['peak_mb']:.0f} MB for {each['minutes']:g} minutes" for each in speed["memory"]
        )
        + ".",
        "",
        "```",
        benchmark["command"],
        speed["command"],
        "```",
        "",
        f"Measured at commit {(benchmark['commit'] or 'unknown')[:12]}, {benchmark['date']}; all "
        "figures and conventions are in `eval/results/` and `eval/README.md`.",
    ]
    return "\n".join(line.rstrip() for line in lines)


def with_results(readme: str, section: str) -> str:
    """The README's text with the section between its marks."""
    before, found, rest = readme.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not (found and closed):
        raise ValueError(f"README.md: expected the marks {BEGIN} and {END}; found none")
    return f"{before}{BEGIN}\n{section}\n{END}{after}"


def current() -> str:
    """The section that the records make."""
    benchmark, speed = (
        json.loads((RESULTS / name).read_text("utf-8"))
        for name in ("maps-real-dev.json", "speed.json")
    )
    return results(benchmark, speed)


def main() -> int:
    """Rewrite the README."""
    README.write_text(with_results(README.read_text("utf-8"), current()), "utf-8")
    return 0


def _percent(summary: Mapping[str, Any]) -> str:
    low, high = (100 * edge for edge in summary["interval_95"])
    return f"{100 * summary['mean']:.1f} [{low:.1f}, {high:.1f}]"


if __name__ == "__main__":
    sys.exit(main())
