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
from transcribe.archive.workers.base import CRASHED, LOST, MEMORY, Make, Member
from transcribe.hardware import go_first, resident_memory

_LONGEST_TIDYING = 3.0
"""Seconds for a worker that is to be ended to remove what it fetched."""


class RayWorker:
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


class RayMember(Member):
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


def cause_of(error: RayError, node: str) -> tuple[str, str]:
    """What a worker died of: the kind and a sentence."""
    said = str(error)
    if isinstance(error, RayTaskError):
        return CRASHED, f"its worker failed: {last_line(error)}"
    alive = {each["NodeID"] for each in ray.nodes() if each["Alive"]}
    if isinstance(error, ActorUnavailableError) or "node has died" in said or node not in alive:
        return LOST, "its worker's machine was lost"
    if "low on memory" in said or "OutOfMemory" in said:
        return MEMORY, "its worker was ended because the machine ran out of memory"
    return CRASHED, "its worker process ended by itself or was ended by the system"


def last_line(error: BaseException) -> str:
    """Of what Ray says, the line that matters: the last, with the exception's own words."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
