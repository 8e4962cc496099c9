"""Differences to published scores are summed up over the pieces that every system has one for."""

from __future__ import annotations

import pytest

from eval.downstream.score_difference import difference_in_time, summed_up


def test_means_are_over_pieces_that_every_system_could_be_compared_on():
    found = summed_up(
        {
            "one": {"ours": 0.5, "music21": 0.9, "partitura": 0.7},
            "two": {"ours": 0.7, "music21": 0.6, "partitura": 0.9},
            "late": {"ours": 0.1, "music21": None, "partitura": 0.9},
        }
    )
    means = {name: each["mean"] for name, each in found["difference"].items()}
    assert means == pytest.approx({"ours": 0.6, "music21": 0.75, "partitura": 0.8})
    assert found["n_ours_closest"] == 1
    assert found["pieces"]["late"]["music21"] is None


def test_where_nothing_could_be_compared_there_is_no_mean():
    found = summed_up({"late": {"ours": None, "music21": None, "partitura": None}})
    assert (found["difference"], found["n_ours_closest"]) == ({}, 0)


def test_what_can_not_be_read_has_no_difference(tmp_path):
    absent = tmp_path / "no.musicxml"
    assert difference_in_time(absent, 4, absent) is None
