import json
import os
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from eval.data.synthetic_bank import SOFT_DB, frequency, string, write_synthetic_bank, write_wav
from transcribe.errors import InstrumentError, MidiError
from transcribe.midi import write_midi
from transcribe.notes import Note, PedalPress, Performance
from transcribe.synthesis.fluidsynth import render_soundfont
from transcribe.synthesis.performance_arrays import PerformanceArrays
from transcribe.synthesis.render import render, render_blocks, render_midi
from transcribe.synthesis.render_config import RenderConfig
from transcribe.synthesis.sample_bank import SampleBank

RATE = 16000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_synthetic_bank(tmp_path_factory.mktemp("bank"))


@pytest.fixture(scope="module")
def bank(folder):
    return SampleBank.load(folder)


def note(onset, pitch, offset, velocity=90):
    return Note(onset=onset, pitch=pitch, offset=offset, velocity=velocity)


def one(pitch, *, velocity=90, onset=0.0, offset=1.0):
    return Performance([note(onset, pitch, offset, velocity)])


def rms(samples):
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def decibels(ratio):
    return 20 * np.log10(ratio)


def partial_hz(samples, near):
    """Frequency of the strongest partial within a tone of ``near``."""
    padded = np.zeros(2**18)
    padded[: len(samples)] = samples * np.hanning(len(samples))
    spectrum = np.abs(np.fft.rfft(padded))
    bins = np.fft.rfftfreq(len(padded), 1 / RATE)
    spectrum[(bins < near * 0.89) | (bins > near * 1.12)] = 0
    return bins[np.argmax(spectrum)]


# Pitch


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


# Time


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


# Loudness


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


# Damping


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


# Parts and edges

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


# Chance


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


def test_keys_and_pedal_knock_when_they_move(bank):
    performance = Performance([note(0.2, 60, 1.0)], [PedalPress(onset=0.5, offset=2.0)])
    plain = render(performance, bank, duration=3)
    keys = render(performance, bank, RenderConfig(key_noise=0.1), duration=3) - plain
    pedal = render(performance, bank, RenderConfig(pedal_noise=0.1), duration=3) - plain

    def moves(difference):
        energy = np.square(difference).reshape(-1, RATE // 10).sum(axis=1)
        return [i / 10 for i in np.flatnonzero(energy > 0.2 * energy.max())]

    assert moves(keys) == [1.0]
    assert moves(pedal) == [0.5, 2.0]


def test_freed_strings_answer_what_is_played_and_no_others(bank):
    """With the pedal down a short note leaves a halo at its own pitch; without, silence."""
    struck = note(0.5, 60, 0.7)
    pedalled = Performance([struck], [PedalPress(onset=0.1, offset=2.0)])
    dry = render(pedalled, bank, RenderConfig(), duration=3.0)
    wet = render(pedalled, bank, RenderConfig(resonance=0.5), duration=3.0)
    halo = wet - dry
    assert_allclose(halo[: round(0.49 * RATE)], 0, atol=1e-7)
    assert 0.001 < rms(halo[RATE : 2 * RATE]) / rms(dry[RATE // 2 : RATE]) < 0.5
    assert partial_hz(halo[RATE : 2 * RATE], near=frequency(60)) == pytest.approx(
        frequency(60), rel=0.01
    )
    assert rms(halo[round(2.5 * RATE) :]) < 0.01 * rms(halo[RATE : 2 * RATE])
    released = Performance([struck])
    assert_array_equal(
        render(released, bank, RenderConfig(resonance=0.5), duration=3.0),
        render(released, bank, RenderConfig(), duration=3.0),
    )


def test_an_answer_is_as_loud_as_the_setting(bank):
    pedalled = Performance([note(0.0, 60, 0.5)], [PedalPress(onset=0.0, offset=2.0)])
    dry, one, two = (
        render(pedalled, bank, RenderConfig(resonance=level), duration=2.0)
        for level in (0.0, 0.2, 0.4)
    )
    assert_allclose(two - dry, 2 * (one - dry), atol=1e-6)


def test_dampers_that_leave_the_strings_set_them_ringing(bank):
    """Nobody plays: the pedal goes down with a sigh that lasts until it comes up."""
    pressed = Performance([], [PedalPress(onset=0.5, offset=2.0)])
    heard = render(pressed, bank, RenderConfig(pedal_noise=0.02, resonance=0.2), duration=3.0)
    knock = render(pressed, bank, RenderConfig(pedal_noise=0.02), duration=3.0)
    sigh = heard - knock
    assert_array_equal(sigh[: RATE // 2], 0)
    ringing = rms(sigh[RATE : 3 * RATE // 2])
    assert 0.1 * rms(knock[RATE // 2 : RATE]) < ringing < 2 * rms(knock[RATE // 2 : RATE])
    assert rms(sigh[round(2.4 * RATE) :]) < 0.02 * ringing


def test_dampers_leave_the_strings_before_the_pedal_counts_as_down(bank):
    pressed = Performance(
        [], [PedalPress(onset=0.5, offset=1.0), PedalPress(onset=1.02, offset=2.0)]
    )
    late, early = (
        render(
            pressed,
            bank,
            RenderConfig(pedal_noise=0.02, resonance=0.2, damper_lead=lead),
            duration=3.0,
        )
        for lead in (0.0, 0.05)
    )
    begins = [int(np.flatnonzero(samples)[0]) / RATE for samples in (late, early)]
    assert begins == pytest.approx([0.5, 0.45], abs=0.002)
    assert_array_equal(late[: round(0.45 * RATE)], 0)
    assert_allclose(rms(early), rms(late), rtol=0.3)


def test_dampers_touch_the_strings_before_the_pedal_counts_as_up(bank):
    """A note that the pedal alone holds begins to die away sooner, one that a key holds not."""
    pedal = [PedalPress(onset=0.0, offset=0.6)]
    for offset, sooner in ((0.2, True), (0.9, False)):
        played = Performance([note(0.0, 60, offset)], pedal)
        late, early = (
            render(played, bank, RenderConfig(damper_early=before), duration=1.0)
            for before in (0.0, 0.1)
        )
        n_same = round((0.5 if sooner else 1.0) * RATE)
        assert_array_equal(late[:n_same], early[:n_same])
        lost = decibels(rms(late[round(0.58 * RATE) :]) / rms(early[round(0.58 * RATE) :]))
        assert bool(lost > 3) is sooner


def test_no_damper_touches_a_string_before_its_key_comes_up(bank):
    """The key comes up at 0.55 s, the pedal at 0.6 s: dampers 0.1 s early begin at 0.55 s."""
    held = Performance([note(0.0, 60, 0.55)], [PedalPress(onset=0.0, offset=0.6)])
    ends = Performance([note(0.0, 60, 0.55)])
    early = render(held, bank, RenderConfig(damper_early=0.1), duration=1.0)
    assert_array_equal(early, render(ends, bank, duration=1.0))


def test_a_string_struck_again_under_the_pedal_is_not_damped_before(bank):
    played = Performance(
        [note(0.0, 60, 0.1), note(0.5, 60, 0.6)], [PedalPress(onset=0.0, offset=2.0)]
    )
    late, early = (
        render(played, bank, RenderConfig(damper_early=before), duration=1.0)
        for before in (0.0, 0.1)
    )
    assert_array_equal(late, early)


def test_a_string_answers_to_its_damper_softly_and_briefly(bank):
    """Something of its sound again as the damper touches it, never before, and soon over."""
    levels = []
    for pitch in range(40, 76):
        played = one(pitch, offset=0.4)
        plain, buzzing = (
            render(played, bank, RenderConfig(damper_buzz=level, seed=pitch), duration=1.0)
            for level in (0.0, 1.0)
        )
        buzz = buzzing - plain
        assert_array_equal(buzz[: round(0.4 * RATE) - 1], 0)
        assert_allclose(buzz[round(0.57 * RATE) :], 0, atol=1e-7)
        part = slice(round(0.4 * RATE), round(0.45 * RATE))
        levels.append(rms(buzz[part]) / rms(plain[part]))
    assert 0.02 < np.median(levels) < 0.5
    assert max(levels) > 4 * np.median(levels)


def test_some_of_a_ringing_strings_sound_may_outlive_its_being_struck_again(bank):
    """As much of it as is left goes on until the pedal comes up."""
    pedal = [PedalPress(onset=0.1, offset=1.5)]
    first, second = note(0, 50, 0.2), note(0.5, 50, 0.7)
    alone, new = (render(Performance([n], pedal), bank, duration=3) for n in (first, second))
    shares = []
    for seed in range(12):
        config = RenderConfig(restrike_keep=0.8, seed=seed)
        both = render(Performance([first, second], pedal), bank, config, duration=3)
        assert_array_equal(both[: round(0.49 * RATE)], alone[: round(0.49 * RATE)])
        after = slice(round(0.53 * RATE), None)
        old = both[after] - new[after]
        share = float(old @ alone[after] / (alone[after] @ alone[after]))
        assert_allclose(old, share * alone[after], atol=1e-6)
        shares.append(share)
    assert 0 <= min(shares) < 0.3 < 0.5 < max(shares) <= 0.8
    dry = Performance([first, second])  # a damper was on the string meanwhile
    assert_array_equal(render(dry, bank, RenderConfig(restrike_keep=0.8)), render(dry, bank))


def test_a_shift_of_layers_changes_the_timbre_and_not_the_level(bank):
    """Velocity 60 belongs to the soft layer, 80 to the loud one, which has more partials."""

    def high_share(samples):
        power = np.abs(np.fft.rfft(samples)) ** 2
        return power[len(power) // 4 :].sum() / power.sum()

    soft, harder = (
        render(one(60, velocity=60), bank, RenderConfig(layer_shift=shift), duration=0.5)
        for shift in (0, 20)
    )
    assert high_share(harder) > 3 * high_share(soft)
    assert abs(decibels(rms(harder) / rms(soft))) < 1.5
    within = render(one(60, velocity=60), bank, RenderConfig(layer_shift=5), duration=0.5)
    assert_array_equal(soft, within)


def test_timbre_may_vary_from_note_to_note(bank):
    """At the border of two layers some notes come from either."""
    notes = Performance([note(2.0 * i, 60, 2.0 * i + 0.4, velocity=70) for i in range(12)])
    varied = render(notes, bank, RenderConfig(layer_spread=5))
    parts = [varied[2 * i * RATE + 32 : 2 * i * RATE + RATE // 4] for i in range(12)]
    alike = [bool(np.allclose(parts[0], part, atol=1e-4)) for part in parts]
    assert 1 < sum(alike) < 12


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


# Banks


def test_a_bank_keeps_the_voices_it_made(folder):
    bank = SampleBank.load(folder)
    assert bank.n_bytes == 0
    first = bank.voice(60, 100)
    assert bank.voice(60, 127) is first
    assert bank.voice(60, 40) is not first
    bank.preload()
    n_bytes = bank.n_bytes
    render(Performance([note(0, p, 1, v) for p in range(21, 109) for v in (40, 100)]), bank)
    assert bank.n_bytes == n_bytes


def test_what_a_manifest_may_leave_out(tmp_path):
    write_wav(tmp_path / "a.wav", 0.5 * string(60, bright=True))
    manifest = {
        "samplerate": RATE,
        "layers": [{"layer": 1}],
        "samples": [{"root": 60, "layer": 1, "file": "a.wav"}],
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    bank = SampleBank.load(tmp_path)
    assert bank.name == tmp_path.name
    samples = render(one(72, velocity=1), bank, RenderConfig(gain_db=60), duration=0.5)
    assert partial_hz(samples, frequency(72)) == pytest.approx(frequency(72), rel=2e-3)


def broken(folder, tmp_path, change):
    copy = tmp_path / "bank"
    shutil.copytree(folder, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    change(manifest)
    (copy / "manifest.json").write_text(json.dumps(manifest))
    return copy


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.pop("samplerate"), "samplerate"),
        (lambda m: m.pop("layers"), "layers"),
        (lambda m: m.update(samples=[]), "no samples of layer soft"),
        (lambda m: m["samples"][0].update(file="gone.wav"), "gone.wav"),
        (lambda m: m["samples"][0].update(root="C4"), "C4"),
        (lambda m: m["samples"][0].pop("root"), "root"),
        (lambda m: m["samples"][0].update(gain=0), "gain 0"),
        (lambda m: m["layers"][0].update(lovel=90), "90 to 70"),
        (lambda m: m.update(samplerate=0), "sample rate of 0"),
    ],
)
def test_a_broken_manifest_is_refused_with_what_is_wrong(folder, tmp_path, change, message):
    copy = broken(folder, tmp_path, change)
    with pytest.raises(InstrumentError, match=message) as caught:
        SampleBank.load(copy)
    assert str(copy) in str(caught.value)


def test_a_folder_without_a_manifest_is_no_bank(tmp_path):
    with pytest.raises(InstrumentError, match=r"manifest\.json; found none"):
        SampleBank.load(tmp_path / "nowhere")
    (tmp_path / "manifest.json").write_text("[1, 2")
    with pytest.raises(InstrumentError, match="JSON"):
        SampleBank.load(tmp_path)
    (tmp_path / "manifest.json").write_text("[1, 2]")
    with pytest.raises(InstrumentError, match="sample-bank format"):
        SampleBank.load(tmp_path)


def test_a_silent_recording_is_refused(folder, tmp_path):
    copy = broken(folder, tmp_path, lambda manifest: None)
    write_wav(copy / "076_soft.wav", np.zeros(RATE))
    bank = SampleBank.load(copy)
    render(one(76, velocity=100), bank)
    with pytest.raises(InstrumentError, match=r"076_soft\.wav.*silence"):
        render(one(76, velocity=40), bank)


# Files


def test_a_midi_file_is_played(bank, tmp_path):
    performance = Performance([note(0.5, 60, 1.0, 80), note(1.0, 72, 1.5, 100)])
    write_midi(performance, tmp_path / "a.mid")
    samples, expected = render_midi(tmp_path / "a.mid", bank), render(performance, bank)
    assert abs(len(samples) - len(expected)) <= 0.002 * RATE
    assert rms(samples) == pytest.approx(rms(expected), rel=0.01)


def test_a_soundfont_needs_fluidsynth(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InstrumentError, match="fluidsynth"):
        render_soundfont(tmp_path / "a.mid", tmp_path / "a.sf2")


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for fluidsynth is a shell script")
def test_fluidsynth_is_asked_for_the_file_and_its_failure_told(tmp_path, monkeypatch):
    def stand_in(script: str) -> None:
        program = tmp_path / "fluidsynth"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    midi, soundfont = tmp_path / "a.mid", tmp_path / "a.sf2"
    midi.write_bytes(b"MThd\0\0\0\6")
    soundfont.write_bytes(b"RIFF\0\0\0\0sfbk")
    sound = 0.5 * string(60, bright=True, sample_rate=44100)
    write_wav(tmp_path / "sound.wav", sound / np.abs(sound).max(), 44100)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    find_output = 'while [ "$1" != -F ]; do shift; done'
    stand_in(f'{find_output}\ncp {tmp_path}/sound.wav "$2"')
    samples = render_soundfont(midi, soundfont, sample_rate=RATE)
    assert len(samples) == pytest.approx(len(sound) * RATE / 44100, abs=2)
    assert partial_hz(samples, frequency(60)) == pytest.approx(frequency(60), rel=2e-3)
    stand_in("echo no memory >&2; exit 1")
    with pytest.raises(InstrumentError, match="no memory"):
        render_soundfont(midi, soundfont)
    with pytest.raises(MidiError, match="expected a MIDI file"):
        render_soundfont(soundfont, soundfont)
    with pytest.raises(InstrumentError, match="expected a SoundFont"):
        render_soundfont(midi, midi)
    with pytest.raises(InstrumentError, match="No such file"):
        render_soundfont(midi, Path(tmp_path / "gone.sf2"))
