"""Score a recipe's weights and say whether they came out as expected.

    python -m recipes.check EXPECTED RECORD                                   a record at hand
    python -m recipes.check EXPECTED RECORD --data DATA --checkpoint WEIGHTS  makes it first

``EXPECTED`` maps metrics of a benchmark's record to a mean and a tolerance, both as
fractions, and says where the means come from (``source``). With ``--data`` the weights are
first scored by `eval.accuracy.benchmark`, which writes ``RECORD``. The verdict goes to stdout,
and as a table to the file beside ``RECORD`` whose name ends in ``.md``. Exit code 0 means
reproduced; 1 names every metric that missed and by how much. Better than expected is
reproduced too.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.common.tables import markdown
from transcribe.errors import TranscribeError
from transcribe.files.atomic import write_atomically


def misses(expected: Mapping[str, Any], record: Mapping[str, Any]) -> list[str]:
    """One line for every metric below its expected mean by more than its tolerance."""
    found = []
    for name, wanted in expected["metrics"].items():
        if name not in record["summary"]:
            found.append(f"{name}: expected {wanted['mean']:.4f}, the record has none")
            continue
        mean = record["summary"][name]["mean"]
        short = wanted["mean"] - mean
        if short > wanted["tolerance"]:
            found.append(
                f"{name}: expected {wanted['mean']:.4f} within {wanted['tolerance']:.4f}, "
                f"found {mean:.4f}, {short:.4f} short"
            )
    return found


def verdict_table(expected: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """Expected and found side by side, in percent, as Markdown."""
    head = ("metric", "expected", "tolerance", "found", "95 % interval", "difference")
    rows = []
    for name, wanted in expected["metrics"].items():
        cells = [f"{100 * wanted['mean']:.1f}", f"{100 * wanted['tolerance']:.1f}"]
        summary = record["summary"].get(name)
        if summary is None:
            cells += ["none", "", ""]
        else:
            interval = summary.get("interval_95")
            cells.append(f"{100 * summary['mean']:.1f}")
            cells.append(" to ".join(f"{100 * edge:.1f}" for edge in interval) if interval else "")
            cells.append(f"{round(100 * (summary['mean'] - wanted['mean']), 1) + 0.0:+.1f}")
        rows.append([name, *cells])
    return markdown(head, rows)


def benchmark(data: Path, split: str, checkpoint: Path, device: str, record: Path) -> int:
    """Score weights on a data set with the project's benchmark; returns its exit code."""
    from eval.accuracy.benchmark import main as run_benchmark

    words = ["--data", str(data), "--split", split, "--checkpoint", str(checkpoint)]
    return run_benchmark([*words, "--device", device, "--out", str(record)])


def verdict(expected_path: Path, record_path: Path) -> int:
    """Print the verdict and write its table; 0 for reproduced.

    Raises TranscribeError where a file is missing or is no record.
    """
    expected, record = _read(expected_path, "metrics"), _read(record_path, "summary")
    found = misses(expected, record)
    outcome = "not reproduced" if found else "reproduced"
    table = verdict_table(expected, record)
    source = f"Expected: {expected['source']}\n\n" if "source" in expected else ""
    page = f"# {outcome}\n\n{source}F1 in %, mean over recordings.\n\n{table}\n"
    write_atomically(record_path.with_suffix(".md"), page)
    print(table, *found, outcome, sep="\n")
    return 1 if found else 0


def _read(path: Path, part: str) -> dict[str, Any]:
    """A record that has this part."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TranscribeError(f"{path}: expected a record as JSON; {error}") from error
    if not isinstance(record, dict) or not isinstance(record.get(part), dict):
        raise TranscribeError(f"{path}: expected a record with {part!r}; found none")
    return record


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say; 0 for reproduced, 1 for not, 2 for a call that can't be met."""
    parser = argparse.ArgumentParser(
        prog="python -m recipes.check",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("expected", metavar="EXPECTED", type=Path)
    parser.add_argument("record", metavar="RECORD", type=Path)
    parser.add_argument("--data", type=Path, help="data set to score on; makes RECORD")
    parser.add_argument("--split", default="test", help="default: test")
    parser.add_argument("--checkpoint", type=Path, help="weights to score")
    parser.add_argument("--device", default="cpu", help="default: cpu")
    options = parser.parse_args(arguments)
    if (options.data is None) != (options.checkpoint is None):
        parser.error("--data and --checkpoint go together: what is scored, and on what")
    if options.data is not None:
        code = benchmark(
            options.data, options.split, options.checkpoint, options.device, options.record
        )
        if code:
            return code
    try:
        return verdict(options.expected, options.record)
    except TranscribeError as error:
        print(f"recipes.check: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
