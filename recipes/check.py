"""Whether a recipe came out as published: ``python -m recipes.check EXPECTED RECORD``.

``EXPECTED`` maps metrics of a benchmark's record to a mean and a tolerance, both as
fractions. Exit code 0 means reproduced; 1 names every metric that missed and by how much.
Better than expected is reproduced too.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


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


def main(arguments: list[str]) -> int:
    """Print the verdict; 0 for reproduced."""
    if len(arguments) != 2:
        print("usage: python -m recipes.check EXPECTED.json RECORD.json", file=sys.stderr)
        return 2
    expected, record = (json.loads(Path(path).read_text("utf-8")) for path in arguments)
    found = misses(expected, record)
    for line in found:
        print(line)
    print("not reproduced" if found else "reproduced")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
