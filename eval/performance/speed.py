"""How fast each stage is, where the time goes and how much memory it takes, in one run.

    python -m eval.performance.speed RECORDING --threads 1 2 --out eval/results/speed.json
    python -m eval.performance.speed RECORDING --device cpu cuda --precision float32 bfloat16

Speed is seconds of audio for each second of wall time, the best of several repeats after
one that is not counted. Beside each figure stands what the machine can do at best, the
measured peak of its matrix products (`eval.performance.flops`). Memory is the peak resident size of
``python -m transcribe`` in a process of its own, on the recording repeated to each length;
start-up is the median of several fresh processes after one that is not counted. Compare
ratios within a record, not seconds between two. Needs Linux or macOS.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from eval.common.command import new_parser, run
from eval.common.record import rounded
from eval.common.transcribing import describe
from eval.performance.flops import PRECISIONS, network_cost, peak_gflops, precision, synchronize
from transcribe.audio.reader import AudioReader
from transcribe.decode.decoder import Decoder
from transcribe.errors import AudioError, TranscribeError
from transcribe.midi import write_midi
from transcribe.model.onsets_and_frames import fast_bfloat16
from transcribe.options import natural_number, positive_number, positive_seconds, whole_number
from transcribe.rolls import Rolls
from transcribe.transcriber import Transcriber
from transcribe.weights_file import PACKAGED_CHECKPOINT
from transcribe.windows import stream_in_windows

FILE_SAMPLE_RATE = 44100
"""Hertz of the repeated recordings, so that resampling is part of what is measured."""
STAGES = ("audio", "features", "network", "decoding", "writing", "whole")
_STARTUP_SECONDS = 10.0

# What a user waits for before the first note: each line's time since the last.
_STARTUP = """
import json, sys, time
began = time.perf_counter()
from transcribe import Transcriber, write_midi
imported = time.perf_counter()
transcriber = Transcriber.load(
    sys.argv[4] or None, device=sys.argv[3], threads=int(sys.argv[2])
)
loaded = time.perf_counter()
write_midi(transcriber(sys.argv[1]), sys.argv[1] + ".mid")
heard = time.perf_counter()
print(json.dumps({"import": imported - began, "load": loaded - imported, "hear": heard - loaded}))
"""

# A small process that starts the measured one: a child counts its parent's size at the
# fork as its own peak, and this script, with torch in it, is large.
_STARTER = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
wall_seconds = time.perf_counter() - started
used = resource.getrusage(resource.RUSAGE_CHILDREN)
peak = used.ru_maxrss if sys.platform == "darwin" else 1024 * used.ru_maxrss
took = [wall_seconds, used.ru_utime + used.ru_stime, peak]
print(json.dumps([done.returncode, done.stderr[-2000:], took]))
"""


class Took(NamedTuple):
    """What a process took."""

    wall_seconds: float
    processor_seconds: float
    peak_bytes: int
    """Resident, at most."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say; 0, or 1 with one line if a file is not as promised."""
    parser = new_parser("eval.performance.speed", __doc__)
    parser.add_argument("recording", type=Path, help="a recording to repeat to any length")
    parser.add_argument("--checkpoint", type=Path, help="default: the packaged weights")
    parser.add_argument("--device", nargs="+", default=["cpu"], help="default: cpu")
    parser.add_argument(
        "--precision", nargs="+", choices=PRECISIONS, default=list(PRECISIONS), help="default: all"
    )
    parser.add_argument("--threads", type=whole_number, nargs="+", default=[1], help="default: 1")
    parser.add_argument(
        "--seconds", type=positive_seconds, default=120, help="for speed; default: 120"
    )
    parser.add_argument("--repeats", type=whole_number, default=3, help="default: 3")
    parser.add_argument(
        "--minutes",
        type=positive_number,
        nargs="*",
        default=[1, 10, 60, 180],
        help="for memory; default: 1 10 60 180",
    )
    parser.add_argument("--starts", type=natural_number, default=3, help="for start-up; default: 3")
    parser.add_argument(
        "--matrix", type=whole_number, help="rows of the matrices for the peak; default: by device"
    )
    return run(parser, measure, arguments, show=speed_table, positional=["recording"])


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Time the stages, then run the command on recordings of each length."""
    weights = options.checkpoint or PACKAGED_CHECKPOINT  # which torch runs, as its parts are timed
    transcribers = [Transcriber.load(weights, device=each) for each in options.device]
    record: dict[str, Any] = {
        "system": describe(transcribers[0]),
        "recording": f"{options.recording.name}, repeated, 16-bit wav, mono, {FILE_SAMPLE_RATE} Hz",
        "speed": [],
        "startup": [],
        "memory": [],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speed.wav"
        write_repeated(options.recording, options.seconds, path)
        for transcriber in transcribers:
            on_cpu = transcriber.device == "cpu"
            for n_threads in options.threads if on_cpu else options.threads[:1]:
                torch.set_num_threads(n_threads)
                for name in options.precision:
                    record["speed"].append(_speed(transcriber, path, name, n_threads, options))
                print(
                    f"speed on {transcriber.device}, {n_threads} thread(s) measured",
                    file=sys.stderr,
                )
        short = Path(folder) / "short.wav"
        write_repeated(options.recording, min(_STARTUP_SECONDS, options.seconds), short)
        for device in options.device if options.starts else []:
            record["startup"].append(time_startup(short, options, device))
            print(f"start-up on {device} measured", file=sys.stderr)
        for length in options.minutes:
            path = Path(folder) / "long.wav"
            write_repeated(options.recording, 60 * length, path)
            took = run_and_watch(transcribe_command(path, options, options.threads[0]))
            record["memory"].append(
                {
                    "minutes": length,
                    "threads": options.threads[0],
                    "peak_mb": round(took.peak_bytes / 1e6, 1),
                    "wall_seconds": round(took.wall_seconds, 2),
                    "times_real_time": round(60 * length / took.wall_seconds, 1),
                }
            )
            print(f"memory on {length:g} minutes measured", file=sys.stderr)
    return record


def _speed(
    transcriber: Transcriber,
    path: Path,
    precision_name: str,
    n_threads: int,
    options: argparse.Namespace,
) -> dict[str, Any]:
    """One row: the stages, the network's parts and the machine's peak."""
    device, checkpoint = torch.device(transcriber.device), transcriber.checkpoint
    config = checkpoint.features
    window = np.zeros((checkpoint.windows.window_frames, config.n_channels, config.n_bins))
    with precision(precision_name):
        best = time_stages(transcriber, path, options.repeats)
        network = network_cost(
            checkpoint.trainable, window.astype(np.float32), repeats=options.repeats
        )
    peak = peak_gflops(device, precision_name, size=options.matrix)
    new_frames = checkpoint.windows.window_frames - 2 * checkpoint.windows.context_frames
    new_seconds = config.grid.seconds(new_frames)
    return {
        "device": str(device),
        "precision": precision_name,
        "shipped": (precision_name == "bfloat16") == fast_bfloat16(device),
        "threads": n_threads,
        "audio_seconds": options.seconds,
        "wall_seconds": rounded(best),
        "times_real_time": {
            stage: round(options.seconds / max(wall, 1e-9), 1) for stage, wall in best.items()
        },
        "real_time_factor": round(best["whole"] / options.seconds, 5),
        "network": rounded(
            {
                **network,
                "gflop_per_second_of_audio": network["gflop"] / new_seconds,
                "peak_gflops": peak,
                "share_of_peak": network["gflops"] / peak,
            }
        ),
    }


def time_startup(path: Path, options: argparse.Namespace, device: str) -> dict[str, Any]:
    """Seconds that a fresh process imports, loads and transcribes a short recording for."""
    words = [sys.executable, "-c", _STARTUP, str(path), str(options.threads[0]), device]
    words.append("" if options.checkpoint is None else str(options.checkpoint))
    runs: list[dict[str, float]] = []
    for _ in range(options.starts + 1):
        started = time.perf_counter()
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        whole = time.perf_counter() - started
        if done.returncode != 0:
            raise TranscribeError(f"start-up failed with {done.returncode}: {done.stderr[-2000:]}")
        runs.append({**json.loads(done.stdout), "whole": whole})
    return {
        "device": device,
        "threads": options.threads[0],
        "audio_seconds": min(_STARTUP_SECONDS, options.seconds),
        "n_starts": options.starts,
        **{
            name: round(statistics.median(run[name] for run in runs[1:]), 3)
            for name in ("import", "load", "hear", "whole")
        },
    }


def time_stages(transcriber: Transcriber, path: Path, repeats: int) -> dict[str, float]:
    """Best wall seconds of each stage on its own, and of the whole as it ships.

    The stages hold all their output in memory, which the whole does not.
    """
    _time_once(transcriber, path)
    walls = [_time_once(transcriber, path) for _ in range(repeats)]
    return {stage: min(wall[stage] for wall in walls) for stage in STAGES}


def _time_once(transcriber: Transcriber, path: Path) -> dict[str, float]:
    checkpoint, device = transcriber.checkpoint, torch.device(transcriber.device)
    config, windows = checkpoint.features, checkpoint.windows
    decoder = Decoder(config.grid, transcriber.decode)
    midi = path.with_suffix(".mid")
    wall: dict[str, float] = {}

    def timed(stage: str, work: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        result = work()
        synchronize(device)
        wall[stage] = time.perf_counter() - started
        return result

    blocks = timed("audio", lambda: list(AudioReader(path, config.sample_rate)))
    features = timed("features", lambda: list(transcriber.features.stream(blocks)))
    stream = stream_in_windows(
        checkpoint.model.activations,
        features,
        window_frames=windows.window_frames,
        context_frames=windows.context_frames,
    )
    activations = timed("network", lambda: list(stream))

    def decode() -> Any:
        for part in activations:
            decoder.push(Rolls.unstack(part))
        return decoder.finish()

    performance = timed("decoding", decode)
    timed("writing", lambda: write_midi(performance, midi))
    timed("whole", lambda: write_midi(transcriber.transcribe(path).performance, midi))
    return wall


def write_repeated(recording: Path, seconds: float, path: Path) -> None:
    """Repeat a recording to a length, into a 16-bit mono wav, block by block."""
    n_left = round(seconds * FILE_SAMPLE_RATE)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(FILE_SAMPLE_RATE)
        while n_left > 0:
            n_before = n_left
            for block in AudioReader(recording, FILE_SAMPLE_RATE):
                samples = np.rint(np.clip(block[:n_left], -1, 1) * 32767).astype("<i2")
                file.writeframes(samples.tobytes())
                n_left -= len(samples)
                if n_left <= 0:
                    break
            if n_left == n_before:
                raise AudioError(f"{recording} has no samples to repeat")


def transcribe_command(path: Path, options: argparse.Namespace, threads: int) -> list[str]:
    """The command line that a user would give for this file, quietly."""
    words = [sys.executable, "-m", "transcribe", str(path), "-o", str(path.with_suffix(".mid"))]
    words += ["--overwrite", "--quiet", "--device", options.device[0], "--threads", str(threads)]
    if options.checkpoint is not None:
        words += ["--checkpoint", str(options.checkpoint)]
    return words


def run_and_watch(words: Sequence[str]) -> Took:
    """What a command line took; TranscribeError if it fails."""
    started = subprocess.run(
        [sys.executable, "-c", _STARTER, *words], capture_output=True, text=True, check=True
    )
    return_code, said, took = json.loads(started.stdout)
    if return_code != 0:
        raise TranscribeError(f"the measured command failed with {return_code}: {said.strip()}")
    return Took(*took)


def speed_table(record: Mapping[str, Any]) -> str:
    """Speed by stage, the network's parts, start-up and memory by length, as Markdown."""
    lines = [
        f"| times real time: device, precision, threads | {' | '.join(STAGES)} "
        "| network, GFLOP/s | of peak, % |",
        "|---|" + "--:|" * (len(STAGES) + 2),
    ]
    for each in record["speed"]:
        cells = " | ".join(f"{each['times_real_time'][stage]:.0f}" for stage in STAGES)
        network = each["network"]
        mark = " (ships)" if each["shipped"] else ""
        lines.append(
            f"| {each['device']}, {each['precision']}, {each['threads']}{mark} | {cells} "
            f"| {network['gflops']:.1f} | {100 * network['share_of_peak']:.0f} |"
        )
    lines += ["", *_parts_table(record)]
    if record["startup"]:
        hear = f"hear {record['startup'][0]['audio_seconds']:g} s"
        lines += ["", f"| start-up, s | import | load | {hear} | whole |", "|---|" + "--:|" * 4]
    for each in record["startup"]:
        cells = " | ".join(f"{each[name]:.2f}" for name in ("import", "load", "hear", "whole"))
        lines.append(f"| {each['device']}, {each['threads']} | {cells} |")
    lines += [
        "",
        "| recording, minutes | peak memory, MB | seconds | times real time |",
        "|--:|--:|--:|--:|",
    ]
    for each in record["memory"]:
        lines.append(
            f"| {each['minutes']:g} | {each['peak_mb']:.0f} | {each['wall_seconds']:.1f} "
            f"| {each['times_real_time']:.0f} |"
        )
    return "\n".join(lines)


def _parts_table(record: Mapping[str, Any]) -> list[str]:
    """Where the network's time goes, as it ships, in each device and number of threads."""
    rows = [each for each in record["speed"] if each["shipped"]] or record["speed"]
    names = [f"{each['device']}, {each['precision']}, {each['threads']}" for each in rows]
    lines = [
        f"| part of the network | GFLOP a window | {', % | '.join(names)}, % |",
        "|---|--:|" + "--:|" * len(rows),
    ]
    for part, first in rows[0]["network"]["parts"].items():
        shares = [100 * each["network"]["parts"][part]["share"] for each in rows]
        cells = " | ".join(f"{share:.1f}" for share in shares)
        lines.append(f"| {part} | {first['gflop']:.3f} | {cells} |")
    return lines


if __name__ == "__main__":
    sys.exit(main())
