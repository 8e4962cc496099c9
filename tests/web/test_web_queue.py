"""Who is transcribed when: short recordings beside long ones, and what the others wait for."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
import time
from contextlib import asynccontextmanager

import pytest
from starlette.requests import Request
from web_server import serving, wait_until

from transcribe.web import job_queue
from transcribe.web.errors import disk_full
from transcribe.web.library import RecordingLibrary
from transcribe.web.note_routes import NoteRoutes
from transcribe.web.piece_routes import PieceRoutes
from transcribe.web.recording_routes import RecordingRoutes
from transcribe.web.server_state import ServerState
from transcribe.web.worker_process import WorkerProcess

# A worker and a measuring process whose recordings say how long they are and how soon done.
WORKER = """
import json, os, sys, time
print(os.getpid(), file=open(sys.argv[1], "a"))
def tell(**message): print(json.dumps(message), flush=True)
tell(kind="ready")
for line in sys.stdin:
    job = json.loads(line)
    seconds, ends = json.load(open(job["recording"]))
    tell(kind="begun", duration=seconds, seconds=0, decode={}, model="", sample_rate=16000,
         hop_length=512)
    while True:
        tell(kind="heard", seconds=seconds / 4, n_notes=0, notes=[])
        if ends:
            break
        time.sleep(0.05)
    tell(kind="done", duration=seconds, n_notes=0, warnings=[])
"""
MEASURE = "import json, sys; print(json.load(open(sys.argv[1]))[0])"


@pytest.fixture
def client(tmp_path, monkeypatch):
    monkeypatch.setattr(
        job_queue, "WORKER", (sys.executable, "-S", "-c", WORKER, str(tmp_path / "ids"))
    )
    monkeypatch.setattr(job_queue, "MEASURE", (sys.executable, "-S", "-c", MEASURE))
    with serving(tmp_path / "library", n_jobs=1) as client:
        yield client


@pytest.fixture
def worker_ids(tmp_path):
    """Process ids of the workers that were started."""
    return lambda: [int(line) for line in (tmp_path / "ids").read_text().split()]


def put_in(client, seconds: float, *, ends: bool) -> str:
    return str(client.upload(json.dumps([seconds, ends]).encode()).json["id"])


def test_a_short_recording_does_not_wait_for_a_long_one(client):
    long = put_in(client, 2400.0, ends=False)
    client.wait(long, "working")
    second = put_in(client, 1800.0, ends=True)
    short = put_in(client, 12.0, ends=True)
    assert client.wait(short)["state"] == "done"
    assert client.get(f"/api/recordings/{long}").json["state"] == "working"
    # The second long one waits for the first; once it was measured, the time is known.
    waiting = client.until(second, lambda found: found["duration"] == 1800.0)
    assert (waiting["state"], waiting["n_before"]) == ("queued", 1)
    assert waiting["seconds_before"] > 0
    client.ask("POST", f"/api/recordings/{long}/cancel")
    assert client.wait(second)["state"] == "done"
    done = client.get(f"/api/recordings/{second}").json
    assert (done["n_before"], done["seconds_before"]) == (None, None)


def test_a_worker_that_dies_takes_nothing_with_it(client, worker_ids):
    long = put_in(client, 2400.0, ends=False)
    client.wait(long, "working")
    os.kill(worker_ids()[0], signal.SIGKILL)
    failed = client.wait(long)
    assert failed["state"] == "failed"
    assert failed["error"] == "The transcription of this recording ended unexpectedly."
    assert "Try again" in failed["hint"]
    assert client.wait(put_in(client, 3.0, ends=True))["state"] == "done"
    assert len(worker_ids()) == 2


def test_on_a_full_disk_a_recording_in_work_is_deleted(client, monkeypatch):
    """At once, and not after a try to write down that it was stopped."""
    long = put_in(client, 2400.0, ends=False)
    client.until(long, lambda found: found["duration"] == 2400.0)
    writing = RecordingLibrary._writing

    def full_until_it_is_gone(library):
        if library.original(library.entry(long)).exists():
            raise disk_full()
        return writing(library)

    with monkeypatch.context() as patch:
        patch.setattr(RecordingLibrary, "_writing", full_until_it_is_gone)
        start = time.monotonic()
        assert client.ask("DELETE", f"/api/recordings/{long}").status == 204
        assert time.monotonic() - start < 5
        assert client.recordings() == []
    assert client.wait(put_in(client, 3.0, ends=True))["state"] == "done"


@pytest.mark.parametrize(("ask", "expected"), [("pause", "paused"), ("cancel", "cancelled")])
def test_on_a_full_disk_the_work_on_a_recording_is_stopped(client, monkeypatch, ask, expected):
    """At once; it is written down when there is room."""
    long = put_in(client, 2400.0, ends=False)
    client.until(long, lambda found: found["duration"] == 2400.0)

    def full(library):
        raise disk_full()

    start = time.monotonic()
    monkeypatch.setattr(job_queue, "_PAUSE", 0.1)
    with monkeypatch.context() as patch:
        patch.setattr(RecordingLibrary, "_writing", full)
        answer = client.ask("POST", f"/api/recordings/{long}/{ask}")
        assert (answer.status, answer.json["state"]) == (200, expected)
        assert client.recordings()[0]["state"] == expected
        # What has to be written is refused as soon.
        assert client.ask("POST", f"/api/recordings/{long}/again").status == 507
        assert client.ask("PUT", f"/api/recordings/{long}/part", {"from": 1, "to": 2}).status == 507
        assert time.monotonic() - start < 5
        assert client.recordings()[0]["state"] == expected
    assert client.wait(put_in(client, 3.0, ends=True))["state"] == "done"
    assert client.get(f"/api/recordings/{long}").json["state"] == expected
    assert client.ask("DELETE", f"/api/recordings/{long}").status == 204


def test_a_worker_that_was_killed_takes_no_more(tmp_path):
    """At once: one that was stopped as it was done would else be given the next recording."""
    command = (sys.executable, "-S", "-c", WORKER, str(tmp_path / "ids"))

    async def run() -> None:
        worker = await WorkerProcess.start(command, tmp_path / "log")
        assert not worker.has_ended
        worker.kill()
        assert worker.has_ended
        await worker.end()

    asyncio.run(run())


def test_long_recordings_keep_their_order(client):
    first, second, third = (put_in(client, 2400.0 - each, ends=False) for each in range(3))
    client.wait(first, "working")
    places = [client.get(f"/api/recordings/{each}").json["n_before"] for each in (second, third)]
    assert places == [1, 2]
    client.ask("POST", f"/api/recordings/{first}/cancel")
    client.wait(second, "working")
    wait_until(lambda: client.get(f"/api/recordings/{third}").json["n_before"] == 1)


def test_the_list_says_it_of_all_that_wait(tmp_path):
    with serving(tmp_path) as client:  # nothing is transcribed here
        for _ in range(3):
            client.upload(b"x")
        assert [each["n_before"] for each in client.recordings()] == [2, 1, 0]
        assert [each["seconds_before"] for each in client.recordings()] == [None, None, 0.0]


# A worker whose first work outlives it: something of it holds the pipe, and says "done" late.
LATE = """
import json, os, sys, time
while not os.path.exists(sys.argv[1]): time.sleep(0.02)
print(json.dumps(dict(kind="done", duration=60.0, n_notes=7, warnings=[])), flush=True)
"""
ENDS_LATE = """
import json, subprocess, sys, time
print("ready", file=open(sys.argv[1], "a"))
def tell(**message): print(json.dumps(message), flush=True)
tell(kind="ready")
for line in sys.stdin:
    part = json.loads(line)["part"]
    tell(kind="begun", duration=60.0, seconds=0, decode={}, model="", sample_rate=16000,
         hop_length=512)
    if part is None:
        subprocess.Popen([sys.executable, "-S", "-c", sys.argv[3], sys.argv[2]])
        tell(kind="heard", seconds=5.0, n_notes=7, notes=[])
        time.sleep(600)
    tell(kind="done", duration=60.0, n_notes=2, warnings=[])
"""


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_work_that_ends_late_does_not_replace_what_was_chosen(tmp_path, monkeypatch, n_jobs):
    started, gate = tmp_path / "started", tmp_path / "gate"
    command = (sys.executable, "-S", "-c", ENDS_LATE, str(started), str(gate), LATE)
    monkeypatch.setattr(job_queue, "WORKER", command)
    monkeypatch.setattr(job_queue, "_LONGEST_CANCEL", 0.2)
    with serving(tmp_path / "library", n_jobs=n_jobs) as client:
        try:
            name = put_in(client, 60.0, ends=False)
            client.until(name, lambda found: found["heard_seconds"] == 5.0)
            answer = client.ask("PUT", f"/api/recordings/{name}/part", {"from": 1, "to": 2})
            assert (answer.json["part"], answer.json["state"]) == ([1.0, 2.0], "queued")
            if n_jobs == 2:  # the other worker need not wait for the end of the first
                client.wait(name, "done")
        finally:
            gate.touch()
        # Once the late work has ended, a worker takes the place of its own.
        wait_until(lambda: len(started.read_text().split()) == n_jobs + 1)
        found = client.until(name, lambda found: found["state"] not in ("queued", "working"))
        assert (found["state"], found["part"], found["n_notes"]) == ("done", [1.0, 2.0], 2)


# --- what a person says while a worker takes the recording ---


class LoadedLater:
    """In place of a worker process: ready when `loaded` is set, it works until it is killed."""

    loaded: asyncio.Event

    def __init__(self) -> None:
        self.asked, self._killed = asyncio.Event(), asyncio.Event()
        LoadedLater.latest = self

    @classmethod
    async def start(cls, command, log):
        await cls.loaded.wait()
        return cls()

    @property
    def has_ended(self) -> bool:
        return self._killed.is_set()

    def send(self, request) -> None:
        self.asked.set()

    async def message(self):
        await self._killed.wait()

    def kill(self) -> None:
        self._killed.set()

    async def end(self) -> None:
        self.kill()


class SlowDisk(RecordingLibrary):
    """A library that writes once it is let; `writes` says that something is to be written."""

    def __init__(self, folder) -> None:
        self.let, self.writes = threading.Event(), threading.Event()
        super().__init__(folder)

    def save(self, entry) -> None:
        self.writes.set()
        assert self.let.wait(60)
        super().save(entry)


def request_of(name: str, body: dict) -> Request:
    async def receive() -> dict:
        return {"type": "http.request", "body": json.dumps(body).encode()}

    scope = {"type": "http", "path_params": {"id": name}, "query_string": b"", "headers": []}
    return Request(scope, receive)


STOPS = [(RecordingRoutes.pause, "paused"), (RecordingRoutes.cancel, "cancelled")]
SAYS = [
    (RecordingRoutes.rename, {"name": "waltz"}, {"name": "waltz.wav"}),
    (RecordingRoutes.part, {"from": 1, "to": 2}, {"part": [1.0, 2.0]}),
    (PieceRoutes.wish, {"metre": "3/4"}, {"wishes": {"metre": "3/4"}}),
    (NoteRoutes.set, {"threshold": 0.5}, {"threshold": 0.5}),
]


@asynccontextmanager
async def asked_as_it_is_taken(tmp_path, monkeypatch, ask, body):
    """Ask for something; the worker is ready to take the recording just before it is written."""
    monkeypatch.setattr(job_queue, "WorkerProcess", LoadedLater)
    LoadedLater.loaded = asyncio.Event()
    library = SlowDisk(tmp_path)
    (upload := library.new_upload()).write_bytes(b"x")
    name = library.add(upload, "song.wav", most=9).id
    state = ServerState(library, n_jobs=1)
    group = {each.__name__: each for each in (RecordingRoutes, NoteRoutes, PieceRoutes)}
    routes = group[ask.__qualname__.split(".")[0]](state)
    async with state.running():
        asking = asyncio.create_task(ask(routes, request_of(name, body)))
        await asyncio.to_thread(library.writes.wait)
        LoadedLater.loaded.set()
        for _ in range(100):  # the worker does whatever it can do now
            await asyncio.sleep(0)
        library.let.set()
        answer = await asking
        yield library.entry(name), json.loads(answer.body), state
    library.close()


@pytest.mark.parametrize(("ask", "expected"), STOPS)
def test_what_is_stopped_as_a_worker_takes_it_is_stopped(tmp_path, monkeypatch, ask, expected):
    async def run() -> None:
        async with asked_as_it_is_taken(tmp_path, monkeypatch, ask, {}) as (kept, told, state):
            assert (kept.state, told["state"]) == (expected, expected)
            for _ in range(100):
                await asyncio.sleep(0)
            assert not state.queue.running
            assert not LoadedLater.latest.asked.is_set()

    asyncio.run(run())


@pytest.mark.parametrize(("ask", "body", "expected"), SAYS)
def test_what_is_said_as_a_worker_takes_it_is_kept(tmp_path, monkeypatch, ask, body, expected):
    async def run() -> None:
        async with asked_as_it_is_taken(tmp_path, monkeypatch, ask, body) as (kept, _, state):
            await asyncio.wait_for(LoadedLater.latest.asked.wait(), 60)
            (job,) = state.queue.running.values()
            for each in (kept, job.entry, state.library.entry(kept.id)):
                assert {key: getattr(each, key) for key in expected} == expected
            assert state.library.entry(kept.id).state == "working"

    asyncio.run(run())
