"""How fast each stage is and how much memory the command takes, measured in one run.

    python -m eval.speed RECORDING --threads 1 2 --minutes 10 180 --out eval/results/speed.json

Speed is seconds of audio for each second of wall time, the best of several repeats after
one that is not counted. Memory is the peak resident size of ``python -m transcribe`` in a
process of its own, on the recording repeated to each length. Needs Linux or macOS.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from eval.record import command, provenance, rounded, write_record
from transcribe.audio import AudioReader
from transcribe.decode import Decoder
from transcribe.errors import AudioError, TranscribeError
from transcribe.rolls import Rolls
from transcribe.transcriber import Transcriber
from transcribe.windows import stream_in_windows

FILE_SAMPLE_RATE = 44100
"""Hertz of the repeated recordings, so that resampling is part of what is measured."""
STAGES = ("audio", "features", "network", "decoding", "whole")

# A small process that starts the measured one: a child counts its parent's size at the
# fork as its own peak, and this script, with torch in it, is large.
_STARTER = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
wall_seconds = time.perf_counter() - started
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
if sys.platform != "darwin":
    peak *= 1024
print(json.dumps([done.returncode, done.stderr[-2000:], wall_seconds, peak]))
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say; 0, or 1 with one line if a file is not as promised."""
    parser = argparse.ArgumentParser(
        prog="python -m eval.speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("recording", type=Path, help="a recording to repeat to any length")
    parser.add_argument("--checkpoint", type=Path, help="default: the packaged weights")
    parser.add_argument("--device", default="cpu", help="default: cpu")
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="default: 1")
    parser.add_argument("--seconds", type=float, default=120, help="for speed; default: 120")
    parser.add_argument("--repeats", type=int, default=3, help="default: 3")
    parser.add_argument(
        "--minutes", type=float, nargs="*", default=[10, 180], help="for memory; default: 10 180"
    )
    parser.add_argument("--out", type=Path, help="write the record here (.json)")
    options = parser.parse_args(arguments)
    try:
        record = measure(options)
    except TranscribeError as error:
        print(f"eval.speed: {error}", file=sys.stderr)
        return 1
    print(speed_table(record))
    if options.out is not None:
        write_record(record, options.out)
    return 0


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Time the stages, then run the command on recordings of each length."""
    transcriber = Transcriber.load(options.checkpoint, device=options.device)
    record: dict[str, Any] = {
        "system": {
            "name": transcriber.name,
            "weights_sha256": transcriber.checkpoint.metadata.get("sha256"),
            "device": str(transcriber.device),
        },
        **provenance(),
        "command": command("eval.speed", options, positional=["recording"]),
        "recording": f"{options.recording.name}, repeated, 16-bit wav, mono, {FILE_SAMPLE_RATE} Hz",
        "speed": [],
        "memory": [],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speed.wav"
        write_repeated(options.recording, options.seconds, path)
        for n_threads in options.threads:
            torch.set_num_threads(n_threads)
            best = time_stages(transcriber, path, options.repeats)
            record["speed"].append(
                {
                    "threads": n_threads,
                    "audio_seconds": options.seconds,
                    "wall_seconds": rounded(best),
                    "times_real_time": {
                        stage: round(options.seconds / wall, 1) for stage, wall in best.items()
                    },
                }
            )
            print(f"speed on {n_threads} thread(s) measured", file=sys.stderr)
        for length in options.minutes:
            path = Path(folder) / "long.wav"
            write_repeated(options.recording, 60 * length, path)
            wall_seconds, peak = run_and_watch(
                transcribe_command(path, options, options.threads[0])
            )
            record["memory"].append(
                {
                    "minutes": length,
                    "threads": options.threads[0],
                    "peak_mb": round(peak / 1e6, 1),
                    "wall_seconds": round(wall_seconds, 2),
                    "times_real_time": round(60 * length / wall_seconds, 1),
                }
            )
            print(f"memory on {length:g} minutes measured", file=sys.stderr)
    return record


def time_stages(transcriber: Transcriber, path: Path, repeats: int) -> dict[str, float]:
    """Best wall seconds of each stage on its own, and of the whole as it ships.

    The stages hold all their output in memory, which the whole does not.
    """
    _time_once(transcriber, path)
    walls = [_time_once(transcriber, path) for _ in range(repeats)]
    return {stage: min(wall[stage] for wall in walls) for stage in STAGES}


def _time_once(transcriber: Transcriber, path: Path) -> dict[str, float]:
    checkpoint = transcriber.checkpoint
    config, windows = checkpoint.features, checkpoint.windows
    decoder = Decoder(config.grid, transcriber.decode)
    wall: dict[str, float] = {}

    blocks = _timed(wall, "audio", lambda: list(AudioReader(path, config.sample_rate)))
    features = _timed(wall, "features", lambda: list(transcriber.features.stream(blocks)))
    stream = stream_in_windows(
        checkpoint.model.activations,
        features,
        window_frames=windows.window_frames,
        context_frames=windows.context_frames,
    )
    activations = _timed(wall, "network", lambda: list(stream))

    def decode() -> None:
        for part in activations:
            decoder.push(Rolls.unstack(part))
        decoder.finish()

    _timed(wall, "decoding", decode)
    _timed(wall, "whole", lambda: transcriber.transcribe(path))
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
    words += ["--overwrite", "--quiet", "--device", options.device, "--threads", str(threads)]
    if options.checkpoint is not None:
        words += ["--checkpoint", str(options.checkpoint)]
    return words


def run_and_watch(words: Sequence[str]) -> tuple[float, int]:
    """Wall seconds and peak resident bytes of a command line; TranscribeError if it fails."""
    started = subprocess.run(
        [sys.executable, "-c", _STARTER, *words], capture_output=True, text=True, check=True
    )
    return_code, said, wall_seconds, peak = json.loads(started.stdout)
    if return_code != 0:
        raise TranscribeError(f"the measured command failed with {return_code}: {said.strip()}")
    return wall_seconds, peak


def speed_table(record: Mapping[str, Any]) -> str:
    """Speed by stage and memory by length, as Markdown."""
    lines = [
        f"| times real time, threads | {' | '.join(STAGES)} |",
        "|--:|" + "--:|" * len(STAGES),
    ]
    for each in record["speed"]:
        cells = " | ".join(f"{each['times_real_time'][stage]:.0f}" for stage in STAGES)
        lines.append(f"| {each['threads']} | {cells} |")
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


def _timed(wall: dict[str, float], stage: str, work: Callable[[], Any]) -> Any:
    started = time.perf_counter()
    result = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    wall[stage] = time.perf_counter() - started
    return result


if __name__ == "__main__":
    sys.exit(main())
