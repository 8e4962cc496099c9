import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sounds import RATE, SETTINGS, hiss, mains_of, only, room

from eval.data.synthetic_bank import string, write_wav
from transcribe.errors import DatasetError
from transcribe.notes import Note, PedalPress, Performance
from transcribe.train.augment.augmenter import Augmenter
from transcribe.train.augment.config import AugmentConfig
from transcribe.train.augment.detuning import detune, scale_performance
from transcribe.train.augment.sounds import load_impulse_responses, load_noises, noise_alone

ONSETS = (0.5, 1.1, 1.7)


def clicks():
    """Short wide-band knocks at the onsets, 3 s in all."""
    samples = np.zeros(3 * RATE, np.float32)
    for onset in ONSETS:
        first = round(onset * RATE)
        samples[first : first + 200] += 0.5 * np.exp(-np.arange(200) / 4)
    return samples


def sine(hz, amplitude=0.1, seconds=1.0):
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)).astype(
        np.float32
    )


def rms(samples):
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def decibels(ratio):
    return 20 * np.log10(ratio)


def apply(config, samples, *, seed=0, rooms=(), noises=()):
    """One recording, as a batch of one."""
    generator = torch.Generator().manual_seed(seed)
    return Augmenter(config, rooms, noises)(torch.from_numpy(samples)[None], generator)[0].numpy()


def gain_at(config, hz, *, seed=0):
    """What a config does to the level of a sine, in dB."""
    middle = slice(RATE // 4, -RATE // 4)
    tone = sine(hz)
    return decibels(rms(apply(config, tone, seed=seed)[middle]) / rms(tone[middle]))


# Labels


def loud_click(index_range, samples):
    first, stop = index_range
    return (first + int(np.argmax(np.abs(samples[first:stop])))) / RATE


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("setting", SETTINGS)
def test_no_setting_moves_an_onset(setting, seed):
    samples = clicks()
    changed = apply(only(**{setting: 1.0}), samples, seed=seed, rooms=[room()], noises=[hiss()])
    assert rms(changed - samples) > 0
    for onset in ONSETS:
        around = (round((onset - 0.05) * RATE), round((onset + 0.05) * RATE))
        assert loud_click(around, changed - np.median(changed)) == pytest.approx(onset, abs=0.001)


@pytest.mark.parametrize("seed", range(8))
def test_everything_at_once_moves_no_onset(seed):
    config = AugmentConfig()
    for setting in SETTINGS:
        setattr(config, setting, 1.0)
    config.noise_snr_db = config.recorded_noise_snr_db = config.hum_snr_db = (25.0, 50.0)
    samples = clicks()
    changed = apply(config, samples, seed=seed, rooms=[room()], noises=[hiss()])
    for onset in ONSETS:
        around = (round((onset - 0.05) * RATE), round((onset + 0.05) * RATE))
        assert loud_click(around, changed - np.median(changed)) == pytest.approx(onset, abs=0.001)


def test_nothing_heard_before_the_first_onset_in_a_room():
    changed = apply(only(room=1.0), clicks(), rooms=[room(predelay=0.1)])
    first = round(ONSETS[0] * RATE)
    assert rms(changed[: first - 2]) < 1e-4 * rms(changed[first : first + 1000])


@pytest.mark.parametrize("cents", [-50.0, 30.0, 1200.0])
def test_detuning_moves_onsets_by_its_factor(cents):
    changed, time_scale = detune(clicks(), cents)
    assert time_scale == pytest.approx(2 ** (-cents / 1200))
    assert len(changed) == pytest.approx(3 * RATE * time_scale, abs=2)
    for onset in ONSETS:
        moved = onset * time_scale
        around = (round((moved - 0.04) * RATE), round((moved + 0.04) * RATE))
        assert loud_click(around, changed) == pytest.approx(moved, abs=0.001)


@pytest.mark.parametrize("cents", [-40.0, 25.0])
def test_detuning_raises_pitch_by_cents(cents):
    changed, _ = detune(sine(440.0, seconds=4), cents)
    spectrum = np.abs(np.fft.rfft(changed * np.hanning(len(changed)), 2**19))
    hz = np.argmax(spectrum) * RATE / 2**19
    assert 1200 * np.log2(hz / 440) == pytest.approx(cents, abs=0.5)


def test_no_cents_are_no_change():
    samples = clicks()
    changed, time_scale = detune(samples, 0.0)
    assert time_scale == 1
    assert_array_equal(changed, samples)


def test_a_performance_is_scaled_as_its_recording_was():
    performance = Performance(
        [Note(onset=1.0, pitch=60, offset=2.0, velocity=70, confidence=0.5)],
        [PedalPress(onset=0.5, offset=3.0)],
    )
    scaled = scale_performance(performance, 0.5)
    assert scaled == Performance(
        [Note(onset=0.5, pitch=60, offset=1.0, velocity=70)], [PedalPress(onset=0.25, offset=1.5)]
    )
    assert scaled.notes[0].confidence == 0.5
    for factor in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="above 0"):
            scale_performance(performance, factor)


# Sound


def test_a_room_rings_on_and_keeps_the_loudness():
    samples = clicks()
    config = only(room=1.0, room_wet=(1.0, 1.0), room_decay=(2.0, 2.0))
    changed = apply(config, samples, rooms=[room()])
    between = slice(round(0.6 * RATE), round(1.0 * RATE))
    assert rms(samples[between]) < 1e-6
    assert rms(changed[between]) > 0.05 * rms(changed)
    assert rms(changed) == pytest.approx(rms(samples), rel=1e-3)


@pytest.mark.parametrize("direct", [0.9, -0.3])
def test_a_room_of_nothing_but_direct_sound_is_no_room(direct):
    late = np.zeros(2000, np.float32)
    late[700] = direct
    assert_allclose(apply(only(room=1.0), clicks(), rooms=[late]), clicks(), atol=1e-6)


def test_a_room_without_rooms_is_left_out():
    assert_array_equal(apply(only(room=1.0), clicks()), clicks())


@pytest.mark.parametrize("decay", [0.2, 1.0])
def test_room_decay_shortens_the_reverberation(decay):
    endless = np.concatenate([[1.0], 0.02 * hiss(2.0)]).astype(np.float32)
    config = only(room=1.0, room_wet=(1.0, 1.0), room_decay=(decay, decay))
    click = np.zeros(2 * RATE, np.float32)
    click[0] = 0.5
    changed = apply(config, click, rooms=[endless])
    levels = [
        decibels(rms(changed[round(t * RATE) : round((t + 0.03) * RATE)]))
        for t in (0.01, 0.01 + decay / 2)
    ]
    assert levels[0] - levels[1] == pytest.approx(30, abs=2)


@pytest.mark.parametrize("wet", [0.1, 1.0])
def test_room_wet_is_the_energy_of_the_reverberation(wet):
    click = np.zeros(2 * RATE, np.float32)
    click[0] = 0.5
    config = only(room=1.0, room_wet=(wet, wet), room_decay=(9.0, 9.0))
    changed = apply(config, click, rooms=[room()])
    assert np.sum(changed[1:] ** 2) / changed[0] ** 2 == pytest.approx(wet, rel=0.01)


@pytest.mark.parametrize("tilt_db", [-3.0, 2.0])
def test_the_equaliser_tilts_by_decibels_an_octave(tilt_db):
    config = only(equaliser=1.0, equaliser_tilt_db=(tilt_db, tilt_db), equaliser_bells=(0, 0))
    assert gain_at(config, 1000) == pytest.approx(0, abs=0.1)
    assert gain_at(config, 2000) == pytest.approx(tilt_db, abs=0.1)
    assert gain_at(config, 250) == pytest.approx(-2 * tilt_db, abs=0.1)


def test_the_equaliser_is_another_each_time():
    config = only(equaliser=1.0)
    gains = [[gain_at(config, hz, seed=seed) for hz in (100, 1000, 5000)] for seed in range(6)]
    assert np.std(gains, axis=0).min() > 1
    assert np.abs(gains).max() < 4 * 8 + 12


def test_a_low_cut_takes_the_bass_and_a_high_cut_the_treble():
    low_cut = only(low_cut=1.0, low_cut_hz=(200.0, 200.0))
    assert gain_at(low_cut, 200) == pytest.approx(-3, abs=0.1)
    assert gain_at(low_cut, 50) == pytest.approx(-24, abs=0.5)
    assert gain_at(low_cut, 2000) == pytest.approx(0, abs=0.05)
    high_cut = only(high_cut=1.0, high_cut_hz=(4000.0, 4000.0))
    assert gain_at(high_cut, 4000) == pytest.approx(-3, abs=0.1)
    assert gain_at(high_cut, 7000) == pytest.approx(-10, abs=0.5)
    assert gain_at(high_cut, 400) == pytest.approx(0, abs=0.05)


def test_a_telephone_passes_speech_and_neither_100_hz_nor_5_khz():
    telephone = only(telephone=1.0)
    assert gain_at(telephone, 100) < -30
    assert gain_at(telephone, 5000) < -25
    assert gain_at(telephone, 1000) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("kind", ["noise", "hum", "recorded_noise"])
@pytest.mark.parametrize("snr_db", [10.0, 40.0])
def test_noise_comes_at_the_ratio_asked_for(kind, snr_db):
    samples = 2 * string(57, bright=True).astype(np.float32)
    samples *= 0.1 / rms(samples)
    config = only(**{kind: 1.0, f"{kind}_snr_db": (snr_db, snr_db)})
    added = apply(config, samples, noises=[hiss(1.0)]) - samples
    assert decibels(rms(samples) / rms(added)) == pytest.approx(snr_db, abs=0.1)


@pytest.mark.parametrize("kind", ["noise", "hum", "recorded_noise"])
def test_silence_is_not_free_of_noise(kind):
    config = only(**{kind: 1.0, f"{kind}_snr_db": (20.0, 20.0)})
    changed = apply(config, np.zeros(RATE, np.float32), noises=[hiss(1.0)])
    assert rms(changed) == pytest.approx(0.001, rel=0.01)


def test_hum_is_the_harmonics_of_the_mains():
    config = only(hum=1.0, hum_snr_db=(0.0, 0.0))
    silence = np.zeros(4 * RATE, np.float32)
    assert {mains_of(apply(config, silence, seed=seed)) for seed in range(8)} == {50, 60}


def test_noise_is_of_every_colour():
    config = only(noise=1.0, noise_snr_db=(0.0, 0.0))
    slopes = []
    for seed in range(8):
        spectrum = np.abs(np.fft.rfft(apply(config, np.zeros(RATE, np.float32), seed=seed))) ** 2
        slopes.append(10 * np.log10(spectrum[100:200].mean() / spectrum[3000:6000].mean()))
    assert min(slopes) > -1
    assert max(slopes) - min(slopes) > 10


def test_a_short_noise_is_repeated_to_fill_the_segment():
    config = only(recorded_noise=1.0, recorded_noise_snr_db=(0.0, 0.0))
    changed = apply(config, np.zeros(RATE, np.float32), noises=[hiss(0.1)])
    period = RATE // 10
    assert_allclose(changed[period:], changed[:-period], atol=1e-7)
    assert rms(changed[-period:]) > 0


def test_compression_turns_down_what_is_loud_and_only_that():
    config = only(
        compression=1.0, compression_ratio=(4.0, 4.0), compression_threshold_db=(-20.0, -20.0)
    )
    samples = np.concatenate([sine(500, 0.005), sine(500, 0.5)])
    changed = apply(config, samples)
    quiet, loud = slice(0, RATE // 2), slice(3 * RATE // 2, 2 * RATE)
    assert_allclose(changed[quiet], samples[quiet], rtol=1e-5)
    assert decibels(rms(changed[loud]) / rms(samples[loud])) == pytest.approx(-15, abs=0.2)


def test_compression_lets_go_slowly():
    config = only(
        compression=1.0, compression_ratio=(4.0, 4.0), compression_threshold_db=(-20.0, -20.0)
    )
    samples = np.concatenate([sine(500, 0.5, 0.5), sine(500, 0.005, 1.5)])
    gain = [
        decibels(rms(apply(config, samples)[part]) / rms(samples[part]))
        for part in (slice(8200, 8400), slice(-400, -200))
    ]
    assert gain[0] < -3
    assert gain[1] == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("drive_db", [0.0, 12.0])
def test_saturation_rounds_the_peaks(drive_db):
    config = only(saturation=1.0, saturation_drive_db=(drive_db, drive_db))
    changed = apply(config, sine(500, 0.4))
    drive = 10 ** (drive_db / 20)
    assert np.abs(changed).max() == pytest.approx(0.4 * np.tanh(drive) / drive, rel=1e-3)
    spectrum = np.abs(np.fft.rfft(changed))
    assert decibels(spectrum[1500] / spectrum[500]) > -30
    assert decibels(spectrum[1000] / spectrum[500]) < -60


@pytest.mark.parametrize("level_db", [-24.0, 3.0])
def test_level_is_in_decibels(level_db):
    changed = apply(only(level=1.0, level_db=(level_db, level_db)), sine(500))
    assert_allclose(changed, sine(500) * 10 ** (level_db / 20), rtol=1e-5)


def test_what_is_too_loud_is_clipped_at_full_scale():
    changed = apply(only(level=1.0, level_db=(6.0, 6.0)), sine(500, 0.9))
    assert changed.max() == 1
    assert changed.min() == -1
    assert np.mean(np.abs(changed) == 1) > 0.3


@pytest.mark.parametrize("bits", [8, 10])
def test_quantisation_leaves_as_many_steps_as_its_bits(bits):
    config = only(quantisation=1.0, quantisation_bits=(bits, bits))
    samples = sine(437.7, 0.3)
    changed = apply(config, samples)
    assert 2 ** (bits - 1) < len(np.unique(changed)) <= 2**bits + 1
    assert np.abs(changed - samples).max() <= 0.3 / 2**bits * 1.01


def test_offset_and_inversion():
    samples = sine(500)
    assert_array_equal(apply(only(inversion=1.0), samples), -samples)
    shifted = apply(only(offset=1.0, offset_level=(0.02, 0.02)), samples)
    assert_allclose(shifted, samples + 0.02, atol=1e-6)


# Settings


def test_a_silent_impulse_response_is_refused():
    with pytest.raises(ValueError, match="found silence"):
        Augmenter(AugmentConfig(), [np.zeros(100, np.float32)])


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("room", 1.5),
        ("noise", -0.1),
        ("level_db", (3.0, -24.0)),
        ("low_cut_hz", (0.0, 100.0)),
        ("quantisation_bits", (1, 8)),
    ],
)
def test_settings_out_of_range_are_refused(setting, value):
    with pytest.raises(ValueError, match=setting):
        AugmentConfig(**{setting: value})


@pytest.mark.parametrize("load", [load_impulse_responses, load_noises])
def test_folders_of_sounds_are_read_in_order_of_name(load, tmp_path):
    with pytest.raises(DatasetError, match="found no audio"):
        load(tmp_path)
    with pytest.raises(DatasetError, match="found none"):
        load(tmp_path / "nowhere")
    (tmp_path / "LICENCE.md").write_text("free")
    for name, level in (("b.wav", 0.5), ("a.wav", 0.25)):
        write_wav(tmp_path / name, np.full(1000, level))
    sounds = load(tmp_path)
    assert [len(sound) for sound in sounds] == [1000, 1000]
    assert_allclose([sound[500] for sound in sounds], [0.25, 0.5], atol=1e-3)


def test_a_silent_impulse_response_is_named(tmp_path):
    write_wav(tmp_path / "hall.wav", np.full(1000, 0.5))
    write_wav(tmp_path / "still.wav", np.zeros(1000))
    with pytest.raises(DatasetError, match=r"still\.wav: expected an impulse response"):
        load_impulse_responses(tmp_path)


def test_a_noise_may_be_left_out_but_must_exist(tmp_path):
    for name, level in (("bark.wav", 0.5), ("rain.wav", 0.25)):
        write_wav(tmp_path / name, np.full(1000, level))
    (kept,) = load_noises(tmp_path, left_out=["bark"])
    assert_allclose(kept[500], 0.25, atol=1e-3)
    with pytest.raises(DatasetError, match="meow"):
        load_noises(tmp_path, left_out=["meow"])


def test_a_segment_without_music():
    """Silence, coloured noise or the recorded one, at any level from -40 to -6 dB."""
    tone = np.sin(np.arange(RATE) * 0.3).astype(np.float32)
    rng = np.random.default_rng(0)
    segments = [noise_alone([tone], RATE // 2, rng, RATE) for _ in range(200)]
    level = np.array([np.sqrt(np.mean(segment**2)) for segment in segments])
    silent = level == 0
    assert 0.03 < silent.mean() < 0.2
    assert_allclose(20 * np.log10([level[~silent].min(), level.max()]), [-40, -6], atol=1)
    spectra = [np.abs(np.fft.rfft(segment)) for segment in segments if segment.any()]
    tonal = [spectrum.max() / spectrum.mean() > 50 for spectrum in spectra]
    assert 0.6 < np.mean(tonal) < 0.95
