"""How long a pedal needs from one value to another."""

from __future__ import annotations

import json

import mido
import numpy as np
import pytest

from eval.accuracy.pedals import main, movements, travel_times

SLOW = [(0.0, 0), (0.5, 20), (0.54, 40), (0.58, 70), (1.0, 127), (2.0, 90), (2.03, 70), (2.05, 50)]
"""Pressed in 80 ms from the first message above nothing, lifted in 50 ms from the last."""


def write(path, values):
    track = mido.MidiTrack()
    ticks = 0
    for seconds, value in values:
        now = round(seconds * 1000)
        message = mido.Message("control_change", control=64, value=value, time=now - ticks)
        track.append(message)
        ticks = now
    file = mido.MidiFile(ticks_per_beat=500)  # at 120 a minute, a tick is a millisecond
    file.tracks.append(track)
    file.save(path)
    return path


def test_movements_are_told_in_seconds(tmp_path):
    np.testing.assert_allclose(movements(write(tmp_path / "slow.mid", SLOW)), SLOW, atol=1e-6)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(10, 0.08), (30, 0.04), (50, 0.0), (120, 0.05), (80, 0.02), (65, 0.0)],
)
def test_the_time_is_that_since_the_pedal_left_the_value(value, seconds):
    assert travel_times(np.array(SLOW), value) == pytest.approx([seconds], abs=1e-9)


def test_a_switch_needs_no_time_and_a_pedal_held_half_down_is_left_out():
    switch = np.array([(0.0, 0), (1.0, 127), (2.0, 0), (3.0, 127)])
    assert travel_times(switch, 30) == [0.0, 0.0]
    held = np.array([(0.0, 0), (1.0, 40), (4.0, 70)])
    assert travel_times(held, 30) == []


def test_the_record_has_percentiles(tmp_path, capsys):
    write(tmp_path / "slow.mid", SLOW)
    (tmp_path / "pieces.csv").write_text(
        "canonical_composer,canonical_title,split,year,midi_filename,audio_filename,duration\n"
        "Test,Study,train,2026,slow.mid,,3.0\n"
    )
    out = tmp_path / "pedals.json"
    assert main(["--data", str(tmp_path / "pieces.csv"), "--out", str(out)]) == 0
    record = json.loads(out.read_text())
    assert record["press"]["30"] == {
        "n": 1,
        "percentiles": pytest.approx(dict.fromkeys(("10", "25", "50", "75", "90"), 0.04)),
    }
    assert "| 30 | 1 | 40 ms |" in capsys.readouterr().out


def test_a_missing_index_is_told(tmp_path, capsys):
    assert main(["--data", str(tmp_path / "none.csv")]) == 1
    assert "none.csv" in capsys.readouterr().err
