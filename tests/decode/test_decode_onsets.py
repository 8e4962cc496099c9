"""Onset planes to strikes: when, how surely and how hard a key is struck."""

from __future__ import annotations

import numpy as np
import pytest
from decoding import C4, CONFIG, FRAME, GRID, blank, by_key, note, onset_frames, play, strike

from transcribe.decode.config import DecodeConfig
from transcribe.decode.decoder import decode
from transcribe.notes import Performance
from transcribe.rolls import Rolls, encode


def test_both_frames_of_an_onset_vote_by_their_probability() -> None:
    rolls = blank()
    strike(rolls, 5, shift=0.4, probability=0.9)
    strike(rolls, 6, shift=-0.4, probability=0.6)
    assert onset_frames(rolls) == [pytest.approx((0.9 * 5.4 + 0.6 * 5.6) / 1.5, abs=1e-3)]


def test_a_frame_in_doubt_helps_to_time_an_onset_but_hardly_a_certain_one() -> None:
    rolls = blank()
    strike(rolls, 5, shift=0.4, probability=0.6)
    strike(rolls, 6, shift=-0.4, probability=0.45)
    strike(rolls, 20, shift=0.1, probability=1)
    strike(rolls, 21, shift=-0.4, probability=0.45)
    assert onset_frames(rolls) == [pytest.approx(5.486, abs=1e-3), pytest.approx(20.1)]


def test_neighbours_that_vote_for_two_times_are_two_strikes() -> None:
    rolls = blank()
    for frame, shift in ((5, 0.3), (6, -0.7), (7, 0.4), (8, -0.6)):
        strike(rolls, frame, shift)
    assert onset_frames(rolls) == [5.3, 7.4]


def test_a_smeared_onset_is_one_note_where_it_is_most_probable() -> None:
    rolls = blank()
    for frame, shift, probability in ((4, 0.9, 0.55), (5, 0.3, 0.9), (6, -0.7, 0.8), (7, -1, 0.6)):
        strike(rolls, frame, shift, probability)
    (onset,) = onset_frames(rolls)
    assert onset == pytest.approx(5.3, abs=0.2)


def test_of_strikes_too_close_for_a_finger_the_more_probable_stays() -> None:
    for first, second, expected in ((0.7, 0.9, 6.2), (0.9, 0.7, 5.0)):
        rolls = blank()
        strike(rolls, 5, shift=0, probability=first)
        strike(rolls, 6, shift=0.2, probability=second)
        assert onset_frames(rolls) == [expected]
        # 1.2 frames are 38 ms
        assert onset_frames(rolls, DecodeConfig(minimum_repeat=0.03)) == [5.0, 6.2]


def test_the_time_from_strike_to_strike_counts_not_the_frames_between() -> None:
    rolls = play(note(5.9 * FRAME, 7 * FRAME), note(7.4 * FRAME, 9 * FRAME))
    assert onset_frames(rolls) == [5.9, 7.4]
    assert onset_frames(rolls, DecodeConfig(minimum_repeat=0.05)) == [5.9]


def test_the_threshold_decides_what_is_an_onset() -> None:
    rolls = blank()
    strike(rolls, 5, probability=0.5)
    strike(rolls, 15, probability=0.49)
    strike(rolls, 25, probability=0.8)
    assert onset_frames(rolls) == [5, 25]
    assert onset_frames(rolls, DecodeConfig(onset_threshold=0.4)) == [5, 15, 25]
    assert onset_frames(rolls, DecodeConfig(onset_threshold=0.7)) == [25]


def test_confidence_is_the_highest_probability_and_velocity_the_weighted_mean() -> None:
    rolls = blank()
    strike(rolls, 5, shift=0.5, probability=0.9)
    strike(rolls, 6, shift=-0.5, probability=0.6)
    rolls.velocity[5, C4], rolls.velocity[6, C4] = 0.5, 0.8
    (found,) = decode(rolls, GRID, CONFIG).notes
    assert found.confidence == pytest.approx(0.9)
    assert found.velocity == round(127 * (0.9 * 0.5 + 0.6 * 0.8) / 1.5)


@pytest.mark.parametrize(("level", "velocity"), [(0, 1), (0.002, 1), (0.5, 64), (1, 127)])
def test_velocities_are_midi_velocities(level: float, velocity: int) -> None:
    rolls = blank()
    strike(rolls, 5)
    rolls.velocity[5, C4] = level
    assert decode(rolls, GRID, CONFIG).notes[0].velocity == velocity


def test_a_noisy_network_still_finds_every_note_and_no_other() -> None:
    rng = np.random.default_rng(1)
    ref = Performance(
        [
            note(0.3 + 0.31 * k, 0.5 + 0.31 * k, pitch, velocity=40 + k)
            for pitch in (30, 60, 64, 90)
            for k in range(40)
        ]
    )
    stacked = encode(ref, GRID, 450).stack()
    noisy = Rolls.unstack(stacked + rng.normal(0, 0.08, stacked.shape).astype(np.float32))
    est = decode(noisy, GRID, CONFIG)
    assert len(est.notes) == 160
    for r, e in zip(by_key(ref.notes), by_key(est.notes), strict=True):
        assert e.onset == pytest.approx(r.onset, abs=0.012)
        assert e.offset == pytest.approx(r.offset, abs=0.025)
        assert e.velocity == pytest.approx(r.velocity, abs=40)
