"""Systems in processes of their own: what is asked is answered, timed, kept, and owned up to."""

from __future__ import annotations

import dataclasses
import os
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from eval.data.clips import make_clip
from eval.systems.registry import System
from eval.systems.serving import (
    Setup,
    SystemProcess,
    cores_of,
    speed_of,
    starts,
    transcribe_all,
)
from transcribe.audio.reader import read_audio
from transcribe.audio.wav import write_wav
from transcribe.errors import TranscribeError
from transcribe.midi import read_midi, write_midi
from transcribe.notes import Note, Performance

PLAYED = Performance([Note(onset=0.5, pitch=60, offset=1.0, velocity=70)])
SYSTEM = System(
    name="stand-in",
    title="a stand-in",
    adapter="stand_in",
    folder=Path(__file__).parents[1],
    conventions="",
    licence="",
    source="",
)


@pytest.fixture
def setup(tmp_path):
    """How the stand-in is run, with an answer for each of the clips a, b and c."""
    answers = tmp_path / "answers"
    answers.mkdir()
    for name in "abc":
        write_midi(PLAYED, answers / f"{name}.mid")
    return Setup(
        system=SYSTEM,
        python=Path(sys.executable),
        threads=1,
        workers=1,
        options={"answers": str(answers)},
    )


@pytest.fixture
def clips(tmp_path):
    for name in "abc":
        write_wav(tmp_path / f"{name}.wav", np.zeros(8000, np.float32), 8000)
    return [make_clip(name, tmp_path / f"{name}.wav", tmp_path / "clips") for name in "abc"]


def heard(setup):
    return (Path(setup.options["answers"]) / "heard.txt").read_text().split()


def test_every_clip_is_heard_once_and_what_is_done_is_not_done_again(setup, clips, tmp_path):
    told: list[str] = []
    folder = tmp_path / "heard"
    states = transcribe_all(setup, clips[:2], folder, report=told.append)
    assert [state["seconds"] for state in states] == [1.0, 1.0]
    assert read_midi(folder / "a.mid").notes == read_midi(folder / "b.mid").notes
    assert states[0]["warnings"] == ["a is quiet"]
    assert states[0]["cpu_seconds"] >= 0
    assert 1e6 < states[0]["peak_bytes"] < 2e8
    more = transcribe_all(setup, clips, folder, report=told.append)
    assert more[:2] == states
    assert heard(setup) == ["a", "b", "c"]
    assert "2 of 3 clips were done before" in " ".join(told)
    transcribe_all(setup, clips, folder, again=True, report=told.append)
    assert heard(setup) == ["a", "b", "c"] * 2


def test_a_crash_is_one_clip_that_failed_and_is_tried_again_in_the_next_run(setup, clips, tmp_path):
    folder = tmp_path / "heard"
    broken = dataclasses.replace(setup, options={**setup.options, "crash": "b"})
    told: list[str] = []
    states = transcribe_all(broken, clips, folder, report=told.append)
    assert ["error" in state for state in states] == [False, True, False]
    assert states[1]["error"] == "the process ended: exit code 9, out of memory"
    assert not (folder / "b.mid").exists()
    assert len(starts(folder)) == 2
    speed = speed_of(states, folder)
    assert (speed["n_clips"], speed["n_failed"], speed["audio_seconds"]) == (2, 1, 2.0)
    assert any("FAILED" in line for line in told)
    assert "error" not in transcribe_all(setup, clips, folder, report=told.append)[1]
    assert heard(setup) == ["a", "b", "c", "b"]


def test_a_clip_without_an_answer_failed(setup, clips, tmp_path):
    (Path(setup.options["answers"]) / "a.mid").unlink()
    state = transcribe_all(setup, clips[:1], tmp_path / "heard", report=str)[0]
    assert state["error"] == "it wrote no a.mid"


def test_another_recording_under_the_same_name_is_heard_again(setup, clips, tmp_path):
    folder = tmp_path / "heard"
    transcribe_all(setup, clips[:1], folder, report=str)
    write_wav(tmp_path / "a.wav", np.full(8000, 0.1, np.float32), 8000)
    other = make_clip("a", tmp_path / "a.wav", tmp_path / "clips")
    transcribe_all(setup, [other], folder, report=str)
    assert heard(setup) == ["a", "a"]


def test_two_workers_share_the_clips_and_starts_are_timed_as_often_as_asked(setup, clips, tmp_path):
    folder = tmp_path / "heard"
    pair = dataclasses.replace(setup, workers=2)
    transcribe_all(pair, clips, folder, n_starts=4, report=str)
    assert sorted(heard(setup)) == ["a", "b", "c"]
    timed = starts(folder)
    assert len(timed) == 4
    for each in timed:
        assert 0 <= each["load_seconds"] <= each["startup_seconds"] <= each["first_notes_seconds"]
    assert timed[0]["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))


def test_a_system_that_does_not_start_says_why(setup, tmp_path):
    broken = dataclasses.replace(setup, options={**setup.options, "crash": "load"})
    with pytest.raises(TranscribeError, match=r"a stand-in did not start: .*no such weights"):
        SystemProcess(broken, [], tmp_path / "log.txt")


def test_a_system_that_fails_at_once_is_not_taken_for_one_that_failed_on_every_clip(
    setup, clips, tmp_path
):
    broken = dataclasses.replace(setup, options={**setup.options, "crash": "warm-up"})
    with pytest.raises(TranscribeError, match=r"two seconds of tones: .*no such instruction"):
        transcribe_all(broken, clips, tmp_path / "heard", report=str)


def test_the_fingerprint_is_of_all_that_changes_an_answer_or_its_speed(setup):
    same = dataclasses.replace(setup)
    assert same.fingerprint == setup.fingerprint
    for change in ({"threads": 2}, {"workers": 2}, {"weights_sha256": "0"}, {"options": {}}):
        assert dataclasses.replace(setup, **change).fingerprint != setup.fingerprint


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system can't pin processes")
def test_workers_have_cores_of_their_own():
    allowed = sorted(os.sched_getaffinity(0))
    assert cores_of(0, 1) == allowed[:1]
    assert cores_of(0, len(allowed)) == allowed
    assert cores_of(1, len(allowed)) == []


def test_a_wav_is_its_own_clip_and_anything_else_is_written_as_one(tmp_path, melody_wav):
    whole = melody_wav("song.wav")
    clip = make_clip("song", whole, tmp_path / "clips")
    assert (clip.path, clip.seconds) == (whole, 3.0)
    cut = make_clip("song", whole, tmp_path / "clips", max_seconds=1.25)
    assert cut.path == tmp_path / "clips" / "song-1.25s.wav"
    assert cut.seconds == 1.25
    np.testing.assert_allclose(
        read_audio(cut.path, 16000), read_audio(whole, 16000)[:20000], atol=1e-4
    )
    with wave.open(str(cut.path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
