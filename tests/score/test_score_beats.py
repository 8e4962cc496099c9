"""Beats and bars, decided from what the network says of onsets."""

from __future__ import annotations

import numpy as np
import pytest

from transcribe.score.beat_targets import METRE_NAMES, N_PERIODS
from transcribe.score.beats import BeatSettings, OnsetEvidence, track_bars, track_beats

METRES = [(4, 4, 4), (3, 4, 3), (2, 4, 2)]


def evidence(times, beat, down=None) -> OnsetEvidence:
    n = len(times)
    return OnsetEvidence(
        times=np.asarray(times, float),
        beat=np.asarray(beat, float),
        down=np.full(n, -3.0) if down is None else np.asarray(down, float),
        period=np.full((n, N_PERIODS), -np.log(N_PERIODS)),
        metre=np.full((n, len(METRE_NAMES)), -np.log(len(METRE_NAMES))),
    )


def test_beats_are_on_the_onsets_that_are_likely_ones():
    times = np.arange(0, 12, 0.25)
    beat = np.where(np.arange(len(times)) % 2 == 0, 3.0, -3.0)
    found, onset, _ = track_beats(evidence(times, beat), BeatSettings())
    np.testing.assert_allclose(found, times[::2], atol=0.26)
    assert (onset % 2 == 0).all()


def test_a_beat_on_which_nothing_is_struck_is_put_between():
    times = np.delete(np.arange(0, 12, 0.6), 7)
    found, onset, _ = track_beats(evidence(times, np.full(len(times), 4.0)), BeatSettings())
    assert np.abs(found - 4.2).min() < 0.06
    assert (onset == -1).sum() == 1


def test_a_slowing_down_keeps_its_beats():
    times = np.cumsum(np.geomspace(0.4, 0.9, 30))
    found, _, _ = track_beats(evidence(times, np.full(30, 3.0)), BeatSettings())
    np.testing.assert_allclose(found, times)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_bars_are_as_long_as_the_downbeats_are_apart(n):
    times = np.arange(48) * 0.5
    down = np.where(np.arange(48) % n == 1, 2.0, -4.0)
    given = evidence(times, np.full(48, 3.0), down)
    bars = track_bars(given, np.arange(48), times, BeatSettings(down_bias=0.0), METRES)
    assert np.flatnonzero(bars.in_bar == 0).tolist() == list(range(1, 48, n))
    assert {METRES[index][2] for index in bars.metre[1:]} == {n}


def test_a_given_downbeat_starts_a_bar():
    times = np.arange(24) * 0.5
    given = evidence(times, np.full(24, 3.0))
    bars = track_bars(given, np.arange(24), times, BeatSettings(), [(3, 4, 3)], downbeat=3.5)
    assert bars.in_bar[7] == 0
    assert bars.in_bar[10] == 0
