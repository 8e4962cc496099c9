"""How much music `transcribe archive` transcribes in an hour, of what that is made, what it holds.

    python -m eval.performance.throughput RECORDING --out eval/results/throughput.json

The recording is repeated to a length of minutes and copied; the same archive is done by one
worker and by as many as there are cores, in turn, and the best of each counts. Rates leave
the start out: they count from when every worker has settled its first recording. Beside
the pool stand as many separate ``transcribe`` commands at once, which is what the machine
itself allows: cores share memory and caches. Then a thousand short recordings
(`eval.data.archives`) show how much each worker holds after how many of them. Compare ratios
within a record; on a machine that others use (``load_before``), nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from eval.common.command import new_parser, run
from eval.data.archives import GOOD, make_archive
from eval.performance.speed import write_repeated
from transcribe.archive.manifest import Manifest
from transcribe.archive.rows import DONE
from transcribe.archive.run_folder import MANIFEST
from transcribe.archive.storage.base import OWN_FOLDER
from transcribe.errors import TranscribeError
from transcribe.hardware import n_cores
from transcribe.options import natural_number, positive_number, whole_number

HOURS = 1000
"""Of music, in the table of sizes."""
MACHINES = (2, 16, 64)
"""Cores, in the table of sizes."""
MEMORY_AFTER = (1, 10, 100, 250, 500, 1000)
"""Recordings, in the table of memory."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say; 0, or 1 with one line if a run fails."""
    parser = new_parser("eval.performance.throughput", __doc__)
    parser.add_argument("recording", type=Path, help="a recording to repeat")
    parser.add_argument(
        "--workers", type=whole_number, default=n_cores(), help="default: as many as cores"
    )
    parser.add_argument(
        "--minutes", type=positive_number, default=4, help="of each recording; default: 4"
    )
    parser.add_argument(
        "--each", type=whole_number, default=4, help="recordings a worker; default: 4"
    )
    parser.add_argument("--repeats", type=whole_number, default=2, help="default: 2")
    parser.add_argument(
        "--short", type=natural_number, default=1000, help="short recordings; default: 1000"
    )
    return run(parser, measure, arguments, show=tables, positional=["recording"])


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All that is measured, as a record."""
    load_before = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    with tempfile.TemporaryDirectory(prefix="throughput-") as name:
        folder = Path(name)
        rates = _rates(options, folder)
        memory = _memory(options, folder) if options.short else None
    best = {kind: max(each) for kind, each in rates.items()}
    n = options.workers
    return {
        "load_before": load_before,
        "workers": n,
        "minutes_each": options.minutes,
        "times_real_time": rates,
        "efficiency": {
            "of_one_worker_times_cores": best["pool"] / (n * best["one"]),
            "of_separate_commands": best["pool"] / best["separate"],
            "separate_commands_of_one_times_cores": best["separate"] / (n * best["one"]),
        },
        "per_core_hour": {
            "hours_of_music": best["pool"] / n,
            "recordings": best["pool"] / n * 60 / options.minutes,
        },
        "memory": memory,
    }


def _rates(options: argparse.Namespace, folder: Path) -> dict[str, list[float]]:
    """Times real time of one worker, of all, and of separate commands, in each repeat."""
    n_files = options.each * options.workers
    source, few = folder / "source", folder / "few"
    source.mkdir()
    few.mkdir()
    whole = source / "0.wav"
    write_repeated(options.recording, 60 * options.minutes, whole)
    for number in range(1, n_files):
        shutil.copy(whole, source / f"{number}.wav")
    for number in range(options.each):
        os.link(whole, few / f"{number}.wav")
    rates: dict[str, list[float]] = {"one": [], "pool": [], "separate": []}
    for repeat in range(options.repeats):
        rates["one"].append(_steady_rate(few, folder / f"one{repeat}", 1))
        rates["pool"].append(_steady_rate(source, folder / f"pool{repeat}", options.workers))
        rates["separate"].append(_separate_rate(source, folder / f"separate{repeat}", options))
        print({kind: round(each[-1], 1) for kind, each in rates.items()}, file=sys.stderr)
    return rates


def _steady_rate(source: Path, out: Path, n_workers: int) -> float:
    """Seconds of music for each second after every worker's first recording."""
    settled: list[tuple[float, float]] = []
    words = [sys.executable, "-m", "transcribe", "archive", str(source), "--out", str(out)]
    words += ["--workers", str(n_workers), "--device", "cpu", "--progress", "json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        for line in run.stdout:
            event = json.loads(line)
            if event["event"] == DONE:
                settled.append((time.monotonic(), event["duration"]))
    if run.returncode != 0 or len(settled) <= n_workers:
        raise TranscribeError(f"the archive run ended with {run.returncode}, {len(settled)} done")
    begin, end = settled[n_workers - 1][0], settled[-1][0]
    return sum(duration for _, duration in settled[n_workers:]) / (end - begin)


def _separate_rate(source: Path, out: Path, options: argparse.Namespace) -> float:
    """The same of commands side by side: from the end of each one's first to the last's end."""
    out.mkdir()
    recordings = sorted(source.iterdir())
    n = options.workers
    runs = []
    for number in range(n):
        words = [sys.executable, "-m", "transcribe", *map(str, recordings[number::n])]
        words += ["-o", str(out), "--threads", "1", "--device", "cpu", "--quiet"]
        runs.append(subprocess.Popen(words))
    seconds = 60 * options.minutes
    begin = n_begun = 0.0
    while any(run.poll() is None for run in runs):
        if not begin and len(list(out.glob("*.mid"))) >= n:
            begin, n_begun = time.monotonic(), len(list(out.glob("*.mid")))
        time.sleep(0.02)
    if any(run.returncode for run in runs) or not begin:
        raise TranscribeError(f"a separate command ended with {[run.returncode for run in runs]}")
    return seconds * (len(recordings) - n_begun) / (time.monotonic() - begin)


def _memory(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Most bytes that any worker has held after so many recordings."""
    made = make_archive(folder / "short", options.short, poison=False)
    words = [sys.executable, "-m", "transcribe", "archive", str(folder / "short")]
    words += ["--out", str(folder / "out"), "--workers", str(options.workers), "--device", "cpu"]
    started = time.monotonic()
    subprocess.run([*words, "--progress", "none"], stdout=subprocess.DEVNULL, check=False)
    seconds = time.monotonic() - started
    with closing(Manifest(folder / "out" / OWN_FOLDER / MANIFEST)) as manifest:
        rows = [row for row in manifest.rows() if row.peak_memory]
    rows.sort(key=lambda row: row.finished)
    n_done = sum(row.state == DONE for row in rows)
    if n_done != sum(each.fate == GOOD for each in made):
        raise TranscribeError(f"of {len(made)} short recordings only {n_done} were done")
    return {
        "recordings": len(rows),
        "seconds": seconds,
        "recordings_per_core_hour": 3600 * len(rows) / seconds / options.workers,
        "peak_mb_after": {
            str(after): max(row.peak_memory or 0 for row in rows[:after]) / 1e6
            for after in MEMORY_AFTER
            if after <= len(rows)
        },
    }


def tables(record: Mapping[str, Any]) -> str:
    """Rates, memory and sizes, as Markdown."""
    best = {kind: max(each) for kind, each in record["times_real_time"].items()}
    n, share = record["workers"], record["efficiency"]
    lines = [
        "| workers | times real time | of one worker times cores |",
        "|---|--:|--:|",
        f"| 1 | {best['one']:.1f} | |",
        f"| {n} | {best['pool']:.1f} | {100 * share['of_one_worker_times_cores']:.0f} % |",
        f"| {n} separate commands | {best['separate']:.1f} "
        f"| {100 * share['separate_commands_of_one_times_cores']:.0f} % |",
    ]
    if record["memory"]:
        peaks = record["memory"]["peak_mb_after"]
        lines += ["", f"| recordings | {' | '.join(peaks)} |", "|---|" + "--:|" * len(peaks)]
        cells = " | ".join(f"{held:.0f}" for held in peaks.values())
        lines.append(f"| most memory of a worker, MB | {cells} |")
    return "\n".join([*lines, "", *_sizes(record["per_core_hour"]["hours_of_music"])])


def _sizes(per_core: float) -> list[str]:
    """What a thousand hours of music take, by cores; all but what was measured is arithmetic."""
    lines = [f"| cores | {HOURS:,} hours of music take | arithmetic |", "|--:|--:|---|"]
    for cores in MACHINES:
        hours = HOURS / (cores * per_core)
        lines.append(f"| {cores} | {hours:.1f} h | {HOURS} / ({cores} x {per_core:.1f}) |")
    return lines


if __name__ == "__main__":
    sys.exit(main())
