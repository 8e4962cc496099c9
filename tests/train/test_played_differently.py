"""What training does to performances."""

from __future__ import annotations

import numpy as np
import pytest

from transcribe.notes import HIGHEST_PITCH, LOWEST_PITCH
from transcribe.score.onset_features import NoteArrays
from transcribe.train.played_differently import PlayedDifferentlyConfig, in_other_registers

RIGHT = np.array([0, 1, 1, 0, -1])


def five_notes(lowest: int = 40) -> NoteArrays:
    pitch = lowest + np.array([0, 24, 28, 5, 14])
    onset = 0.5 * np.arange(5)
    return NoteArrays(onset, onset + 0.4, pitch, np.full(5, 64.0), np.zeros((0, 2)))


def test_upside_down_the_left_hand_plays_what_the_right_one_did():
    notes, config = five_notes(), PlayedDifferentlyConfig(mirrored=1.0)
    turned, right = in_other_registers(notes, RIGHT, np.random.default_rng(0), config)
    np.testing.assert_array_equal(np.diff(turned.pitch), -np.diff(notes.pitch))
    np.testing.assert_array_equal(right, [1, 0, 0, 1, -1])
    again, hands = in_other_registers(turned, right, np.random.default_rng(0), config)
    np.testing.assert_array_equal(again.pitch, notes.pitch)
    np.testing.assert_array_equal(hands, RIGHT)


@pytest.mark.parametrize("seed", range(6))
def test_a_hand_plays_an_octave_off_and_the_other_as_written(seed):
    notes, config = five_notes(), PlayedDifferentlyConfig(apart=1.0)
    moved, right = in_other_registers(notes, RIGHT, np.random.default_rng(seed), config)
    np.testing.assert_array_equal(right, RIGHT)
    by = [set((moved.pitch - notes.pitch)[hand == RIGHT].tolist()) for hand in (0, 1)]
    assert {0} in by
    assert {12} in by or {-12} in by


def test_no_hand_leaves_the_keyboard():
    config = PlayedDifferentlyConfig(apart=1.0, mirrored=0.5)
    for lowest in (LOWEST_PITCH, HIGHEST_PITCH - 28):
        for seed in range(20):
            rng = np.random.default_rng(seed)
            pitch = in_other_registers(five_notes(lowest), RIGHT, rng, config)[0].pitch
            assert LOWEST_PITCH <= pitch.min() <= pitch.max() <= HIGHEST_PITCH
