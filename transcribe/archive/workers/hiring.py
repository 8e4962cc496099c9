"""How many workers there are to be, and of which kind."""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from transcribe.archive.work import Settings, Worker
from transcribe.archive.workers.base import Limits, Pool
from transcribe.archive.workers.processes import ProcessPool
from transcribe.errors import TranscribeError
from transcribe.hardware import free_memory, n_cores, n_gpus
from transcribe.wording import count

WORKER_MEMORY = 1_400_000_000
"""Bytes that a worker takes at most in ordinary use; measured, 0.75 to 0.85 GB, and 1.8 times what
its first recording took before it is renewed (`pool.SupervisedPool`)."""
SIDE_BY_SIDE = 8
"""Recordings that a GPU hears at once, their windows in one batch. On a CPU a batch is slower
than its windows one by one."""
LEAST_LIMIT = 2_000_000_000
_MEMORY_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Crew:
    """A pool, and what is to be told of it."""

    pool: Pool
    told: str


def hire(options: argparse.Namespace, settings: Settings, log: Path) -> Crew:
    """The pool that the command line asks for.

    Parameters
    ----------
    options : Namespace
        Of `transcribe.archive.command`.
    settings : Settings
        For all workers; the device is chosen here.
    log : Path
        For what workers print.
    """
    if options.ray or options.ray_address:
        try:
            from transcribe.archive.workers.ray_cluster import hire_on_ray
        except ModuleNotFoundError as error:
            if error.name != "ray":
                raise
            raise TranscribeError(
                "ray is not installed; it comes with: pip install 'transcribe[ray]'"
            ) from error
        crew: Crew = hire_on_ray(options, settings, log)
        return crew
    devices = devices_of(options.device, options.workers)
    limits = limits_of(options, len(devices))
    together = 1 if devices[0] == "cpu" else SIDE_BY_SIDE
    each = [replace(settings, device=device, side_by_side=together) for device in devices]
    makes = [partial(Worker, chosen) for chosen in each]
    told = f"{count(len(devices), 'worker')} on {', '.join(sorted(set(devices)))}"
    if together > 1:
        told += f", {together} recordings at once on each"
    return Crew(ProcessPool(makes, limits, log, side_by_side=together), told)


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
    return max(1, min(n_cores, int(_MEMORY_SHARE * free_memory / WORKER_MEMORY)))


def limits_of(options: argparse.Namespace, n_workers: int) -> Limits:
    """What one worker may take, such that all together leave the machine alive."""
    memory = free_memory()
    limit = None if memory is None else int(_MEMORY_SHARE * memory / n_workers)
    if limit is not None:
        limit = max(limit, LEAST_LIMIT)
    if options.memory_limit:
        limit = options.memory_limit * 1_000_000
    return Limits(seconds=options.time_limit, stall=options.stall_limit, memory=limit)


def _torch_sees_gpus() -> bool:
    """Whether torch here was built for the GPUs; asked in a process of its own."""
    code = "import torch; raise SystemExit(not torch.cuda.is_available())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    return done.returncode == 0
