"""Deviations that two systems share are the labels'; those they don't are theirs."""

import json
from dataclasses import replace

import numpy as np
import pytest
from data_sets import write_data_set

from eval.accuracy.deviations import describe, main, shared_deviations
from transcribe.midi import write_midi
from transcribe.notes import Note, Performance

RNG = np.random.default_rng(0)
PLAYED = Performance(
    [
        Note(onset=0.5 * i + 1, pitch=40 + i % 30, offset=0.5 * i + 1.3, velocity=20 + i % 80)
        for i in range(200)
    ]
)


def moved(performance, seconds):
    notes = zip(performance.notes, seconds, strict=True)
    return Performance(
        [replace(n, onset=n.onset + by, offset=n.offset + by) for n, by in notes], ()
    )


def test_what_both_systems_hear_off_the_label_is_the_labels():
    """The sound is off the labels by up to 40 ms, and one system a constant 8 ms late."""
    sound = moved(PLAYED, RNG.uniform(-0.04, 0.04, 200))
    found = describe(shared_deviations(PLAYED, sound, moved(sound, np.full(200, 0.008))))
    assert found["n_notes"] == 200
    assert found["correlation"] > 0.99
    assert found["ours"] == pytest.approx(0.04, abs=0.01)
    assert found["between"] < 1e-6
    assert found["late_by_both"] == pytest.approx(1 / 2, abs=0.1)


def test_what_one_system_hears_otherwise_is_not():
    ours, theirs = (moved(PLAYED, RNG.uniform(-0.03, 0.03, 200)) for _ in range(2))
    found = describe(shared_deviations(PLAYED, ours, theirs))
    assert abs(found["correlation"]) < 0.25
    assert found["between"] > found["ours"]
    exact = describe(shared_deviations(PLAYED, PLAYED, theirs))
    assert exact["late_by_both"] == 0


def test_notes_that_one_system_missed_are_left_out():
    rows = shared_deviations(PLAYED, Performance(PLAYED.notes[:50]), PLAYED)
    assert len(rows) == 50
    np.testing.assert_array_equal(rows[:, 2], [note.velocity for note in PLAYED.notes[:50]])


def test_the_command_reads_two_folders_and_writes_a_record(tmp_path, capsys):
    data = write_data_set(tmp_path / "waltzes", {"a": PLAYED}, seconds=1)
    for side in ("ours", "theirs"):
        (tmp_path / side).mkdir()
        write_midi(PLAYED, tmp_path / side / "a.mid")
    words = ["--data", str(data), "--ours", str(tmp_path / "ours")]
    out = tmp_path / "record.json"
    assert main([*words, "--theirs", str(tmp_path / "theirs"), "--out", str(out)]) == 0
    assert "| all | 200 | 0 | 0 |" in capsys.readouterr().out
    assert json.loads(out.read_text())["by_velocity"]["1 to 31"]["n_notes"] == 36
    assert main([*words, "--theirs", str(tmp_path / "nowhere")]) == 1
    assert "nowhere" in capsys.readouterr().err
