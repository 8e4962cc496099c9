"""Workers of an archive as actors on a Ray cluster.

Ray starts the workers, one actor each, and places them; nothing else is left to it. Ray
restarts no actor and repeats no job, since it would give a file that crashes its worker to one
worker after the other: `transcribe.archive.driver` counts attempts. Actors of a machine that
is lost wait until there is room for them on another.

Where Ray's own control service (GCS) is gone, Ray ends the whole program after a minute of
waiting for it, with no exception that could be caught. So the driver sees whether the service
answers before it asks Ray for anything; without it, a run ends in time to write its report.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import socket
import sys
import time
from typing import Any

import ray
from ray.exceptions import ActorDiedError, RayError

from transcribe.archive.workers.base import MakeWorker, PoolError, SupervisedPool, WorkerLimits
from transcribe.archive.workers.ray_actors import RayMember, RayWorker, cause_of, last_line

_BETWEEN_COUNTS = 10.0
"""Seconds between looks at how large the cluster is now."""
_LONGEST_START = 600.0
"""Seconds until some worker must be ready."""


def room_for(n_cpus: int, n_gpus: int = 0) -> int:
    """Workers for which the cluster has room now, one CPU left free for Ray; at least one."""
    has = ray.cluster_resources()
    room = (has.get("CPU", 0) - 1) // n_cpus
    if n_gpus:
        room = min(room, has.get("GPU", 0) // n_gpus)
    return max(1, int(room))


class RayPool(SupervisedPool[RayMember]):
    """Workers that are Ray actors.

    Parameters
    ----------
    make : callable
        Makes a worker, in the actor's process, such as ``functools.partial(Worker, settings)``.
    limits : WorkerLimits
    size : int, optional
        How many workers; without it as many as the cluster has room for, now and later, with
        one CPU left free for Ray itself.
    n_cpus, n_gpus : int
        What each worker takes.
    description : str
        How many workers and where, for people.
    """

    check_interval = 1.0
    max_failed_starts = 5

    def __init__(
        self,
        make: MakeWorker,
        limits: WorkerLimits,
        *,
        size: int | None = None,
        n_cpus: int = 1,
        n_gpus: int = 0,
        description: str = "",
    ) -> None:
        super().__init__(limits, description=description)
        self._n_cpus, self._n_gpus, self._size = n_cpus, n_gpus, size
        remote: Any = ray.remote  # whose types know only some of its options
        actor = remote(concurrency_groups={"watch": 1})(RayWorker)
        self._actor = actor.options(
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
            self._check_service()
            self._counted, self._room = now, room_for(self._n_cpus, self._n_gpus)
        return self._room

    def close(self) -> None:
        if not self._is_lost:
            with contextlib.suppress(PoolError):
                self._check_service()
        for member in self._members:
            member.is_gone = member.is_gone or self._is_lost
        super().close()
        if self._is_lost:
            atexit.register(_exit)
        else:
            ray.shutdown()

    def _check_service(self) -> None:
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

    def _start(self) -> RayMember:
        return RayMember(self._actor.remote(self._make))

    def _wait_for_messages(self, seconds: float) -> None:
        self._check_start()
        awaited = {ref: member for member in self._members for ref in member.pending}
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

    def _take(self, member: RayMember, ref: Any, answer: Any) -> None:
        if ref is member.starting:
            member.starting, member.node = None, answer
            self._has_begun = True
            self._on_ready(member)
        elif ref is member.polled:
            member.polled = None
            n_reports, transcribed, member.held = answer
            if n_reports != member.n_reports:
                member.n_reports = n_reports
                for number in member.tasks:
                    self._on_progress(member, number, transcribed)
        else:
            member.working = None
            (number,) = member.tasks
            self._on_done(member, number, answer)

    def _failed(self, member: RayMember, error: RayError) -> None:
        """A member gave no answer: it is dead, or can't be reached."""
        if not member.ready and isinstance(error, ActorDiedError) and error.actor_init_failed:
            raise PoolError(last_line(error))
        self._check_service()
        member.is_gone = isinstance(error, ActorDiedError)
        self._on_exit(member, *cause_of(error, member.node))

    def _check_limits(self) -> None:
        if time.monotonic() - self._checked >= self.check_interval:
            self._check_service()
        super()._check_limits()

    def _check_start(self) -> None:
        if self._has_begun or not self._members:
            return
        if time.monotonic() - self._begun > _LONGEST_START:
            raise PoolError(
                f"no worker was ready after {_LONGEST_START:g} s; each needs {self._n_cpus} CPU "
                f"and {self._n_gpus} GPU, and the cluster has {ray.cluster_resources()}"
            )


def _exit() -> None:
    """End the program, when everything is printed, before Ray's own ending waits for what is gone.

    Left to itself, Ray's native code ends with a segmentation fault there.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(1)
