"""The tables of the throughput record say what its figures say."""

from __future__ import annotations

import pytest

from eval.performance.throughput import tables

RECORD = {
    "workers": 2,
    "times_real_time": {"one": [50.0, 48.0], "pool": [90.0, 95.0], "separate": [96.0, 80.0]},
    "efficiency": {
        "of_one_worker_times_cores": 0.95,
        "separate_commands_of_one_times_cores": 0.96,
    },
    "per_core_hour": {"hours_of_music": 47.5},
    "memory": {"peak_mb_after": {"1": 700.4, "100": 720.6}},
}


def test_the_tables_show_the_best_rates_and_reckon_with_them() -> None:
    text = tables(RECORD)
    assert "| 2 | 95.0 | 95 % |" in text
    assert "| 2 separate commands | 96.0 | 96 % |" in text
    assert "| most memory of a worker, MB | 700 | 721 |" in text
    hours = {line.split("|")[1].strip(): line.split("|")[2] for line in text.splitlines()[-3:]}
    assert float(hours["2"].split()[0]) == pytest.approx(1000 / (2 * 47.5), abs=0.06)
    assert float(hours["64"].split()[0]) == pytest.approx(1000 / (64 * 47.5), abs=0.06)
