"""Eight-bit numbers: no two products overflow 16 bits, and means stay where they were."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe.model.quantisation import Spread, rounded


def largest_sum_of_two(values: np.ndarray, axis: int) -> int:
    """What a processor without VNNI holds at most when it adds two neighbours' products."""
    rows = np.moveaxis(values.astype(np.int64), axis, 0)
    if len(rows) % 2:
        rows = np.concatenate([rows, rows[-1:]])
    sums = [np.maximum(sign * rows, 0) for sign in (1, -1)]
    return 255 * max(int((each[::2] + each[1::2]).max()) for each in sums)


@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_two_neighbours_never_come_to_more_than_16_bits_hold(seed, n_in):
    """Else such processors hear something else, without a word."""
    weight = np.random.default_rng(seed).standard_normal((3, n_in, 2, 1)) ** 3
    found = rounded(weight, pairs=1, summed=(1, 2, 3))
    assert largest_sum_of_two(found.values, 1) <= 32767
    assert found.scale.shape == (3, 1, 1, 1)
    np.testing.assert_allclose(found.values * found.scale + found.missing, weight, atol=1e-6)
    assert (np.abs(found.missing) <= 0.500001 * found.scale).all()


def test_neighbours_of_one_sign_share_what_one_alone_may_have():
    alone = rounded(np.array([[1.0, 0.0], [1.0, -1.0]]), pairs=1, summed=(1,))
    assert alone.values.tolist() == [[127, 0], [127, -127]]
    both = rounded(np.array([[1.0, 1.0], [3.0, 1.0]]), pairs=1, summed=(1,))
    assert both.values.tolist() == [[64, 64], [96, 32]]


def test_weights_of_nothing_stay_nothing():
    assert not rounded(np.zeros((2, 4)), pairs=1, summed=(1,)).values.any()


@pytest.mark.parametrize(
    ("least", "greatest", "zero_point", "scale"),
    [(0.0, 5.1, 0, 0.02), (-1.0, 1.55, 100, 0.01), (0.5, 2.55, 0, 0.01), (0.0, 0.0, 0, 1e-6 / 255)],
)
def test_a_spread_over_8_bits_holds_0_exactly(least, greatest, zero_point, scale):
    spread = Spread(least, greatest, np.zeros(1))
    assert spread.zero_point == zero_point
    assert spread.scale == pytest.approx(scale)
