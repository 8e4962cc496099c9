"""``transcribe archive`` as a user types it, with a tiny network in real worker processes."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import SAMPLE_RATE, melody_samples, write_pcm

from transcribe import cli
from transcribe.archive.jobs import DONE, FAILED, Job, JobSettings, Outcome
from transcribe.archive.manifest import Manifest
from transcribe.archive.prefetch import prefetch
from transcribe.archive.work import Worker
from transcribe.archive.workers import factory
from transcribe.archive.workers.base import Finished
from transcribe.errors import CheckpointError
from transcribe.files.lock import locked
from transcribe.interruption import interrupted_by_signals
from transcribe.midi import read_midi
from transcribe.weights_file import PACKAGED, read_provenance

PRELUDE = Path(__file__).parents[1] / "data" / "prelude.mp3"


@pytest.fixture
def archive(tmp_path, random_checkpoint, capsys):
    """Run ``transcribe archive`` on a folder; gives exit code and both outputs."""
    source, out = tmp_path / "tapes", tmp_path / "midi"
    source.mkdir()

    class Archive:
        def __call__(self, *words):
            capsys.readouterr()
            arguments = [str(word) for word in words]
            places = [str(source), "--out", str(out), "--checkpoint", str(random_checkpoint)]
            code = cli.main(["archive", *places, *arguments])
            captured = capsys.readouterr()
            return code, captured.out, captured.err

        def rows(self):
            manifest = Manifest(out / "_transcribe" / "manifest.sqlite")
            try:
                return {row.name: row for row in manifest.rows()}
            finally:
                manifest.close()

    archive = Archive()
    archive.source, archive.out = source, out
    return archive


def outputs(folder: Path) -> set[str]:
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in files if path.parts[0] != "_transcribe"}


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_a_file_is_no_place_for_the_outputs(archive, words):
    (archive.source / "a.mp3").write_bytes(PRELUDE.read_bytes())
    archive.out.write_text("a list, say")
    code, _, err = archive(*words)
    assert (code, err) == (
        1,
        f"transcribe archive: {archive.out}: expected a folder, found a file\n",
    )


def test_where_nothing_can_be_written_another_place_is_asked_for(archive, monkeypatch):
    (archive.source / "a.mp3").write_bytes(PRELUDE.read_bytes())
    monkeypatch.setattr("os.access", lambda *_: False)  # of a disk that is read-only, even to root
    code, _, err = archive()
    assert code == 1
    assert err.endswith("choose another folder with -o\n")
    assert archive("--dry-run")[0] == 0
    assert not archive.out.exists()


@pytest.mark.parametrize("limit", ["--time-limit", "--stall-limit"])
def test_a_limit_under_which_nothing_could_be_done_is_wrong_usage(archive, limit):
    with pytest.raises(SystemExit, match="2"):
        archive(limit, "0")


def broken(folder: Path) -> dict[str, str]:
    """Recordings that can't be used, with what is said of them."""
    whole = PRELUDE.read_bytes()
    write_pcm(folder / "header.wav", np.zeros(0, np.float32))
    (folder / "empty.flac").write_bytes(b"")
    (folder / "text.mp3").write_text("no sound at all")
    (folder / "noise.ogg").write_bytes(np.random.default_rng(0).bytes(5000))
    (folder / "head.mp3").write_bytes(b"\0" * 20_000 + whole[-300:])
    return {
        "header.wav": "empty",
        "empty.flac": "empty",
        "text.mp3": "not a recording",
        "noise.ogg": "not a recording",
        "head.mp3": "",
    }


def test_a_tree_is_transcribed_and_reported_and_the_second_run_does_nothing(archive):
    write_pcm(archive.source / "a.wav", melody_samples())
    write_pcm(archive.source / "1962" / "side.wav", melody_samples())
    write_pcm(archive.source / "1962" / "silent.wav", np.zeros(SAMPLE_RATE, np.float32))
    (archive.source / "1962" / "cut.mp3").write_bytes(PRELUDE.read_bytes()[:20_000])
    (archive.source / "notes.txt").write_text("tape 1")
    causes = broken(archive.source)
    code, told, complaints = archive("--json", "--workers", "1", "--progress", "plain")
    assert code == 1
    assert "4 of 9 recordings done" in told
    assert "header.wav: failed: " in complaints
    assert outputs(archive.out) == {
        *("a.mid", "a.json", "1962/side.mid", "1962/side.json", "1962/silent.mid"),
        *("1962/silent.json", "1962/cut.mid", "1962/cut.json"),
    }
    rows = archive.rows()
    for name, cause in causes.items():
        assert rows[name].state == FAILED
        assert cause in (rows[name].cause, ""), name
        assert rows[name].error
        assert str(archive.source) not in rows[name].error
    done = rows["a.wav"]
    assert (done.state, done.attempts, done.sample_rate, done.codec) == (
        DONE,
        1,
        16000,
        "pcm_s16le",
    )
    assert done.duration == pytest.approx(3.0)
    assert len(done.sha256) == 64
    assert done.model == "random"
    assert done.notes == len(read_midi(archive.out / "a.mid").notes)
    assert rows["1962/silent.wav"].warnings[0].startswith("silent: ")
    assert rows["1962/cut.mp3"].warnings[0].startswith("truncated: ")
    content = json.loads((archive.out / "1962" / "side.json").read_text())
    assert content["recording"] == "1962/side.wav"
    own = archive.out / "_transcribe"
    table = list(csv.DictReader(io.StringIO((own / "manifest.csv").read_text())))
    assert [line["name"] for line in table] == sorted(rows)
    assert "4 of 9 recordings transcribed" in (own / "report.html").read_text()
    assert "1962/cut.mp3" in (own / "report.csv").read_text()

    before = {path: path.stat().st_mtime_ns for path in archive.out.rglob("*.mid")}
    code, told, complaints = archive("--json", "--progress", "json")
    assert (code, complaints) == (1, "")
    start, end = map(json.loads, told.splitlines())
    assert (start["event"], start["to_do"], start["settled_before"]) == ("start", 0, 9)
    assert (end["event"], end["done"], end["failed"]) == ("end", 4, 5)
    assert {path: path.stat().st_mtime_ns for path in archive.out.rglob("*.mid")} == before
    for name in causes:
        (archive.source / name).unlink()
    (archive.source / "programme.pdf").touch()
    code, told, complaints = archive("--json")
    assert (code, "nothing to do; 4 finished earlier" in complaints) == (0, True)
    assert "ignored, not recordings: " in complaints
    assert "1 .pdf" in complaints


def test_recordings_that_a_pattern_leaves_out_are_not_called_something_else(archive):
    for name in ("a.wav", "b.wav"):
        write_pcm(archive.source / name, melody_samples())
    (archive.source / "notes.txt").touch()
    code, _, complaints = archive("--include", "*.flac")
    assert code == 1
    assert "ignored, not recordings: 1 file (1 .txt)" in complaints
    assert "left out by --include or --exclude: 2 files (2 .wav)" in complaints
    assert "patterns" in complaints
    assert "mounted" not in complaints
    code, told, _ = archive("--exclude", "b.*", "--dry-run")
    assert code == 0
    assert "left out by --include or --exclude: 1 file (1 .wav)" in told


def test_a_plan_is_told_and_nothing_is_written(archive):
    for name in ("a.wav", "b.wav", "drafts/c.wav"):
        write_pcm(archive.source / name, melody_samples())
    (archive.source / "bad.wav").write_text("no sound")
    words = ("--dry-run", "--exclude", "drafts", "--workers", "1")
    code, told, _ = archive(*words, "--verbose")
    assert code == 0
    assert "to do: 3 recordings" in told
    assert "a.wav -> a.mid" in told
    assert "drafts" not in told
    assert "with 1 worker (50 x real time each, not measured here yet)" in told
    record = json.loads(archive(*words, "--progress", "json")[1])
    assert record["to_do"] == 3
    assert record["seconds_of_music"] == pytest.approx(6.0, abs=0.1)
    assert not archive.out.exists()


def test_a_second_run_over_one_destination_is_refused(archive, random_checkpoint):
    write_pcm(archive.source / "a.wav", melody_samples())
    with locked(archive.out / "_transcribe" / "lock"):
        code, _, complaint = archive()
    assert code == 1
    assert re.search(r"another run \(process \d+ on .*\) is at work on this archive", complaint)
    assert outputs(archive.out) == set()


def test_a_report_that_could_not_be_written_is_not_named(archive, monkeypatch):
    class Pool:
        size, transcribed, description = 1, 0.0, "1 worker"

        def __init__(self):
            self.jobs = []

        def submit(self, job):
            self.jobs.append(job)

        def next(self, timeout):
            return Finished(self.jobs.pop(0), Outcome(state=FAILED, cause="empty", error="empty"))

        def close(self):
            pass

    def full(path, content):
        raise OSError(28, "No space left on device", str(path))

    (archive.source / "bad.wav").write_text("no sound")
    monkeypatch.setattr("transcribe.archive.run_archive.probe_some", lambda *_: 0)
    monkeypatch.setattr("transcribe.archive.run_archive.make_pool", lambda *_: Pool())
    monkeypatch.setattr("transcribe.archive.run_archive.write_atomically", full)
    code, told, complaint = archive()
    assert code == 1
    assert "1 failed: empty (1)" in told
    assert "report:" not in told
    assert "no report could be written" in told
    assert "no space left on device" in complaint
    assert json.loads(archive("--progress", "json")[1].splitlines()[-1])["report"] is None


def test_usage_that_can_not_be_meant_is_refused(archive, tmp_path, capsys):
    for words, said in (
        ([tmp_path / "nowhere", "--out", tmp_path / "out"], "no such folder, list or recording"),
        ([archive.source, "--out", archive.source], "among the recordings"),
    ):
        assert cli.main(["archive", *map(str, words)]) == 1
        assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    with pytest.raises(SystemExit):
        cli.main(["archive", str(archive.source)])


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_a_request_to_end_ends_cleanly(archive, random_checkpoint):
    for n in range(60):
        write_pcm(archive.source / f"{n}.wav", melody_samples())
    words = ["archive", str(archive.source), "--out", str(archive.out), "--workers", "1"]
    words += ["--progress", "json", "--checkpoint", str(random_checkpoint)]
    command = [sys.executable, "-m", "transcribe", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        events = map(json.loads, process.stdout)
        next(event for event in events if event["event"] == "done")
        process.send_signal(signal.SIGTERM)
        end = list(events)[-1]
    assert process.returncode == 130
    assert end["event"] == "end"
    rows = archive.rows().values()
    assert {row.state for row in rows} == {DONE, "waiting"}
    done = {f"{row.stem}.mid" for row in rows if row.state == DONE}
    assert end["done"] == len(done) < 60
    assert done <= outputs(archive.out)
    assert all(name.endswith(".mid") for name in outputs(archive.out))


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no such signal")
def test_a_closed_terminal_ends_a_run_as_ctrl_c_does_but_not_under_nohup():
    def hang_up():
        with interrupted_by_signals():
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(5)

    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
    try:
        with pytest.raises(KeyboardInterrupt):
            hang_up()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with interrupted_by_signals():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


# One worker, in this process


@pytest.fixture(scope="module")
def worker(random_checkpoint):
    return Worker(JobSettings(checkpoint=random_checkpoint, longest=60.0))


def test_a_worker_never_raises_whatever_a_file_is(worker, tmp_path):
    broken(tmp_path)
    (tmp_path / "folder.wav").mkdir()
    write_pcm(tmp_path / "long.wav", np.zeros(61 * SAMPLE_RATE, np.float32))
    names = [*(path.name for path in tmp_path.iterdir()), "missing.wav"]
    outcomes = {}
    for name in names:
        outputs_ = (("mid", f"{name}.mid"),)
        job = Job(1, name, str(tmp_path), name, str(tmp_path / "out"), outputs_)
        outcomes[name] = worker(job)
    assert {each.state for each in outcomes.values()} == {FAILED}
    assert outcomes["long.wav"].cause == "too long"
    assert outcomes["missing.wav"].cause == "gone"
    assert outcomes["missing.wav"].may_pass
    assert not outcomes["text.mp3"].may_pass
    assert not (tmp_path / "out").exists()


def test_other_peoples_files_in_the_place_of_outputs_are_kept(worker, tmp_path):
    write_pcm(tmp_path / "a.wav", melody_samples())
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.mid").write_bytes(b"corrected by hand")
    names = (("csv", "a.csv"), ("mid", "a.mid"))
    job = Job(1, "a.wav", str(tmp_path), "a.wav", str(out), names, keep_existing=True)
    assert "kept: a.mid.kept-1" in worker(job).warnings
    assert outputs(out) == {"a.csv", "a.mid", "a.mid.kept-1"}
    assert (out / "a.mid.kept-1").read_bytes() == b"corrected by hand"
    # What comes out the same is nothing to be kept; what is known to be ours is replaced.
    assert not any(each.startswith("kept") for each in worker(job).warnings)
    (out / "a.mid").write_bytes(b"of an older model")
    worker(replace(job, keep_existing=False))
    assert outputs(out) == {"a.csv", "a.mid", "a.mid.kept-1"}
    assert len(read_midi(out / "a.mid").notes) == worker(job).notes


def test_a_destination_that_is_full_is_told_from_one_that_refuses(worker, tmp_path, monkeypatch):
    write_pcm(tmp_path / "a.wav", melody_samples())
    job = Job(1, "a.wav", str(tmp_path), "a.wav", str(tmp_path / "out"), (("mid", "a.mid"),))
    for number, cause in ((28, "disk full"), (13, "can't be written")):

        def refusing(file, number=number):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "fsync", refusing)
        outcome = worker(job)
        assert (outcome.state, outcome.cause) == (FAILED, cause)
        assert list((tmp_path / "out").iterdir()) == []


def test_a_recording_that_changes_while_it_is_read_is_tried_again(worker, tmp_path, monkeypatch):
    path = write_pcm(tmp_path / "a.wav", melody_samples())
    job = Job(1, "a.wav", str(tmp_path), "a.wav", str(tmp_path / "out"), (("mid", "a.mid"),))

    def beat(seconds):
        os.utime(path, (seconds + 1, seconds + 1))

    outcome = worker(job, beat)
    assert (outcome.state, outcome.may_pass) == (FAILED, True)
    assert "changed" in outcome.error


def test_a_gpu_that_fails_takes_its_worker_along(worker, tmp_path, monkeypatch):
    write_pcm(tmp_path / "a.wav", melody_samples())
    job = Job(1, "a.wav", str(tmp_path), "a.wav", str(tmp_path / "out"), (("mid", "a.mid"),))

    def failing(*_, **__):
        raise RuntimeError("device-side assert triggered")

    monkeypatch.setattr(worker._transcriber.transcriber, "transcribe", failing)
    outcome = worker(job)
    assert (outcome.cause, outcome.may_pass) == ("unexpected error", True)
    monkeypatch.setattr(worker, "settings", replace(worker.settings, device="cuda:0"))
    with pytest.raises(RuntimeError, match="device-side"):
        worker(job)


def test_what_is_made_ahead_comes_in_order_and_its_errors_too():
    def items():
        yield from range(5)
        raise ValueError("the sixth")

    found = []

    def gather():
        for item in prefetch(items(), 2):
            found.append(item)

    with pytest.raises(ValueError, match="the sixth"):
        gather()
    assert found == [0, 1, 2, 3, 4]


def test_the_next_item_is_made_while_one_is_used():
    made = threading.Semaphore(0)

    def items():
        for n in range(3):
            yield n
            made.release()

    with contextlib.closing(prefetch(items(), 2)) as blocks:
        assert next(blocks) == 0
        for _ in range(2):  # while the consumer still holds the first
            assert made.acquire(timeout=30)


def test_a_consumer_that_stops_stops_what_is_made_ahead():
    made = []

    def items():
        for n in range(1000):
            made.append(n)
            yield n

    blocks = prefetch(items(), 2)
    assert next(blocks) == 0
    blocks.close()
    assert len(made) < 10


# How many workers, which weights


def test_workers_are_as_many_as_cores_and_memory_allow():
    gigabytes = 10**9
    assert factory.cpu_workers(8, 64 * gigabytes) == 8
    assert factory.cpu_workers(8, 4 * gigabytes) == 5  # 0.63 GB each, a tenth left free
    assert factory.cpu_workers(8, gigabytes // 2) == 1
    assert factory.cpu_workers(8, None) == 8


def test_each_gpu_has_a_worker(monkeypatch):
    monkeypatch.setattr(factory, "n_gpus", lambda: 2)
    assert factory.devices_of("cuda", None) == ["cuda:0", "cuda:1"]
    assert factory.devices_of("cuda", 3) == ["cuda:0", "cuda:1", "cuda:0"]
    assert factory.devices_of("cpu", 3) == ["cpu"] * 3
    monkeypatch.setattr(factory, "n_gpus", lambda: 0)
    monkeypatch.setattr(factory, "n_cores", lambda: 2)
    monkeypatch.setattr(factory, "free_memory", lambda: None)
    assert factory.devices_of("auto", None) == ["cpu", "cpu"]


def test_weights_say_who_they_are_without_being_loaded(random_checkpoint, tmp_path):
    from transcribe.checkpoint import load_checkpoint

    for path in (random_checkpoint, PACKAGED):
        metadata = load_checkpoint(path).metadata
        found = read_provenance(path)
        assert found.sha256 == metadata["sha256"]
        assert found.name == f"{metadata['name']} {metadata.get('version', '')}".strip()
    (tmp_path / "text").write_text("no weights")
    for name in ("text", "missing", ""):
        with pytest.raises(CheckpointError, match="weights file"):
            read_provenance(tmp_path / name)


def test_the_driver_never_imports_torch(archive):
    write_pcm(archive.source / "a.wav", melody_samples())
    code = (
        "import sys; from transcribe.cli import main; code = main(sys.argv[1:]); "
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules; sys.exit(code)"
    )
    words = ["archive", str(archive.source), "--out", str(archive.out), "--dry-run"]
    ran = subprocess.run([sys.executable, "-c", code, *words], check=False)
    assert ran.returncode == 0
