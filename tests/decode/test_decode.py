"""Rolls to a performance: there and back, in pieces, to the ends of a recording; settings."""

from __future__ import annotations

import math
import tracemalloc
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from decoding import CONFIG, FRAME, GRID, blank, by_key, frames_of, note, onset_frames, play, strike
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
from transcribe.decode.decoder import Decoder, calibrated, decode, midi_velocity
from transcribe.notes import KEY, SUSTAINED, Note, PedalPress, Performance, sustained
from transcribe.rolls import SHIFT_PLANES, Rolls, encode


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
        ({"velocity_tilt": 21.0}, "velocity_tilt is -20 to 20; found 21.0"),
        ({"velocity_tilt": float("nan")}, "velocity_tilt is -20 to 20; found nan"),
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


@pytest.mark.parametrize(
    ("tilt", "expected"),
    [(0.0, [60, 60, 60]), (6.0, [48, 60, 72]), (-1.0, [62, 60, 58]), (20.0, [20, 60, 100])],
)
def test_velocities_are_tilted_around_e4_octave_by_octave(tilt, expected):
    notes = [
        Note(onset=0.5 + i, pitch=pitch, offset=0.8 + i, velocity=60)
        for i, pitch in enumerate((40, 64, 88))
    ]
    rolls = encode(Performance(notes=notes), GRID, 120)
    found = decode(rolls, GRID, DecodeConfig(velocity_tilt=tilt)).notes
    assert [note.velocity for note in found] == expected


def test_tilted_velocities_stay_in_their_range():
    config = DecodeConfig(velocity_tilt=20.0)
    assert [midi_velocity(share, 108, config) for share in (0.0, 0.9, 1.0)] == [73, 127, 127]
    assert [midi_velocity(share, 21, config) for share in (0.0, 0.5, 1.0)] == [1, 1, 55]


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
