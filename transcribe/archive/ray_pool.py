"""Workers of an archive on a Ray cluster, or on this machine through Ray.

Ray starts the workers, one actor each, and places them; nothing else is left to it. An
actor that dies is never restarted and its job never tried again by Ray, which would give a
poisonous file to worker after worker without end: `transcribe.archive.run` counts attempts.

Each actor makes its worker once. Beside the job it answers, in a thread of its own, how far
it is and how much memory it holds; one that goes without a sign of life is ended. Actors of
a machine that is lost wait until there is room for them on another.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

# Read when ray is imported: it tells nobody that it is used, and waits longer than the 15 s
# that a busy machine's processes may need to start.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_agent_register_timeout_ms", "120000")

import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayError, RayTaskError

from transcribe.archive.crew import LEAST_LIMIT, Crew
from transcribe.archive.pool import (
    CRASHED,
    HUNG,
    LOST,
    MEMORY,
    Died,
    Finished,
    Limits,
    PoolError,
    is_swollen,
)
from transcribe.archive.work import Beat, Job, Outcome, Settings, Worker
from transcribe.console import count
from transcribe.errors import TranscribeError
from transcribe.machine import go_first, n_cores, resident_memory

Hear: TypeAlias = Callable[[Job, Beat], Outcome]
Make: TypeAlias = Callable[[], Hear]

_BETWEEN_LOOKS = 1.0
"""Seconds between questions to a worker how it is."""
_BETWEEN_COUNTS = 10.0
"""Seconds between looks at how large the cluster is now."""
_LONGEST_START = 600.0
"""Seconds until some worker must be ready."""
_MOST_FAILED_STARTS = 5
"""Workers in a row that die before they are ready, until the pool gives up."""
_MEMORY_SHARE = 0.9
_OBJECT_STORE = 100 << 20
"""Bytes; nothing but jobs and outcomes goes through it."""


class _Hearing:
    """The actor: a worker, and what there is to say about it while it works."""

    def __init__(self, make: Make) -> None:
        go_first()
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


@dataclass(slots=True, eq=False)
class _Member:
    """An actor, as the driver knows it."""

    actor: Any
    starting: Any
    """What its first answer will be; None once it is ready."""
    node: str = ""
    used: bool = False
    first_peak: int | None = None
    """Most bytes that it held when its first job was done."""
    job: Job | None = None
    working: Any = None
    """What the outcome of its job will be."""
    asked: Any = None
    """What the answer to the last question after it will be."""
    started: float = 0.0
    alive: float = 0.0
    looked: float = 0.0
    n_beats: int = -1
    heard: float = 0.0


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
    try:
        ray.init(address=address or "local", **told)
    except Exception as error:  # Ray raises bare exceptions
        where = "can be started on this machine" if address is None else f"answers at {address}"
        raise TranscribeError(f"no Ray {where}: {_last_line(error)}") from error


def room_for(n_cpus: int, n_gpus: int = 0) -> int:
    """Workers for which the cluster has room now, one CPU left free for Ray; at least one."""
    has = ray.cluster_resources()
    room = (has.get("CPU", 0) - 1) // n_cpus
    if n_gpus:
        room = min(room, has.get("GPU", 0) // n_gpus)
    return max(1, int(room))


class RayPool:
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

    def __init__(
        self,
        make: Make,
        limits: Limits,
        *,
        size: int | None = None,
        n_cpus: int = 1,
        n_gpus: int = 0,
    ) -> None:
        self._limits = limits
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
        self._members: list[_Member] = []
        self._queue: deque[Job] = deque()
        self._news: deque[Finished | Died] = deque()
        self._n_failed_starts = 0
        self._begun = time.monotonic()
        self._has_begun = False
        self._counted = -_BETWEEN_COUNTS
        self._room = 1

    @property
    def size(self) -> int:
        if self._size is not None:
            return self._size
        now = time.monotonic()
        if now - self._counted > _BETWEEN_COUNTS:
            self._counted, self._room = now, room_for(self._n_cpus, self._n_gpus)
        return self._room

    @property
    def heard(self) -> float:
        return sum(member.heard for member in self._members if member.job is not None)

    def submit(self, job: Job) -> None:
        self._queue.append(job)

    def next(self, timeout: float) -> Finished | Died | None:
        until = time.monotonic() + timeout
        while True:
            self._assign()
            if self._news:
                return self._news.popleft()
            left = until - time.monotonic()
            if left <= 0:
                return None
            self._listen(min(left, _BETWEEN_LOOKS))
            self._look()

    def close(self) -> None:
        for member in list(self._members):
            self._end(member)
        ray.shutdown()

    # --- who does what ---

    def _assign(self) -> None:
        """Give queued jobs to idle members, and start members while there is need."""
        for job in list(self._queue):
            member = self._free(isolated=job.isolated)
            if member is None:
                continue
            self._queue.remove(job)
            member.job, member.used, member.heard = job, True, 0.0
            member.started = member.alive = member.looked = time.monotonic()
            member.working = member.actor.work.remote(job)
        n_coming = sum(not member.used for member in self._members)
        while len(self._members) < self.size and n_coming < len(self._queue):
            self._members.append(self._start())
            n_coming += 1

    def _free(self, *, isolated: bool) -> _Member | None:
        """A member that may take a job; one that must be fresh may have to be made so."""
        idle = [member for member in self._members if member.job is None]
        for member in idle:
            if member.starting is None and not (isolated and member.used):
                return member
        if isolated and idle and all(member.used for member in idle):
            self._end(idle[0])
        return None

    def _start(self) -> _Member:
        actor = self._hearing.remote(self._make)
        return _Member(actor, actor.ready.remote())

    def _end(self, member: _Member) -> None:
        """Have no more of a member; another may be started in its place."""
        with contextlib.suppress(RayError):
            ray.kill(member.actor, no_restart=True)
        self._members.remove(member)

    # --- what happens ---

    def _listen(self, seconds: float) -> None:
        awaited = {
            ref: member
            for member in self._members
            for ref in (member.working, member.asked, member.starting)
            if ref is not None
        }
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
                self._mourn(member, error)
            else:
                self._take(member, ref, answer)

    def _take(self, member: _Member, ref: Any, answer: Any) -> None:
        if ref is member.starting:
            member.starting, member.node = None, answer
            self._n_failed_starts, self._has_begun = 0, True
        elif ref is member.asked:
            member.asked = None
            n_beats, member.heard, held = answer
            if n_beats != member.n_beats:
                member.n_beats, member.alive = n_beats, time.monotonic()
            limit = self._limits.memory
            if member.job is not None and limit and held is not None and held > limit:
                self._stop(member, MEMORY, f"it took more than {limit / 1e6:.0f} MB of memory")
        elif member.job is not None:
            self._news.append(Finished(member.job, answer))
            isolated, member.job, member.working = member.job.isolated, None, None
            if member.first_peak is None:
                member.first_peak = answer.peak_memory
            if isolated or is_swollen(member.first_peak, answer.peak_memory):
                self._end(member)

    def _mourn(self, member: _Member, error: RayError) -> None:
        """A member gave no answer: it is dead, or can't be reached."""
        if member.starting is not None:
            if isinstance(error, ActorDiedError) and error.actor_init_failed:
                raise PoolError(_last_line(error))
            self._n_failed_starts += 1
            if self._n_failed_starts >= _MOST_FAILED_STARTS:
                raise PoolError(f"workers do not start: {_last_line(error)}")
        if member.job is not None:
            self._news.append(Died(member.job, *_cause(error, member.node)))
        self._end(member)

    def _look(self) -> None:
        """Ask those at work how they are, and end those that take too long."""
        now, limits = time.monotonic(), self._limits
        for member in list(self._members):
            if member.job is None:
                continue
            if now - member.alive > limits.stall:
                self._stop(member, HUNG, f"no sign of life for {limits.stall:g} s")
            elif now - member.started > limits.seconds:
                self._stop(member, HUNG, f"not done after {limits.seconds:g} s")
            elif member.asked is None and now - member.looked > _BETWEEN_LOOKS:
                member.looked = now
                member.asked = member.actor.pulse.remote()
        if self._members and not self._has_begun and now - self._begun > _LONGEST_START:
            raise PoolError(
                f"no worker was ready after {_LONGEST_START:g} s; each needs {self._n_cpus} CPU "
                f"and {self._n_gpus} GPU, and the cluster has {ray.cluster_resources()}"
            )

    def _stop(self, member: _Member, kind: str, reason: str) -> None:
        assert member.job is not None
        self._news.append(Died(member.job, kind, reason))
        self._end(member)


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
