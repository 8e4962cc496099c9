"""Workers on Ray, machines and drivers are lost in every way; each recording is done once."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_agent_register_timeout_ms", "120000")
os.environ.setdefault("RAY_worker_niceness", "0")
ray = pytest.importorskip("ray")
import archive_workers  # noqa: E402
from archive_workers import ByName, unfit  # noqa: E402
from ray.cluster_utils import Cluster  # noqa: E402
from test_archive_driver import Archive  # noqa: E402

from transcribe.archive.rows import DONE, WAITING  # noqa: E402
from transcribe.archive.storage.local import LocalStore  # noqa: E402
from transcribe.archive.workers.base import PoolError, WorkerLimits  # noqa: E402
from transcribe.archive.workers.ray_cluster import connect  # noqa: E402
from transcribe.archive.workers.ray_pool import RayPool, room_for  # noqa: E402
from transcribe.errors import TranscribeError  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="Ray's clusters want Linux or macOS"),
]
PATIENCE = 120.0
"""Seconds until a test gives up waiting for something to happen."""
NODE = {"object_store_memory": 80 << 20}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    ray.cloudpickle.register_pickle_by_value(archive_workers)
    head = {"num_cpus": 3, "include_dashboard": False, **NODE}
    for n_left in (2, 1, 0):
        try:
            cluster = Cluster(initialize_head=True, head_node_args=head)
            break
        except Exception as error:  # Ray gives a busy machine 30 s
            if not n_left or "timed out" not in str(error):
                raise
    yield cluster
    cluster.shutdown()


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


def ray_pool(
    cluster: Cluster, archive: Archive, *, seconds: float = 0.0, limits: WorkerLimits | None = None
) -> RayPool:
    connect(cluster.address)
    return RayPool(partial(ByName, str(archive.log), seconds), limits or WorkerLimits())


def log(archive: Archive) -> list[tuple[str, int, str, int]]:
    """Name, attempt, alone or shared, and process of each attempt."""
    lines = (line.rsplit(maxsplit=3) for line in archive.log.read_text().splitlines())
    return [(name, int(attempt), how, int(pid)) for name, attempt, how, pid in lines]


def meanwhile(archive: Archive, n_attempts: int, act: Callable[[], None]) -> threading.Thread:
    """Do something as soon as so many attempts have begun."""

    def wait() -> None:
        until = time.monotonic() + PATIENCE
        while len(log(archive)) < n_attempts and time.monotonic() < until:
            time.sleep(0.05)
        act()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def descendants(pid: int) -> list[int]:
    """Processes that a process started, and those that these did."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found[1:]


def test_poison_is_tried_alone_and_quarantined_and_ray_repeats_nothing(
    cluster: Cluster, archive: Archive
) -> None:
    good = [f"good-{number}.wav" for number in range(6)]
    archive.add("crash.wav", "hang.wav", "bad.wav", "flaky.wav", *good)
    limits = WorkerLimits(stall=8.0)
    archive.run(pool=ray_pool(cluster, archive, limits=limits), retries=2)
    rows = archive.rows()
    assert {name for name, row in rows.items() if row.state == DONE} == {*good, "flaky.wav"}
    assert {name: rows[name].cause for name in ("crash.wav", "hang.wav", "bad.wav")} == {
        "crash.wav": "crashed its worker",
        "hang.wav": "hung",
        "bad.wav": "not a recording",
    }
    assert rows["hang.wav"].error == "no sign of life for 8 s"
    attempts = log(archive)
    poison = ("crash.wav", "hang.wav")
    assert archive.attempts() == {
        **dict.fromkeys((*good, "bad.wav"), 1),
        **dict.fromkeys((*poison, "flaky.wav"), 3),
    }
    # Alone means in a process that hears nothing else.
    processes = [pid for *_, pid in attempts]
    alone = [pid for name, _, how, pid in attempts if how == "alone" and name in poison]
    assert len(alone) == 4
    assert all(processes.count(pid) == 1 for pid in alone)
    until = time.monotonic() + 20
    while any(map(is_running, processes)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(map(is_running, processes))
    assert archive.run(pool=ray_pool(cluster, archive)).settled_names == []


@pytest.mark.skipif(sys.platform != "linux", reason="memory of others is told on Linux")
def test_a_swelling_worker_is_stopped(cluster: Cluster, archive: Archive) -> None:
    archive.add("swell fetched.wav", "a.wav")
    limits = WorkerLimits(memory=250_000_000)
    archive.run(pool=ray_pool(cluster, archive, limits=limits), retries=0)
    rows = archive.rows()
    assert rows["a.wav"].state == DONE
    assert rows["swell fetched.wav"].cause == "took too much memory"
    assert "250 MB" in rows["swell fetched.wav"].error
    # What it had fetched is gone with it.
    assert not list(Path(tempfile.gettempdir()).glob("transcribe-scratch-*/fetched"))


def test_workers_killed_at_random_cost_an_attempt_and_nothing_else(
    cluster: Cluster, archive: Archive
) -> None:
    names = [f"{number:02}.wav" for number in range(24)]
    archive.add(*names)
    killed: list[int] = []

    def kill_some() -> None:
        for n_attempts in (5, 10, 15):
            while len(log(archive)) < n_attempts:
                time.sleep(0.02)
            victim = log(archive)[-1][-1]
            os.kill(victim, signal.SIGKILL)
            killed.append(victim)

    killer = threading.Thread(target=kill_some)
    killer.start()
    archive.run(pool=ray_pool(cluster, archive, seconds=0.2))
    killer.join()
    LocalStore(archive.out).clear_leftovers()  # as the next run does
    assert set(archive.states().values()) == {DONE}
    assert archive.outputs() == {name.replace(".wav", ".mid") for name in names}
    n_attempts = sum(archive.attempts().values())
    assert len(names) <= n_attempts <= len(names) + len(killed)
    assert sum(row.deaths for row in archive.rows().values()) == n_attempts - len(names)


def test_what_a_lost_machine_was_at_is_done_on_another_and_nobody_s_fault(
    cluster: Cluster, archive: Archive
) -> None:
    node = cluster.add_node(num_cpus=2, **NODE)
    cluster.wait_for_nodes()
    archive.add(*(f"{number}.wav" for number in range(6)))
    pool = ray_pool(cluster, archive, seconds=5.0)
    assert pool.size == 4  # of five CPUs one is left free
    killer = meanwhile(archive, 4, lambda: cluster.remove_node(node, allow_graceful=False))
    archive.run(pool=pool)
    killer.join()
    rows = archive.rows()
    assert {row.state for row in rows.values()} == {DONE}
    assert sum(archive.attempts().values()) > len(rows)
    assert {row.deaths for row in rows.values()} == {0}


def test_a_killed_driver_takes_its_workers_along_and_the_next_goes_on(
    cluster: Cluster, archive: Archive, tmp_path: Path
) -> None:
    names = [f"{number}.wav" for number in range(10)]
    archive.add(*names)
    code = (
        "import sys; from functools import partial; from pathlib import Path\n"
        "import ray, archive_workers\n"
        "from test_archive_driver import Archive\n"
        "from transcribe.archive.workers.base import WorkerLimits\n"
        "from transcribe.archive.workers.ray_cluster import connect\n"
        "from transcribe.archive.workers.ray_pool import RayPool\n"
        "ray.cloudpickle.register_pickle_by_value(archive_workers)\n"
        "archive = Archive(Path(sys.argv[1]))\n"
        "connect(sys.argv[2])\n"
        "make = partial(archive_workers.ByName, str(archive.log), 0.5)\n"
        "archive.run(pool=RayPool(make, WorkerLimits()))\n"
    )
    driver = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), cluster.address],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    until = time.monotonic() + PATIENCE
    while len(archive.outputs()) < 3:
        assert time.monotonic() < until
        assert driver.poll() is None
        time.sleep(0.05)
    driver.kill()
    driver.wait()
    workers = {pid for *_, pid in log(archive)}
    while any(map(is_running, workers)):
        assert time.monotonic() < until
        time.sleep(0.1)
    LocalStore(archive.out).clear_leftovers()
    n_done = len(archive.outputs())
    archive.run(pool=ray_pool(cluster, archive))
    assert set(archive.states().values()) == {DONE}
    assert archive.outputs() == {name.replace(".wav", ".mid") for name in names}
    repeated = [name for name, n in archive.attempts().items() if n > 1]
    assert len(repeated) <= 4
    assert n_done < len(names)
    for name in names:
        output = archive.out / name.replace(".wav", ".mid")
        assert output.read_bytes() == b"transcribed " + name.encode()


def test_weights_that_are_missing_end_the_run(cluster: Cluster, archive: Archive) -> None:
    archive.add("a.wav")
    connect(cluster.address)
    with pytest.raises(PoolError, match="no such weights"):
        archive.run(pool=RayPool(unfit, WorkerLimits()))
    assert archive.states() == {"a.wav": WAITING}


def test_a_cluster_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise ConnectionError("Failed to connect\nto the head node")

    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(TranscribeError, match=r"no Ray answers at 10\.0\.0\.1:6379"):
        connect("10.0.0.1:6379")


@pytest.mark.parametrize(
    ("cluster_has", "n_cpus", "n_gpus", "room"),
    [
        ({"CPU": 64.0}, 1, 0, 63),
        ({"CPU": 64.0}, 4, 0, 15),
        ({"CPU": 1.0}, 1, 0, 1),
        ({}, 1, 0, 1),
        ({"CPU": 16.0, "GPU": 2.0}, 1, 1, 2),
    ],
)
def test_one_cpu_of_a_cluster_is_left_free(
    monkeypatch: pytest.MonkeyPatch,
    cluster_has: dict[str, float],
    n_cpus: int,
    n_gpus: int,
    room: int,
) -> None:
    monkeypatch.setattr(ray, "cluster_resources", lambda: cluster_has)
    assert room_for(n_cpus, n_gpus) == room


def test_a_start_that_takes_too_long_on_a_busy_machine_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[str] = []

    def slow(address: str, **_: object) -> None:
        tries.append(address)
        if len(tries) < 3:
            raise RuntimeError("The current node timed out during startup.")

    monkeypatch.setattr(ray, "init", slow)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    connect()
    assert tries == ["local"] * 3

    def always(address: str, **_: object) -> None:
        raise RuntimeError("The current node timed out during startup.")

    monkeypatch.setattr(ray, "init", always)
    with pytest.raises(TranscribeError, match="no Ray can be started on this machine"):
        connect()


@pytest.mark.skipif(sys.platform != "linux", reason="finds Ray's processes as Linux tells them")
def test_when_all_of_ray_is_killed_the_run_ends_in_words(archive: Archive, tmp_path: Path) -> None:
    """Ray itself would end the driver after a minute, without an exception."""
    archive.add(*(f"{number}.wav" for number in range(9)))
    code = (
        "import os, sys; from functools import partial; from pathlib import Path\n"
        "import ray, archive_workers\n"
        "from test_archive_driver import Archive\n"
        "from transcribe.archive.workers.base import WorkerLimits, PoolError\n"
        "from transcribe.archive.workers.ray_cluster import connect\n"
        "from transcribe.archive.workers.ray_pool import RayPool\n"
        "ray.cloudpickle.register_pickle_by_value(archive_workers)\n"
        "archive = Archive(Path(sys.argv[1]))\n"
        "connect()\n"
        "make = partial(archive_workers.ByName, str(archive.log), 1.0)\n"
        "try:\n"
        "    archive.run(pool=RayPool(make, WorkerLimits(), size=1))\n"
        "except PoolError as error:\n"
        "    print(error)\n"
    )
    driver = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + PATIENCE
    # An output is there a moment before the manifest says so.
    while not archive.outputs() or DONE not in archive.states().values():
        assert time.monotonic() < until
        assert driver.poll() is None
        time.sleep(0.1)
    for process in descendants(driver.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    said, _ = driver.communicate(timeout=50)
    assert driver.returncode == 1  # and no signal, of which Ray's own ending would die
    assert "Ray is gone: nothing answers at" in said
    assert "what is done is kept" in said
    states = set(archive.states().values())
    assert states == {DONE, WAITING}
