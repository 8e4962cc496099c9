"""The driver with a pool of processes: poison, interruption, resume; nothing is heard here."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from archive_workers import ByName, stillborn, unfit

from transcribe.archive import preview, scratch
from transcribe.archive.diagnosis import GONE
from transcribe.archive.driver import Driver, RunStores, StoppedError
from transcribe.archive.forecast import Forecast
from transcribe.archive.jobs import Job, Outcome
from transcribe.archive.listing import Patterns, list_source
from transcribe.archive.manifest import Manifest
from transcribe.archive.plan import Wanted, apply, make_plan
from transcribe.archive.rows import DONE, FAILED, QUARANTINED, WAITING, WORKING, Row
from transcribe.archive.storage.local import LocalStore
from transcribe.archive.workers.base import HUNG, Died, Finished, PoolError, WorkerLimits
from transcribe.archive.workers.processes import ProcessPool
from transcribe.files.names import UNFINISHED_START

pytestmark = pytest.mark.slow

WANTED = Wanted(kinds=("mid",), model="tone 1", model_sha256="aa", settings="{}")


class Silent:
    """An observer that keeps what it is told."""

    def __init__(self):
        self.settled_names, self.repeated = [], []

    def finished(self, row):
        self.settled_names.append(row.name)

    def retried(self, row, why):
        self.repeated.append((row.name, why))

    def tick(self, heard):
        pass


class Archive:
    """A source, a destination, and runs over them."""

    def __init__(self, folder: Path):
        self.source, self.out = folder / "source", folder / "out"
        self.log = folder / "log"
        self.source.mkdir(exist_ok=True)
        self.log.touch()

    def add(self, *names: str) -> None:
        for name in names:
            path = self.source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name.encode())

    def plan(self, manifest, **wanted):
        source, out = LocalStore(self.source), LocalStore(self.out)
        listing = list_source(str(self.source), Patterns(), out)
        chosen = Wanted(**{**{f: getattr(WANTED, f) for f in WANTED.__slots__}, **wanted})
        return make_plan(listing, manifest, source, out, chosen), chosen

    def run(self, *, limits=None, n_workers=2, pool=None, retries=2, **wanted) -> Silent:
        source, out = LocalStore(self.source), LocalStore(self.out)
        manifest = Manifest(self.out / "_transcribe" / "manifest.sqlite")
        try:
            plan, chosen = self.plan(manifest, **wanted)
            apply(plan, manifest, out)
            pool = pool or ProcessPool(
                [partial(ByName, str(self.log))] * n_workers, limits or WorkerLimits()
            )
            observer = Silent()
            places = RunStores(source, out)
            driver = Driver(manifest, pool, places, chosen, observer, retries=retries)
            driver.run(plan.todo)
            return observer
        finally:
            manifest.close()

    def rows(self) -> dict[str, Row]:
        manifest = Manifest(self.out / "_transcribe" / "manifest.sqlite")
        try:
            return {row.name: row for row in manifest.rows()}
        finally:
            manifest.close()

    def states(self) -> dict[str, str]:
        return {name: row.state for name, row in self.rows().items()}

    def outputs(self) -> set[str]:
        files = (path for path in self.out.rglob("*") if path.is_file())
        names = {path.relative_to(self.out).as_posix() for path in files}
        return {name for name in names if not name.startswith("_transcribe/")}

    def attempts(self) -> Counter[str]:
        return Counter(line.split()[0] for line in self.log.read_text().splitlines())


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path)


def test_every_recording_has_its_output_and_the_second_run_does_nothing(archive):
    archive.add("a.wav", "1962/b.flac", "1962/side 2/c.mp3")
    archive.run()
    assert set(archive.states().values()) == {DONE}
    assert archive.outputs() == {"a.mid", "1962/b.mid", "1962/side 2/c.mid"}
    assert (archive.out / "1962/b.mid").read_bytes() == b"transcribed 1962/b.flac"
    assert archive.run().settled_names == []
    assert set(archive.attempts().values()) == {1}


def test_poison_is_retried_alone_then_quarantined_and_the_others_are_done(archive):
    archive.add("crash.wav", "bad.wav", *(f"good {n}.wav" for n in range(6)))
    observer = archive.run()
    rows = archive.rows()
    assert rows["crash.wav"].state == QUARANTINED
    assert rows["crash.wav"].deaths == 3
    assert "exit code 7" in rows["crash.wav"].error
    assert rows["bad.wav"].state == FAILED
    assert rows["bad.wav"].error == "it is bad"
    assert all(rows[f"good {n}.wav"].state == DONE for n in range(6))
    lines = [line for line in archive.log.read_text().splitlines() if line.startswith("crash")]
    assert [line.split()[2] for line in lines] == ["shared", "alone", "alone"]
    # Alone means in a process that hears nothing else.
    processes = [line.split()[-1] for line in archive.log.read_text().splitlines()]
    assert all(processes.count(line.split()[-1]) == 1 for line in lines[1:])
    assert [name for name, _ in observer.repeated] == ["crash.wav", "crash.wav"]
    assert archive.run().settled_names == []
    assert archive.run(retry=True).settled_names.count("crash.wav") == 1


def test_what_was_in_flight_at_kills_does_not_hold_up_the_others(archive):
    """Each of them wants a worker of its own; they come when the others are done."""

    class Pool:
        size, transcribed = 1, 0.0

        def __init__(self):
            self.jobs, self.order = [], []

        def submit(self, job):
            self.jobs.append(job)

        def next(self, timeout):
            job = self.jobs.pop(0)
            self.order.append((job.name, job.isolated))
            return Finished(job, Outcome(state=FAILED, cause="empty", error="empty"))

        def close(self):
            pass

    archive.add("a.wav", "b.wav", "c.wav", "d.wav")
    manifest = Manifest(archive.out / "_transcribe" / "manifest.sqlite")
    plan, _ = archive.plan(manifest)
    apply(plan, manifest, LocalStore(archive.out))
    for row in manifest.rows():
        if row.name in ("a.wav", "b.wav"):
            row.state, row.attempts = WORKING, 2
            manifest.save([row])
    manifest.close()
    pool = Pool()
    archive.run(pool=pool)
    assert pool.order == [("c.wav", False), ("d.wav", False), ("a.wav", True), ("b.wav", True)]


def test_a_worker_that_dies_once_costs_only_another_attempt(archive):
    archive.add("once.wav", "a.wav")
    archive.run()
    assert set(archive.states().values()) == {DONE}
    assert archive.attempts() == {"once.wav": 2, "a.wav": 1}


def test_what_does_not_answer_is_tried_again_and_may_pass(archive):
    archive.add("flaky.wav")
    archive.run(retries=1)
    row = archive.rows()["flaky.wav"]
    assert (row.state, row.error, row.may_pass) == (FAILED, "no answer", 1)
    archive.run(retries=2)  # the next run tries again what may pass
    assert archive.rows()["flaky.wav"].state == DONE


def test_a_hang_is_stopped(archive):
    archive.add("hang.wav", "a.wav")
    archive.run(limits=WorkerLimits(stall=2.0), retries=0)
    rows = archive.rows()
    assert (rows["hang.wav"].state, rows["hang.wav"].cause) == (QUARANTINED, "hung")
    assert rows["a.wav"].state == DONE


@pytest.mark.skipif(sys.platform == "win32", reason="memory of others is not seen there")
def test_a_worker_that_swells_is_stopped(archive):
    archive.add("swell.wav", "a.wav")
    archive.run(limits=WorkerLimits(memory=200_000_000), retries=0)
    rows = archive.rows()
    assert rows["swell.wav"].state == QUARANTINED
    assert rows["swell.wav"].cause == "took too much memory"
    assert rows["a.wav"].state == DONE


def test_a_full_disk_stops_the_run_and_the_rest_waits(archive):
    archive.add("a.wav", "full.wav", "z.wav")
    with pytest.raises(StoppedError, match="make room and start again"):
        archive.run(n_workers=1)
    states = archive.states()
    assert states["a.wav"] == DONE
    assert states["full.wav"] == states["z.wav"] == WAITING
    assert "full.mid" not in archive.outputs()
    (archive.source / "full.wav").rename(archive.source / "emptied.wav")
    archive.run()
    assert archive.states()["z.wav"] == DONE


def test_a_source_that_goes_away_stops_the_run(archive, tmp_path):
    class Pool:
        """Its disk is taken away as soon as it has something to do."""

        size, transcribed = 1, 0.0

        def __init__(self):
            self.jobs = []

        def submit(self, job):
            if archive.source.exists():
                archive.source.rename(tmp_path / "elsewhere")
            self.jobs.append(job)

        def next(self, timeout):
            gone = Outcome(state=FAILED, cause=GONE, error="no such file", may_pass=True)
            return Finished(self.jobs.pop(0), gone)

        def close(self):
            pass

    archive.add("a.wav", "b.wav", "c.wav")
    with pytest.raises(StoppedError, match="no longer there"):
        archive.run(pool=Pool())
    assert set(archive.states().values()) == {WAITING}
    (tmp_path / "elsewhere").rename(archive.source)
    archive.run()
    assert set(archive.states().values()) == {DONE}


DRIVER = """
import sys
sys.path[:0] = {folders!r}
from pathlib import Path
from functools import partial
from archive_workers import ByName
from test_archive_driver import Archive
from transcribe.archive.workers.base import WorkerLimits
from transcribe.archive.workers.processes import ProcessPool
if __name__ == "__main__":
    archive = Archive(Path({folder!r}))
    pool = ProcessPool([partial(ByName, str(archive.log), 0.1)] * 2, WorkerLimits())
    archive.run(pool=pool)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="asks for processes by their numbers")
def test_a_driver_killed_at_any_moment_goes_on_where_it_was(archive, tmp_path):
    names = [f"{n:02}.wav" for n in range(20)]
    archive.add(*names)
    script = tmp_path / "driver.py"
    folders = [str(folder) for folder in Path(__file__).parents[:2]]
    script.write_text(DRIVER.format(folders=folders, folder=str(tmp_path)))
    for n_done in (3, 9):
        with subprocess.Popen([sys.executable, str(script)]) as driver:
            until = time.monotonic() + 60
            while len(archive.outputs()) < n_done and time.monotonic() < until:
                time.sleep(0.02)
            driver.kill()
        assert len(archive.outputs()) < len(names)
    workers = {int(line.split()[-1]) for line in archive.log.read_text().splitlines()}
    time.sleep(1)
    assert not any(alive(worker) for worker in workers), "a worker outlives its driver"
    (archive.out / f"{UNFINISHED_START}left.part").write_bytes(b"half")
    LocalStore(archive.out).clear_leftovers()
    archive.run()
    assert set(archive.states().values()) == {DONE}
    assert archive.outputs() == {name.replace(".wav", ".mid") for name in names}
    for name in names:
        made = (archive.out / name).with_suffix(".mid").read_bytes()
        assert made == b"transcribed " + name.encode()
    # Only what each worker was at, and had just done, is done twice.
    assert sum(archive.attempts().values()) <= len(names) + 2 * 4


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def job(name: str, number: int = 1, **more) -> Job:
    return Job(number, name, "nowhere", name, "nowhere", (), **more)


def test_weights_that_can_not_be_loaded_stop_the_pool():
    pool = ProcessPool([unfit], WorkerLimits())
    pool.submit(job("a.wav"))
    with pytest.raises(PoolError, match="no such weights"):
        pool.next(60)
    pool.close()


def test_headers_that_no_worker_can_read_are_done_without(tmp_path, monkeypatch):
    (tmp_path / "a.wav").write_bytes(b"1")
    monkeypatch.setattr(preview, "Prober", unfit)
    assert preview.probe_some([Row(name="a.wav", place="a.wav")], str(tmp_path), Forecast()) == 0


def test_workers_that_never_start_stop_the_pool():
    pool = ProcessPool([stillborn], WorkerLimits())
    pool.submit(job("a.wav"))
    with pytest.raises(PoolError, match="exit code 3"):
        pool.next(60)
    pool.close()


def test_a_time_limit_holds_even_with_signs_of_life(tmp_path):
    pool = ProcessPool([partial(ByName, str(tmp_path / "log"), 0.0)], WorkerLimits(seconds=1.0))
    pool.submit(job("hang.wav"))
    event = pool.next(60)
    assert isinstance(event, Died)
    assert (event.kind, event.reason) == (HUNG, "not done after 1 s")
    pool.submit(job("bad.wav", 2))
    assert isinstance(pool.next(60), Finished)
    pool.close()


def temporaries(folder: Path) -> list[str]:
    """Files in the temporary folder, but for locks."""
    return [path.name for path in folder.rglob("*") if path.is_file() and "lock" not in path.name]


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """A temporary folder of our own, for this process and its workers."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_what_was_fetched_goes_with_the_worker_at_limits_and_interruptions(tmp_path, temporary):
    """A worker that is killed removes nothing itself; recordings may be gigabytes each."""
    pool = ProcessPool([partial(ByName, str(tmp_path / "log"))], WorkerLimits(seconds=0.5))
    pool.submit(job("hang fetched.wav"))
    seen = []
    while not isinstance(event := pool.next(0.2), Died):
        seen += temporaries(temporary)
    assert event.kind == HUNG
    assert "fetched" in seen
    assert list(temporary.iterdir()) == []
    pool.submit(job("hang fetched.wav", 2))
    while not temporaries(temporary):
        pool.next(0.1)
    pool.close()  # as after Ctrl-C
    assert list(temporary.iterdir()) == []


def test_what_a_killed_run_fetched_is_removed_by_the_next(temporary):
    code = (
        "import sys, tempfile, os\n"
        "from transcribe.archive.scratch import Scratch\n"
        "tempfile.tempdir = sys.argv[1]\n"
        "own = Scratch()\n"
        "os.close(tempfile.mkstemp()[0])\n"
        "print('there', flush=True)\n"
        "sys.stdin.read()\n"
    )
    words = [sys.executable, "-c", code, str(temporary)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"there\n"
        assert scratch.clear_abandoned() == 0  # it is in use
        assert len(temporaries(temporary)) == 1
        other.kill()
    with scratch.scratch() as own:
        assert [path for path in temporary.iterdir() if path != own] == []
        assert Path(tempfile.gettempdir()) == own
    assert list(temporary.iterdir()) == []


def test_a_folder_whose_process_may_not_have_its_lock_yet_is_left(temporary):
    folder = temporary / "transcribe-scratch-new"
    folder.mkdir()
    (folder / "lock").touch()
    assert scratch.clear_abandoned() == 0
    os.utime(folder, (0, 0))
    assert scratch.clear_abandoned() == 1
    assert not folder.exists()


def test_waiting_for_nothing_ends_in_time(tmp_path):
    pool = ProcessPool([partial(ByName, str(tmp_path / "log"))], WorkerLimits())
    started = time.monotonic()
    assert pool.next(0.2) is None
    assert time.monotonic() - started < 5
    pool.close()


def test_a_worker_is_not_renewed_for_an_ordinary_recording_after_a_short_one(tmp_path):
    log = tmp_path / "log"
    pool = ProcessPool([partial(ByName, str(log))], WorkerLimits())
    for number, mega in enumerate((130, 340, 130)):
        pool.submit(job(f"weighs {mega}.wav", number))
        assert isinstance(pool.next(60), Finished)
    pool.close()
    assert len({line.split()[-1] for line in log.read_text().splitlines()}) == 1


def test_a_worker_that_has_grown_fat_is_renewed(tmp_path):
    log = tmp_path / "log"
    pool = ProcessPool([partial(ByName, str(log))], WorkerLimits())
    for number, mega in enumerate((500, 890, 910, 500, 500)):
        pool.submit(job(f"weighs {mega}.wav", number))
        assert isinstance(pool.next(60), Finished)
    pool.close()
    first, second, third, fourth, fifth = (
        line.split()[-1] for line in log.read_text().splitlines()
    )
    assert first == second == third
    assert third != fourth == fifth
