"""A worker in a Ray actor, and the actor as the driver knows it.

Each actor makes its worker once. Beside the job it answers, in a thread of its own, how far
it is and how much memory it holds; one that goes without a sign of life is ended.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, RayError, RayTaskError

from transcribe.archive.jobs import Job, Outcome
from transcribe.archive.scratch import Scratch, clear_abandoned
from transcribe.archive.workers.base import CRASHED, LOST, MEMORY, MakeWorker, Member
from transcribe.hardware import go_first, resident_memory

_LONGEST_CLEANUP = 3.0
"""Seconds for a worker that is to be ended to remove what it fetched."""


class RayWorker:
    """The actor: a worker, and what there is to say about it while it works."""

    def __init__(self, make: MakeWorker) -> None:
        go_first()
        clear_abandoned()
        self._scratch = Scratch()
        self._worker = make()
        self._n_reports = 0
        self._transcribed = 0.0

    def ready(self) -> str:
        """The machine it is on, as Ray names it."""
        return str(ray.get_runtime_context().get_node_id())

    def work(self, job: Job) -> Outcome:
        self._transcribed = 0.0
        return self._worker(job, self._beat)

    def _beat(self, seconds: float) -> None:
        self._n_reports += 1
        self._transcribed = seconds

    @ray.method(concurrency_group="watch")
    def status(self) -> tuple[int, float, int | None]:
        """Signs of life so far, seconds transcribed, bytes of memory."""
        return self._n_reports, self._transcribed, resident_memory(os.getpid())

    @ray.method(concurrency_group="watch")
    def clean_up(self) -> None:
        """Remove what was fetched; the actor is about to be killed."""
        self._scratch.close()


class RayMember(Member):
    """An actor, as the driver knows it, and the answers that it owes."""

    def __init__(self, actor: Any) -> None:
        super().__init__()
        self.actor = actor
        self.starting: Any = actor.ready.remote()
        self.working: Any = None
        self.polled: Any = None
        self.cleaned: Any = None
        self.node = ""
        self.n_reports = -1
        self.is_gone = False
        """Whether there is nothing left to be killed, or no Ray to do it."""

    @property
    def pending(self) -> list[Any]:
        """Answers that are awaited."""
        return [ref for ref in (self.working, self.polled, self.starting) if ref is not None]

    def send(self, job: Job) -> None:
        self.working = self.actor.work.remote(job)

    def poll(self) -> None:
        if self.polled is None:
            self.polled = self.actor.status.remote()

    def kill(self) -> None:
        if not self.is_gone and self.ready:
            self.cleaned = self.actor.clean_up.remote()

    def clean_up(self) -> None:
        if self.is_gone:
            return
        if self.cleaned is not None:
            ray.wait([self.cleaned], timeout=_LONGEST_CLEANUP)
        with contextlib.suppress(RayError):
            ray.kill(self.actor, no_restart=True)


def cause_of(error: RayError, node: str) -> tuple[str, str]:
    """What a worker died of: the kind and a sentence."""
    message = str(error)
    if isinstance(error, RayTaskError):
        return CRASHED, f"its worker failed: {last_line(error)}"
    alive = {each["NodeID"] for each in ray.nodes() if each["Alive"]}
    if isinstance(error, ActorUnavailableError) or "node has died" in message or node not in alive:
        return LOST, "its worker's machine was lost"
    if "low on memory" in message or "OutOfMemory" in message:
        return MEMORY, "its worker was ended because the machine ran out of memory"
    return CRASHED, "its worker process ended by itself or was ended by the system"


def last_line(error: BaseException) -> str:
    """Of what Ray says, the line that matters: the last, with the exception's own words."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
