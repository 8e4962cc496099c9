"""The pool that ``--ray`` and ``--ray-address`` ask for: on a Ray cluster, or on this machine."""

from __future__ import annotations

import argparse
import logging
import os
from dataclasses import replace
from functools import partial
from typing import Any

# Read when ray is imported: no usage statistics are sent, and waits longer than the 15 s
# that a busy machine's processes may need to start.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_agent_register_timeout_ms", "120000")

import ray

from transcribe.archive.jobs import JobSettings
from transcribe.archive.work import Worker
from transcribe.archive.workers.base import limits_of
from transcribe.archive.workers.ray_actors import last_line
from transcribe.archive.workers.ray_pool import RayPool, room_for
from transcribe.errors import TranscribeError
from transcribe.hardware import n_cores
from transcribe.wording import count

log = logging.getLogger(__name__)

_MOST_STARTS = 3
"""How often Ray is started on this machine until that is given up."""
_OBJECT_STORE = 100 << 20
"""Bytes; nothing but jobs and outcomes goes through it."""


def connect(address: str | None = None) -> None:
    """Join a Ray cluster, or start Ray on this machine for as long as the pool lasts.

    Parameters
    ----------
    address : str, optional
        Of a cluster, as Ray has it: ``"auto"`` or ``"HOST:PORT"``.

    Raises
    ------
    TranscribeError
        There is no such cluster, or Ray can't be started.
    """
    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    if address is None:
        settings |= {"num_cpus": n_cores(), "include_dashboard": False}
        settings["object_store_memory"] = _OBJECT_STORE
    for n_left in reversed(range(_MOST_STARTS)):
        try:
            ray.init(address=address or "local", **settings)
        except Exception as error:  # Ray raises bare exceptions
            # On a busy machine its processes may need longer than the 30 s that Ray gives them.
            if address is None and n_left and "timed out" in str(error):
                log.warning("Ray did not start in time; retrying: %s", error)
                ray.shutdown()
                continue
            where = "can be started on this machine" if address is None else f"answers at {address}"
            raise TranscribeError(f"no Ray {where}: {last_line(error)}") from error
        return


def make_ray_pool(options: argparse.Namespace, settings: JobSettings) -> RayPool:
    """The pool that the options ask for, once the cluster has answered."""
    connect(options.ray_address)
    has_gpus = ray.cluster_resources().get("GPU", 0) >= 1
    device = options.device
    if device == "auto":
        device = "cuda" if has_gpus else "cpu"
    elif device == "cuda" and not has_gpus:
        raise TranscribeError("--device cuda: no machine of the Ray cluster has a GPU")
    if settings.checkpoint is not None:
        settings = replace(settings, checkpoint=settings.checkpoint.absolute())
    n_gpus = int(device == "cuda")
    n_workers = options.workers or room_for(settings.threads, n_gpus)
    n_machines = sum(each["Alive"] for each in ray.nodes())
    where = f"{count(n_machines, 'machine')} of a Ray cluster"
    return RayPool(
        partial(Worker, replace(settings, device=device)),
        limits_of(options, ray.cluster_resources().get("memory", 0), n_workers),
        size=options.workers,
        n_cpus=settings.threads,
        n_gpus=n_gpus,
        description=f"{count(n_workers, 'worker')} on {device}, {where}",
    )
