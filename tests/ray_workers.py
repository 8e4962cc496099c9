"""Workers for tests of `transcribe.archive.ray_pool`: what each does is in the job's place."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from transcribe.archive.work import DONE, Beat, Job, Outcome


class Scripted:
    """Does what a job's place says: sleeps, dies, hangs, eats memory; and keeps a diary."""

    def __init__(self, diary: str) -> None:
        self.diary = Path(diary)
        self._note("made")

    def _note(self, what: str) -> None:
        with (self.diary / f"{os.getpid()}").open("a") as file:
            file.write(what + "\n")

    def __call__(self, job: Job, beat: Beat) -> Outcome:
        self._note(f"{job.name} {job.attempt}")
        what, _, much = job.place.partition(" ")
        ACTS[what](float(much or 0), beat)
        return Outcome(state=DONE, error=str(os.getpid()))


def _nap(seconds: float, beat: Beat) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.02)
        beat(seconds)


def _hang(seconds: float, beat: Beat) -> None:
    time.sleep(1000)


def _crash(seconds: float, beat: Beat) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _eat(megabytes: float, beat: Beat) -> None:
    kept = bytearray(os.urandom(1 << 20) * int(megabytes))
    _nap(20, beat)
    del kept


def _raise(seconds: float, beat: Beat) -> None:
    raise RuntimeError("a bug")


ACTS: dict[str, Callable[[float, Beat], None]] = {
    "nap": _nap,
    "hang": _hang,
    "crash": _crash,
    "eat": _eat,
    "raise": _raise,
}


def unfit() -> Scripted:
    """A worker that can't be made."""
    raise ValueError("there are no such weights")
