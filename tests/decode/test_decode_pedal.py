"""The pedal plane to presses, and releases beside them."""

from __future__ import annotations

import pytest
from decoding import C4, CONFIG, FRAME, GRID, blank, frames_of, held, strike

from transcribe.decode.config import DecodeConfig
from transcribe.decode.decoder import decode


def pedal_frames(probability: list[float], config: DecodeConfig = CONFIG) -> list:
    rolls = blank(len(probability))
    rolls.pedal[:] = probability
    return frames_of(decode(rolls, GRID, config).pedal)  # type: ignore[arg-type]


def test_a_press_lasts_from_crossing_to_crossing() -> None:
    assert pedal_frames([0, 0, 0, 1, 1, 1, 1, 0, 0]) == [(3, 7)]
    assert pedal_frames([0, 0, 0.4, 0.9, 1, 1, 0.6, 0.35, 0]) == [(2.7, 6.9)]


def test_a_pedal_down_from_the_first_frame_was_pressed_at_zero() -> None:
    assert pedal_frames([0.6, 0.9, 1, 1, 0, 0]) == [(0, 4)]


def test_the_pedal_is_up_only_well_below_the_threshold() -> None:
    wavering = [0, 0, 1, 1, 0.45, 0.55, 0.45, 0.6, 1, 1, 0, 0]
    assert pedal_frames(wavering) == [(2, 10)]
    split = pedal_frames(
        wavering, DecodeConfig(pedal_hysteresis=0, minimum_lift=0, minimum_press=0)
    )
    assert len(split) == 3


@pytest.mark.parametrize(("hysteresis", "n_presses"), [(0.02, 3), (0.04, 3), (0.06, 1), (0.3, 1)])
def test_how_far_below_is_a_setting(hysteresis: float, n_presses: int) -> None:
    """Twice the probability falls to 0.45, 0.05 below the threshold."""
    wavering = [0, 0, 1, 1, 0.45, 0.55, 0.45, 0.6, 1, 1, 0, 0]
    config = DecodeConfig(pedal_hysteresis=hysteresis, minimum_lift=0, minimum_press=0)
    assert len(pedal_frames(wavering, config)) == n_presses


def test_slowly_lifted_the_pedal_is_up_where_it_passed_the_threshold() -> None:
    assert pedal_frames([0, 0, 1, 1, 1, 0.48, 0.46, 0.44, 0.2, 0]) == [(2, 5.462)]


def test_short_presses_are_left_out_and_short_lifts_are_none() -> None:
    config = DecodeConfig(minimum_press=0.05, minimum_lift=0.05)
    assert pedal_frames([0, 1, 0, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0], config) == [(5, 12)]
    config = DecodeConfig(minimum_press=0.03, minimum_lift=0.03)
    assert pedal_frames([0, 1, 0, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0], config) == [
        (1, 2),
        (5, 8),
        (9, 12),
    ]


def test_a_note_meant_for_the_pedal_is_released_after_it_is_down() -> None:
    rolls = held(5, 20)
    rolls.pedal[21:35] = 1
    rolls.sounding[5:35, C4] = 1  # it goes on sounding, so the pedal caught it
    (found,) = decode(rolls, GRID, CONFIG).notes
    assert found.offset == pytest.approx(21 * FRAME + 0.01)
    (plain,) = decode(rolls, GRID, DecodeConfig(pedal_grace=0)).notes
    assert plain.offset == pytest.approx(20 * FRAME)


def test_a_note_that_ends_before_the_pedal_is_left_alone() -> None:
    rolls = held(5, 20)
    rolls.pedal[21:35] = 1
    assert frames_of(decode(rolls, GRID, CONFIG).notes) == [(5, 20)]


def test_a_note_released_long_before_the_pedal_is_left_alone() -> None:
    rolls = held(5, 18)
    rolls.pedal[21:35] = 1
    rolls.sounding[5:35, C4] = 1
    assert frames_of(decode(rolls, GRID, CONFIG).notes) == [(5, 18)]


def test_a_release_is_not_moved_past_the_next_strike() -> None:
    rolls = held(5, 20)
    rolls.pedal[21:35] = 1
    rolls.sounding[5:35, C4] = 1
    strike(rolls, 21, 0.1)
    rolls.frame[21:30, C4] = 1
    first, second = decode(rolls, GRID, CONFIG).notes
    assert first.offset <= second.onset == pytest.approx(21.1 * FRAME)
    rolls.pedal[20] = 1
    rolls.frame[20:, C4] = 0
    rolls.onset[21, C4] = 0
    strike(rolls, 20, 0.1)
    first, second = decode(rolls, GRID, DecodeConfig(pedal_grace=0)).notes
    assert first.offset == second.onset == pytest.approx(20.1 * FRAME)
