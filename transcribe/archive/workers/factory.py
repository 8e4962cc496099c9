"""Makes the pool of workers that the options ask for: its kind, its size, its limits."""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

from transcribe.archive.jobs import JobSettings
from transcribe.archive.work import Worker
from transcribe.archive.workers.base import (
    MEMORY_GROWTH,
    MEMORY_SHARE,
    ORDINARY_MEMORY,
    Pool,
    limits_of,
)
from transcribe.archive.workers.processes import ProcessPool
from transcribe.errors import TranscribeError
from transcribe.hardware import free_memory, n_cores, n_gpus
from transcribe.wording import count

WORKER_MEMORY = int(MEMORY_GROWTH * ORDINARY_MEMORY)
"""Bytes that are reckoned for a worker: it is renewed before it holds more."""
GPU_PARALLEL = 8
"""Recordings that a GPU transcribes at once, their windows in one batch. On a CPU a batch is slower
than its windows one by one."""


def make_pool(options: argparse.Namespace, settings: JobSettings, log: Path) -> Pool:
    """The pool that the command line asks for.

    Parameters
    ----------
    options : Namespace
        Of `transcribe.archive.command`.
    settings : JobSettings
        For all workers; the device is chosen here.
    log : Path
        For what workers print; on a Ray cluster that goes to Ray's own logs.
    """
    if options.ray or options.ray_address:
        try:
            from transcribe.archive.workers.ray_cluster import make_ray_pool
        except ModuleNotFoundError as error:
            if error.name != "ray":
                raise
            raise TranscribeError(
                "ray is not installed; it comes with: pip install 'transcribe[ray]'"
            ) from error
        pool: Pool = make_ray_pool(options, settings)
        return pool
    devices = devices_of(options.device, options.workers)
    limits = limits_of(options, free_memory(), len(devices))
    together = 1 if devices[0] == "cpu" else GPU_PARALLEL
    each = [replace(settings, device=device, n_parallel=together) for device in devices]
    makes = [partial(Worker, chosen) for chosen in each]
    description = f"{count(len(devices), 'worker')} on {', '.join(sorted(set(devices)))}"
    if together > 1:
        description += f", {together} recordings at once on each"
    return ProcessPool(makes, limits, log, n_parallel=together, description=description)


def devices_of(device: str, n_workers: int | None) -> list[str]:
    """The device of each worker.

    One worker for each GPU, or for each core as far as the memory goes; more where
    ``n_workers`` says so.
    """
    if device == "auto":
        device = "cuda" if n_gpus() and _torch_sees_gpus() else "cpu"
    if device == "cpu":
        return ["cpu"] * (n_workers or cpu_workers(n_cores(), free_memory()))
    n_devices = n_gpus() if device == "cuda" else 1
    each = [f"cuda:{n}" for n in range(max(n_devices, 1))] if device == "cuda" else [device]
    return [each[n % len(each)] for n in range(n_workers or len(each))]


def cpu_workers(n_cores: int, free_memory: int | None) -> int:
    """Workers for so many cores and bytes of memory; at least one."""
    if free_memory is None:
        return n_cores
    return max(1, min(n_cores, int(MEMORY_SHARE * free_memory / WORKER_MEMORY)))


def _torch_sees_gpus() -> bool:
    """Whether torch here was built for the GPUs; asked in a process of its own."""
    code = "import torch; raise SystemExit(not torch.cuda.is_available())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    return done.returncode == 0
