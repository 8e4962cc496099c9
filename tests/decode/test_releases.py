"""Key releases that are half known are placed where they are most probably right."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transcribe.decode.config import DecodeConfig
from transcribe.decode.decoder import Decoder, decode
from transcribe.decode.peaks import KEY_FALL, falls
from transcribe.decode.releases import LEVELS, likeliest_release
from transcribe.frames import FrameGrid
from transcribe.notes import Note, PedalPress, Performance
from transcribe.rolls import Rolls, encode

GRID = FrameGrid(16000, 512)
FRAME = 512 / 16000
INFINITY = math.inf
PLAIN, LIKELIEST = DecodeConfig(), DecodeConfig(release_tolerance=0.2)
C4 = 60 - 21


def released(crossed, latest=INFINITY):
    return likeliest_release(crossed, latest, 0.2, 0.05)


def test_a_sudden_fall_is_the_release():
    found = released([1.0, 1.001, 1.002, 1.003, 1.004, 1.005])
    assert found == pytest.approx(1.0, abs=0.1)


def test_torn_between_two_times_it_takes_the_likelier_and_not_the_middle():
    """Three in four keys come up at 0.5 s, the others at 2 s; the median would be 0.5 s too. Of
    half and half the middle is right for none."""
    early = released([0.5, 0.5, 0.5, 0.5, 2.0, 2.0])
    assert 0.4 < early < 0.65
    late = released([0.5, 0.5, 2.0, 2.0, 2.0, 2.0])
    assert 1.6 < late < 2.5


def test_where_nothing_is_known_a_long_time_has_more_room_around_it():
    """Spread evenly over 2 s: a fifth of a longer note is more seconds."""
    found = released([2 * (1 - level) for level in LEVELS], latest=2.0)
    assert found > 1.4


def test_the_next_onset_is_the_latest_end():
    assert released([0.9, INFINITY, INFINITY, INFINITY, INFINITY, INFINITY], latest=1.0) <= 1.0
    assert released([INFINITY] * 6, latest=1.0) is None
    assert released([1.2] * 6, latest=1.0) is None
    assert released([INFINITY] * 6) is None


def test_a_level_that_was_never_reached_says_nothing():
    """The plane rises to 0.7 and falls at once: the two levels above were not crossed."""
    found = released([INFINITY, INFINITY, 1.0, 1.0, 1.0, 1.0])
    assert found == pytest.approx(1.0, abs=0.1)


def test_levels_that_the_frame_plane_falls_below_are_told_where_it_crosses_them():
    rolls = Rolls.empty(8)
    rolls.frame[:, C4] = [0, 1, 1, 0.8, 0.8, 0.35, 0, 0]
    found = {row: values for row, kind, column, values in falls(rolls, 1, 8)}
    assert sorted(found) == [3, 5, 6]
    assert all(kind == KEY_FALL and column == C4 for _, kind, column, _ in falls(rolls, 1, 8))
    # From 1 in frame 2 to 0.8 in frame 3: 0.9 is half-way, half a frame before which it ends.
    assert found[3][0] == pytest.approx(0.0, abs=1e-6)
    assert [math.isnan(value) for value in found[3]] == [False] + 5 * [True]
    assert [math.isnan(value) for value in found[5]] == [True, False, False, False, True, True]
    assert found[5][1] == pytest.approx((0.75 - 0.8) / (0.35 - 0.8) - 0.5, abs=1e-6)
    assert [math.isnan(value) for value in found[6]] == 4 * [True] + [False, False]


def half_known(*, n_frames=100, onset=0.32, falling=(20, 60)) -> Rolls:
    """A note whose key comes up at any frame of a range, with one probability."""
    note = Note(onset=onset, pitch=60, offset=n_frames * FRAME - 0.1, velocity=80)
    rolls = encode(Performance([note]), GRID, n_frames)
    first, last = falling
    rolls.offset[:] = 0
    rolls.frame[first:last, C4] = np.linspace(1, 0, last - first)
    rolls.frame[last:, C4] = 0
    return rolls


def test_a_release_that_is_half_known_is_placed_where_it_is_most_probably_right():
    rolls = half_known()
    length = decode(rolls, GRID, PLAIN).notes[0].offset - 0.32
    median = (40 - 0.5) * FRAME - 0.32
    assert length == pytest.approx(median, abs=0.02)
    likeliest = decode(rolls, GRID, LIKELIEST).notes[0].offset - 0.32
    span = np.linspace(20, 60, 400) * FRAME - 0.32
    share = [np.mean(np.abs(each - span) <= 0.2 * span) for each in (length, likeliest)]
    assert share[1] > share[0] + 0.03


def test_a_release_that_is_heard_stays_where_it_is():
    played = Performance(
        [Note(onset=0.5, pitch=60, offset=0.913, velocity=80)], [PedalPress(onset=1.0, offset=1.5)]
    )
    rolls = encode(played, GRID, 100)
    assert decode(rolls, GRID, LIKELIEST) == decode(rolls, GRID, PLAIN)


def test_no_other_plane_is_read_otherwise():
    rolls = half_known()
    plain, likeliest = Decoder(GRID, PLAIN), Decoder(GRID, LIKELIEST)
    for each in (plain, likeliest):
        each.push(rolls)
    assert plain.finish("sustained") == likeliest.finish("sustained")


def test_a_note_struck_again_ends_there_at_the_latest():
    rolls = half_known(falling=(20, 60))
    rolls.onset[30, C4] = 1
    rolls.frame[30:60, C4] = 1
    first, second = decode(rolls, GRID, LIKELIEST).notes
    assert first.offset <= second.onset


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), cuts=st.lists(st.integers(0, 80), max_size=4))
def test_rolls_in_pieces_are_read_as_rolls_that_are_whole(seed, cuts):
    rng = np.random.default_rng(seed)
    rolls = Rolls.empty(80)
    for column in (10, 11):
        frames = rng.choice(70, 5, replace=False)
        rolls.onset[frames, column] = rng.uniform(0.6, 1, 5)
        rolls.frame[:, column] = np.clip(np.cumsum(rng.normal(0, 0.25, 80)) + 0.5, 0, 1)
    pieces = Decoder(GRID, LIKELIEST)
    edges = [0, *sorted(cuts), 80]
    for start, stop in pairwise(edges):
        pieces.push(Rolls.unstack(rolls.stack()[start:stop]))
    assert pieces.finish() == decode(rolls, GRID, LIKELIEST)


@pytest.mark.parametrize("tolerance", [-0.1, 1.0])
def test_a_tolerance_that_is_no_part_is_refused(tolerance):
    with pytest.raises(ValueError, match=r"decode\.release_tolerance"):
        DecodeConfig(release_tolerance=tolerance).check()
