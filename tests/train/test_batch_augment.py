import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sounds import RATE, SETTINGS, hiss, mains_of, only, room
from torch.autograd.profiler import profile

from eval.data.synthetic_bank import string
from transcribe.train.augment.batch import BatchAugmenter, _compress, _fast_length, _responses
from transcribe.train.augment.window import AugmentConfig, Augmenter, _from_direct_sound


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
    augmenter = BatchAugmenter(config, rooms, noises)
    generator = torch.Generator().manual_seed(seed)
    return augmenter(torch.from_numpy(samples), generator).numpy()


# Batches


def test_nothing_asked_is_nothing_done():
    samples = hiss().reshape(3, -1) / 10
    batch = torch.from_numpy(samples)
    changed = BatchAugmenter(AugmentConfig.nothing(), [room()], [hiss()])(batch)
    assert_array_equal(changed, samples)
    assert changed.data_ptr() != batch.data_ptr()


def test_the_batch_given_is_left_alone():
    batch = torch.from_numpy(tones(4))
    BatchAugmenter(everything(), [room()], [hiss()])(batch)
    assert_array_equal(batch, tones(4))


def test_the_generator_decides():
    samples = tones(4)
    augmenter = BatchAugmenter(AugmentConfig(), [room(), room(seed=2)], [hiss()])

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
    augmenter = BatchAugmenter(everything(), [room()], [hiss()])
    assert augmenter.state_dict() == {}
    assert {"rooms", "noises", "coloured"} <= dict(augmenter.named_buffers()).keys()


def test_once_drawn_nothing_waits_for_the_device():
    """No value is asked for, and no shape depends on one; both would wait for a GPU."""
    waiting = {"aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select"}
    augmenter = BatchAugmenter(everything(), [room()], [hiss()])
    batch = torch.from_numpy(tones(4))
    drawn = augmenter._draw(4, batch.device, None)
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
    augmenter = BatchAugmenter(everything(), [room()], [hiss()])
    batch = torch.from_numpy(tones(3))
    torch.manual_seed(0)
    plain = augmenter(batch)
    torch.manual_seed(0)
    with torch.autocast("cpu", torch.bfloat16):
        assert_array_equal(augmenter(batch), plain)


# Labels


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_setting_moves_an_onset(setting):
    samples = np.zeros((6, RATE), np.float32)
    samples[:, 7000:7200] += 0.5 * np.exp(-np.arange(200) / 4)
    changed = apply(only(**{setting: 1.0}), samples, rooms=[room()], noises=[hiss()])
    assert rms(changed - samples).min() > 0
    changed -= np.median(changed, axis=1, keepdims=True)
    assert np.abs(np.argmax(np.abs(changed), axis=1) - 7000).max() <= 2


def test_an_impulse_stays_at_its_sample_through_everything_linear():
    config = only(room=1.0, equaliser=1.0, low_cut=1.0, high_cut=1.0, room_wet=(0.05, 1.0))
    samples = np.zeros((20, RATE), np.float32)
    samples[:, 5000] = 0.5
    changed = apply(config, samples, rooms=[room(), room(seed=3, seconds=0.2)])
    assert_array_equal(np.argmax(np.abs(changed), axis=1), 5000)


# The same as the numpy augmenter


WITHOUT_CHOICE = {
    "room": {"room_wet": (0.5, 0.5), "room_decay": (0.4, 0.4)},
    "equaliser": {"equaliser_tilt_db": (2.0, 2.0), "equaliser_bells": (0, 0)},
    "low_cut": {"low_cut_hz": (150.0, 150.0)},
    "high_cut": {"high_cut_hz": (5000.0, 5000.0)},
    "telephone": {},
    "saturation": {"saturation_drive_db": (6.0, 6.0)},
    "quantisation": {"quantisation_bits": (9, 9)},
    "level": {"level_db": (4.0, 4.0)},
    "inversion": {},
    "offset": {"offset_level": (0.01, 0.01)},
}


@pytest.mark.parametrize("setting", WITHOUT_CHOICE)
def test_an_effect_without_choice_is_that_of_the_numpy_augmenter(setting):
    config = only(**{setting: 1.0}, **WITHOUT_CHOICE[setting])
    samples = np.stack([tones()[0], hiss(1.0) / 10, np.zeros(RATE, np.float32)])
    augmenter = Augmenter(config, [room()])
    expected = [augmenter(row, np.random.default_rng(0)) for row in samples]
    # A sample half-way between two steps may go either way.
    atol = 2**-8 if setting == "quantisation" else 1e-5
    assert_allclose(apply(config, samples, rooms=[room()]), expected, atol=atol)


def test_all_effects_without_choice_follow_in_the_order_of_the_numpy_augmenter():
    config = only(**dict.fromkeys(WITHOUT_CHOICE, 1.0))
    for settings in WITHOUT_CHOICE.values():
        for name, value in settings.items():
            setattr(config, name, value)
    config.quantisation = 0.0
    samples = tones()
    expected = Augmenter(config, [room()])(samples[0], np.random.default_rng(0))
    assert_allclose(apply(config, samples, rooms=[room()])[0], expected, atol=1e-5)
    config.quantisation = 1.0
    expected = Augmenter(config, [room()])(samples[0], np.random.default_rng(0))
    differs = np.abs(apply(config, samples, rooms=[room()])[0] - expected) > 1e-5
    assert differs.mean() < 0.01


@pytest.mark.parametrize("n_samples", [RATE, RATE + 37, 50])
def test_compression_of_a_row_is_that_of_the_numpy_augmenter(n_samples):
    swell = np.sin(np.arange(n_samples) / 700) ** 2
    samples = np.stack([tones(1, 1.1)[0, :n_samples], 0.3 * hiss()[:n_samples] * swell])
    samples = np.stack([*samples, np.zeros(n_samples)]).astype(np.float32)
    augmenter = Augmenter(AugmentConfig())
    expected, parameters = [], []
    for seed, row in enumerate(samples):
        expected.append(augmenter._compress(row, np.random.default_rng(seed)))
        rng = np.random.default_rng(seed)
        ranges = (
            augmenter.config.compression_ratio,
            augmenter.config.compression_threshold_db,
            (0.1, 1.0),
        )
        parameters.append([rng.uniform(*bounds) for bounds in ranges])
    columns = torch.tensor(parameters, dtype=torch.float32).split(1, dim=1)
    compressed = _compress(torch.from_numpy(samples), *columns, RATE)
    assert_allclose(compressed, expected, atol=1e-5)
    if n_samples >= RATE:
        assert rms(compressed.numpy() - samples)[:2].min() > 1e-3


def test_the_response_of_a_row_is_that_of_the_numpy_augmenter():
    rooms = [room(seconds=0.3), room(seed=2, predelay=0.0), np.array([0.0, 0.7], np.float32)]
    augmenter = Augmenter(AugmentConfig(), rooms)
    padded = np.zeros((5, RATE), np.float32)
    expected = np.zeros((5, RATE), np.float32)
    columns = []
    for seed in range(5):
        response = augmenter._room(np.random.default_rng(seed))
        expected[seed, : len(response)] = response
        rng = np.random.default_rng(seed)
        reverberation = _from_direct_sound(rooms[int(rng.integers(3))])
        padded[seed, : len(reverberation)] = reverberation
        decay = np.exp(rng.uniform(*np.log(augmenter.config.room_decay)))
        wet = np.exp(rng.uniform(*np.log(augmenter.config.room_wet)))
        columns.append([len(response), -np.log(1000) / (decay * RATE), wet])
    columns = torch.tensor(columns, dtype=torch.float32).split(1, dim=1)
    assert_allclose(_responses(torch.from_numpy(padded), *columns), expected, atol=1e-5)
    assert len({round(float(wet), 3) for wet in columns[2]}) == 5


def test_a_row_in_a_room_is_convolved_with_its_response():
    """Rooms of different lengths beside one another, and rows without."""
    config = only(room=0.6, room_wet=(1.0, 1.0), room_decay=(1.0, 1.0))
    rooms = [room(seconds=0.1), room(seed=2, seconds=0.9)]
    samples = tones(12)
    changed = apply(config, samples, rooms=rooms)
    possible = [samples[0]]
    for one in rooms:
        response = Augmenter(config, [one])._room(np.random.default_rng(0))
        wet = np.convolve(samples[0].astype(np.float64), response)[:RATE]
        possible.append(wet * (rms(samples[0]) / rms(wet)))
    distance = rms(changed[:, None] - np.stack(possible))
    assert distance.min(axis=1).max() < 1e-5
    assert set(distance.argmin(axis=1)) == {0, 1, 2}
    assert_array_equal(changed[distance.argmin(axis=1) == 0][0], samples[0])


def tilt_db(samples):
    """What lies below 500 Hz against what lies above 2 kHz."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    split, stop = (round(hz * samples.shape[-1] / RATE) for hz in (500, 2000))
    return 10 * np.log10(power[..., 1:split].sum(-1) / power[..., stop:].sum(-1))


@pytest.mark.parametrize("setting", [*SETTINGS, "as configured"])
def test_the_distribution_is_that_of_the_numpy_augmenter(setting):
    """Mean and spread of the level, of the tilt and of the constant part over 200 rows."""
    config = AugmentConfig() if setting == "as configured" else only(**{setting: 1.0})
    rooms, noises = [room(seconds=0.2), room(seed=2, decay=1.0)], [hiss(0.2), np.cumsum(hiss())]
    samples = tones(200, seconds=0.5)
    rng = np.random.default_rng(0)
    augmenter = Augmenter(config, rooms, noises)
    ours = apply(config, samples, rooms=rooms, noises=noises)
    theirs = np.stack([augmenter(row, rng) for row in samples])
    for statistic in (
        lambda batch: decibels(rms(batch)),
        tilt_db,
        lambda batch: decibels(rms(batch - samples) + 1e-4),
        lambda batch: np.clip(1000 * batch.mean(axis=1), -5, 5),
    ):
        found, expected = statistic(ours), statistic(theirs)
        error = np.hypot(found.std(), expected.std()) / np.sqrt(200)
        assert found.mean() == pytest.approx(expected.mean(), abs=4 * error + 0.02)
        assert found.std() == pytest.approx(expected.std(), rel=0.3, abs=0.02)


def test_everything_drawn_lies_in_its_range_and_uses_it():
    config = AugmentConfig()
    augmenter = BatchAugmenter(config, [room(), room(seed=2)], [hiss(1.0), hiss(2.0)])
    drawn = augmenter._draw(4000, torch.device("cpu"), torch.Generator().manual_seed(0))
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


def test_hum_is_the_harmonics_of_the_mains():
    config = only(hum=1.0, hum_snr_db=(0.0, 0.0))
    changed = apply(config, np.zeros((8, 4 * RATE), np.float32))
    assert {mains_of(row) for row in changed} == {50, 60}


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
        length = _fast_length(n_samples)
        assert n_samples <= length < 1.2 * n_samples + 8192
        assert length % 4096 == 0
        for prime in (2, 3, 5, 7):
            while length % prime == 0:
                length //= prime
        assert length == 1
