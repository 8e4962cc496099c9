"""Records of measurements: differences, tables, provenance."""

import argparse
import csv
import json

import numpy as np
import pytest
from ten_notes import PLAYED

from eval.common import command as commands
from eval.common import transcribing
from eval.common.paired import differences, paired_tests
from eval.common.record import command, provenance, rounded, write_record
from eval.common.tables import (
    composers_table,
    latex,
    metrics_table,
    noise_table,
    recordings_csv,
)
from transcribe.evaluation.aggregate import aggregate
from transcribe.evaluation.metrics import Ratio, Scores, score
from transcribe.notes import Note, Performance


def recordings(scores):
    """What a record says of recordings with these scores."""
    return [
        {
            "name": f"waltz {number}",
            "audio_sha256": "0",
            "duration": 3.0,
            "composer": "=Strauß" if number % 2 else "Chopin",
            "title": "Waltz | No. 1",
            "scores": each.as_json(),
        }
        for number, each in enumerate(scores)
    ]


def test_differences_are_of_pairs():
    """Two systems that differ by the same on every recording differ for certain."""
    matched = (2, 9, 4, 7, 3, 8)
    ours = [Scores({"onset": Ratio(10, 10, n)}, {"error": 1.0}) for n in matched]
    others = [Scores({"onset": Ratio(10, 10, n - 1)}, {"error": None}) for n in matched]
    found = differences(recordings(ours), recordings(others))
    assert set(found) == {"onset"}
    assert found["onset"]["mean"] == pytest.approx(0.1)
    assert found["onset"]["interval_95"] == pytest.approx([0.1, 0.1])
    # All six on one side: two of the 64 ways to choose signs are as far.
    assert found["onset"]["wilcoxon_p"] == pytest.approx(2 / 64)
    assert found["onset"]["bootstrap_p"] == pytest.approx(1 / 10_001)
    same = differences(recordings(ours), recordings(ours))["onset"]
    assert (same["mean"], same["wilcoxon_p"], same["bootstrap_p"]) == (0, 1, 1)
    unplayed = recordings([Scores({"onset": Ratio(0, 3, 0)}, {})])
    assert differences(unplayed, unplayed) == {}
    with pytest.raises(ValueError, match="same recordings"):
        differences(recordings(ours), recordings(others)[1:])


def test_tests_tell_chance_from_difference():
    """Of differences around zero one in twenty is called sure, of those around 0.1 nearly all."""
    draws = np.random.default_rng(1).normal(0, 0.1, size=(100, 15))
    chance = [paired_tests(draw) for draw in draws]
    shifted = [paired_tests(draw + 0.1) for draw in draws]
    for test in ("wilcoxon_p", "bootstrap_p"):
        assert np.mean([each[test] < 0.05 for each in chance]) <= 0.12
        assert np.mean([each[test] < 0.05 for each in shifted]) > 0.85
    assert paired_tests(draws[0, :5]) == {"wilcoxon_p": None, "bootstrap_p": None}


def test_a_record_becomes_csv_and_latex_and_a_table_by_composer():
    scores = [
        Scores({f"{each}/onset": Ratio(10, 10, n) for each in ("as_found", "aligned")}, {"late": v})
        for n, v in ((5, 0.25), (10, None), (7, 0.5))
    ]
    record = {"system": {"name": "ours"}, "recordings": recordings(scores)}
    rows = list(csv.DictReader(recordings_csv(record).splitlines()))
    assert len(rows) == 9
    assert rows[0] == {
        **dict.fromkeys(rows[0], ""),
        "system": "ours",
        "recording": "waltz 0",
        "composer": "Chopin",
        "seconds": "3.0",
        "title": "Waltz | No. 1",
        "metric": "as_found/onset",
        "precision": "0.5",
        "recall": "0.5",
        "f1": "0.5",
        "n_ref": "10",
        "n_est": "10",
        "n_matched": "5",
    }
    assert rows[3]["composer"] == "'=Strauß"  # no formula in a spreadsheet
    assert [row["value"] for row in rows if row["metric"] == "late"] == ["0.25", "", "0.5"]
    table = composers_table([record])
    assert "| Chopin | 2 | 60.0 | – | – | – |" in table
    assert "| =Strauß | 1 | 100.0 | – | – | – |" in table
    two = composers_table([{**record, "system": {"name": name, "title": name}} for name in "ab"])
    assert "| composer: onset, 50 ms | recordings | a | b |" in two
    assert "| Chopin | 2 | 60.0 | 60.0 |" in two
    text = latex(f"Words.\n\n{table}\n\n| a_b, % | **x** |\n|---|--:|\n| `c` \\| d | 1 |\n")
    assert text.count(r"\begin{tabular}{lrrrrr}") == 1
    assert r"Chopin & 2 & 60.0 & -- & -- & -- \\" in text
    assert r"a\_b, \% & \textbf{x} \\" in text
    assert r"\texttt{c} | d & 1 \\" in text
    assert "Words" not in text


def test_the_command_in_a_record_names_data_and_no_folders(tmp_path):
    options = argparse.Namespace(
        recording=tmp_path / "a.wav", data=tmp_path / "index.csv", threads=[1, 2], out=tmp_path
    )
    assert command("eval.x", options, positional=["recording"]) == (
        f"python -m eval.x a.wav --data {tmp_path.name} --threads 1 2"
    )
    overrides = argparse.Namespace(overrides=["loss.pedal=0", f"data.cache={tmp_path}"])
    assert command("eval.x", overrides, positional=["overrides"]) == (
        f"python -m eval.x loss.pedal=0 data.cache={tmp_path.name}"
    )


def test_blocks_stop_at_a_sample():
    blocks = [np.arange(5), np.arange(5, 10), np.arange(10, 15)]
    joined = np.concatenate(list(transcribing._first_samples(blocks, 7)))
    assert joined.tolist() == list(range(7))


def summaries(scores):
    """As a record has them."""
    return {name: each.as_json() for name, each in aggregate(scores).items()}


def test_a_table_has_a_row_for_what_was_measured():
    late = Performance(
        [
            Note(onset=n.onset + 0.03, pitch=n.pitch, offset=n.offset + 0.03, velocity=n.velocity)
            for n in PLAYED.notes
        ]
    )
    lines = metrics_table(summaries([score(PLAYED, late, ref_has_pedal=False)])).splitlines()
    cells = {line.split(" | ")[0]: line for line in lines}
    fine = "| onset, 20 ms | 1 | 0.0 | 0.0 | 0.0 | 0.0 | 100.0 | 100.0 | 100.0 | 100.0 |"
    assert cells["| onset, 20 ms"] == fine
    late_by = "| median onset deviation, ms (above 0: late)"
    assert cells[late_by] == f"{late_by} | 1 | 30.0 |"
    assert cells["| velocity error, raw, MIDI steps"].endswith("| 1 | 0.00 |")
    assert not any("pedal" in line for line in lines)
    n_columns = {line.count("|") for line in lines[:6]}
    assert n_columns == {11}


def test_a_table_shows_intervals():
    scores = [Scores({"as_found/onset": Ratio(10, 10, n)}, {}) for n in (5, 10) * 10]
    found = metrics_table(summaries(scores))
    assert "| onset, 50 ms | 20 | 75.0 [65.0, 85.0] | 75.0 | 75.0 | 75.0 |" in found


def test_noise_table_lists_recordings():
    noise = {
        "n_recordings": 1,
        "seconds": 90.0,
        "false_notes_per_minute": 4.0,
        "recordings": [{"name": "rain", "duration": 90.0, "per_minute": 4.0}],
    }
    assert noise_table(noise).splitlines()[2:] == [
        "| rain | 1.5 | 4.0 |",
        "| **all 1** | 1.5 | **4.0** |",
    ]


def test_a_record_is_written_whole_and_refuses_not_a_number(tmp_path):
    path = tmp_path / "new" / "record.json"
    write_record({"composer": "Dvořák"}, path)
    assert json.loads(path.read_text(encoding="utf-8")) == {"composer": "Dvořák"}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_record({"f1": float("nan")}, path)
    assert json.loads(path.read_text(encoding="utf-8")) == {"composer": "Dvořák"}
    assert rounded({"a": [1 / 3, 2], "b": None}) == {"a": [0.333333, 2], "b": None}


def test_what_no_commit_can_make_again_is_no_record(monkeypatch, tmp_path, capsys):
    """A record among the results is refused before anything is measured, unless it is a draft."""
    monkeypatch.setattr(commands, "RESULTS", tmp_path)
    out = tmp_path / "record.json"

    def run(commit, *words):
        monkeypatch.setattr(commands, "provenance", lambda: {"commit": commit})
        measured = []
        parser = commands.new_parser("eval.x", None)
        code = commands.run(
            parser, lambda _: measured.append(1) or {"f1": 1 / 3}, ["--out", str(out), *words]
        )
        return code, bool(measured)

    for commit, found in (("abc-dirty", "changes that are not committed"), (None, "no git")):
        assert run(commit) == (1, False)
        told = capsys.readouterr().err
        assert told.startswith(f"eval.x: {out}: expected code that a commit names")
        assert found in told
        assert not out.exists()
        assert run(commit, "--draft") == (0, True)
        out.unlink()
    assert run("abc") == (0, True)
    assert json.loads(out.read_text()) == {
        "commit": "abc",
        "command": "python -m eval.x",
        "f1": 0.333333,
    }
    monkeypatch.setattr(commands, "RESULTS", tmp_path / "elsewhere")
    assert run("abc-dirty") == (0, True)


def test_provenance_says_who_and_what():
    found = provenance()
    assert found["versions"]["numpy"] == np.__version__
    assert found["machine"]["cores"] >= 1
    assert json.dumps(found)
