"""How many small bugs do the tests notice? Mutation testing of what decides results.

    python -m eval.performance.mutation --sample 40 --out eval/results/mutation.json
    python -m eval.performance.mutation --only decode --sample 0          every mutant of one part

mutmut (the extra ``mutation``) makes mutants: copies of a module with one operator, number,
string, argument or name changed. Each is run against the tests of its part alone; one that
no test fails for has *survived*. Parts, their modules and their tests are named in
``pyproject.toml``, ``[tool.mutation]``; how mutants are made, in ``[tool.mutmut]``.

- *Killed* is the share of the tried mutants for which a test failed, or did not end. Its
  interval is Wilson's, 95 %: how much it could change with another sample. Mutants that no test
  reaches count as survivors.
- Some mutants change nothing that anybody could see (``max(x, 0)`` of what is never negative);
  they survive rightly, and they are not told apart here. So 100 % is out of reach.
- mutmut changes functions, not what a module says outside of them: constants and the defaults
  of settings are not tried.

Everything happens in a copy of what git has, so that work goes on beside it; one process.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

from eval.common.command import new_parser, run
from eval.common.tables import markdown
from transcribe.errors import TranscribeError
from transcribe.options import natural_number

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
_NOTICED = ("killed", "timeout", "caught by type check", "segfault")
_NONE = "no mutant has this name"


@dataclass(frozen=True)
class Part:
    """Modules, and the tests that should notice when one of them is wrong."""

    name: str
    modules: list[str]
    """Paths from the root of the repository."""
    tests: list[str]
    """As pytest takes them."""


def parts(pyproject: Path = ROOT / "pyproject.toml") -> list[Part]:
    """What ``[tool.mutation]`` names."""
    table = tomllib.loads(pyproject.read_text(encoding="utf-8"))["tool"]["mutation"]
    return [Part(name, each["modules"], each["tests"]) for name, each in table.items()]


def sampled(names: Iterable[str], n_wanted: int, seed: int) -> list[str]:
    """So many of the names, drawn without repetition; all if 0, or more than there are."""
    ordered = sorted(names)
    if not 0 < n_wanted < len(ordered):
        return ordered
    return sorted(random.Random(seed).sample(ordered, n_wanted))


def share(n_killed: int, n_tried: int) -> dict[str, Any]:
    """The killed ones of the tried ones, and Wilson's 95 % interval."""
    interval = binomtest(n_killed, n_tried).proportion_ci(method="wilson")
    return {
        "n_tried": n_tried,
        "n_killed": n_killed,
        "killed": n_killed / n_tried,
        "interval_95": [float(interval.low), float(interval.high)],
    }


def try_part(part: Part, n_wanted: int, seed: int) -> dict[str, Any]:
    """Make the mutants of a part, run the tests on a sample of them, and count."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        _copy_to(copy, part)
        _mutmut(copy, "run", _NONE, fails=True)  # mutants are made, and the tests timed
        every = _statuses(copy)
        if not every:
            raise TranscribeError(
                f"{part.name}: expected mutants of {', '.join(part.modules)}, found none; do its "
                f"tests pass ({', '.join(part.tests)})?"
            )
        chosen = sampled(every, n_wanted, seed)
        _mutmut(copy, "run", "--max-children", "1", *chosen)
        became = _statuses(copy)
        found = {name: became[name] for name in chosen}
        alive = [name for name, status in found.items() if status not in _NOTICED]
        survivors = [{"name": name, "diff": _mutmut(copy, "show", name)} for name in alive]
    return {
        "modules": part.modules,
        "tests": part.tests,
        "n_mutants": len(every),
        **share(len(found) - len(alive), len(found)),
        "outcomes": dict(sorted(Counter(found.values()).items())),
        "survivors": [{**each, "diff": _changed(each["diff"])} for each in survivors],
    }


def _copy_to(folder: Path, part: Part) -> None:
    """What git has, and a configuration for this part."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    settings = folder / "pyproject.toml"
    heading = "[tool.mutmut]\n"
    lines = f"only_mutate = {part.modules!r}\npytest_add_cli_args_test_selection = {part.tests!r}\n"
    text = settings.read_text(encoding="utf-8").replace(heading, heading + lines)
    settings.write_text(text, encoding="utf-8")


def _mutmut(folder: Path, *words: str, fails: bool = False) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", *words],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0 and not fails:
        told = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise TranscribeError(f"mutmut {words[0]} failed in {folder}:\n{told}")
    return done.stdout


def _statuses(folder: Path) -> dict[str, str]:
    """Every mutant's name, and what became of it."""
    told = _mutmut(folder, "results", "--all", "true")
    pairs = [line.strip().rpartition(": ") for line in told.splitlines() if ": " in line]
    return {name: status for name, _, status in pairs}


def _changed(diff: str) -> list[str]:
    """The lines of a diff that differ."""
    lines = [line for line in diff.splitlines() if line[:1] in "+-"]
    return [line for line in lines if not line.startswith(("+++", "---"))]


def table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Parts and their shares as Markdown."""
    rows = []
    for name, each in found.items():
        low, high = each["interval_95"]
        counts = [str(each.get("n_mutants", "")), str(each["n_tried"])]
        rows.append(
            [name, *counts, f"{100 * each['killed']:.1f}", f"{100 * low:.1f} to {100 * high:.1f}"]
        )
    return markdown(("part", "mutants", "tried", "killed, %", "95 % interval"), rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say; 0, or 1 with one line."""
    parser = new_parser("eval.performance.mutation", __doc__)
    names = [part.name for part in parts()]
    parser.add_argument("--only", nargs="+", choices=names, help="default: every part")
    parser.add_argument(
        "--sample", type=natural_number, default=40, help="mutants a part; 0 is all of them"
    )
    parser.add_argument("--seed", type=natural_number, default=0, help="of the sample")
    return run(parser, measure, arguments, show=lambda record: table(record["parts"]))


def measure(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The parts so far; all of them take hours."""
    if find_spec("mutmut") is None:
        raise TranscribeError("needs mutmut: pip install -e '.[dev,mutation]'")
    found: dict[str, dict[str, Any]] = {}
    for part in parts():
        if options.only is None or part.name in options.only:
            found[part.name] = try_part(part, options.sample, options.seed)
            print(table({part.name: found[part.name]}).splitlines()[-1], file=sys.stderr)
            yield {
                "mutmut": version("mutmut"),
                "conventions": (__doc__ or "").strip(),
                "parts": found,
            }


if __name__ == "__main__":
    sys.exit(main())
