"""An archive run that is disturbed in every way, and what is true of it at the end.

    python -m eval.performance.soak --files 2000 --out eval/results/soak.json

An archive of short recordings in all formats (`eval.data.archives`), three in a hundred of them
broken, is transcribed with ``transcribe archive --ray-address`` on a Ray cluster of two
workers on two machines that are really this one. One recording is hours of silence, which
hangs its worker; another crashes every worker that opens it. Meanwhile workers are killed
at random, one machine is lost and another comes in its place, and the driver is killed
twice and started again. Then the run goes on undisturbed until it ends.

At the end every good recording must have exactly one output that holds its notes, every
other one a reason, the manifest must agree with the disk, and a second run must do nothing.
What is not so is printed and recorded, and the exit code is 1. Wants ``pip install
'transcribe[ray]'`` and Linux or macOS.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from eval.common.command import new_parser, run
from eval.data.archives import BROKEN, GOOD, POISON, Made, make_archive
from transcribe.archive.jobs import Job, JobSettings, Output
from transcribe.archive.manifest import Manifest
from transcribe.archive.rows import DONE, FAILED, QUARANTINED, Row
from transcribe.archive.run_folder import MANIFEST
from transcribe.archive.storage.base import OWN_FOLDER, StoredFile
from transcribe.archive.storage.local import LocalStore
from transcribe.archive.work import Worker
from transcribe.export import MIDI
from transcribe.midi import read_midi
from transcribe.notes import Performance
from transcribe.options import natural_number, positive_number, positive_seconds, whole_number

CRASHING = "shelf 1/crashing.wav"
_CRASH = f"""
# A fault put into every worker: who opens one certain recording ends with SIGSEGV.
import os, signal, sys
def opened(event, words):
    if event == "open" and str(words[0]).endswith({CRASHING!r}) and "onnxruntime" in sys.modules:
        os.kill(os.getpid(), signal.SIGSEGV)
sys.addaudithook(opened)
"""
_NODE: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 80 << 20}
_ONSET_TOLERANCE = 0.05
_LEAST_RECALL = 0.5
"""Of the notes of a good recording; of another's notes far fewer are found."""
_LONGEST_WAIT = 600.0
"""Seconds without anything settled after which a soak is stuck."""


@dataclass
class Disturbances:
    """What was done to a run."""

    workers_killed: int = 0
    machines_lost: int = 0
    drivers_killed: int = 0
    exit_codes: list[int] = field(default_factory=list)
    """Of the drivers, one after the other."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say; 0 if all that must be so is so."""
    parser = new_parser("eval.performance.soak", __doc__)
    parser.add_argument("--files", type=whole_number, default=2000, help="default: 2000")
    parser.add_argument("--seed", type=natural_number, default=0, help="default: 0")
    parser.add_argument("--kill-every", type=positive_number, default=25, help="files; default: 25")
    parser.add_argument(
        "--time-limit", type=positive_seconds, default=30.0, help="seconds; default: 30"
    )
    parser.add_argument(
        "--compared", type=natural_number, default=40, help="transcribed again; default: 40"
    )
    parser.add_argument("--folder", type=Path, help="to work in; default: one that is removed")
    return run(
        parser,
        measure,
        arguments,
        show=lambda record: json.dumps(record, indent=1),
        failure=lambda record: "; ".join(record["wrong"]) or None,
    )


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """In the folder that the options name, or in one that is removed."""
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        return soak(options, options.folder or Path(folder))


def soak(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Make an archive, have it transcribed under disturbances, and look at the end."""
    rng = random.Random(options.seed)
    made = _make(folder / "source", options)
    print(f"{len(made)} recordings made", file=sys.stderr, flush=True)
    disturbances = Disturbances()
    started = time.monotonic()
    with _cluster(folder / "fault") as cluster:
        run = _Runs(folder, cluster.address, options)
        _disturbed(run, cluster, disturbances, options.kill_every, rng, len(made))
        seconds = time.monotonic() - started
        before = _snapshot(folder / "out")
        second = run.whole()
        after = _snapshot(folder / "out")
    rows, outputs = _manifest(folder / "out")
    wrong = [
        *_wrong_states(made, rows),
        *_wrong_disk(folder / "out", rows, outputs),
        *_wrong_notes(folder / "out", made, rows, outputs),
        *_wrong_repeats(folder, rows, outputs, options.compared, rng),
    ]
    if second.end.get("recordings") != len(made):
        wrong.append(f"the second run did not come to its end: {second.end}")
    if before != after or second.n_settled:
        wrong.append(f"the second run settled {second.n_settled} and changed the outputs")
    return {
        "ray": version("ray"),
        "archive": {
            "recordings": len(made),
            "good": sum(each.fate == GOOD for each in made),
            "broken": dict(Counter(each.what for each in made if each.fate == BROKEN)),
            "poison": [each.what for each in made if each.fate == POISON],
            "formats": dict(Counter(each.what for each in made if each.fate == GOOD)),
            "seconds_of_music": sum(
                row.duration or 0 for row in rows.values() if row.state == DONE
            ),
        },
        "disturbances": vars(disturbances),
        "states": dict(Counter(row.state for row in rows.values())),
        "causes": dict(Counter(row.cause for row in rows.values() if row.state != DONE)),
        "attempts": dict(sorted(Counter(row.attempts for row in rows.values()).items())),
        "deaths": dict(sorted(Counter(row.deaths for row in rows.values()).items())),
        "seconds": seconds,
        "files_per_hour": 3600 * len(made) / seconds,
        "second_run": {"settled": second.n_settled, "seconds": second.seconds},
        "wrong": wrong,
    }


def _make(source: Path, options: argparse.Namespace) -> tuple[Made, ...]:
    made = make_archive(source, options.files - 1, seed=options.seed)
    good = next(each for each in made if each.what == "16-bit.wav")
    (source / CRASHING).write_bytes((source / good.name).read_bytes())
    return (*made, Made(CRASHING, POISON, "one that crashes its worker"))


@contextmanager
def _cluster(fault: Path) -> Iterator[Any]:
    """A head without work and two machines of one CPU; their workers carry the fault."""
    fault.mkdir(parents=True, exist_ok=True)
    (fault / "sitecustomize.py").write_text(_CRASH, encoding="utf-8")
    before = os.environ.copy()
    os.environ["PYTHONPATH"] = os.pathsep.join([str(fault), *filter(None, sys.path)])
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_agent_register_timeout_ms", "120000")
    os.environ.setdefault("RAY_worker_niceness", "0")  # else 15, and all else goes first
    from ray.cluster_utils import Cluster

    head = {**_NODE, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        for _ in range(2):
            cluster.add_node(**_NODE)
        cluster.wait_for_nodes()
        yield cluster
    finally:
        cluster.shutdown()
        os.environ.clear()
        os.environ.update(before)


class _Runs:
    """Drivers, one after the other, and what they have settled together."""

    def __init__(self, folder: Path, address: str, options: argparse.Namespace) -> None:
        self.words = [sys.executable, "-m", "transcribe", "archive", str(folder / "source")]
        self.words += ["--out", str(folder / "out"), "--ray-address", address, "--device", "cpu"]
        self.words += ["--time-limit", f"{options.time_limit:g}", "--progress", "json"]
        self.log = folder / "driver.log"
        self.n_settled = 0
        self.seconds = 0.0
        self.end: dict[str, Any] = {}
        """What the last driver that came to its end said."""
        self.moved = time.monotonic()

    def start(self) -> subprocess.Popen[str]:
        """Start a driver; what it settles is counted."""
        with self.log.open("a") as log:
            driver = subprocess.Popen(
                self.words, stdout=subprocess.PIPE, stderr=log, text=True, errors="replace"
            )
        self.listener = threading.Thread(target=self._listen, args=(driver,), daemon=True)
        self.listener.start()
        self.moved = time.monotonic()
        return driver

    def _listen(self, driver: subprocess.Popen[str]) -> None:
        assert driver.stdout is not None
        for line in driver.stdout:
            event = json.loads(line) if line.startswith("{") else {"event": ""}
            if event["event"] in (DONE, FAILED, QUARANTINED):
                self.n_settled += 1
                self.moved = time.monotonic()
            elif event["event"] == "end":
                self.end = event

    def whole(self) -> _Runs:
        """Start a driver and wait for its end; what it alone did."""
        self.n_settled, self.end, started = 0, {}, time.monotonic()
        driver = self.start()
        driver.wait(_LONGEST_WAIT)
        self.listener.join()
        self.seconds = time.monotonic() - started
        return self


def _disturbed(
    run: _Runs,
    cluster: Any,
    done: Disturbances,
    kill_every: float,
    rng: random.Random,
    n_files: int,
) -> None:
    """Drive the archive to its end while all manner of things die."""
    plans: list[tuple[float, Callable[[], None]]] = []
    driver = run.start()

    def kill_driver() -> None:
        nonlocal driver
        driver.kill()
        done.exit_codes.append(driver.wait())
        done.drivers_killed += 1
        driver = run.start()

    def lose_machine() -> None:
        workers = [node for node in cluster.list_all_nodes() if node is not cluster.head_node]
        cluster.remove_node(rng.choice(workers), allow_graceful=False)
        cluster.add_node(**_NODE)
        done.machines_lost += 1

    plans = [(0.3, kill_driver), (0.5, lose_machine), (0.7, kill_driver)]
    next_kill = kill_every
    while driver.poll() is None or plans:
        time.sleep(0.2)
        if time.monotonic() - run.moved > _LONGEST_WAIT:
            driver.kill()
            raise TimeoutError(f"nothing was settled for {_LONGEST_WAIT:g} s; see {run.log}")
        if plans and (run.n_settled >= plans[0][0] * n_files or driver.poll() is not None):
            plans.pop(0)[1]()
            print(f"{run.n_settled} settled; {vars(done)}", file=sys.stderr, flush=True)
        if plans and run.n_settled > next_kill:  # the last part is left in peace
            next_kill = run.n_settled + rng.expovariate(1 / kill_every)
            victims = _workers(cluster)
            if victims:
                with _already_gone():
                    os.kill(rng.choice(victims), signal.SIGKILL)
                    done.workers_killed += 1
    done.exit_codes.append(driver.wait())


def _workers(cluster: Any) -> list[int]:
    """Processes of the cluster's actors."""
    raylets = {
        each.process.pid
        for node in cluster.list_all_nodes()
        for each in node.all_processes.get("raylet", ())
    }
    said = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True)
    words = (line.split(maxsplit=2) for line in said.stdout.splitlines())
    return [
        int(pid) for pid, parent, name in words if int(parent) in raylets and "RayWorker" in name
    ]


@contextmanager
def _already_gone() -> Iterator[None]:
    try:
        yield
    except ProcessLookupError:
        return


# --- what must be so at the end ---


def _manifest(out: Path) -> tuple[dict[str, Row], dict[int, list[Output]]]:
    with closing(Manifest(out / OWN_FOLDER / MANIFEST)) as manifest:
        return {row.name: row for row in manifest.rows()}, manifest.outputs()


def _snapshot(out: Path) -> dict[str, tuple[int, float | None]]:
    """Size and time of every output."""
    found = LocalStore(out).walk(skip=lambda folder: folder == OWN_FOLDER)
    return {each.name: (each.size, each.modified) for each in found if isinstance(each, StoredFile)}


def _wrong_states(made: Sequence[Made], rows: Mapping[str, Row]) -> Iterator[str]:
    """Good ones are done, broken ones failed, poison is quarantined, all with their reasons."""
    if set(rows) != {each.name for each in made}:
        yield f"the manifest has {len(rows)} names for {len(made)} recordings"
    wanted = {GOOD: DONE, BROKEN: FAILED, POISON: QUARANTINED}
    for each in made:
        row = rows.get(each.name)
        if row is None:
            continue
        if row.state != wanted[each.fate]:
            yield f"{each.name!r} ({each.what}) is {row.state}: {row.error}"
        elif each.fate != GOOD and not (row.cause and row.error):
            yield f"{each.name!r} ({each.what}) is {row.state} without a reason"


def _wrong_disk(
    out: Path, rows: Mapping[str, Row], outputs: Mapping[int, list[Output]]
) -> Iterator[str]:
    """The manifest names what is on the disk, and nothing else is there."""
    files = {path for path in out.rglob("*") if path.is_file()}
    files = {path for path in files if OWN_FOLDER not in path.relative_to(out).parts}
    for row in rows.values():
        own = outputs.get(row.number, [])
        if len(own) != (row.state == DONE):
            yield f"{row.name!r} is {row.state} and has {len(own)} outputs"
        for output in own:
            path = out / output.name
            if path not in files:
                yield f"{row.name!r}: its output is missing or another's too"
            elif hashlib.sha256(path.read_bytes()).hexdigest() != output.sha256:
                yield f"{row.name!r}: its output is not what the manifest says"
            files.discard(path)
    yield from (f"{path.relative_to(out)} is nobody's output" for path in sorted(files))


def _wrong_notes(
    out: Path,
    made: Sequence[Made],
    rows: Mapping[str, Row],
    outputs: Mapping[int, list[Output]],
) -> Iterator[str]:
    """Every output holds the notes of its own recording rather than those of the one before."""
    good = [each for each in made if each.fate == GOOD and each.name in rows]
    for before, each in zip([good[-1], *good[:-1]], good, strict=True):
        assert each.performance is not None
        assert before.performance is not None
        for output in outputs.get(rows[each.name].number, []):
            est = read_midi(out / output.name)
            own = recall(each.performance, est)
            others = recall(before.performance, est)
            if own < _LEAST_RECALL or (before.performance != each.performance and others >= own):
                yield f"{each.name!r}: {own:.2f} of its own notes, {others:.2f} of another's"


def recall(played: Performance, est: Performance) -> float:
    """Share of notes for which the same pitch is found within 50 ms of their onset."""
    onsets: dict[int, list[float]] = {}
    for note in est.notes:
        onsets.setdefault(note.pitch, []).append(note.onset)
    found = sum(
        any(abs(onset - note.onset) <= _ONSET_TOLERANCE for onset in onsets.get(note.pitch, ()))
        for note in played.notes
    )
    return found / len(played.notes)


def _wrong_repeats(
    folder: Path,
    rows: Mapping[str, Row],
    outputs: Mapping[int, list[Output]],
    n_compared: int,
    rng: random.Random,
) -> Iterator[str]:
    """Some recordings, transcribed once more in this process, give the same bytes."""
    done = [row for row in rows.values() if row.state == DONE]
    worker = Worker(JobSettings())
    again = str(folder / "again")
    for row in rng.sample(done, min(n_compared, len(done))):
        job = Job(
            number=row.number,
            name=row.name,
            source=str(folder / "source"),
            place=row.place,
            destination=again,
            outputs=((MIDI, f"{row.number}.mid"),),
        )
        (output,) = worker(job).outputs
        if output.sha256 != outputs[row.number][0].sha256:
            yield f"{row.name!r}: transcribed once more it gives other bytes"


if __name__ == "__main__":
    sys.exit(main())
