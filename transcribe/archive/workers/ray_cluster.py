"""Workers of an archive on a Ray cluster, or on this machine through Ray.

Ray starts the workers, one actor each, and places them; nothing else is left to it. An
actor that dies is never restarted and its job never tried again by Ray, which would give a
poisonous file to worker after worker without end: `transcribe.archive.driver` counts attempts.

Each actor makes its worker once. Beside the job it answers, in a thread of its own, how far
it is and how much memory it holds; one that goes without a sign of life is ended. Actors of
a machine that is lost wait until there is room for them on another.

Where Ray's own control service (GCS) is gone, Ray ends the whole program after a minute of
waiting for it, with no exception that could be caught. So the service is knocked at before it
is asked for anything, and a run without it ends in time to write its report.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import logging
import os
import socket
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

# Read when ray is imported: it tells nobody that it is used, and waits longer than the 15 s
# that a busy machine's processes may need to start.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_agent_register_timeout_ms", "120000")

import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayError, RayTaskError

from transcribe.archive.scratch import Scratch, clear_abandoned
from transcribe.archive.work import Job, Outcome, Settings, Worker
from transcribe.archive.workers.base import (
    CRASHED,
    LOST,
    MEMORY,
    Limits,
    Make,
    Member,
    PoolError,
    SupervisedPool,
)
from transcribe.archive.workers.hiring import LEAST_LIMIT, Crew
from transcribe.errors import TranscribeError
from transcribe.hardware import go_first, n_cores, resident_memory
from transcribe.wording import count

log = logging.getLogger(__name__)

_BETWEEN_COUNTS = 10.0
"""Seconds between looks at how large the cluster is now."""
_LONGEST_START = 600.0
"""Seconds until some worker must be ready."""
_MOST_STARTS = 3
"""How often Ray is started on this machine until that is given up."""
_LONGEST_TIDYING = 3.0
"""Seconds for a worker that is to be ended to remove what it fetched."""
_MEMORY_SHARE = 0.9
_OBJECT_STORE = 100 << 20
"""Bytes; nothing but jobs and outcomes goes through it."""


class _Hearing:
    """The actor: a worker, and what there is to say about it while it works."""

    def __init__(self, make: Make) -> None:
        go_first()
        clear_abandoned()
        self._scratch = Scratch()
        self._worker = make()
        self._n_beats = 0
        self._heard = 0.0

    def ready(self) -> str:
        """The machine it is on, as Ray names it."""
        return str(ray.get_runtime_context().get_node_id())

    def work(self, job: Job) -> Outcome:
        self._heard = 0.0
        return self._worker(job, self._beat)

    def _beat(self, seconds: float) -> None:
        self._n_beats += 1
        self._heard = seconds

    @ray.method(concurrency_group="watch")
    def pulse(self) -> tuple[int, float, int | None]:
        """Signs of life so far, seconds heard, bytes of memory."""
        return self._n_beats, self._heard, resident_memory(os.getpid())

    @ray.method(concurrency_group="watch")
    def tidy(self) -> None:
        """Remove what was fetched; the actor is about to be killed."""
        self._scratch.close()


class _Actor(Member):
    """An actor, as the driver knows it, and the answers that it owes."""

    def __init__(self, actor: Any) -> None:
        super().__init__()
        self.actor = actor
        self.starting: Any = actor.ready.remote()
        self.working: Any = None
        self.asked: Any = None
        self.tidied: Any = None
        self.node = ""
        self.n_beats = -1
        self.is_gone = False
        """Whether there is nothing left to be killed, or no Ray to do it."""

    @property
    def owed(self) -> list[Any]:
        """Answers that are awaited."""
        return [ref for ref in (self.working, self.asked, self.starting) if ref is not None]

    def send(self, job: Job) -> None:
        self.working = self.actor.work.remote(job)

    def ask(self) -> None:
        if self.asked is None:
            self.asked = self.actor.pulse.remote()

    def kill(self) -> None:
        if not self.is_gone and self.ready:
            self.tidied = self.actor.tidy.remote()

    def clear(self) -> None:
        if self.is_gone:
            return
        if self.tidied is not None:
            ray.wait([self.tidied], timeout=_LONGEST_TIDYING)
        with contextlib.suppress(RayError):
            ray.kill(self.actor, no_restart=True)


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
    told: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    if address is None:
        told |= {"num_cpus": n_cores(), "include_dashboard": False}
        told["object_store_memory"] = _OBJECT_STORE
    for n_left in reversed(range(_MOST_STARTS)):
        try:
            ray.init(address=address or "local", **told)
        except Exception as error:  # Ray raises bare exceptions
            # On a busy machine its processes may need longer than the 30 s that Ray gives them.
            if address is None and n_left and "timed out" in str(error):
                log.warning("Ray did not start in its time; it is tried again: %s", error)
                ray.shutdown()
                continue
            where = "can be started on this machine" if address is None else f"answers at {address}"
            raise TranscribeError(f"no Ray {where}: {_last_line(error)}") from error
        return


def room_for(n_cpus: int, n_gpus: int = 0) -> int:
    """Workers for which the cluster has room now, one CPU left free for Ray; at least one."""
    has = ray.cluster_resources()
    room = (has.get("CPU", 0) - 1) // n_cpus
    if n_gpus:
        room = min(room, has.get("GPU", 0) // n_gpus)
    return max(1, int(room))


class RayPool(SupervisedPool[_Actor]):
    """Workers that are Ray actors.

    Parameters
    ----------
    make : callable
        Makes a worker, in the actor's process, such as ``functools.partial(Worker, settings)``.
    limits : Limits
    size : int, optional
        How many workers; without it as many as the cluster has room for, now and later, with
        one CPU left free for Ray itself.
    n_cpus, n_gpus : int
        What each worker takes.
    """

    between_looks = 1.0
    most_failed_starts = 5

    def __init__(
        self,
        make: Make,
        limits: Limits,
        *,
        size: int | None = None,
        n_cpus: int = 1,
        n_gpus: int = 0,
    ) -> None:
        super().__init__(limits)
        self._n_cpus, self._n_gpus, self._size = n_cpus, n_gpus, size
        remote: Any = ray.remote  # whose types know only some of its options
        hearing = remote(concurrency_groups={"watch": 1})(_Hearing)
        self._hearing = hearing.options(
            num_cpus=n_cpus,
            num_gpus=n_gpus,
            max_restarts=0,
            max_task_retries=0,
            scheduling_strategy="SPREAD",
        )
        self._make = ray.put(make)
        self._begun = time.monotonic()
        self._has_begun = False
        self._counted = -_BETWEEN_COUNTS
        self._room = 1
        self._service = str(ray.get_runtime_context().gcs_address)
        self._is_lost = False

    @property
    def size(self) -> int:
        if self._size is not None:
            return self._size
        now = time.monotonic()
        if now - self._counted > _BETWEEN_COUNTS and not self._is_lost:
            self._knock()
            self._counted, self._room = now, room_for(self._n_cpus, self._n_gpus)
        return self._room

    def close(self) -> None:
        if not self._is_lost:
            with contextlib.suppress(PoolError):
                self._knock()
        for member in self._members:
            member.is_gone = member.is_gone or self._is_lost
        super().close()
        if self._is_lost:
            atexit.register(_leave)
        else:
            ray.shutdown()

    def _knock(self) -> None:
        """See that Ray's control service is there.

        Raises
        ------
        PoolError
            It can't be reached, three times in a row.
        """
        host, _, port = self._service.rpartition(":")
        for n in range(3):
            try:
                socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
            except OSError as error:
                why = error
                time.sleep(0.2 * (n + 1))
            else:
                return
        self._is_lost = True
        raise PoolError(
            f"Ray is gone: nothing answers at {self._service} ({why}); start it again, and then "
            "this command: what is done is kept"
        )

    def _has_vacancy(self) -> bool:
        return len(self._members) < self.size

    def _start(self) -> _Actor:
        return _Actor(self._hearing.remote(self._make))

    def _listen(self, seconds: float) -> None:
        self._check_start()
        awaited = {ref: member for member in self._members for ref in member.owed}
        if not awaited:
            time.sleep(min(seconds, 0.01))
            return
        done, left = ray.wait(list(awaited), num_returns=1, timeout=seconds)
        if left:
            done += ray.wait(left, num_returns=len(left), timeout=0)[0]
        for ref in done:
            member = awaited[ref]
            if member not in self._members:
                continue
            try:
                answer = ray.get(ref)
            except RayError as error:
                self._failed(member, error)
            else:
                self._take(member, ref, answer)

    def _take(self, member: _Actor, ref: Any, answer: Any) -> None:
        if ref is member.starting:
            member.starting, member.node = None, answer
            self._has_begun = True
            self._on_ready(member)
        elif ref is member.asked:
            member.asked = None
            n_beats, heard, member.held = answer
            if n_beats != member.n_beats:
                member.n_beats = n_beats
                for number in member.tasks:
                    self._on_beat(member, number, heard)
        else:
            member.working = None
            (number,) = member.tasks
            self._on_done(member, number, answer)

    def _failed(self, member: _Actor, error: RayError) -> None:
        """A member gave no answer: it is dead, or can't be reached."""
        if not member.ready and isinstance(error, ActorDiedError) and error.actor_init_failed:
            raise PoolError(_last_line(error))
        self._knock()
        member.is_gone = isinstance(error, ActorDiedError)
        self._on_exit(member, *_cause(error, member.node))

    def _look(self) -> None:
        if time.monotonic() - self._looked >= self.between_looks:
            self._knock()
        super()._look()

    def _check_start(self) -> None:
        if self._has_begun or not self._members:
            return
        if time.monotonic() - self._begun > _LONGEST_START:
            raise PoolError(
                f"no worker was ready after {_LONGEST_START:g} s; each needs {self._n_cpus} CPU "
                f"and {self._n_gpus} GPU, and the cluster has {ray.cluster_resources()}"
            )


def _leave() -> None:
    """End the program, all done and said, before Ray's own ending waits for what is gone.

    Left to itself, Ray's native code ends with a segmentation fault there.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(1)


def _cause(error: RayError, node: str) -> tuple[str, str]:
    """What a worker died of: the kind and a sentence."""
    said = str(error)
    if isinstance(error, RayTaskError):
        return CRASHED, f"its worker failed: {_last_line(error)}"
    alive = {each["NodeID"] for each in ray.nodes() if each["Alive"]}
    if isinstance(error, ActorUnavailableError) or "node has died" in said or node not in alive:
        return LOST, "its worker's machine was lost"
    if "low on memory" in said or "OutOfMemory" in said:
        return MEMORY, "its worker was ended because the machine ran out of memory"
    return CRASHED, "its worker process ended by itself or was ended by the system"


def _last_line(error: BaseException) -> str:
    """Of what Ray says, the line that matters: the last, with the exception's own words."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def hire_on_ray(options: argparse.Namespace, settings: Settings, log: Path) -> Crew:
    """The pool that ``--ray`` or ``--ray-address`` asks for; as `crew.hire`.

    What workers print goes to Ray's own logs.
    """
    del log
    connect(options.ray_address)
    has_gpus = ray.cluster_resources().get("GPU", 0) >= 1
    device = options.device
    if device == "auto":
        device = "cuda" if has_gpus else "cpu"
    elif device == "cuda" and not has_gpus:
        raise TranscribeError("--device cuda: no machine of the Ray cluster has a GPU")
    if settings.checkpoint is not None:
        settings = replace(settings, checkpoint=os.path.abspath(settings.checkpoint))
    n_gpus = int(device == "cuda")
    n_workers = options.workers or room_for(settings.threads, n_gpus)
    memory = _MEMORY_SHARE * ray.cluster_resources().get("memory", 0) / n_workers
    limit = options.memory_limit * 1_000_000 if options.memory_limit else max(memory, LEAST_LIMIT)
    pool = RayPool(
        partial(Worker, replace(settings, device=device)),
        Limits(seconds=options.time_limit, stall=options.stall_limit, memory=int(limit)),
        size=options.workers,
        n_cpus=settings.threads,
        n_gpus=n_gpus,
    )
    n_machines = sum(each["Alive"] for each in ray.nodes())
    where = f"{count(n_machines, 'machine')} of a Ray cluster"
    return Crew(pool, f"{count(n_workers, 'worker')} on {device}, {where}")
