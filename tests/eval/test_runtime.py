"""The comparison of runtimes: they take turns, and the fastest turn of each counts."""

from __future__ import annotations

import numpy as np

from eval.performance.runtime import table, time_in_turns


def test_runtimes_take_turns_and_the_first_does_not_count(monkeypatch):
    order = []
    clock = iter([0.0, 9.0, 0.0, 9.0, 0.0, 3.0, 0.0, 2.0, 0.0, 1.0, 0.0, 4.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    monkeypatch.setattr("time.process_time", lambda: 0.0)
    window = np.zeros((2, 1, 1), np.float32)
    found = time_in_turns(
        {"a": lambda _: order.append("a"), "b": lambda _: order.append("b")}, window, 2
    )
    assert order == ["a", "b"] * 3
    assert {name: row["wall_seconds"] for name, row in found.items()} == {"a": 1.0, "b": 2.0}


def test_the_table_has_every_figure():
    rates = {"times_real_time": 26.6, "times_processor_time": 30.1}
    network = {"runtime": "ONNX float32", "threads": 1}
    record = {
        "network": [{**network, "times_real_time": 42.4, "times_processor_time": 43.6}],
        "whole": {
            "minutes": 4.0,
            "systems": [
                {"system": "torch float32", "processor_seconds": 9.0, **rates},
                {"system": "default.onnx (int8)", "processor_seconds": 3.0, **rates},
            ],
        },
        "startup": {"audio_seconds": 5.0, "wall_seconds": [0.81, 0.9]},
        "memory": [{"minutes": 20.0, "peak_mb": 312.0, "wall_seconds": 31.0}],
        "install": {"seconds": 20.4, "megabytes": 253.7},
    }
    printed = table(record)
    assert "| ONNX float32 | 1 | 42 | 44 |" in printed
    assert "| torch float32 | 27 | 30 | 3.00 |" in printed
    assert "A clip of 5 s, as a process: 0.81, 0.90 s." in printed
    assert "20 min: at most 312 MB, 31.0 s." in printed
    assert "Base install: 254 MB in 20 s." in printed
