import json
from dataclasses import replace

import numpy as np
import pytest
from data_sets import write_data_set
from hypothesis import given
from hypothesis.strategies import booleans, floats, integers, lists, tuples

from eval.accuracy import calibration
from eval.accuracy.calibration import (
    Judged,
    brier_score,
    error_interval,
    expected_calibration_error,
    reliability,
)
from eval.common import transcribing
from transcribe.datasets import load_dataset
from transcribe.evaluation.metrics import match_aligned
from transcribe.notes import Note, Performance, sustained
from transcribe.transcription import Transcription

PLAYED = Performance(
    [Note(onset=0.2 * i, pitch=60 + i, offset=0.2 * i + 0.3, velocity=64) for i in range(10)]
)


@pytest.fixture
def data(tmp_path):
    """A data set of two recordings with sound."""
    return write_data_set(tmp_path / "waltzes", dict.fromkeys("ab", PLAYED), seconds=3)


class StandIn(transcribing.FileTranscriber):
    """Hears every note, sure of it; in b.wav also five false ones, half sure."""

    def __init__(self):
        pass

    def __call__(self, path):
        notes = [replace(note, confidence=0.95) for note in PLAYED.notes]
        if path.stem == "b":
            false = [replace(note, pitch=note.pitch + 30) for note in PLAYED.notes[:5]]
            notes += [replace(note, confidence=0.5) for note in false]
        est = Performance(notes)
        return Transcription(est, sustained(est), 3.0, None, None)

    def describe(self):
        return {"name": "stand-in"}


@pytest.fixture
def stand_in(monkeypatch):
    monkeypatch.setattr(transcribing.FileTranscriber, "load", lambda *_: StandIn())


def test_notes_are_sorted_into_bins_by_confidence():
    bins = reliability([0.05, 0.5, 0.59, 0.999, 1.0], [False, True, False, True, True])
    assert [each.n_notes for each in bins] == [1, 0, 0, 0, 0, 2, 0, 0, 0, 2]
    assert (bins[5].low, bins[5].high) == (0.5, 0.6)
    assert bins[5].confidence == pytest.approx(0.545)
    assert bins[5].right == 0.5
    assert bins[9].right == 1.0
    assert bins[1].confidence is None
    assert bins[1].right is None


def test_expected_calibration_error_weighs_bins_by_their_notes():
    # Three notes at 0.9 of which two are right, one at 0.3 that is wrong.
    bins = reliability([0.9, 0.9, 0.9, 0.3], [True, True, False, False])
    assert expected_calibration_error(bins) == pytest.approx(0.75 * (0.9 - 2 / 3) + 0.25 * 0.3)


def test_confidence_that_comes_true_has_no_error_and_its_opposite_the_most():
    right = np.array([True, False, False, True])
    assert expected_calibration_error(reliability(right.astype(float), right)) == 0
    assert brier_score(right.astype(float), right) == 0
    assert expected_calibration_error(reliability(1.0 - right, right)) == 1
    assert brier_score(1.0 - right, right) == 1


@given(
    notes=lists(tuples(floats(0, 1), booleans()), min_size=1, max_size=60), n_bins=integers(1, 20)
)
def test_finer_bins_show_at_least_the_error_of_all_notes_in_one(notes, n_bins):
    confidence, right = (np.array(each, float) for each in zip(*notes, strict=True))
    error = expected_calibration_error(reliability(confidence, right, n_bins))
    overall = abs(confidence.mean() - right.mean())
    assert overall - 1e-9 <= error <= 1 + 1e-9
    assert sum(each.n_notes for each in reliability(confidence, right, n_bins)) == len(notes)


def test_what_is_no_confidence_is_refused():
    with pytest.raises(ValueError, match="0 to 1"):
        reliability([1.2], [True])
    with pytest.raises(ValueError, match="0 to 1"):
        reliability([float("nan")], [True])
    with pytest.raises(ValueError, match=r"\(2,\) and \(1,\)"):
        reliability([0.5, 0.5], [True])
    with pytest.raises(ValueError, match="one bin or more"):
        reliability([0.5], [True], 0)
    with pytest.raises(ValueError, match="found none"):
        expected_calibration_error(reliability([], []))


def test_the_interval_is_of_recordings():
    sure = Judged("sure", 1.0, np.full(10, 0.75), np.arange(10) < 5)
    # The same figure in every recording: no choice of recordings changes it.
    assert error_interval([sure] * 6) == pytest.approx((0.25, 0.25))
    good = Judged("good", 1.0, np.full(10, 1.0), np.ones(10, bool))
    low, high = error_interval([sure, good] * 3)
    assert 0 <= low < 0.05
    assert 0.2 < high <= 0.25
    silent = Judged("silent", 1.0, np.zeros(0), np.zeros(0, bool))
    assert error_interval([*[sure, good] * 2, sure, silent]) is None  # five with notes


def test_a_late_recording_is_aligned_before_notes_are_judged():
    late = [replace(n, onset=n.onset + 0.04, offset=n.offset + 0.04) for n in PLAYED.notes]
    later = replace(late[3], onset=late[3].onset + 0.03)  # 70 ms late as found
    pairs, deviation = match_aligned(PLAYED, Performance([*late[:3], later, *late[4:]]))
    assert deviation == pytest.approx(0.04)
    assert pairs.tolist() == [[i, i] for i in range(10)]
    too_late = replace(late[3], onset=late[3].onset + 0.06)
    pairs, _ = match_aligned(PLAYED, Performance([*late[:3], too_late, *late[4:]]))
    assert len(pairs) == 9


def test_a_late_recording_is_judged_aligned(data):
    """All 40 ms late and one 70 ms: the median is taken off before anything is called wrong."""

    def late_ear(path):
        late = [
            replace(note, onset=note.onset + by, offset=note.offset + by, confidence=0.9)
            for number, note in enumerate(PLAYED.notes)
            for by in [0.07 if number == 3 else 0.04]
        ]
        return Transcription(Performance(late), sustained(Performance(late)), 3.0, None, None)

    recording = load_dataset(data, split="test")[0]
    judged = calibration.judge(recording, late_ear, None)
    assert judged.right.tolist() == [True] * 10
    assert judged.confidence.tolist() == [0.9] * 10


def test_a_data_set_is_judged_drawn_and_recorded(data, stand_in, tmp_path, capsys):
    out, plot = tmp_path / "new" / "record.json", tmp_path / "new" / "curve.png"
    assert calibration.main(["--data", str(data), "--out", str(out), "--plot", str(plot)]) == 0
    record = json.loads(out.read_text())
    # 20 right notes at 0.95 and 5 wrong ones at 0.5.
    summary = record["summary"]
    assert (summary["n_notes"], summary["n_right"]) == (25, 20)
    assert summary["expected_calibration_error"] == pytest.approx(0.8 * 0.05 + 0.2 * 0.5)
    assert summary["brier_score"] == pytest.approx(0.8 * 0.05**2 + 0.2 * 0.5**2)
    assert summary["expected_calibration_error_interval_95"] is None  # of two recordings
    assert [each["n_notes"] for each in record["bins"]] == [0] * 5 + [5] + [0] * 3 + [20]
    assert [each["n_right"] for each in record["recordings"]] == [10, 10]
    assert record["data"] == {
        "name": "waltzes",
        "split": "test",
        "n_recordings": 2,
        "seconds": 6.0,
        "max_seconds_each": None,
    }
    assert record["command"].startswith("python -m eval.accuracy.calibration --data waltzes")
    assert "50 ms" in record["conventions"]
    assert str(tmp_path) not in out.read_text()
    assert plot.read_bytes().startswith(b"\x89PNG")
    told = capsys.readouterr()
    assert "| 0.9 to 1.0 | 20 | 95.0 | 100.0 |" in told.out
    assert "b: 10 of 15 notes right" in told.err


def test_only_the_beginning_is_judged_where_so_asked(data, stand_in, tmp_path):
    out = tmp_path / "record.json"
    words = ["--data", str(data), "--out", str(out), "--max-seconds", "1.0"]
    assert calibration.main(words) == 0
    assert json.loads(out.read_text())["summary"]["n_notes"] == 15


def test_nothing_to_judge_is_one_line_and_exit_code_1(data, monkeypatch, tmp_path, capsys):
    class Deaf(StandIn):
        def __call__(self, path):
            return Transcription(Performance(), Performance(), 3.0, None, None)

    monkeypatch.setattr(transcribing.FileTranscriber, "load", lambda *_: Deaf())
    assert calibration.main(["--data", str(data)]) == 1
    assert "eval.accuracy.calibration: no notes were found" in capsys.readouterr().err
    assert calibration.main(["--data", str(tmp_path / "absent")]) == 1
    assert "eval.accuracy.calibration: expected a folder" in capsys.readouterr().err
