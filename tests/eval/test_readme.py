"""The README says what the records say, and its commands are the ones that work."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from eval.common.paired import differences
from eval.data.sets import SETS
from eval.publish import readme
from eval.publish.readme import (
    PEERS,
    README,
    REPORT,
    RESULTS,
    current,
    noise_sets,
    report,
    with_results,
)


def test_the_figures_are_those_of_the_records():
    text = README.read_text("utf-8")
    assert with_results(text, current()) == text, "run python -m eval.publish.readme"


def test_the_section_is_short():
    """The README has room for 1,200 words in all."""
    assert len(current().split()) < 250


def test_the_report_is_what_the_records_make():
    assert report() == REPORT.read_text("utf-8"), "run python -m eval.publish.readme"


def test_a_readme_without_marks_is_refused():
    with pytest.raises(ValueError, match="marks"):
        with_results("# transcribe\n", "figures")


def test_older_records_have_one_set_of_noise_and_newer_ones_a_list():
    rain = {"name": "rain"}
    assert noise_sets({"noise": rain}) == noise_sets({"noise": [rain]}) == [rain]
    assert noise_sets({}) == []


def test_a_record_of_several_systems_becomes_a_table_in_both_pages(monkeypatch, tmp_path):
    """With the record the pages have its table; without, nothing of it."""
    for path in RESULTS.glob("*.json"):
        shutil.copy(path, tmp_path)
    (tmp_path / f"{PEERS}.json").unlink(missing_ok=True)
    monkeypatch.setattr(readme, "RESULTS", tmp_path)
    assert "another one" not in current() + report()

    def block(title, mean, factor):
        summary = {"mean": mean, "interval_95": [mean - 0.05, mean + 0.05]}
        return {
            "system": {"name": title, "title": title, "conventions": f"Notes of {title}."},
            "summary": {f"{each}/onset": summary for each in ("aligned", "as_found")},
            "speed": {
                "n_failed": 0,
                "real_time_factor": factor,
                "cpu_real_time_factor": factor,
                "peak_mb": 700.4,
                "startup_seconds": 2.5,
                "first_notes_seconds": 3.5,
            },
        }

    difference = {"mean": -0.0234, "interval_95": [-0.03, -0.01]}
    record = {
        "commit": "0123456789abcdef",
        "date": "2026-01-01 00:00 UTC",
        "machine": {"cpu": "an abacus"},
        "command": "python -m eval.accuracy.benchmark set=maps-real-dev system=all",
        "threads": 1,
        "workers": 1,
        "data": {"name": "maps-real-dev", "n_recordings": 19, "seconds": 1660},
        "systems": {"ours": block("ours", 0.9, 0.02), "other": block("another one", 0.95, 1.25)},
        "differences": {"other": {"aligned/onset": difference}},
    }
    (tmp_path / f"{PEERS}.json").write_text(json.dumps(record))
    ours = json.loads((RESULTS / "maps-real-dev.json").read_text("utf-8"))
    packaged = ours["summary"]["aligned/onset"]["mean"]
    assert f"| onset, 50 ms | {100 * packaged:.1f} | 95.0 |" in current()
    assert "| aligned | ours | another one |" in report()
    assert "| onset, 50 ms | 90.0 [85.0, 95.0] | 95.0 [90.0, 100.0] |" in report()
    assert "| real-time factor, 1 thread | 0.020 | 1.250 |" in report()
    assert "python -m eval.accuracy.benchmark set=maps-real-dev system=all" in report()
    assert "0123456789ab" in report()
    assert "an abacus" in report()
    assert "| onset, 50 ms | -2.3 [-3.0, -1.0] |" in report()
    assert "- **another one** (`another one`): Notes of another one. 0 clips failed." in report()


def test_other_weights_are_compared_with_what_a_record_says_of_others():
    """Differences taken from two records are those that one record has of the same weights."""
    peers = json.loads((RESULTS / f"{PEERS}.json").read_text("utf-8"))
    ours, theirs = (peers["systems"][name]["recordings"] for name in ("ours", "transkun"))
    found = differences(ours, theirs)
    for name, recorded in peers["differences"]["transkun"].items():
        assert found[name]["n_recordings"] == recorded["n_recordings"]
        assert found[name]["mean"] == pytest.approx(recorded["mean"], abs=2e-4)


def test_what_training_knew_is_taken_out_of_the_figures():
    """Means over what is left; weights that were trained without the music have no such table."""
    record = json.loads((RESULTS / "maps-real-dev.json").read_text("utf-8"))
    record["system"]["name"] = "harmonic 6"
    f1 = {
        each["name"].removeprefix("MAPS_MUS-").removesuffix("_ENSTDkCl"): each["scores"][
            "aligned/onset"
        ]["f1"]
        for each in record["recordings"]
    }
    *_, table, _ = readme._known_music(record)
    rows = [line.split(" | ")[:2] for line in table.splitlines()[2:]]
    assert [name for name, _ in rows] == [
        "| all: 19",
        "| without chpn-e01: 18",
        "| works that training had in no performance: 9",
    ]
    known = SETS["maps-real-dev"].known_music
    for (_, cell), left_out in zip(rows, ((), known.same_music, known.works), strict=True):
        mean = np.mean([value for name, value in f1.items() if name not in left_out])
        assert cell.startswith(f"{100 * mean:.1f} [")
    record["system"]["name"] = "harmonic 7"
    assert readme._known_music(record) == []


def test_a_record_of_changed_code_is_called_a_draft():
    record = {"commit": "0123456789abcdef-dirty", "date": "2026-01-01 00:00 UTC"}
    assert readme.measured(record) == (
        "Measured at commit 0123456789ab, 2026-01-01 00:00 UTC, with changes that no commit has: "
        "a draft."
    )


def test_quick_start_is_two_commands():
    quick_start = README.read_text("utf-8").partition("## Quick start")[2]
    block = quick_start.split("```")[1].strip().splitlines()
    assert len(block) == 2
    assert all(".venv/bin/" in line for line in block)
