"""Workers on Ray die in every way, and each death is told of once and reaches nothing else."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

os.environ.setdefault("RAY_agent_register_timeout_ms", "120000")
ray = pytest.importorskip("ray")
from ray.cluster_utils import Cluster  # noqa: E402
from ray_workers import Scripted, unfit  # noqa: E402

from transcribe.archive.pool import (  # noqa: E402
    CRASHED,
    HUNG,
    LOST,
    MEMORY,
    Died,
    Finished,
    Limits,
    PoolError,
)
from transcribe.archive.ray_pool import RayPool  # noqa: E402
from transcribe.archive.work import Job  # noqa: E402

PATIENCE = 90.0
"""Seconds until a test gives up waiting for the cluster."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 2, "include_dashboard": False, "object_store_memory": 80 << 20},
    )
    yield cluster
    cluster.shutdown()


def job(number: int, what: str, **more: object) -> Job:
    return Job(
        number=number,
        name=f"job{number}",
        source="",
        place=what,
        destination="",
        outputs=(),
        **more,  # type: ignore[arg-type]
    )


def news(pool: RayPool, n_jobs: int) -> list[Finished | Died]:
    """What happens until so many jobs have ended."""
    told: list[Finished | Died] = []
    until = time.monotonic() + PATIENCE
    while len(told) < n_jobs:
        assert time.monotonic() < until, told
        new = pool.next(1.0)
        if new is not None:
            told.append(new)
    return told


def diary(folder: Path) -> dict[int, list[str]]:
    """What each worker process was made and asked."""
    return {int(path.name): path.read_text().split("\n")[:-1] for path in folder.iterdir()}


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_whatever_kills_a_worker_is_told_of_once_and_the_others_go_on(
    cluster: Cluster, tmp_path: Path
) -> None:
    limits = Limits(seconds=30, stall=3, memory=600_000_000)
    pool = RayPool(partial(Scripted, str(tmp_path)), limits, address=cluster.address, size=2)
    try:
        acts = ["nap 0.1"] * 6 + ["crash", "hang", "eat 700", "raise"]
        for number, act in enumerate(acts):
            pool.submit(job(number, act))
        told = {each.job.number: each for each in news(pool, len(acts))}
        assert pool.next(0.5) is None
    finally:
        pool.close()
    assert sorted(told) == list(range(len(acts)))
    assert all(isinstance(told[number], Finished) for number in range(6))
    died = {each.job.place.split()[0]: each for each in told.values() if isinstance(each, Died)}
    assert {what: each.kind for what, each in died.items()} == {
        "crash": CRASHED,
        "hang": HUNG,
        "eat": MEMORY,
        "raise": CRASHED,
    }
    assert "3 s" in died["hang"].reason
    assert "600 MB" in died["eat"].reason
    assert "a bug" in died["raise"].reason
    # Ray has given no job to a second worker, and no worker is left.
    workers = diary(tmp_path)
    asked = [line for lines in workers.values() for line in lines if line != "made"]
    assert sorted(asked) == sorted(f"job{number} 1" for number in range(len(acts)))
    until = time.monotonic() + 10
    while any(map(is_running, workers)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(map(is_running, workers))


def test_an_isolated_job_has_a_fresh_worker_which_ends_with_it(
    cluster: Cluster, tmp_path: Path
) -> None:
    pool = RayPool(partial(Scripted, str(tmp_path)), Limits(), address=cluster.address, size=1)
    try:
        for number, isolated in enumerate((False, True, False, False)):
            pool.submit(job(number, "nap 0", isolated=isolated, attempt=1 + isolated))
        told = news(pool, 4)
    finally:
        pool.close()
    pids = {each.job.number: int(each.outcome.error) for each in told}
    assert pids[1] not in (pids[0], pids[2])
    assert pids[2] == pids[3]
    assert diary(tmp_path)[pids[1]] == ["made", "job1 2"]


def test_workers_killed_at_random_cost_only_the_jobs_they_were_at(
    cluster: Cluster, tmp_path: Path
) -> None:
    n_jobs = 40
    pool = RayPool(partial(Scripted, str(tmp_path)), Limits(), address=cluster.address, size=2)
    try:
        for number in range(n_jobs):
            pool.submit(job(number, "nap 0.1"))
        told: list[Finished | Died] = []
        killed: list[int] = []
        while len(told) < n_jobs:
            told += news(pool, 1)
            if len(told) in (5, 15, 25):
                victim = max(pid for pid in diary(tmp_path) if pid not in killed)
                os.kill(victim, signal.SIGKILL)
                killed.append(victim)
    finally:
        pool.close()
    died = [each for each in told if isinstance(each, Died)]
    assert {each.kind for each in died} <= {CRASHED}
    assert len(died) <= len(killed) == 3
    assert len({each.job.number for each in told}) == n_jobs


def test_jobs_of_a_lost_machine_are_lost_and_nobody_s_fault(
    cluster: Cluster, tmp_path: Path
) -> None:
    node = cluster.add_node(num_cpus=1, object_store_memory=80 << 20)
    cluster.wait_for_nodes()
    pool = RayPool(partial(Scripted, str(tmp_path)), Limits(), address=cluster.address)
    try:
        assert pool.size == 2  # of three CPUs one is left free
        pool._size = 3
        for number in range(3):
            pool.submit(job(number, "nap 4"))
        until = time.monotonic() + PATIENCE
        while sum(map(len, diary(tmp_path).values())) < 6:
            assert pool.next(0.1) is None
            assert time.monotonic() < until
        cluster.remove_node(node, allow_graceful=False)
        told = news(pool, 3)
        lost = [each for each in told if isinstance(each, Died)]
        assert [each.kind for each in lost] == [LOST]
        pool.submit(lost[0].job)
        assert isinstance(news(pool, 1)[0], Finished)
    finally:
        pool.close()


def test_weights_that_are_missing_and_clusters_that_are_not_there_are_told(
    cluster: Cluster,
) -> None:
    pool = RayPool(unfit, Limits(), address=cluster.address, size=1)
    try:
        pool.submit(job(0, "nap 0"))
        with pytest.raises(PoolError, match="there are no such weights"):
            news(pool, 1)
    finally:
        pool.close()
