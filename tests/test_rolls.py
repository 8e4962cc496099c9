"""Rolls: what a performance looks like, frame by frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import builds, floats, integers, lists
from numpy.testing import assert_allclose, assert_array_equal

from transcribe.features import FrameGrid
from transcribe.notes import Note, PedalPress, Performance, without_overlaps
from transcribe.rolls import N_ACTIVATIONS, PITCH_PLANES, Rolls, encode

GRID = FrameGrid(16000, 512)
FRAME = 512 / 16000
C4 = 60 - 21


def note(onset: float, offset: float, pitch: int = 60, velocity: int = 64) -> Note:
    """A note whose times are given in frames."""
    return Note(onset=onset * FRAME, offset=offset * FRAME, pitch=pitch, velocity=velocity)


def press(onset: float, offset: float) -> PedalPress:
    return PedalPress(onset=onset * FRAME, offset=offset * FRAME)


def on(plane: np.ndarray) -> list[int]:
    return np.flatnonzero(plane).tolist()


def test_an_onset_marks_both_frames_around_it_and_each_says_how_far_it_is() -> None:
    rolls = encode(Performance([note(3.25, 8.5, velocity=100)]), GRID, 12)
    assert on(rolls.onset[:, C4]) == [3, 4]
    assert_allclose(rolls.onset_shift[3:5, C4], [0.25, -0.75], atol=1e-6)
    assert_allclose(rolls.velocity[3:5, C4], 100 / 127)
    assert on(rolls.offset[:, C4]) == [8, 9]
    assert_allclose(rolls.offset_shift[8:10, C4], [0.5, -0.5], atol=1e-6)
    assert on(rolls.frame[:, C4]) == [3, 4, 5, 6, 7]


def test_an_onset_on_a_frame_marks_only_that_frame() -> None:
    rolls = encode(Performance([note(3, 6)]), GRID, 12)
    assert on(rolls.onset[:, C4]) == [3]
    assert rolls.onset_shift[3, C4] == 0
    assert on(rolls.frame[:, C4]) == [3, 4, 5]


def test_other_keys_stay_silent() -> None:
    rolls = encode(Performance([note(3.25, 8.5)]), GRID, 12)
    for name in PITCH_PLANES:
        plane = getattr(rolls, name).copy()
        plane[:, C4] = 0
        assert not plane.any(), name


def test_the_lowest_and_highest_key_have_the_outer_columns() -> None:
    rolls = encode(Performance([note(1, 3, pitch=21), note(1, 3, pitch=108)]), GRID, 5)
    assert on(rolls.frame[1]) == [0, 87]


def test_two_strikes_two_frames_apart_stay_two() -> None:
    rolls = encode(Performance([note(3.3, 4.5), note(5.4, 9)]), GRID, 12)
    times = np.arange(12) + rolls.onset_shift[:, C4]
    assert on(rolls.onset[:, C4]) == [3, 4, 5, 6]
    assert_allclose(times[3:7], [3.3, 3.3, 5.4, 5.4], atol=1e-5)


def test_a_frame_between_two_strikes_belongs_to_the_nearer() -> None:
    rolls = encode(Performance([note(3.3, 4.5, velocity=20), note(4.6, 9, velocity=90)]), GRID, 12)
    times = np.arange(12) + rolls.onset_shift[:, C4]
    assert_allclose(times[3:6], [3.3, 4.6, 4.6], atol=1e-5)
    assert_allclose(rolls.velocity[3:6, C4] * 127, [20, 90, 90], atol=1e-4)


def test_a_note_shorter_than_a_frame_still_has_one() -> None:
    rolls = encode(Performance([note(3.6, 4.4)]), GRID, 12)
    assert on(rolls.frame[:, C4]) == [4]
    assert on(rolls.sounding[:, C4]) == [4]


def test_under_the_pedal_a_note_sounds_on_after_its_key_is_up() -> None:
    rolls = encode(Performance([note(2, 4)], [press(3, 8)]), GRID, 12)
    assert on(rolls.frame[:, C4]) == [2, 3]
    assert on(rolls.sounding[:, C4]) == [2, 3, 4, 5, 6, 7]
    assert on(rolls.pedal) == [3, 4, 5, 6, 7]
    assert on(rolls.offset[:, C4]) == [4]


def test_what_lies_outside_the_rolls_is_left_out() -> None:
    performance = Performance([note(0, 2), note(5, 7), note(20, 22)], [press(0, 2), press(20, 22)])
    rolls = encode(performance, GRID, 6, start_frame=3)
    assert on(rolls.onset[:, C4]) == [2]
    assert on(rolls.frame[:, C4]) == [2, 3]
    assert not rolls.pedal.any()


def test_a_note_held_into_the_window_has_frames_but_no_onset() -> None:
    rolls = encode(Performance([note(1, 9)], [press(1, 9)]), GRID, 4, start_frame=5)
    assert on(rolls.frame[:, C4]) == [0, 1, 2, 3]
    assert not rolls.onset.any()
    assert on(rolls.pedal) == [0, 1, 2, 3]


HALF_FRAMES = integers(0, 120).map(lambda n: n / 2)
POSITIONS = floats(0, 60) | HALF_FRAMES


@settings(deadline=None, max_examples=200)
@given(
    notes=lists(
        builds(
            lambda onset, length, pitch: note(onset, onset + length, pitch),
            POSITIONS,
            floats(0.5, 20) | integers(1, 40).map(lambda n: n / 2),
            integers(60, 62),
        ),
        max_size=12,
    ),
    start=integers(0, 50),
    length=integers(0, 30),
)
def test_a_window_of_the_rolls_is_the_rolls_of_the_window(
    notes: list[Note], start: int, length: int
) -> None:
    performance = Performance(without_overlaps(notes), [press(10, 20.5), press(31.5, 40)])
    whole = encode(performance, GRID, 90).stack()
    part = encode(performance, GRID, length, start_frame=start).stack()
    assert_allclose(part, whole[start : start + length], atol=1e-5)


def test_stacked_and_unstacked_rolls_are_the_same() -> None:
    rolls = encode(Performance([note(3.25, 8.5)], [press(2, 9)]), GRID, 12)
    stacked = rolls.stack()
    assert stacked.shape == (12, N_ACTIVATIONS)
    again = Rolls.unstack(stacked)
    for name in (*PITCH_PLANES, "pedal"):
        assert_array_equal(getattr(again, name), getattr(rolls, name), err_msg=name)


def test_silence_is_all_zeros() -> None:
    assert len(Rolls.empty(5)) == 5
    assert not Rolls.empty(5).stack().any()
    assert not encode(Performance(), GRID, 5).stack().any()


def test_planes_of_the_wrong_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(n_frames, 617\), found \(4, 616\)"):
        Rolls.unstack(np.zeros((4, 616), np.float32))
    planes = {name: np.zeros((4, 88), np.float32) for name in PITCH_PLANES}
    planes["frame"] = np.zeros((3, 88), np.float32)
    with pytest.raises(ValueError, match=r"plane frame: expected shape \(4, 88\), found \(3, 88\)"):
        Rolls(**planes, pedal=np.zeros(4, np.float32))
