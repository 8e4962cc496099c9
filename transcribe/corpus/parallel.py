"""One function on many jobs in several processes, a few of them in flight at a time."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from transcribe.errors import TranscribeError

_JOBS_A_WORKER = 4
"""How many wait for each worker or are being done, so that memory stays bounded."""

Job = TypeVar("Job")
Result = TypeVar("Result")


def in_parallel(
    function: Callable[[Job], Result], jobs: Iterable[Job], *, workers: int
) -> Iterator[Result]:
    """Results as they come, in any order; what a job raises is raised here.

    Parameters
    ----------
    function : callable
        Of a module, so that other processes find it.
    jobs : iterable
        Taken one by one as there is room.
    workers : int
        Processes; 1 does the work in this one.

    Raises
    ------
    TranscribeError
        A process was killed, as happens where memory is short.
    """
    if workers <= 1:
        yield from map(function, jobs)
        return
    spawn = multiprocessing.get_context("spawn")
    pending: set[Future[Result]] = set()
    jobs = iter(jobs)
    pool = ProcessPoolExecutor(workers, mp_context=spawn, initializer=_end_with_parent)
    try:
        while True:
            room = _JOBS_A_WORKER * workers - len(pending)
            pending |= {pool.submit(function, job) for job in itertools.islice(jobs, room)}
            if not pending:
                break
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    except BrokenProcessPool as error:
        raise TranscribeError(
            f"one of {workers} processes was killed, perhaps because memory ran out; run again "
            "with fewer --workers to continue"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """Let a process that is killed leave no workers behind that wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)
