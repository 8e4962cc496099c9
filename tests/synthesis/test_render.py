"""Notes played on a sampled instrument: pitch, time, loudness, and parts that make up the whole."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from eval.data.synthetic_bank import SOFT_DB, frequency, string, write_wav
from transcribe.notes import PedalPress, Performance
from transcribe.synthesis.performance_arrays import PerformanceArrays
from transcribe.synthesis.render import render, render_blocks
from transcribe.synthesis.render_config import RenderConfig
from transcribe.synthesis.sample_bank import SampleBank

from .playing import RATE, decibels, note, one, partial_hz, rms


@pytest.mark.parametrize("pitch", [28, 33, 60, 64, 66, 69, 95])
def test_every_pitch_sounds_at_its_frequency_whatever_its_root(bank, pitch):
    samples = render(one(pitch), bank, start=0.02, duration=0.7)
    cents = 1200 * np.log2(partial_hz(samples, frequency(pitch)) / frequency(pitch))
    assert abs(cents) < 3


def test_tuning_moves_every_pitch_by_as_many_cents(folder):
    bank = SampleBank.load(folder)
    for pitch in (45, 69, 81):
        plain = partial_hz(render(one(pitch), bank, duration=0.7), frequency(pitch))
        config = RenderConfig(tuning_cents=30)
        sharp = partial_hz(render(one(pitch), bank, config, duration=0.7), frequency(pitch))
        assert 1200 * np.log2(sharp / plain) == pytest.approx(30, abs=1.5)


def test_key_detuning_belongs_to_the_key_and_not_to_the_note(folder):
    bank = SampleBank.load(folder)
    config = RenderConfig(key_detune_cents=10)
    twice = Performance([note(0, 69, 0.8), note(2, 69, 2.8), note(2, 76, 2.8)])
    samples = render(twice, bank, config)
    assert_allclose(samples[:RATE], render(one(69, offset=0.8), bank, config)[:RATE], atol=1e-7)
    off = [
        1200 * np.log2(partial_hz(samples[2 * RATE : 3 * RATE], frequency(p)) / frequency(p))
        for p in (69, 76)
    ]
    assert abs(off[0] - off[1]) > 1


@pytest.mark.parametrize("pitch", [21, 45, 64, 70, 100, 108])
def test_the_attack_lies_at_the_onset(bank, pitch):
    samples = np.abs(render(one(pitch, onset=0.5, offset=1.0), bank))
    heard = np.argmax(samples > 0.05 * samples.max()) / RATE
    assert heard == pytest.approx(0.5, abs=0.001)
    assert samples[: round(0.4975 * RATE)].max() == 0


def test_delaying_a_performance_delays_its_sound(bank):
    early = Performance([note(0.0, 60, 0.5), note(0.25, 67, 1.0)], [PedalPress(onset=0, offset=1)])
    late = Performance([note(1.0, 60, 1.5), note(1.25, 67, 2.0)], [PedalPress(onset=1, offset=2)])
    expected, samples = render(early, bank), render(late, bank)
    preroll = 32
    assert_array_equal(samples[RATE:], expected)
    assert samples[: RATE - preroll].max() == 0


def test_an_attack_later_than_its_manifest_says_is_found(tmp_path):
    sound = string(60, bright=True)
    write_wav(tmp_path / "a.wav", 0.3 * np.concatenate([np.zeros(RATE // 3), sound]))
    manifest = {
        "samplerate": RATE,
        "layers": [{"layer": 0}],
        "samples": [{"root": 60, "layer": 0, "file": "a.wav", "onset": 0.003}],
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    samples = np.abs(render(one(60, onset=0.5), SampleBank.load(tmp_path)))
    assert np.argmax(samples > 0.2 * samples.max()) / RATE == pytest.approx(0.5, abs=0.003)


@pytest.mark.parametrize("exponent", [1.5, 2.2, 3.4])
@pytest.mark.parametrize("velocity", [20, 64, 75, 110])
def test_amplitude_is_a_power_of_velocity(bank, exponent, velocity):
    config = RenderConfig(velocity_exponent=exponent)
    reference = 127 if velocity > 70 else 70
    loud = rms(render(one(60, velocity=reference), bank, config, duration=0.5))
    quiet = rms(render(one(60, velocity=velocity), bank, config, duration=0.5))
    assert quiet / loud == pytest.approx((velocity / reference) ** exponent, rel=2e-3)


@pytest.mark.parametrize("pitch", [30, 60, 90])
def test_loudness_does_not_jump_between_layers(bank, pitch):
    assert SOFT_DB == -10
    soft = rms(render(one(pitch, velocity=70), bank, duration=0.3))
    loud = rms(render(one(pitch, velocity=71), bank, duration=0.3))
    assert abs(decibels(loud / soft)) < 0.8


def test_a_forte_chord_peaks_about_6_db_below_full_scale(bank):
    chord = Performance([note(0, pitch, 1, 96) for pitch in (36, 48, 60, 64, 67, 72)])
    peak = np.abs(render(chord, bank)).max()
    assert -9 < decibels(peak) < -3


def test_gain_is_in_decibels_and_sounds_add(bank):
    a, b = one(60), one(67, onset=0.5, offset=1.5)
    both = Performance([*a.notes, *b.notes])
    quiet = render(both, bank, RenderConfig(gain_db=-20), duration=2)
    expected = 0.1 * (render(a, bank, duration=2) + render(b, bank, duration=2))
    assert_allclose(quiet, expected, atol=3e-4)
    assert rms(quiet) > 1e-3


@pytest.mark.parametrize(("pitch", "time_constant"), [(21, 0.15), (89, 0.05), (55, 0.0866)])
def test_a_damper_quiets_a_string_exponentially(bank, pitch, time_constant):
    held = render(one(pitch, offset=5.0), bank, duration=1.5)
    damped = render(one(pitch, offset=0.2), bank, duration=1.5)
    at = round((0.2 + time_constant) * RATE)
    assert_array_equal(damped[: round(0.2 * RATE)], held[: round(0.2 * RATE)])
    ratio = rms(damped[at - 80 : at + 80]) / rms(held[at - 80 : at + 80])
    assert ratio == pytest.approx(np.exp(-1), rel=0.02)
    assert np.abs(damped[round((0.2 + 8 * time_constant) * RATE) + 2 :]).max() == 0


def test_the_pedal_holds_a_string_until_it_comes_up(bank):
    pedalled = Performance([note(0, 50, 0.2)], [PedalPress(onset=0.1, offset=1.0)])
    assert_array_equal(render(pedalled, bank), render(one(50, offset=1.0), bank))


def test_the_highest_strings_have_no_dampers(bank):
    short, long = one(90, offset=0.1), one(90, offset=1.0)
    assert_array_equal(render(short, bank), render(long, bank))
    assert rms(render(short, bank, start=0.3, duration=0.1)) > 1e-3
    short, long = one(89, offset=0.1), one(89, offset=0.5)
    assert rms(render(short, bank, start=0.45, duration=0.05)) < 0.01 * rms(
        render(long, bank, start=0.45, duration=0.05)
    )


@pytest.mark.parametrize("pitch", [50, 95])
def test_striking_a_string_again_ends_its_earlier_sound(bank, pitch):
    pedal = [PedalPress(onset=0.1, offset=2.0)]
    again = Performance([note(0, pitch, 0.2), note(0.5, pitch, 0.7)], pedal)
    second = Performance([note(0.5, pitch, 0.7)], pedal)
    whole, alone = render(again, bank, duration=2), render(second, bank, duration=2)
    faded = round(0.526 * RATE)
    assert_array_equal(whole[faded:], alone[faded:])
    assert rms(whole[7000:7900]) > 1e-3


performances = st.builds(
    lambda notes, pedal: Performance(
        [note(o, p, o + d, v) for o, p, d, v in notes],
        [PedalPress(onset=i + a, offset=i + a + 0.3) for i, a in enumerate(pedal)],
    ),
    st.lists(
        st.tuples(st.floats(0, 4), st.integers(21, 108), st.floats(0.01, 3), st.integers(1, 127)),
        max_size=12,
    ),
    st.lists(st.floats(0, 0.6), max_size=4),
)

NOISY = RenderConfig(
    note_level_db=3,
    key_noise=0.1,
    pedal_noise=0.1,
    damper_buzz=1,
    layer_spread=20,
    restrike_keep=0.9,
    seed=5,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(performance=performances, start=st.floats(0, 5), duration=st.floats(0, 3))
def test_a_part_equals_the_same_part_of_the_whole(bank, performance, start, duration):
    whole = np.pad(render(performance, bank, NOISY), (0, 9 * RATE))
    part = render(performance, bank, NOISY, start=start, duration=duration)
    first = round(start * RATE)
    assert abs(len(part) - duration * RATE) <= 1
    assert_allclose(part, whole[first : first + len(part)], atol=1e-7)


@settings(max_examples=25, deadline=None)
@given(strikes=st.lists(st.floats(0, 4), max_size=12), block_duration=st.floats(0.1, 2))
@example(strikes=[1.7, 1.95], block_duration=2.0)  # buzzes on into a block in which it is struck
def test_blocks_make_up_what_is_struck_again_under_the_pedal(bank, strikes, block_duration):
    pedal = [PedalPress(onset=0.2, offset=1.9), PedalPress(onset=2.1, offset=4.2)]
    performance = Performance([note(onset, 50, onset + 0.1) for onset in strikes], pedal)
    blocks = [*render_blocks(performance, bank, NOISY, block_duration=block_duration)]
    joined = np.concatenate([np.zeros(0, np.float32), *blocks])
    assert_allclose(joined, render(performance, bank, NOISY), atol=1e-7)


@settings(max_examples=15, deadline=None)
@given(performance=performances, block_duration=st.floats(0.3, 4))
def test_blocks_make_up_the_whole(bank, performance, block_duration):
    blocks = [*render_blocks(performance, bank, NOISY, block_duration=block_duration)]
    joined = np.concatenate([np.zeros(0, np.float32), *blocks])
    whole = render(performance, bank, NOISY)
    assert len(joined) == len(whole)
    assert_allclose(joined, whole, atol=1e-7)


def test_a_part_is_heard_from_within_a_long_note(bank):
    part = render(one(30, offset=3.0), bank, start=1.0, duration=0.5)
    assert rms(part) > 1e-3


def test_the_whole_lasts_until_the_last_sound_has_died_away(bank):
    performance = Performance([note(0, 40, 2.0), note(1.5, 100, 1.6)])
    whole = render(performance, bank)
    longer = render(performance, bank, duration=len(whole) / RATE + 3)
    assert np.abs(longer[len(whole) :]).max() == 0
    assert np.abs(whole[-RATE // 2 :]).max() > 0


def test_nothing_played_is_nothing_heard(bank):
    assert len(render(Performance(), bank)) == 0
    assert [*render_blocks(Performance(), bank)] == []
    silence = render(Performance(), bank, NOISY, start=2, duration=1)
    assert_array_equal(silence, np.zeros(RATE, np.float32))
    assert_array_equal(render(one(60), bank, start=50, duration=0.5), np.zeros(RATE // 2))
    assert len(render(one(60), bank, start=50)) == 0


def test_a_table_plays_what_its_performance_plays(bank):
    performance = Performance(
        [note(0, 60, 0.3), note(0.5, 60, 0.8), note(0.6, 64, 2)], [PedalPress(onset=0.2, offset=1)]
    )
    table = PerformanceArrays.of(performance)
    assert_array_equal(table.onset, [0, 0.5, 0.6])
    assert_array_equal(table.released, [0.3, 0.8, 2])
    assert_array_equal(table.damped, [0.5, 1, 2])
    assert_array_equal(table.restruck, [0.5, np.inf, np.inf])
    assert_array_equal(render(table, bank), render(performance, bank))


@pytest.mark.parametrize(("start", "duration"), [(-0.1, 1.0), (0.0, -1.0)])
def test_times_before_the_beginning_are_refused(bank, start, duration):
    with pytest.raises(ValueError, match="0 s or more"):
        render(one(60), bank, start=start, duration=duration)


def test_the_seed_decides_what_is_left_to_chance(bank):
    performance = Performance([note(i / 4, 60 + i, i / 4 + 0.2) for i in range(5)])
    config = RenderConfig(note_level_db=4)
    first = render(performance, bank, config)
    assert_array_equal(first, render(performance, bank, config))
    other = render(performance, bank, RenderConfig(note_level_db=4, seed=1))
    assert rms(first - other) > 0.05 * rms(first)
    drawn = [render(performance, bank, config, rng=np.random.default_rng(i)) for i in (1, 1, 2)]
    assert_array_equal(drawn[0], drawn[1])
    assert rms(drawn[0] - drawn[2]) > 0.05 * rms(first)


def test_settings_out_of_range_are_refused():
    for setting in (
        {"release_bass": 0},
        {"key_noise": 1.5},
        {"velocity_exponent": -1},
        {"damper_lead": -0.1},
        {"damper_early": -0.1},
        {"damper_buzz": -0.1},
        {"restrike_keep": 1.1},
        {"layer_spread": -1},
    ):
        with pytest.raises(ValueError, match=next(iter(setting))):
            RenderConfig(**setting)
