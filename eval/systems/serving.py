"""Systems at work: a process each, clip after clip, timed, resumable.

What a system makes of ``NAME.wav`` is ``NAME.mid`` in a folder of its own (with us also
``NAME.sustained.mid``), and beside it ``NAME.json``: which audio that was, how long it took,
how much memory, what went wrong. A clip that has all this is not transcribed again; one that
failed is tried again in the next run. The folder's name has a fingerprint of everything
that decides the answer or its speed, so that nothing stale is taken for new.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eval.common.record import write_record
from eval.data.clips import Clip
from eval.systems.registry import PEERS, System
from transcribe.audio.wav import write_wav
from transcribe.errors import TranscribeError

STARTS = "starts.json"
WARM_UP = "warm-up"
_WARM_UP_RATE = 16000
_PATIENCE = (600.0, 200.0)
"""Seconds, and seconds for each second of audio, after which a clip counts as hung."""
_LOAD_PATIENCE = 3600.0


@dataclass(frozen=True, kw_only=True)
class Setup:
    """How a system is run; all of it decides what a measurement means."""

    system: System
    python: Path
    threads: int
    workers: int
    options: dict[str, Any]
    """Of the adapter's ``load``."""
    weights_sha256: str | None = None

    @property
    def fingerprint(self) -> str:
        """Changes with whatever could change an answer or its speed."""
        said = {
            "code": self.system.code_sha256,
            "harness": hashlib.sha256(Path(__file__).read_bytes()).hexdigest(),
            "weights": self.weights_sha256,
            "threads": self.threads,
            "workers": self.workers,
            "options": {key: str(value) for key, value in self.options.items()},
        }
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:10]


class SystemProcess:
    """A system in a process of its own, loaded once."""

    def __init__(self, setup: Setup, cores: Sequence[int], log_path: Path) -> None:
        self.setup, self.log_path = setup, log_path
        words = [
            str(setup.python),
            str(PEERS / "serve.py"),
            str(setup.system.adapter_path),
            str(setup.threads),
            ",".join(str(core) for core in cores),
            json.dumps(setup.options),
        ]
        environment = {
            **os.environ,
            "ORT_DISABLE_TELEMETRY": "1",
            "OMP_NUM_THREADS": str(setup.threads),
            "CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", "")
            if str(setup.options.get("device", "cpu")).startswith("cuda")
            else "",
            "PYTHONUTF8": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        started = time.perf_counter()
        with log_path.open("ab") as log:
            self.process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment
            )
        ready = self._answer(_LOAD_PATIENCE)
        if ready is None:
            raise TranscribeError(
                f"{setup.system.title} did not start: {self.last_words()} (all of it in {log_path})"
            )
        self.start: dict[str, Any] = {
            "startup_seconds": round(time.perf_counter() - started, 3),
            "load_seconds": round(ready["load_seconds"], 3),
            "peak_bytes": ready["peak_bytes"],
            "pinned": ready["pinned"],
            "versions": ready["versions"],
        }

    def warm_up(self, clip: Clip) -> None:
        """Transcribe a clip that is not counted: some libraries compile on their first call."""
        began = time.perf_counter()
        if self.transcribe(clip, self.log_path.with_suffix(".mid")) is None:
            raise TranscribeError(
                f"{self.setup.system.title} fails on two seconds of tones: {self.last_words()} "
                f"(all of it in {self.log_path})"
            )
        waited = self.start["startup_seconds"] + time.perf_counter() - began
        self.start["first_notes_seconds"] = round(waited, 3)

    def transcribe(self, clip: Clip, midi: Path) -> dict[str, Any] | None:
        """What the system answers; None if its process ended or hung, and was stopped."""
        request = {"audio": str(clip.path), "midi": str(midi)}
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            return None
        return self._answer(_PATIENCE[0] + _PATIENCE[1] * clip.seconds)

    def _answer(self, patience: float) -> dict[str, Any] | None:
        assert self.process.stdout is not None
        timer = threading.Timer(patience, self.process.kill)
        timer.start()
        try:
            line = self.process.stdout.readline()
        finally:
            timer.cancel()
        if not line:
            self.process.wait()
            return None
        answer: dict[str, Any] = json.loads(line)
        return answer

    def last_words(self) -> str:
        """How the process ended and the last line it wrote."""
        lines = self.log_path.read_text("utf-8", "replace").strip().splitlines()
        return f"exit code {self.process.poll()}, {lines[-1] if lines else 'no word'}"

    def close(self) -> None:
        """Let it end."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(OSError):
            self.process.stdin.close()
        self.process.stdout.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def transcribe_all(
    setup: Setup,
    clips: Sequence[Clip],
    folder: Path,
    *,
    n_starts: int = 1,
    again: bool = False,
    report: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Transcribe every clip that is not done yet, with ``setup.workers`` processes.

    Parameters
    ----------
    setup : Setup
        The system and how it is run.
    clips : sequence of Clip
        Of different names.
    folder : Path
        For MIDI files and times.
    n_starts : int
        How often start-up is timed at least.
    again : bool
        Whether clips that are done are transcribed again.
    report : callable
        Is given a line about each clip.

    Returns
    -------
    list of dict
        Of each clip what its ``NAME.json`` says, in order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    waiting: queue.SimpleQueue[Clip] = queue.SimpleQueue()
    done: dict[str, dict[str, Any]] = {}
    for clip in clips:
        state = None if again else _state(clip, folder)
        if state is None:
            waiting.put(clip)
        else:
            done[clip.name] = state
    if done:
        report(f"{setup.system.name}: {len(done)} of {len(clips)} clips were done before")
    n_workers = min(setup.workers, waiting.qsize())
    with ThreadPoolExecutor(max(n_workers, 1)) as pool:
        jobs = [
            pool.submit(_serve, setup, waiting, folder, done, number, report)
            for number in range(n_workers)
        ]
        for job in jobs:
            job.result()
    while len(starts(folder)) < n_starts:
        _started(setup, folder, 0).close()
    return [done[clip.name] for clip in clips]


def _serve(
    setup: Setup,
    waiting: queue.SimpleQueue[Clip],
    folder: Path,
    done: dict[str, dict[str, Any]],
    number: int,
    report: Callable[[str], None],
) -> None:
    server: SystemProcess | None = None
    try:
        while True:
            try:
                clip = waiting.get_nowait()
            except queue.Empty:
                return
            if server is None:
                server = _started(setup, folder, number)
            midi = folder / f"{clip.name}.mid"
            midi.unlink(missing_ok=True)
            began = time.perf_counter()
            answer = server.transcribe(clip, midi)
            if answer is None:
                answer = {
                    "error": f"the process ended: {server.last_words()}",
                    "wall_seconds": time.perf_counter() - began,
                }
                server.close()
                server = None
            elif not midi.is_file():
                answer["error"] = f"it wrote no {midi.name}"
            state = {
                "audio_sha256": clip.sha256,
                "seconds": round(clip.seconds, 3),
                **answer,
            }
            write_record(state, folder / f"{clip.name}.json")
            done[clip.name] = state
            report(f"{setup.system.name}: {clip.name}, {_said(state)}")
    finally:
        if server is not None:
            server.close()


def _said(state: dict[str, Any]) -> str:
    if "error" in state:
        return f"FAILED: {state['error'].strip().splitlines()[-1]}"
    return f"{state['seconds']:.0f} s of audio in {state['wall_seconds']:.1f} s"


def _started(setup: Setup, folder: Path, number: int) -> SystemProcess:
    cores = cores_of(number, setup.threads)
    server = SystemProcess(setup, cores, folder / f"server-{number}.log")
    with _starts_lock:
        tones = _tones(folder)
    server.warm_up(tones)
    with _starts_lock:
        write_record({"starts": [*starts(folder), server.start]}, folder / STARTS)
    return server


_starts_lock = threading.Lock()


def _tones(folder: Path) -> Clip:
    """Two seconds of a chord that dies away."""
    path = folder / f"{WARM_UP}.wav"
    if not path.is_file():
        seconds = np.arange(2 * _WARM_UP_RATE) / _WARM_UP_RATE
        chord = sum(np.sin(2 * np.pi * hertz * seconds) for hertz in (262, 330, 392))
        write_wav(path, 0.1 * np.exp(-2 * seconds) * chord, _WARM_UP_RATE)
    return Clip(name=WARM_UP, path=path, seconds=2.0, sha256="")


def cores_of(number: int, n_threads: int) -> list[int]:
    """Which cores a worker may use, so that none shares one; empty where they don't suffice."""
    if not hasattr(os, "sched_getaffinity"):
        return []
    allowed = sorted(os.sched_getaffinity(0))
    chosen = allowed[number * n_threads : (number + 1) * n_threads]
    return chosen if len(chosen) == n_threads else []


def starts(folder: Path) -> list[dict[str, Any]]:
    """Every start of the system that was timed for this folder."""
    path = folder / STARTS
    found: list[dict[str, Any]] = (
        json.loads(path.read_text("utf-8"))["starts"] if path.is_file() else []
    )
    return found


def _state(clip: Clip, folder: Path) -> dict[str, Any] | None:
    path = folder / f"{clip.name}.json"
    if not (path.is_file() and (folder / f"{clip.name}.mid").is_file()):
        return None
    state: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return None if "error" in state or state["audio_sha256"] != clip.sha256 else state


def speed_of(states: Sequence[dict[str, Any]], folder: Path) -> dict[str, Any]:
    """Speed, memory and start-up over the clips that did not fail, for the record."""
    good = [state for state in states if "error" not in state]
    seconds = sum(state["seconds"] for state in good)
    timed = starts(folder)
    found: dict[str, Any] = {
        "n_clips": len(good),
        "n_failed": len(states) - len(good),
        "audio_seconds": round(seconds, 1),
        "n_starts": len(timed),
        "startup_seconds": statistics.median(each["startup_seconds"] for each in timed),
        "first_notes_seconds": statistics.median(each["first_notes_seconds"] for each in timed),
        "load_seconds": statistics.median(each["load_seconds"] for each in timed),
        "loaded_mb": round(max(each["peak_bytes"] for each in timed) / 1e6, 1),
        "pinned": all(each["pinned"] for each in timed),
    }
    if good:
        wall, cpu = (sum(state[key] for state in good) for key in ("wall_seconds", "cpu_seconds"))
        found |= {
            "wall_seconds": round(wall, 2),
            "cpu_seconds": round(cpu, 2),
            "real_time_factor": round(wall / seconds, 5),
            "cpu_real_time_factor": round(cpu / seconds, 5),
            "peak_mb": round(max(state["peak_bytes"] for state in good) / 1e6, 1),
            "longest_clip_seconds": max(state["seconds"] for state in good),
        }
    return found
