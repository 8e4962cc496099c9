"""Mutation testing: its parts exist, its samples are the same again, its shares are right."""

from __future__ import annotations

import pytest

from eval.performance.mutation import ROOT, parts, sampled, share, table


def test_every_module_and_every_test_that_is_named_exists():
    known = parts()
    assert {"losses", "decode", "metrics", "render", "windows", "archive"} < {
        part.name for part in known
    }
    for part in known:
        for path in (*part.modules, *part.tests):
            assert (ROOT / path).exists(), f"{part.name}: {path}"


def test_a_sample_is_drawn_once_from_all_and_the_same_again():
    names = [f"mutant_{number}" for number in range(100)]
    drawn = sampled(names, 10, seed=1)
    assert len(set(drawn)) == 10
    assert set(drawn) < set(names)
    assert sampled(reversed(names), 10, seed=1) == drawn
    assert sampled(names, 10, seed=2) != drawn
    for everything in (0, 100, 1000):
        assert sampled(names, everything, seed=1) == sorted(names)


def test_the_share_killed_has_wilsons_interval():
    """36 of 40: Wilson's 95 % is 0.769 to 0.960."""
    found = share(36, 40)
    assert found["killed"] == 0.9
    assert found["interval_95"] == pytest.approx([0.7695, 0.9604], abs=1e-4)
    row = table({"decode": {**found, "n_mutants": 700}}).splitlines()[-1]
    assert row == "| decode | 700 | 40 | 90.0 | 76.9 to 96.0 |"
