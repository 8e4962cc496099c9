"""Windows of several recordings in one batch give what each gives alone."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from archive_workers import ByName
from conftest import melody_samples, write_pcm

from transcribe.archive.batching import Batcher
from transcribe.archive.jobs import DONE, Job, JobSettings
from transcribe.archive.work import Worker
from transcribe.archive.workers.base import Died, Finished, WorkerLimits
from transcribe.archive.workers.processes import ProcessPool
from transcribe.checkpoint import load_checkpoint
from transcribe.midi import read_midi


def test_a_batch_of_windows_is_its_windows_one_by_one(random_checkpoint, monkeypatch):
    monkeypatch.setattr("transcribe.model.onsets_and_frames.fast_bfloat16", lambda device: False)
    checkpoint = load_checkpoint(random_checkpoint)
    config = checkpoint.features
    random = np.random.default_rng(0)
    windows = random.random((5, 64, config.n_channels, config.n_bins), np.float32)
    together = checkpoint.model.batch_activations(windows)
    for window, result in zip(windows, together, strict=True):
        np.testing.assert_allclose(checkpoint.model.activations(window), result, atol=1e-5)


def test_windows_of_many_threads_come_back_to_their_own_thread():
    sizes = []

    def apply(windows):
        sizes.append(len(windows))
        return windows * 2

    batcher = Batcher(apply, 4)
    start = threading.Barrier(6)

    def listen(n):
        with batcher.active():
            start.wait()
            for step in range(20):
                # Two lengths, as the last window of a short recording is shorter.
                frames = np.full((3 + n % 2, 2), 100 * n + step, np.float32)
                np.testing.assert_array_equal(batcher(frames), 2 * frames)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(listen, range(6)))
    assert sum(sizes) == 120
    assert max(sizes) <= 4
    assert len(sizes) < 120


def test_an_error_reaches_those_whose_windows_it_was():
    def apply(windows):
        if windows[0, 0] > 1:
            raise MemoryError("on the GPU")
        return windows

    batcher = Batcher(apply, 2)
    with pytest.raises(MemoryError, match="on the GPU"):
        batcher(np.full(3, 2.0, np.float32))
    assert batcher(np.ones(3, np.float32)).sum() == 3


def test_recordings_heard_side_by_side_are_what_they_are_alone(random_checkpoint, tmp_path):
    rates = (0.9, 1.0, 1.1, 1.2)
    for n, rate in enumerate(rates):
        samples = np.tile(melody_samples(round(16000 * rate)), 3)
        write_pcm(tmp_path / f"{n}.wav", samples)

    def jobs(out):
        return [
            Job(n, f"{n}.wav", str(tmp_path), f"{n}.wav", str(out), (("mid", f"{n}.mid"),))
            for n in range(len(rates))
        ]

    settings = {"checkpoint": str(random_checkpoint), "onset_threshold": 0.3}
    alone = [Worker(JobSettings(**settings))(job) for job in jobs(tmp_path / "alone")]
    together = Worker(JobSettings(**settings, n_parallel=4))
    with ThreadPoolExecutor(4) as threads:
        outcomes = list(threads.map(together, jobs(tmp_path / "together")))
    assert [each.state for each in [*alone, *outcomes]] == [DONE] * 8
    for n, (first, second) in enumerate(zip(alone, outcomes, strict=True)):
        assert second.notes == pytest.approx(first.notes, rel=0.02, abs=1)
        paths = (tmp_path / folder / f"{n}.mid" for folder in ("alone", "together"))
        ours, theirs = (
            {(note.pitch, round(note.onset, 1)) for note in read_midi(p).notes} for p in paths
        )
        assert len(ours ^ theirs) <= 0.02 * len(ours | theirs)


def test_a_process_does_several_jobs_at_once_and_dies_with_all_of_them(tmp_path):
    for name in ("slow a.wav", "slow b.wav"):
        (tmp_path / name).write_text(name)
    log = tmp_path / "log"
    pool = ProcessPool([partial(ByName, str(log), 0.5)], WorkerLimits(), n_parallel=3)
    assert pool.size == 3

    def job(number, name, **more):
        return Job(number, name, str(tmp_path), name, str(tmp_path), (), **more)

    for number, name in enumerate(("slow a.wav", "crash.wav", "slow b.wav")):
        pool.submit(job(number, name))
    died = [pool.next(60) for _ in range(3)]
    assert any(isinstance(each, Died) and each.job.name == "crash.wav" for each in died)
    pool.submit(job(3, "crash.wav", isolated=True))
    for number in (4, 5):
        pool.submit(job(number, "slow a.wav"))
    event = {each.job.number: each for each in (pool.next(60) for _ in range(3))}
    pool.close()
    assert isinstance(event[3], Died)
    assert isinstance(event[4], Finished)
    assert isinstance(event[5], Finished)
    lines = [line.split() for line in log.read_text().splitlines()]
    poison = [line[-1] for line in lines if line[0] == "crash.wav" and line[2] == "alone"]
    assert [line[-1] for line in lines].count(poison[0]) == 1
