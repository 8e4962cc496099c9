"""What a piano sounds like beside its notes: mechanism, undamped strings, dampers."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from eval.data.synthetic_bank import frequency
from transcribe.notes import PedalPress, Performance
from transcribe.synthesis.render import render
from transcribe.synthesis.render_config import RenderConfig

from .playing import RATE, decibels, note, one, partial_hz, rms


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
