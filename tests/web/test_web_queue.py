"""Who is transcribed when: short recordings beside long ones, and what the others wait for."""

from __future__ import annotations

import json
import os
import signal
import sys

import pytest
from web_server import serving, wait_until

from transcribe.web import job_queue

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
