"""Beats as they are found, to learn bars from."""

from __future__ import annotations

import numpy as np
import pytest

from transcribe.train.bar_windows import miscounted
from transcribe.train.piece_windows import IGNORED


@pytest.mark.parametrize("seed", range(8))
def test_of_beats_that_are_miscounted_the_others_keep_their_places_in_the_piece(seed):
    beats, of_beat = 0.5 * np.arange(40), np.arange(40)
    found, of_found = miscounted(beats, of_beat, np.random.default_rng(seed))
    known = of_found != IGNORED
    np.testing.assert_array_equal(found[known], beats[of_found[known]])
    n_missed, n_added = 40 - int(known.sum()), int((~known).sum())
    assert 1 <= n_missed + n_added <= 3
    assert (np.diff(found) > 0).all()
    assert of_found[0] == 0  # a piece still begins where it begins
    assert of_found[-1] == 39


def test_a_few_beats_are_left_as_they_are():
    beats, of_beat = 0.5 * np.arange(4), np.arange(4)
    found, of_found = miscounted(beats, of_beat, np.random.default_rng(0))
    np.testing.assert_array_equal(found, beats)
    np.testing.assert_array_equal(of_found, of_beat)
