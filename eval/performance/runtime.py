"""Compare the runtimes of one network in one run: torch and ONNX, and the command as shipped.

    python -m eval.performance.runtime --out eval/results/runtime.json tests/data/prelude.mp3

The network alone runs on the recording's first window, on each number of threads: in torch
in float32 and (where the processor computes in it) bfloat16, exported in float32, and
exported as it ships. They take turns, and of each the fastest turn counts, because other
work on the machine slows them all: compare the rows of one run with each other, not with
those of another. Processor seconds hardly depend on other work, wall seconds do.

The whole way from a recording to MIDI, without the start, is measured likewise on one thread; the
record of several systems (`eval.accuracy.benchmark`) has that of others.

Beside these stand start-up (the whole command on a 5 s clip, as a process), its peak memory
for recordings of several lengths, and, with ``--install``, size and time of a fresh environment.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from eval.common.command import new_parser, run
from eval.common.record import rounded
from eval.common.transcribing import describe
from eval.performance.flops import precision
from eval.performance.speed import run_and_watch, write_repeated
from transcribe.audio.reader import read_audio
from transcribe.checkpoint import Checkpoint, load_checkpoint
from transcribe.features import Features
from transcribe.midi import write_midi
from transcribe.model.onnx_export import as_onnx
from transcribe.model.onnx_network import OnnxNetwork
from transcribe.model.onsets_and_frames import fast_bfloat16
from transcribe.options import natural_number, number_from_0, positive_number, whole_number
from transcribe.transcriber import Transcriber
from transcribe.weights_file import PACKAGED, PACKAGED_CHECKPOINT

_CLIP_SECONDS = 5.0
_ROOT = Path(__file__).resolve().parents[2]
Window = NDArray[np.float32]
Took = dict[str, float]
"""Seconds: ``wall_seconds`` and ``processor_seconds``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say."""
    parser = new_parser("eval.performance.runtime", __doc__)
    parser.add_argument("recording", type=Path, help="repeated to each length")
    parser.add_argument("--checkpoint", type=Path, default=PACKAGED_CHECKPOINT, help="for torch")
    parser.add_argument("--exported", type=Path, nargs="+", default=[PACKAGED], help=".onnx")
    parser.add_argument(
        "--threads", type=whole_number, nargs="+", default=[1, 2], help="default: 1 2"
    )
    parser.add_argument("--turns", type=whole_number, default=5, help="default: 5")
    parser.add_argument(
        "--whole", type=number_from_0, default=4, help="minutes, the whole way; default: 4"
    )
    parser.add_argument("--starts", type=natural_number, default=3, help="default: 3")
    parser.add_argument(
        "--minutes", type=positive_number, nargs="*", default=[1.0, 20.0], help="default: 1 20"
    )
    parser.add_argument(
        "--install", action="store_true", help="time a fresh environment (needs uv and an index)"
    )
    return run(parser, measure, arguments, show=table, positional=["recording"])


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """The figures of the record."""
    checkpoint = load_checkpoint(options.checkpoint)
    config = checkpoint.features
    samples = read_audio(options.recording, config.sample_rate)
    window = Features(config).whole(samples)[: checkpoint.windows.window_frames]
    seconds = config.grid.seconds(len(window))
    record: dict[str, Any] = {
        "system": describe(Transcriber(load_checkpoint(options.exported[0]))),
        "window_seconds": round(seconds, 3),
        "network": [],
    }
    for n_threads in options.threads:
        torch.set_num_threads(n_threads)
        rows = time_in_turns(runtimes(checkpoint, options, n_threads), window, options.turns)
        record["network"] += [
            {
                "runtime": name,
                "threads": n_threads,
                **rounded(row),
                "times_real_time": round(seconds / row["wall_seconds"], 1),
                "times_processor_time": round(seconds / row["processor_seconds"], 1),
            }
            for name, row in rows.items()
        ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.whole:
            with threadpool_limits(1, user_api="blas"):  # as the command has numpy's
                record["whole"] = whole(checkpoint, options, folder)
        record |= of_command(options, folder)
        if options.install:
            record["install"] = rounded(install(folder / "environment"))
    record["load_average"] = round(os.getloadavg()[0], 1)
    return record


def runtimes(
    checkpoint: Checkpoint, options: argparse.Namespace, n_threads: int
) -> dict[str, Callable[[Window], Any]]:
    """What is timed, by name: from a window to its activations."""

    def in_torch(name: str) -> Callable[[Window], Any]:
        def activations(window: Window) -> Any:
            with precision(name):
                return checkpoint.trainable.activations(window)

        return activations

    graph = as_onnx(checkpoint.trainable)[0].SerializeToString()
    found = {"torch float32": in_torch("float32")}
    if fast_bfloat16(torch.device("cpu")):
        found["torch bfloat16"] = in_torch("bfloat16")
    found["ONNX float32"] = OnnxNetwork(graph, threads=n_threads).activations
    for path in options.exported:
        exported = load_checkpoint(path, threads=n_threads)
        found[f"{path.name} ({exported.precision})"] = exported.model.activations
    return found


def time_in_turns(
    runtimes: Mapping[str, Callable[[Window], Any]], window: Window, n_turns: int
) -> dict[str, dict[str, float]]:
    """Fewest wall and processor seconds of each, after a turn that does not count."""

    def timed(activations: Callable[[Window], Any]) -> Callable[[], Took]:
        return lambda: _took(partial(activations, window))

    return in_turns({name: timed(each) for name, each in runtimes.items()}, n_turns)


def in_turns(systems: Mapping[str, Callable[[], Took]], n_turns: int) -> dict[str, Took]:
    """The least that each takes, after a turn that does not count."""
    best: dict[str, Took] = {}
    for turn in range(n_turns + 1):
        for name, transcribe in systems.items():
            took = transcribe()
            if turn:
                before = best.setdefault(name, took)
                best[name] = {key: min(before[key], value) for key, value in took.items()}
    return best


def _took(work: Callable[[], Any]) -> Took:
    started, started_processor = time.perf_counter(), time.process_time()
    work()
    return {
        "wall_seconds": time.perf_counter() - started,
        "processor_seconds": time.process_time() - started_processor,
    }


def whole(checkpoint: Checkpoint, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """From a recording to MIDI on one thread, in torch and with the packaged network."""
    seconds = 60 * options.whole
    recording, midi = folder / "whole.wav", folder / "whole.mid"
    write_repeated(options.recording, seconds, recording)
    torch.set_num_threads(1)
    in_torch = Transcriber(checkpoint)

    def ours(transcriber: Transcriber, name: str = "") -> Callable[[], Took]:
        def transcribe() -> None:
            with precision(name) if name else nullcontext():
                write_midi(transcriber.transcribe(recording).performance, midi)

        return lambda: _took(transcribe)

    systems = {"torch float32": ours(in_torch, "float32")}
    if fast_bfloat16(torch.device("cpu")):
        systems["torch bfloat16"] = ours(in_torch, "bfloat16")
    for path in options.exported:
        exported = load_checkpoint(path, threads=1)
        systems[f"{path.name} ({exported.precision})"] = ours(Transcriber(exported))
    rows = in_turns(systems, options.turns)
    return {
        "minutes": options.whole,
        "systems": [
            {
                "system": name,
                **rounded(row),
                "times_real_time": round(seconds / row["wall_seconds"], 1),
                "times_processor_time": round(seconds / row["processor_seconds"], 1),
            }
            for name, row in rows.items()
        ],
    }


def of_command(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Start-up and memory of the command that a user gives, on one thread."""

    def words(seconds: float) -> list[str]:
        path = folder / f"{seconds:g}.wav"
        write_repeated(options.recording, seconds, path)
        command = [sys.executable, "-m", "transcribe", str(path), "--overwrite", "--quiet"]
        return [*command, "--threads", "1", "--checkpoint", str(options.exported[0])]

    clip = words(_CLIP_SECONDS)
    starts = [run_and_watch(clip) for _ in range(options.starts)]
    memory = []
    for minutes in options.minutes:
        took = run_and_watch(words(60 * minutes))
        memory.append(
            {
                "minutes": minutes,
                "peak_mb": round(took.peak_bytes / 1e6, 1),
                "wall_seconds": round(took.wall_seconds, 2),
                "processor_seconds": round(took.processor_seconds, 2),
            }
        )
    return {
        "startup": {
            "audio_seconds": _CLIP_SECONDS,
            "wall_seconds": [round(each.wall_seconds, 2) for each in starts],
            "processor_seconds": [round(each.processor_seconds, 2) for each in starts],
        },
        "memory": memory,
    }


def install(environment: Path) -> dict[str, float]:
    """Seconds and bytes of a fresh environment with the base install, from uv's cache."""
    started = time.perf_counter()
    subprocess.run(["uv", "venv", "--quiet", str(environment)], check=True)
    subprocess.run(
        ["uv", "pip", "install", "--quiet", "--python", str(environment), "."],
        check=True,
        cwd=_ROOT,
    )
    wall_seconds = time.perf_counter() - started
    n_bytes = sum(path.lstat().st_size for path in environment.rglob("*"))
    return {"seconds": wall_seconds, "megabytes": n_bytes / 1e6}


def table(record: Mapping[str, Any]) -> str:
    """Runtimes, start-up, memory and install as Markdown."""
    lines = [
        "| network alone, one window | threads | times real time | by processor time |",
        "|---|--:|--:|--:|",
    ]
    for row in record["network"]:
        lines.append(
            f"| {row['runtime']} | {row['threads']} | {row['times_real_time']:.0f} "
            f"| {row['times_processor_time']:.0f} |"
        )
    if "whole" in record:
        lines += ["", *_whole_table(record["whole"])]
    starts = ", ".join(f"{each:.2f}" for each in record["startup"]["wall_seconds"])
    lines += ["", f"A clip of {record['startup']['audio_seconds']:g} s, as a process: {starts} s."]
    for row in record["memory"]:
        lines.append(
            f"{row['minutes']:g} min: at most {row['peak_mb']:.0f} MB, {row['wall_seconds']:.1f} s."
        )
    if "install" in record:
        size, seconds = record["install"]["megabytes"], record["install"]["seconds"]
        lines.append(f"Base install: {size:.0f} MB in {seconds:.0f} s.")
    return "\n".join(lines)


def _whole_table(whole: Mapping[str, Any]) -> list[str]:
    """Each system, and how many times less processor time the packaged network takes."""
    ours = next(each for each in whole["systems"] if ".onnx" in each["system"])
    lines = [
        f"| recording to MIDI, {whole['minutes']:g} min, one thread | times real time "
        "| by processor time | processor time, of ours |",
        "|---|--:|--:|--:|",
    ]
    for row in whole["systems"]:
        ratio = row["processor_seconds"] / ours["processor_seconds"]
        lines.append(
            f"| {row['system']} | {row['times_real_time']:.0f} "
            f"| {row['times_processor_time']:.0f} | {ratio:.2f} |"
        )
    return lines


if __name__ == "__main__":
    sys.exit(main())
