"""Scores of many recordings: means, pooled counts, and how sure they are."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pairs import moved, scale

from transcribe.evaluation.aggregate import aggregate
from transcribe.evaluation.counts import Correlation, Mean
from transcribe.evaluation.metrics import (
    Ratio,
    Scores,
    score,
)
from transcribe.notes import PedalPress, Performance


def test_mean_and_pooled():
    """Three short recordings and a long one: the mean weighs recordings, pooled notes."""
    scores = [Scores({"onset": ratio}, {}) for ratio in (
        Ratio(10, 10, 10), Ratio(10, 10, 5), Ratio(10, 10, 0), Ratio(70, 70, 70)
    )]  # fmt: skip
    summary = aggregate(scores)["onset"]
    assert summary.n_recordings == 4
    assert summary.mean == pytest.approx(0.625)
    assert summary.pooled == Ratio(100, 100, 85)
    assert summary.pooled.f1 == pytest.approx(0.85)
    assert summary.interval is None  # four recordings say too little about others


def test_an_interval_of_many_recordings_is_a_bootstrap_with_a_seed():
    scores = [Scores({"onset": Ratio(10, 10, n)}, {}) for n in (10, 5, 0, 10) * 5]
    summary = aggregate(scores)["onset"]
    low, high = summary.interval
    assert 0.4 < low < 0.5
    assert 0.75 < high < 0.85
    assert aggregate(scores)["onset"] == summary
    assert aggregate(scores, seed=1, n_resamples=50)["onset"].interval != summary.interval


def test_five_recordings_have_no_interval_and_six_have_students():
    """2.571 standard errors each way, the t value of five degrees of freedom."""
    values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert aggregate([Scores({}, {"x": each}) for each in values[:5]])["x"].interval is None
    reach = 2.5706 * np.std(values, ddof=1) / np.sqrt(6)
    found = aggregate([Scores({}, {"x": each}) for each in values])["x"].interval
    assert found == pytest.approx((3.5 - reach, 3.5 + reach), abs=1e-3)
    nearly_all = [Scores({"x": Ratio(10, 10, n)}, {}) for n in (10, 10, 10, 10, 10, 7)]
    assert aggregate(nearly_all)["x"].interval[1] == 1  # and no share is above 1


@pytest.mark.parametrize("n_recordings", [6, 10, 14])
def test_intervals_of_few_recordings_cover_too(n_recordings):
    draws = np.random.default_rng(5).normal(0.7, 0.1, size=(400, n_recordings))
    intervals = [aggregate([Scores({}, {"x": v}) for v in draw])["x"].interval for draw in draws]
    assert 0.92 <= np.mean([low <= 0.7 <= high for low, high in intervals]) <= 0.98


def test_the_interval_covers_the_true_mean_19_times_in_20():
    draws = np.random.default_rng(3).normal(0.7, 0.1, size=(300, 40))
    covered = 0
    for draw in draws:
        scores = [Scores({}, {"x": value}) for value in draw]
        low, high = aggregate(scores, n_resamples=300)["x"].interval
        covered += low <= 0.7 <= high
    assert 0.90 <= covered / 300 <= 0.98


def test_recordings_without_pedal_are_left_out_of_its_mean_but_pooled():
    scores = [
        Scores({"pedal": Ratio(4, 4, 4)}, {"error": 2.0}),
        Scores({"pedal": Ratio(0, 4, 0)}, {"error": None}),
        Scores({}, {}),
    ]
    summaries = aggregate(scores)
    assert summaries["pedal"].mean == 1
    assert summaries["pedal"].n_recordings == 1
    assert summaries["pedal"].interval is None
    assert summaries["pedal"].pooled == Ratio(4, 8, 4)
    assert summaries["error"].mean == 2


def test_means_and_correlations_are_pooled_over_all_notes():
    """Ten notes 2 steps off and one 13 steps off: 7.5 by recordings, 3 by notes."""
    rng = np.random.default_rng(0)
    played, heard = rng.integers(1, 128, (2, 40))
    scores = [
        Scores.of({}, {"error": Mean(20.0, 10), "r": Correlation.of(played[:30], heard[:30])}),
        Scores.of({}, {"error": Mean(13.0, 1), "r": Correlation.of(played[30:], heard[30:])}),
        Scores.of({}, {"error": Mean(0.0, 0), "r": Correlation.of([], [])}, {"late": 0.1}),
    ]
    summaries = aggregate(scores)
    assert summaries["error"].mean == 7.5
    assert summaries["error"].pooled_number == 3
    together = np.corrcoef(played, heard)[0, 1]
    assert summaries["r"].pooled_number == pytest.approx(together)
    assert summaries["r"].mean == pytest.approx(
        (np.corrcoef(played[:30], heard[:30])[0, 1] + np.corrcoef(played[30:], heard[30:])[0, 1])
        / 2
    )
    assert summaries["late"].pooled_number is None
    assert "pooled" not in summaries["late"].as_json()
    assert summaries["error"].as_json()["pooled"] == 3


@given(st.lists(st.tuples(st.integers(1, 127), st.integers(1, 127)), max_size=20))
@settings(deadline=None)
def test_correlation_is_pearsons(pairs):
    x, y = np.array(pairs, float).reshape(-1, 2).T
    found = Correlation.of(x, y).value
    if len(x) and np.ptp(x) and np.ptp(y):
        assert found == pytest.approx(np.corrcoef(x, y)[0, 1])
    else:
        assert found is None


def test_the_interval_of_pooled_scores_draws_recordings_not_notes():
    """One long bad recording among short good ones: pooled depends on how often it is drawn."""
    scores = [Scores({"onset": Ratio(10, 10, 10)}, {})] * 19 + [
        Scores({"onset": Ratio(1810, 1810, 0)}, {})
    ]
    summary = aggregate(scores)["onset"]
    assert summary.pooled.f1 == pytest.approx(0.095)
    low, high = summary.pooled_interval
    assert low == pytest.approx(170 / (170 + 3 * 1810), abs=0.01)
    assert high == 1  # in a third of the draws it is absent
    few = aggregate(scores[:7] + scores[-1:])["onset"].pooled_interval
    assert (few[0], few[1]) == (0, 1)  # eight, of which one decides: nothing is known
    assert summary.as_json()["pooled"]["f1_interval_95"] == [low, high]


def test_scores_and_summaries_are_json():
    ref = Performance(scale(), [PedalPress(onset=1, offset=2)])
    scores = score(ref, moved(ref, 0.01))
    written = json.loads(json.dumps(scores.as_json(), allow_nan=False))
    assert written["as_found/onset"]["f1"] == 1
    assert written["onset_deviation/median"] == pytest.approx(0.01)
    summary = json.loads(json.dumps(aggregate([scores])["as_found/onset"].as_json()))
    assert summary["pooled"]["n_ref"] == 8
    assert summary["interval_95"] is None
