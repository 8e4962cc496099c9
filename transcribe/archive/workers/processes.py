"""Worker processes on this machine, watched: what kills one reaches nothing else.

Each process makes its worker once and transcribes one recording after the other. The parent
watches how long each goes without a sign of life and how much memory it holds, and ends
it where that is too much. A process whose parent is gone ends too.
"""

from __future__ import annotations

import contextlib
import faulthandler
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from transcribe.archive.jobs import Job
from transcribe.archive.workers.base import (
    CRASHED,
    MakeWorker,
    Member,
    PoolError,
    SupervisedPool,
    WorkerLimits,
)
from transcribe.hardware import go_first, resident_memory

_READY, _PROGRESS, _DONE, _NOT_STARTED = "ready", "beat", "done", "not started"


class _Process(Member):
    """A worker process, and our end of the link to it."""

    def __init__(
        self, process: SpawnProcess, link: Connection, make: MakeWorker, folder: str
    ) -> None:
        super().__init__()
        self.process, self.link, self.make, self.folder = process, link, make, folder

    def send(self, job: Job) -> None:
        with contextlib.suppress(OSError):
            self.link.send(job)

    def poll(self) -> None:
        self.held = resident_memory(self.process.pid or 0)

    def kill(self) -> None:
        self.process.kill()

    def clean_up(self) -> None:
        self.process.join()
        self.link.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class ProcessPool(SupervisedPool[_Process]):
    """Supervised processes that transcribe.

    Parameters
    ----------
    makes : sequence of callable
        One for each process: makes its worker, in that process. They are pickled, such as
        ``functools.partial(Worker, settings)``.
    limits : WorkerLimits
    log : path, optional
        File to which the processes' own output goes; without it, to where the parent's goes.
    n_parallel : int
        Jobs that one process does at once, in threads.
    description : str
        How many workers and where, for people.
    """

    def __init__(
        self,
        makes: Sequence[MakeWorker],
        limits: WorkerLimits,
        log: Path | None = None,
        *,
        n_parallel: int = 1,
        description: str = "",
    ) -> None:
        super().__init__(limits, n_parallel, description)
        self._context = multiprocessing.get_context("spawn")
        self._log = log
        self._vacant = list(makes)
        self._size = len(makes) * n_parallel

    @property
    def size(self) -> int:
        return self._size

    def _has_vacancy(self) -> bool:
        return bool(self._vacant)

    def _start(self) -> _Process:
        make = self._vacant.pop(0)
        folder = tempfile.mkdtemp(prefix="transcribe-worker-")
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_run_worker,
            args=(theirs, make, self._log, self._n_parallel, folder),
            name="transcribe worker",
            daemon=True,
        )
        try:
            process.start()
        except OSError as error:
            raise PoolError(f"no worker can be started: {error}") from error
        theirs.close()
        return _Process(process, ours, make, folder)

    def _on_end(self, member: _Process) -> None:
        self._vacant.append(member.make)

    def _wait_for_messages(self, seconds: float) -> None:
        links: dict[object, _Process] = {member.link: member for member in self._members}
        if not links:
            time.sleep(min(seconds, 0.01))
            return
        for link in wait([member.link for member in self._members], seconds):
            self._read_messages(links[link])

    def _read_messages(self, member: _Process) -> None:
        try:
            while member in self._members and member.link.poll():
                self._take(member, *member.link.recv())
        except (EOFError, OSError):  # its end of the link is closed: it is dead or dying
            member.process.join(5)
            self._on_exit(member, CRASHED, _describe_exit(member.process.exitcode))

    def _take(self, member: _Process, kind: str, content: Any) -> None:
        if kind == _READY:
            self._on_ready(member)
        elif kind == _NOT_STARTED:
            raise PoolError(content)
        elif kind == _PROGRESS:
            self._on_progress(member, *content)
        elif kind == _DONE:
            self._on_done(member, *content)


def _describe_exit(exit_code: int | None) -> str:
    """How a process ended."""
    if exit_code is not None and exit_code < 0:
        try:
            name = signal.Signals(-exit_code).name
        except ValueError:
            name = f"signal {-exit_code}"
        return f"its worker was ended by {name}"
    return f"its worker ended with exit code {exit_code}"


def _run_worker(
    link: Connection, make: MakeWorker, log: Path | None, n_parallel: int, folder: str
) -> None:
    """A worker process: make the worker, then do jobs until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ["OMP_NUM_THREADS"] = "1"  # before numpy and torch are imported
    tempfile.tempdir = folder  # whatever ends this process, the parent removes it
    go_first()
    _send_output_to(log)
    faulthandler.enable()
    try:
        worker = make()
    except Exception as error:
        traceback.print_exc()
        link.send((_NOT_STARTED, str(error) or type(error).__name__))
        return
    one_at_a_time = threading.Lock()

    def report(kind: str, content: Any) -> None:
        with one_at_a_time:
            link.send((kind, content))

    def do(job: Job) -> None:
        sent = 0.0

        def beat(seconds: float) -> None:
            nonlocal sent
            if time.monotonic() - sent > ProcessPool.check_interval:
                sent = time.monotonic()
                report(_PROGRESS, (job.number, seconds))

        report(_DONE, (job.number, worker(job, beat)))

    report(_READY, None)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        if n_parallel == 1:
            while True:
                do(link.recv())
        with ThreadPoolExecutor(n_parallel) as threads:
            while True:
                threads.submit(do, link.recv()).add_done_callback(_end_on_error)


def _end_on_error(future: Future[None]) -> None:
    """A thread that dies silently would leave its job undone: better the whole process."""
    if future.exception() is not None:
        traceback.print_exception(future.exception())
        os._exit(1)


def _send_output_to(log: Path | None) -> None:
    """Send what libraries print, and a crash's last words, to a file."""
    if log is not None:
        with contextlib.suppress(OSError):
            file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            for stream in (sys.stdout, sys.stderr):
                os.dup2(file, stream.fileno())
            os.close(file)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
