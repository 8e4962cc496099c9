import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sounds import RATE, SETTINGS, hiss, only, room
from torch.autograd.profiler import profile

from eval.data.synthetic_bank import string
from transcribe.train.augment.augmenter import Augmenter
from transcribe.train.augment.config import AugmentConfig
from transcribe.train.augment.effects import fast_length


def everything(**settings):
    return only(**dict.fromkeys(SETTINGS, 1.0), **settings)


def tones(n_rows=1, seconds=1.0):
    """The same bright string in every row, rms 0.1."""
    samples = np.resize(string(57, bright=True), round(seconds * RATE))
    return np.tile((samples * (0.1 / rms(samples))).astype(np.float32), (n_rows, 1))


def rms(samples):
    return np.sqrt(np.mean(np.square(samples, dtype=np.float64), axis=-1))


def decibels(ratio):
    return 20 * np.log10(ratio)


def apply(config, samples, *, seed=0, rooms=(), noises=()):
    augmenter = Augmenter(config, rooms, noises)
    generator = torch.Generator().manual_seed(seed)
    return augmenter(torch.from_numpy(samples), generator).numpy()


# Batches


def test_nothing_asked_is_nothing_done():
    samples = hiss().reshape(3, -1) / 10
    batch = torch.from_numpy(samples)
    changed = Augmenter(AugmentConfig.nothing(), [room()], [hiss()])(batch)
    assert_array_equal(changed, samples)
    assert changed.data_ptr() != batch.data_ptr()


def test_the_batch_given_is_left_alone():
    batch = torch.from_numpy(tones(4))
    Augmenter(everything(), [room()], [hiss()])(batch)
    assert_array_equal(batch, tones(4))


def test_the_generator_decides():
    samples = tones(4)
    augmenter = Augmenter(AugmentConfig(), [room(), room(seed=2)], [hiss()])

    def changed(seed):
        return augmenter(torch.from_numpy(samples), torch.Generator().manual_seed(seed)).numpy()

    assert_array_equal(changed(5), changed(5))
    assert rms(changed(5) - changed(6)).min() > 0
    torch.manual_seed(5)
    assert_array_equal(augmenter(torch.from_numpy(samples)), changed(5))


def test_rows_are_changed_each_in_its_own_way_whatever_the_others_hold():
    config = everything()
    samples = tones(6)
    changed = apply(config, samples, rooms=[room()], noises=[hiss(0.3), hiss()])
    for first in range(6):
        for other in range(first):
            assert rms(changed[first] - changed[other]) > 1e-3
    samples[::2] = 0
    silenced = apply(config, samples, rooms=[room()], noises=[hiss(0.3), hiss()])
    assert_allclose(silenced[1::2], changed[1::2], atol=1e-6)


def test_silence_and_shapes_at_the_edge():
    config = everything()
    for n_samples in (1, 79, 80, 81, 1000):
        for samples in (np.zeros((3, n_samples)), np.full((3, n_samples), 1e-30)):
            changed = apply(config, samples.astype(np.float32), rooms=[room()], noises=[hiss()])
            assert changed.shape == (3, n_samples)
            assert np.isfinite(changed).all()
    for setting in SETTINGS:
        silent = apply(only(**{setting: 1.0}), np.zeros((2, 500), np.float32), rooms=[room()])
        assert np.isfinite(silent).all()
    assert apply(config, np.zeros((0, 100), np.float32)).shape == (0, 100)
    assert apply(config, np.zeros((2, 0), np.float32)).shape == (2, 0)
    with pytest.raises(ValueError, match="n_rows, n_samples"):
        apply(config, np.zeros(100, np.float32))


def test_nothing_is_kept_in_a_checkpoint():
    augmenter = Augmenter(everything(), [room()], [hiss()])
    assert augmenter.state_dict() == {}
    assert {"rooms", "noises", "coloured"} <= dict(augmenter.named_buffers()).keys()


def test_once_drawn_nothing_waits_for_the_device():
    """No value is asked for, and no shape depends on one; both would wait for a GPU."""
    waiting = {"aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select"}
    augmenter = Augmenter(everything(), [room()], [hiss()])
    batch = torch.from_numpy(tones(4))
    drawn = augmenter._drawing(4, batch.device, None)
    with profile() as done:
        augmenter._changed(batch, drawn)
    names = {event.name for event in done.function_events}
    assert {"aten::_fft_r2c", "aten::index", "aten::cummax"} <= names
    assert not names & waiting
    with profile() as done:
        batch[batch[:, 1] > 0].max().item()
    assert {"aten::_local_scalar_dense", "aten::nonzero"} <= {
        event.name for event in done.function_events
    }


def test_what_is_computed_is_float32_whatever_surrounds_it():
    augmenter = Augmenter(everything(), [room()], [hiss()])
    batch = torch.from_numpy(tones(3))
    torch.manual_seed(0)
    plain = augmenter(batch)
    torch.manual_seed(0)
    with torch.autocast("cpu", torch.bfloat16):
        assert_array_equal(augmenter(batch), plain)


# Labels


def test_an_impulse_stays_at_its_sample_through_everything_linear():
    config = only(room=1.0, equaliser=1.0, low_cut=1.0, high_cut=1.0, room_wet=(0.05, 1.0))
    samples = np.zeros((20, RATE), np.float32)
    samples[:, 5000] = 0.5
    changed = apply(config, samples, rooms=[room(), room(seed=3, seconds=0.2)])
    assert_array_equal(np.argmax(np.abs(changed), axis=1), 5000)


# What is done


def test_effects_follow_each_other_as_in_a_recorder():
    """The microphone's filter, its clipping, then level, polarity and offset of what it sent."""
    chain = {
        "low_cut": {"low_cut_hz": (150.0, 150.0)},
        "saturation": {"saturation_drive_db": (6.0, 6.0)},
        "level": {"level_db": (4.0, 4.0)},
        "inversion": {},
        "offset": {"offset_level": (0.01, 0.01)},
    }
    together = only(**dict.fromkeys(chain, 1.0))
    one_by_one = tones()
    for effect, settings in chain.items():
        for name, value in settings.items():
            setattr(together, name, value)
        one_by_one = apply(only(**{effect: 1.0}, **settings), one_by_one)
    assert_allclose(apply(together, tones()), one_by_one, atol=1e-6)


def test_a_row_in_a_room_is_convolved_with_its_response():
    """Rooms of different lengths beside one another, and rows without."""
    settings = {"room_wet": (1.0, 1.0), "room_decay": (1.0, 1.0)}
    rooms = [room(seconds=0.1), room(seed=2, seconds=0.9)]
    samples = tones(12)
    changed = apply(only(room=0.6, **settings), samples, rooms=rooms)
    possible = [samples[0]]
    for one in rooms:
        direct, decay = np.argmax(np.abs(one)), 10 ** (-3 * np.arange(len(one)) / RATE)
        response = (one[direct:] / one[direct]) * decay[: len(one) - direct]
        response[1:] /= np.sqrt(np.sum(response[1:] ** 2))
        wet = np.convolve(samples[0].astype(np.float64), response)[:RATE]
        possible.append(wet * (rms(samples[0]) / rms(wet)))
    distance = rms(changed[:, None] - np.stack(possible))
    assert distance.min(axis=1).max() < 1e-5
    assert set(distance.argmin(axis=1)) == {0, 1, 2}
    assert_array_equal(changed[distance.argmin(axis=1) == 0][0], samples[0])


def test_everything_drawn_lies_in_its_range_and_uses_it():
    config = AugmentConfig()
    augmenter = Augmenter(config, [room(), room(seed=2)], [hiss(1.0), hiss(2.0)])
    drawn = augmenter._drawing(4000, torch.device("cpu"), torch.Generator().manual_seed(0))
    for name in ("compression_ratio", "noise_snr_db", "hum_snr_db", "recorded_noise_snr_db"):
        low, high = getattr(config, name)
        assert low <= drawn.exact(name).min() < low + (high - low) / 50
        assert high >= drawn.exact(name).max() > high - (high - low) / 50
    assert_array_equal(drawn.index("room_index").unique(), [0, 1])
    assert_array_equal(drawn.exact("quantisation_steps").unique(), 2.0 ** np.arange(7, 12))
    assert_array_equal((drawn["bell_db"] != 0).sum(1).unique(), [0, 2, 3, 4])
    assert_allclose(drawn["noise_shares"].sum(1), 1, atol=1e-6)
    assert_allclose(drawn["noise_shares"].mean(0), 1 / 3, atol=0.02)
    first, start, length = (
        drawn.index(f"recorded_noise_{what}") for what in ("first", "start", "length")
    )
    assert {(int(f), int(n)) for f, n in zip(first, length, strict=True)} == {
        (0, RATE),
        (RATE, 2 * RATE),
    }
    assert (start < length).all()
    assert start.max() > 1.9 * RATE
    for effect in SETTINGS:
        share = drawn.count(effect) / 4000
        assert share == pytest.approx(getattr(config, effect), abs=0.04)
        assert len(drawn.rows(effect).unique()) == drawn.count(effect)


# Sound


@pytest.mark.parametrize("kind", ["noise", "hum", "recorded_noise"])
def test_noise_comes_at_a_ratio_in_its_range(kind):
    config = only(**{kind: 1.0, f"{kind}_snr_db": (10.0, 40.0)})
    samples = tones(60)
    snr_db = decibels(0.1 / rms(apply(config, samples, noises=[hiss(0.4), hiss()]) - samples))
    assert snr_db.min() > 9.9
    assert snr_db.max() < 40.1
    assert snr_db.max() - snr_db.min() > 24


@pytest.mark.parametrize("kind", ["noise", "hum", "recorded_noise"])
def test_silence_gets_the_noise_of_minus_40_db(kind):
    config = only(**{kind: 1.0, f"{kind}_snr_db": (20.0, 20.0)})
    samples = np.stack([np.zeros(RATE, np.float32), tones()[0]])
    added = apply(config, samples, noises=[hiss(1.0)]) - samples
    assert_allclose(rms(added), [0.001, 0.01], rtol=0.01)


def test_a_short_noise_is_repeated_and_lies_beside_others_unmixed():
    config = only(recorded_noise=1.0, recorded_noise_snr_db=(0.0, 0.0))
    short, ramp = hiss(0.1), np.arange(1, 5001, dtype=np.float32)
    changed = apply(config, np.zeros((8, RATE), np.float32), noises=[short, ramp])
    periods = (len(short), len(ramp))
    repeats = [
        [np.abs(row[period:] - row[:-period]).max() < 1e-7 for period in periods] for row in changed
    ]
    assert {tuple(row) for row in repeats} == {(True, False), (False, True)}


def test_the_level_is_that_configured():
    samples = tones(40)
    changed = apply(only(level=1.0, level_db=(-20.0, -6.0)), samples)
    level_db = decibels(rms(changed) / rms(samples))
    assert -20.01 < level_db.min() < -18
    assert -8 < level_db.max() < -5.99
    assert_allclose(changed, samples * 10 ** (level_db[:, None] / 20), atol=1e-6)


def test_polarity_is_turned_about_half_the_time():
    samples = tones(1000, seconds=0.01)
    turned = (apply(only(inversion=0.5), samples) == -samples).all(axis=1)
    kept = (apply(only(inversion=0.5), samples) == samples).all(axis=1)
    assert (turned ^ kept).all()
    assert 0.45 < turned.mean() < 0.55


def test_nothing_leaves_full_scale():
    changed = apply(only(level=1.0, level_db=(30.0, 30.0)), tones(2))
    assert np.abs(changed).max() == 1


def test_lengths_are_products_of_small_primes():
    for n_samples in (1, 4096, 4097, 300_000, 310_800, 1_000_000):
        length = fast_length(n_samples)
        assert n_samples <= length < 1.2 * n_samples + 8192
        assert length % 4096 == 0
        for prime in (2, 3, 5, 7):
            while length % prime == 0:
                length //= prime
        assert length == 1
