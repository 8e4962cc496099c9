"""Frames decided one after the other, from rolls written by hand."""

from __future__ import annotations

import numpy as np
import pytest

from transcribe.decode.config import DecodeConfig
from transcribe.frames import FrameGrid
from transcribe.live.events import KeyDown, KeyUp, PedalMove
from transcribe.live.live_decoder import LiveDecoder
from transcribe.notes import LOWEST_PITCH, Note, PedalPress, Performance
from transcribe.rolls import Rolls, encode

GRID = FrameGrid(16000, 512)
FRAME = 0.032
AHEAD = 3


def streamed(rolls: Rolls, config: DecodeConfig | None = None, *, ahead: int = AHEAD):
    """Each frame decided when ``ahead`` more are there, of runs that all say the same."""
    decoder = LiveDecoder(GRID, config or DecodeConfig())
    stacked = rolls.stack()
    events = []
    for n_frames in range(1, len(stacked) + 1):
        events += decoder.take(stacked[:n_frames], 0, n_frames - ahead)
    events += decoder.take(stacked, 0, len(stacked))
    return [*events, *decoder.finish()], decoder.performance


def note(onset: float, pitch: int, offset: float, velocity: int = 64) -> Note:
    return Note(onset=onset, pitch=pitch, offset=offset, velocity=velocity)


def test_what_was_played_comes_as_it_was_played():
    played = Performance(
        (note(0.0, 60, 0.5, 80), note(0.4, 64, 1.0, 30), note(0.5, 60, 0.9, 127)),
        (PedalPress(onset=0.2, offset=0.7),),
    )
    events, performance = streamed(encode(played, GRID, 40))
    assert [(each.pitch, each.velocity) for each in performance.notes] == [
        (60, 80),
        (64, 30),
        (60, 127),
    ]
    for found, expected in zip(performance.notes, played.notes, strict=True):
        assert found.onset == pytest.approx(expected.onset, abs=0.002)
        assert found.offset == pytest.approx(expected.offset, abs=0.002)
    (press,) = performance.pedal
    assert (press.onset, press.offset) == pytest.approx((0.2, 0.7), abs=FRAME)
    assert [type(each) for each in events] == [
        KeyDown, PedalMove, KeyDown, KeyUp, KeyDown, PedalMove, KeyUp, KeyUp,
    ]  # fmt: skip


def test_of_a_key_every_stroke_is_released_before_the_next():
    strokes = [note(0.1 + 0.1 * n, 72, 0.2 + 0.1 * n) for n in range(8)]
    events, performance = streamed(encode(Performance(tuple(strokes)), GRID, 40))
    kinds = [type(each) for each in events]
    assert kinds == [KeyDown, KeyUp] * 8
    times = [each.time for each in events]
    assert times == sorted(times)
    assert len(performance.notes) == 8


def test_a_stroke_is_sent_when_its_frame_has_the_look_ahead_and_no_sooner():
    stacked = encode(Performance((note(10 * FRAME, 60, 1.0),)), GRID, 40).stack()
    decoder = LiveDecoder(GRID, DecodeConfig())
    sent = [
        n_frames
        for n_frames in range(1, 40)
        if any(isinstance(each, KeyDown) for each in decoder.take(stacked, 0, n_frames - AHEAD))
    ]
    assert sent == [10 + AHEAD + 1]


def test_a_stroke_that_two_runs_place_on_either_side_is_sent_once():
    """Each run thinks that the other frame is the peak."""
    column = 60 - LOWEST_PITCH
    rolls = encode(Performance((note(10.5 * FRAME, 60, 1.0),)), GRID, 40)
    decoder = LiveDecoder(GRID, DecodeConfig())
    events = []
    for n_frames in range(1, 40):
        stacked = rolls.stack()
        deciding = n_frames - AHEAD - 1
        if deciding == 10:  # the later frame is more probable, so the earlier one gives way ...
            stacked[10, column], stacked[11, column] = 0.8, 0.9
        elif deciding == 11:  # ... and then it is the other way round
            stacked[10, column], stacked[11, column] = 0.9, 0.8
        events += decoder.take(stacked, 0, n_frames - AHEAD)
    assert len([each for each in events if isinstance(each, KeyDown)]) == 1


def test_a_stroke_that_a_later_run_doubts_stays_and_is_released_early():
    rolls = encode(Performance((note(10 * FRAME, 60, 1.0),)), GRID, 40)
    decoder = LiveDecoder(GRID, DecodeConfig(prolong_to=0.03))
    events = []
    for n_frames in range(1, 40):
        stacked = rolls.stack() if n_frames - AHEAD <= 11 else np.zeros_like(rolls.stack())
        events += decoder.take(stacked, 0, n_frames - AHEAD)
    down, up = events
    assert isinstance(down, KeyDown)
    assert isinstance(up, KeyUp)
    assert 0.0299 < up.time - down.time < 3 * FRAME


def test_a_key_that_the_frame_plane_never_shows_is_let_up_at_once():
    rolls = encode(Performance((note(10 * FRAME, 60, 1.0),)), GRID, 40)
    rolls.frame[:] = 0
    events, performance = streamed(rolls, DecodeConfig(prolong_to=0.05))
    assert [type(each) for each in events] == [KeyDown, KeyUp]
    assert performance.notes[0].offset - performance.notes[0].onset == pytest.approx(0.05)


def test_a_dip_of_one_frame_lets_no_key_up():
    rolls = encode(Performance((note(0.1, 60, 1.0),)), GRID, 40)
    rolls.frame[15] = 0
    _, performance = streamed(rolls)
    assert performance.notes[0].offset == pytest.approx(1.0, abs=0.002)


def test_the_end_lets_up_what_is_down():
    played = Performance((note(0.1, 60, 9.0),), (PedalPress(onset=0.2, offset=9.0),))
    events, performance = streamed(encode(played, GRID, 40))
    assert [type(each) for each in events[-2:]] == [KeyUp, PedalMove]
    assert performance.notes[0].offset == pytest.approx(40 * FRAME)
    assert performance.pedal[0].offset == pytest.approx(40 * FRAME)


def test_a_pedal_that_hovers_at_its_threshold_does_not_flutter():
    rolls = Rolls.empty(60)
    rolls.pedal[10:50] = 0.5 + 0.04 * np.cos(np.arange(40))
    events, _ = streamed(rolls, DecodeConfig(pedal_threshold=0.5, pedal_hysteresis=0.1))
    assert [(type(each), each.down) for each in events] == [(PedalMove, True), (PedalMove, False)]


@pytest.mark.parametrize("ahead", [0, 1, AHEAD])
def test_a_moment_of_pedal_is_no_press(ahead):
    """Of 20 ms of noise the network says so for a frame; a foot takes longer."""
    rolls = Rolls.empty(60)
    rolls.pedal[10] = rolls.pedal[59] = 0.95
    rolls.pedal[[30, 31, 32]] = 0.95
    events, performance = streamed(rolls, ahead=ahead)
    assert [(type(each), each.down) for each in events] == [(PedalMove, True), (PedalMove, False)]
    (press,) = performance.pedal
    assert (press.onset, press.offset) == pytest.approx((30 * FRAME, 33 * FRAME), abs=FRAME / 8)


def test_a_press_that_begins_with_the_last_frames_is_one_if_it_is_long_enough():
    rolls = Rolls.empty(60)
    rolls.pedal[58:] = 0.95
    events, performance = streamed(rolls)
    assert [each.down for each in events] == [True, False]
    assert performance.pedal[0].offset == pytest.approx(60 * FRAME)


def test_frames_many_at_once_give_the_same():
    rng = np.random.default_rng(5)
    strokes = tuple(
        note(float(onset), int(pitch), float(onset) + 0.2)
        for onset, pitch in zip(
            np.arange(40) * 0.09, rng.permutation(np.arange(40, 80)), strict=True
        )
    )
    rolls = encode(Performance(strokes), GRID, 130)
    decoder = LiveDecoder(GRID, DecodeConfig())
    stacked = rolls.stack()
    for stop in (1, 2, 40, 41, 99, 130):
        decoder.take(stacked, 0, stop)
    decoder.finish()
    assert decoder.performance == streamed(rolls)[1]
    assert len(decoder.performance.notes) == 40
