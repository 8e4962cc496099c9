"""Decoding: what was written onto rolls is read off them again, and what a network blurs."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import (
    DrawFn,
    booleans,
    composite,
    floats,
    integers,
    lists,
    sampled_from,
    sets,
)

from transcribe.decode.config import DecodeConfig
from transcribe.decode.decoder import Decoder, calibrated, decode
from transcribe.features import FrameGrid
from transcribe.notes import KEY, SUSTAINED, Note, PedalPress, Performance, sustained
from transcribe.rolls import SHIFT_PLANES, Rolls, encode

GRID = FrameGrid(16000, 512)
FRAME = 512 / 16000
CONFIG = DecodeConfig()
C4 = 60 - 21


def note(onset: float, offset: float, pitch: int = 60, velocity: int = 64) -> Note:
    return Note(onset=onset, offset=offset, pitch=pitch, velocity=velocity)


def play(*events: Note | PedalPress, n_frames: int = 100) -> Rolls:
    """Rolls of some notes and presses, whose times are given in seconds."""
    notes = [event for event in events if isinstance(event, Note)]
    pedal = [event for event in events if isinstance(event, PedalPress)]
    return encode(Performance(notes, pedal), GRID, n_frames)


def blank(n_frames: int = 40) -> Rolls:
    """Silent rolls to write on."""
    return Rolls.empty(n_frames)


def strike(rolls: Rolls, frame: int, shift: float = 0.0, probability: float = 1.0) -> None:
    rolls.onset[frame, C4] = probability
    rolls.onset_shift[frame, C4] = shift
    rolls.velocity[frame, C4] = 0.5


def frames_of(notes: Iterable[Note]) -> list[tuple[float, float]]:
    """Onsets and offsets in frames, to a thousandth."""
    return [(round(n.onset / FRAME, 3), round(n.offset / FRAME, 3)) for n in notes]


def onset_frames(rolls: Rolls, config: DecodeConfig = CONFIG) -> list[float]:
    return [onset for onset, _ in frames_of(decode(rolls, GRID, config).notes)]


def pedal_frames(probability: list[float], config: DecodeConfig = CONFIG) -> list:
    rolls = blank(len(probability))
    rolls.pedal[:] = probability
    return frames_of(decode(rolls, GRID, config).pedal)  # type: ignore[arg-type]


def describe(performance: Performance) -> tuple:
    """Everything in a performance, confidences included."""
    return performance, [n.confidence for n in performance.notes]


@composite
def performances(draw: DrawFn, min_pitch: int = 21, max_pitch: int = 108) -> Performance:
    """Notes that repeat a key as fast as it may be repeated, and presses of the pedal."""
    notes = []
    for pitch in draw(sets(integers(min_pitch, max_pitch), max_size=3)):
        onset = draw(floats(0, 1))
        for _ in range(draw(integers(1, 5))):
            gap = draw(floats(CONFIG.minimum_repeat + 1e-6, 0.4))
            legato = draw(booleans())
            shortest = CONFIG.prolong_to
            length = gap if legato else shortest + draw(floats(0, 1)) * (gap - shortest)
            notes.append(note(onset, onset + length, pitch, draw(integers(1, 127))))
            onset += gap
    pedal = []
    up = draw(floats(0, 0.5))
    for _ in range(draw(integers(0, 3))):
        down = up + draw(floats(0.1, 0.5))
        up = down + draw(floats(0.1, 1))
        pedal.append(PedalPress(onset=down, offset=up))
    return Performance(notes, pedal)


def by_key(notes: Iterable[Note]) -> list[Note]:
    return sorted(notes, key=lambda n: (n.pitch, n.onset))


# --- there and back ---


@settings(deadline=None, max_examples=150)
@given(performance=performances())
def test_every_note_comes_back_from_the_rolls(performance: Performance) -> None:
    rolls = encode(performance, GRID, 160)
    found = decode(rolls, GRID, CONFIG)
    unmoved = decode(rolls, GRID, DecodeConfig(pedal_grace=0))
    assert len(found.notes) == len(performance.notes)
    for ref, est, plain in zip(
        *map(by_key, (performance.notes, found.notes, unmoved.notes)), strict=True
    ):
        assert est.pitch == ref.pitch
        assert est.onset == pytest.approx(ref.onset, abs=0.001)
        assert plain.offset == pytest.approx(ref.offset, abs=FRAME / 2)
        # Held into the pedal, whose time is known to half a frame, and 10 ms more.
        assert est.offset == pytest.approx(ref.offset, abs=FRAME / 2 + 0.01)
        assert est.velocity == ref.velocity
        assert est.confidence == 1
    assert len(found.pedal) == len(performance.pedal)
    for ref, est in zip(performance.pedal, found.pedal, strict=True):
        assert est.onset == pytest.approx(ref.onset, abs=FRAME)
        assert est.offset == pytest.approx(ref.offset, abs=FRAME)


@settings(deadline=None, max_examples=50)
@given(performance=performances())
def test_sustained_offsets_are_those_of_the_pedal_rule(performance: Performance) -> None:
    config = DecodeConfig(offsets=SUSTAINED, bridge_frames=0)
    found = decode(encode(performance, GRID, 160), GRID, config)
    expected = by_key(sustained(performance).notes)
    for ref, est in zip(expected, by_key(found.notes), strict=True):
        assert est.onset == pytest.approx(ref.onset, abs=0.001)
        # Nothing votes here, and a note of less than a frame is drawn as a whole one.
        assert est.offset == pytest.approx(ref.offset, abs=1.5 * FRAME)


@settings(deadline=None, max_examples=30)
@given(performance=performances(max_pitch=107))
def test_rolls_shifted_by_a_column_sound_a_semitone_higher(performance: Performance) -> None:
    stacked = encode(performance, GRID, 160).stack()
    shifted = np.concatenate([np.roll(stacked[:, :-1], 1, axis=1), stacked[:, -1:]], axis=1)
    found = decode(Rolls.unstack(stacked), GRID, CONFIG)
    higher = decode(Rolls.unstack(shifted), GRID, CONFIG)
    assert higher.notes == tuple(replace(n, pitch=n.pitch + 1) for n in found.notes)
    assert higher.pedal == found.pedal


@settings(deadline=None, max_examples=30)
@given(performance=performances(), delay=integers(1, 30))
def test_later_rolls_make_later_notes(performance: Performance, delay: int) -> None:
    stacked = encode(performance, GRID, 160).stack()
    delayed = np.concatenate([np.zeros((delay, stacked.shape[1]), np.float32), stacked])
    found = decode(Rolls.unstack(stacked), GRID, CONFIG)
    later = decode(Rolls.unstack(delayed), GRID, CONFIG)
    assert len(later.notes) == len(found.notes)
    for event, moved in zip(
        (*by_key(found.notes), *found.pedal), (*by_key(later.notes), *later.pedal), strict=True
    ):
        assert moved.onset == pytest.approx(event.onset + delay * FRAME, abs=1e-9)
        assert moved.offset == pytest.approx(event.offset + delay * FRAME, abs=1e-9)


# --- in pieces ---


def random_rolls(seed: int, n_frames: int) -> Rolls:
    """What no network should say: everything at random, but often enough to overlap."""
    rng = np.random.default_rng(seed)
    rolls = Rolls.unstack(rng.random((n_frames, Rolls.empty(0).stack().shape[1]), np.float32))
    for name in SHIFT_PLANES:
        getattr(rolls, name)[:] = getattr(rolls, name) * 2 - 1
    for name in ("onset", "frame", "sounding", "offset"):
        getattr(rolls, name)[:, rng.random(88) < 0.9] = 0  # a few keys are enough
    return rolls


@settings(deadline=None, max_examples=60)
@given(
    seed=integers(0, 2**32 - 1),
    n_frames=integers(0, 60),
    cuts=lists(integers(0, 1000), max_size=8),
    offsets=sampled_from([KEY, SUSTAINED]),
    bridge_frames=integers(0, 6),
)
def test_pushed_in_pieces_equals_whole(
    seed: int, n_frames: int, cuts: list[int], offsets: str, bridge_frames: int
) -> None:
    rolls = random_rolls(seed, n_frames)
    config = DecodeConfig(
        offsets=offsets, bridge_frames=bridge_frames, onset_threshold=0.7, minimum_press=0
    )
    decoder = Decoder(GRID, config)
    for part in np.split(rolls.stack(), sorted(cut % (n_frames + 1) for cut in cuts)):
        decoder.push(Rolls.unstack(part))
    found = decoder.finish()
    assert describe(found) == describe(decode(rolls, GRID, config))
    assert decoder.n_notes == len(found.notes)


@settings(deadline=None, max_examples=60)
@given(seed=integers(0, 2**32 - 1), threshold=floats(0.05, 0.95))
def test_whatever_the_rolls_say_a_key_is_struck_only_when_it_is_up(
    seed: int, threshold: float
) -> None:
    config = DecodeConfig(onset_threshold=threshold, frame_threshold=threshold)
    found = decode(random_rolls(seed, 60), GRID, config)
    notes = by_key(found.notes)
    for earlier, later in pairwise(notes):
        if earlier.pitch == later.pitch:
            assert earlier.offset <= later.onset
            assert later.onset - earlier.onset >= config.minimum_repeat - 1e-9


def test_frame_by_frame_a_long_note_stays_one() -> None:
    rolls = play(note(0.5, 2.9), n_frames=100)
    decoder = Decoder(GRID, CONFIG)
    counts = []
    for row in rolls.stack():
        decoder.push(Rolls.unstack(row[None]))
        counts.append(decoder.n_notes)
    assert frames_of(decoder.finish().notes) == frames_of([note(0.5, 2.9)])
    assert counts == sorted(counts)
    assert counts[-1] == 1


def test_memory_does_not_grow_with_the_recording() -> None:
    block = play(note(0.5, 2.9), PedalPress(onset=0.2, offset=3.1), n_frames=100)
    decoder = Decoder(GRID, CONFIG)
    tracemalloc.start()
    try:
        for _ in range(20):
            decoder.push(block)
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(200):
            decoder.push(block)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert decoder.n_notes == 220
    assert after - before < 200 * 500  # a note is a few numbers; a block is 250 000 bytes


def test_a_finished_decoder_keeps_its_result_and_takes_no_more() -> None:
    decoder = Decoder(GRID, CONFIG)
    decoder.push(play(note(0.5, 2.9)))
    first = decoder.finish()
    assert decoder.finish() == first
    assert decoder.n_notes == 1
    with pytest.raises(ValueError, match="make a new one"):
        decoder.push(blank())


def test_a_decoder_keeps_the_settings_it_was_given() -> None:
    config = DecodeConfig()
    decoder = Decoder(GRID, config)
    config.onset_threshold = 0.99
    rolls = blank()
    strike(rolls, 5, probability=0.6)
    decoder.push(rolls)
    assert len(decoder.finish().notes) == 1


# --- the ends of a recording ---


def test_silence_is_an_empty_performance() -> None:
    assert decode(blank(0), GRID, CONFIG) == Performance()
    assert decode(blank(50), GRID, CONFIG) == Performance()
    assert Decoder(GRID, CONFIG).finish() == Performance()


def test_a_note_and_a_press_at_time_zero() -> None:
    found = decode(play(note(0, 1), PedalPress(onset=0, offset=1)), GRID, CONFIG)
    assert found.notes[0].onset == 0
    assert found.pedal[0].onset == 0


def test_an_onset_just_before_the_first_frame_is_at_zero() -> None:
    rolls = blank()
    strike(rolls, 0, shift=-0.4)
    assert onset_frames(rolls) == [0]


def test_a_note_still_sounding_at_the_end_ends_with_the_recording() -> None:
    rolls = play(note(1, 9), PedalPress(onset=2, offset=9), n_frames=100)
    for offsets in (KEY, SUSTAINED):
        found = decode(rolls, GRID, DecodeConfig(offsets=offsets))
        assert found.notes[0].offset == pytest.approx(100 * FRAME)
        assert found.pedal[0].offset == pytest.approx(100 * FRAME)


def test_a_note_struck_in_the_last_frame_is_found() -> None:
    assert onset_frames(play(note(99.6 * FRAME, 200 * FRAME), n_frames=100)) == [99.6]


# --- onsets ---


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


# --- offsets ---


def held(first: int, stop: int, onset_shift: float = 0.0) -> Rolls:
    """A key down from one frame up to another, struck at the first, without offset votes."""
    rolls = blank()
    strike(rolls, first, onset_shift)
    rolls.frame[first:stop, C4] = 1
    rolls.sounding[first:stop, C4] = 1
    return rolls


def vote_release(rolls: Rolls, frame: int, shift: float, probability: float = 1.0) -> None:
    rolls.offset[frame, C4] = probability
    rolls.offset_shift[frame, C4] = shift


def test_without_votes_a_note_ends_where_the_frame_plane_crosses_its_threshold() -> None:
    rolls = held(5, 12)
    assert frames_of(decode(rolls, GRID, CONFIG).notes) == [(5, 12)]
    rolls.frame[12, C4] = 0.4  # from 1 to 0.4: the half is passed five sixths of the way
    assert frames_of(decode(rolls, GRID, CONFIG).notes) == [(5, 12.333)]
    rolls.frame[11, C4] = 0.6
    rolls.frame[12, C4] = 0.1
    assert frames_of(decode(rolls, GRID, CONFIG).notes) == [(5, 11.7)]


def test_votes_near_the_boundary_say_where_a_note_ends() -> None:
    rolls = held(5, 12)
    vote_release(rolls, 11, 0.3, 0.9)
    vote_release(rolls, 12, -0.6, 0.6)
    expected = round((0.9 * 11.3 + 0.6 * 11.4) / 1.5, 3)
    assert frames_of(decode(rolls, GRID, CONFIG).notes) == [(5, expected)]


def test_votes_elsewhere_or_in_doubt_do_not() -> None:
    rolls = held(5, 12)
    vote_release(rolls, 9, 0.2)
    vote_release(rolls, 14, -0.2)
    vote_release(rolls, 12, -0.2, probability=0.4)
    assert frames_of(decode(rolls, GRID, CONFIG).notes) == [(5, 12)]
    assert frames_of(decode(rolls, GRID, DecodeConfig(offset_threshold=0.3)).notes) == [(5, 11.8)]


def test_a_dip_of_one_frame_is_bridged_and_of_two_is_not() -> None:
    rolls = held(5, 20)
    rolls.frame[10, C4] = 0
    assert frames_of(decode(rolls, GRID, CONFIG).notes) == [(5, 20)]
    assert frames_of(decode(rolls, GRID, DecodeConfig(bridge_frames=0)).notes) == [(5, 10)]
    rolls.frame[11, C4] = 0
    assert frames_of(decode(rolls, GRID, CONFIG).notes) == [(5, 10)]
    assert frames_of(decode(rolls, GRID, DecodeConfig(bridge_frames=2)).notes) == [(5, 20)]


def test_a_release_in_a_dip_of_one_frame_ends_the_note() -> None:
    rolls = held(5, 20)
    rolls.frame[10, C4] = 0
    vote_release(rolls, 10, 0.2)
    assert frames_of(decode(rolls, GRID, CONFIG).notes) == [(5, 10.2)]


def test_a_note_ends_at_the_latest_where_its_key_is_struck_again() -> None:
    rolls = held(5, 30)
    strike(rolls, 15, 0.4)
    strike(rolls, 16, -0.6)
    assert frames_of(decode(rolls, GRID, CONFIG).notes) == [(5, 15.4), (15.4, 30)]


def test_a_release_just_before_the_next_strike_is_kept() -> None:
    rolls = held(5, 30)
    strike(rolls, 15, 0.4)
    strike(rolls, 16, -0.6)
    vote_release(rolls, 14, 0.7)
    assert frames_of(decode(rolls, GRID, CONFIG).notes) == [(5, 14.7), (15.4, 30)]


def test_a_note_the_frame_plane_does_not_know_is_a_short_note() -> None:
    rolls = blank()
    strike(rolls, 5)
    rolls.frame[9:20, C4] = 1  # too late to belong to it
    (found,) = decode(rolls, GRID, DecodeConfig(prolong_to=0.04)).notes
    assert (found.onset, found.offset) == (pytest.approx(0.16), pytest.approx(0.2))


def test_the_frame_plane_may_be_two_frames_late() -> None:
    rolls = blank()
    strike(rolls, 5)
    rolls.frame[7:20, C4] = 1
    assert frames_of(decode(rolls, GRID, CONFIG).notes) == [(5, 20)]


def test_the_end_of_the_note_before_does_not_end_a_note_whose_frames_are_late() -> None:
    rolls = held(3, 10)
    strike(rolls, 10)
    rolls.frame[12:20, C4] = 1
    assert frames_of(decode(rolls, GRID, CONFIG).notes) == [(3, 10), (10, 20)]


def test_the_release_of_the_note_before_does_not_end_a_note_in_a_dip() -> None:
    rolls = held(3, 20)
    strike(rolls, 10)
    rolls.frame[11, C4] = 0
    vote_release(rolls, 10, 0.2)
    assert frames_of(decode(rolls, GRID, CONFIG).notes) == [(3, 10), (10, 20)]


def test_notes_are_as_long_as_the_setting_says_unless_the_key_is_struck_again() -> None:
    rolls = play(note(0.1, 0.15), note(0.2, 0.24), note(1, 1.05))
    found = decode(rolls, GRID, DecodeConfig(prolong_to=0.3)).notes
    assert [n.offset for n in found] == [pytest.approx(t) for t in (0.2, 0.5, 1.3)]


def test_a_minimum_of_zero_still_gives_notes_a_length() -> None:
    rolls = blank()
    strike(rolls, 5)
    (found,) = decode(rolls, GRID, DecodeConfig(prolong_to=0)).notes
    assert 0 < found.offset - found.onset < 0.002


def test_repeated_notes_under_the_pedal_stay_apart() -> None:
    strikes = [note(0.1 * k + 0.2, 0.1 * k + 0.26) for k in range(20)]
    rolls = play(*strikes, PedalPress(onset=0.1, offset=2.6))
    key = decode(rolls, GRID, CONFIG).notes
    long = decode(rolls, GRID, DecodeConfig(offsets=SUSTAINED)).notes
    assert len(key) == len(long) == 20
    assert [n.offset for n in key] == [pytest.approx(n.offset, abs=0.016) for n in strikes]
    assert [n.offset for n in long[:-1]] == [pytest.approx(n.onset, abs=1e-3) for n in strikes[1:]]
    assert long[-1].offset == pytest.approx(2.6, abs=0.016)


# --- the pedal ---


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


# --- settings ---


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"onset_threshold": 0.0}, "onset_threshold is a probability between 0 and 1; found 0.0"),
        ({"frame_threshold": 1.0}, "frame_threshold"),
        ({"offset_threshold": -0.5}, "offset_threshold"),
        ({"pedal_threshold": float("nan")}, "pedal_threshold"),
        ({"pedal_hysteresis": 0.5}, r"less than pedal_threshold \(0.5\); found 0.5"),
        ({"offsets": "pedal"}, "'key' or 'sustained'; found 'pedal'"),
        ({"minimum_repeat": -0.1}, "minimum_repeat is 0 or more seconds; found -0.1"),
        ({"minimum_duration": float("inf")}, "minimum_duration"),
        ({"prolong_to": -1}, "prolong_to"),
        ({"sounding_threshold": 1.0}, "sounding_threshold"),
        ({"minimum_press": -1}, "minimum_press"),
        ({"minimum_lift": -1}, "minimum_lift"),
        ({"pedal_grace": -1}, "pedal_grace"),
        ({"bridge_frames": -1}, "bridge_frames is 0 or more; found -1"),
        ({"bridge_frames": 10**18}, "bridge_frames is at most 1000"),
        ({"prolong_to": 1e308}, r"prolong_to is at most 60; found 1e\+308"),
    ],
)
def test_settings_out_of_range_are_refused(settings_: dict, message: str) -> None:
    config = DecodeConfig(**settings_)
    with pytest.raises(ValueError, match=message):
        config.check()
    with pytest.raises(ValueError, match=message):
        decode(blank(), GRID, config)


def test_the_defaults_are_accepted() -> None:
    DecodeConfig().check()


@pytest.mark.parametrize(("offsets", "kept"), [("key", [60, 64]), ("sustained", [60, 62, 64])])
def test_notes_below_the_minimum_duration_are_left_out(offsets, kept):
    """What counts is the duration that is told: under a pedal a short stroke sounds on."""
    played = Performance(
        notes=[
            Note(onset=1.0, pitch=60, offset=1.5, velocity=80),
            Note(onset=2.2, pitch=62, offset=2.3, velocity=80),
            Note(onset=3.0, pitch=63, offset=3.1, velocity=80),
            Note(onset=4.0, pitch=64, offset=4.3, velocity=80),
        ],
        pedal=[PedalPress(onset=2.0, offset=2.8)],
    )
    rolls = encode(played, GRID, 200)
    found = decode(rolls, GRID, DecodeConfig(minimum_duration=0.2, offsets=offsets)).notes
    assert [note.pitch for note in found] == kept


def test_both_conventions_from_one_recording():
    """A key released under the pedal: the key is up at once, the sound goes on."""
    played = Performance(
        notes=[Note(onset=1.0, pitch=60, offset=1.5, velocity=80)],
        pedal=[PedalPress(onset=1.2, offset=2.8)],
    )
    decoder = Decoder(GRID, DecodeConfig())
    decoder.push(encode(played, GRID, 200))
    ends = [decoder.finish(offsets).notes[0].offset for offsets in ("key", "sustained", "key")]
    assert ends == [pytest.approx(end, abs=0.02) for end in (1.5, 2.8, 1.5)]
    with pytest.raises(ValueError, match="'key' or 'sustained'"):
        decoder.finish("pedal")


def test_a_confidence_is_the_onsets_probability_on_a_scale_of_its_own():
    """Log odds of 0.8 are log 4: doubled log 16, less log 4 log 4 again."""
    config = DecodeConfig(confidence_slope=2.0, confidence_shift=-math.log(4))
    assert calibrated(0.8, config) == pytest.approx(0.8)
    assert calibrated(0.5, config) == pytest.approx(0.2)
    assert calibrated(0.8, DecodeConfig()) == 0.8
    assert calibrated(1.0, config) == pytest.approx(1)
    assert calibrated(0.0, config) == pytest.approx(0)


def test_scaled_confidences_find_the_same_notes():
    rolls = play(note(0.5, 1.0))
    rolls.onset[:] *= 0.8
    plain = decode(rolls, GRID, CONFIG)
    scaled = decode(rolls, GRID, DecodeConfig(confidence_slope=1.2, confidence_shift=-1.6))
    assert plain == scaled
    assert plain.notes[0].confidence == pytest.approx(0.8)
    assert scaled.notes[0].confidence == pytest.approx(1 / (1 + 4**-1.2 * math.exp(1.6)))


@pytest.mark.parametrize(
    "chosen",
    [{"confidence_slope": 0.0}, {"confidence_slope": math.nan}, {"confidence_shift": math.inf}],
)
def test_a_scale_of_confidences_that_orders_none_is_refused(chosen):
    with pytest.raises(ValueError, match=r"decode\.confidence"):
        DecodeConfig(**chosen).check()
