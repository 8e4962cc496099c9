"""``transcribe evaluate`` as a user types it."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from transcribe.midi import write_midi
from transcribe.notes import Performance


def later(performance: Performance, seconds: float) -> Performance:
    def moved(event):
        return replace(event, onset=event.onset + seconds, offset=event.offset + seconds)

    return Performance(tuple(map(moved, performance.notes)), tuple(map(moved, performance.pedal)))


def test_evaluate_prints_a_table(run, tmp_path, played):
    write_midi(played, tmp_path / "ref.mid")
    write_midi(later(played, 0.03), tmp_path / "est.mid")
    ran = run("evaluate", tmp_path / "ref.mid", tmp_path / "est.mid")
    assert ran.code == 0
    cells = (re.split(r"\s{2,}", line.strip()) for line in ran.out.splitlines())
    rows = {first: others for first, *others in cells}
    assert rows["onset, 50 ms"] == ["100.0"] * 6
    assert rows["onset, 10 ms"] == ["0.0"] * 3 + ["100.0"] * 3
    assert rows["onset + offset + velocity, 20 ms, pedal-extended"] == ["0.0"] * 3 + ["100.0"] * 3
    assert "pedal onset, 50 ms" in rows
    assert rows["1 piece, 8 notes played, 8 transcribed."] == []
    (late,) = rows["median onset deviation, ms (above 0: late)"]
    assert float(late) == pytest.approx(30, abs=0.6)


def test_evaluate_leaves_out_what_the_reference_does_not_tell(run, tmp_path, played):
    plain = Performance(tuple(replace(note, velocity=64) for note in played.notes))
    write_midi(plain, tmp_path / "ref.mid")
    write_midi(played, tmp_path / "est.mid")
    ran = run("evaluate", tmp_path / "ref.mid", tmp_path / "est.mid", "--json")
    (piece,) = json.loads(ran.out)["pieces"]
    scores = piece["scores"]
    assert scores["as_found/onset"]["f1"] == 1
    assert not [name for name in scores if "pedal" in name or "velocity" in name]


def test_evaluate_refuses_in_one_line(run, tmp_path, played):
    write_midi(played, tmp_path / "ref.mid")
    ran = run("evaluate", tmp_path / "ref.mid", tmp_path / "nowhere.mid")
    assert ran.code == 1
    assert len(ran.complaints) == 1
    assert "nowhere.mid" in ran.err


@pytest.mark.parametrize("place", ["taken", "taken/deep/report"])
def test_evaluate_sees_before_comparing_that_no_report_can_be_written(
    run, tmp_path, played, monkeypatch, place
):
    write_midi(played, tmp_path / "ref.mid")
    (tmp_path / "taken").touch()
    monkeypatch.setattr(
        "transcribe.evaluation.evaluate.evaluate", lambda *_, **__: pytest.fail("compared")
    )
    ran = run("evaluate", tmp_path / "ref.mid", tmp_path / "ref.mid", "-o", tmp_path / place)
    assert ran.code == 1
    assert f"{tmp_path / place}: expected a folder, found a file" in ran.err
    assert len(ran.complaints) == 1
