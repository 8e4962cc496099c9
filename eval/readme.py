"""Write the figures of ``results/`` where people read them: ``python -m eval.readme``.

Between the lines ``<!-- results -->`` and ``<!-- end of results -->`` the README says what
the records say and nothing else, and so does all of ``results/README.md``;
`tests/test_readme.py` fails where they differ.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eval.ablations import table as ablation_table
from eval.calibration import calibration_table
from eval.damage import comparison_table
from eval.tables import noise_table

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
RESULTS = ROOT / "eval" / "results"
REPORT = RESULTS / "README.md"
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


def results(
    benchmark: Mapping[str, Any], speed: Mapping[str, Any], noises: Mapping[str, Any]
) -> str:
    """The section as Markdown."""
    data, summary = benchmark["data"], benchmark["summary"]
    lines = [
        f"Weights `{benchmark['system']['name']}` on {data['n_recordings']} recordings of "
        f"{data['name']} ({data['seconds'] / 3600:.2f} h), a real piano that nothing was trained "
        "on. F1 in %, mean over recordings, in brackets the 95 % interval of a bootstrap "
        "over recordings. *Aligned* has each recording's median onset deviation taken off, "
        "*as found* has not; never compare one with the other.",
        "",
        *_f1_rows(summary),
    ]
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
            f"({noise['seconds'] / 60:.0f} min of rain, dogs, engines and the like; three kinds "
            f"never heard in training): {noise['false_notes_per_minute']:.1f}; in silence, hiss, "
            f"voices and applause, synthesised: {noises['noise']['false_notes_per_minute']:.1f}."
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
    return results(_record("maps-real-dev"), _record("speed"), _record("noises"))


def report() -> str:
    """All tables, from the records beside them."""
    benchmark, calibration = _record("maps-real-dev"), _record("calibration")
    validation, ablations = _record("validation"), _record("ablations")
    before, after = _record("damage-before"), _record("damage")
    sections = [
        "# Results",
        "Written from the records beside this page by `python -m eval.readme`; `eval/README.md` "
        "says how each is made and what the words mean.",
        f"## {benchmark['data']['name']}: a real Disklavier, close microphones",
        f"Weights `{benchmark['system']['name']}`. F1 in %, mean over recordings with the 95 % "
        "interval of a bootstrap over recordings.",
        _both_alignments(benchmark["summary"]),
        "The best, the median and the worst recording:",
        "![piano rolls](pianorolls.png)",
        "## MAESTRO validation, rendered on instruments that training never heard",
        f"{len(validation['passages'])} passages of 30 s on "
        f"{' and '.join(validation['instruments'])}, without room or noise; thresholds were "
        "chosen on them.",
        _both_alignments(validation["summary"]),
        "## Where nobody plays",
        noise_table(_record("noises")["noise"]),
        noise_table(benchmark["noise"]),
        "dog_bark, helicopter and clock_tick were never heard in training.",
        "## Does a confidence mean something?",
        f"All notes of {calibration['data']['name']}; of what it calls 0.9, are 90 % right?",
        calibration_table(calibration),
        "![reliability](calibration.png)",
        "## What musicians complain about",
        f"`{before['system']['name']}` before, `{after['system']['name']}` after, on "
        f"{after['data']['name']}; 0 is none, `eval/complaints.py` says what is counted.",
        comparison_table(before, after),
        "## What each choice is worth",
        ablation_table(ablations),
    ]
    return "\n\n".join(section.strip() for section in sections) + "\n"


def _f1_rows(summary: Mapping[str, Any]) -> list[str]:
    lines = ["| | as found | aligned |", "|---|--:|--:|"]
    for name, label in ROWS:
        cells = [_percent(summary[f"{each}/{name}"]) for each in ("as_found", "aligned")]
        lines.append(f"| {label} | {cells[0]} | {cells[1]} |")
    return lines


def _both_alignments(summary: Mapping[str, Any]) -> str:
    lines = _f1_rows(summary)
    for name, label in (("correlation", "velocity correlation"), ("error", "velocity error")):
        digits = 2 if name == "correlation" else 1
        cells = [
            f"{summary[f'{each}/velocity_{name}']['mean']:.{digits}f}"
            for each in ("as_found", "aligned")
        ]
        lines.append(f"| {label} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def _record(name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text("utf-8"))
    return record


def main() -> int:
    """Rewrite both pages."""
    README.write_text(with_results(README.read_text("utf-8"), current()), "utf-8")
    REPORT.write_text(report(), "utf-8")
    return 0


def _percent(summary: Mapping[str, Any]) -> str:
    low, high = (100 * edge for edge in summary["interval_95"])
    return f"{100 * summary['mean']:.1f} [{low:.1f}, {high:.1f}]"


if __name__ == "__main__":
    sys.exit(main())
