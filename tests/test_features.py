"""Features: where a sound appears in the spectra, how loud, and the same in a stream."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import integers, lists, sampled_from
from numpy.testing import assert_allclose, assert_array_equal
from paper_settings import mel_features

from transcribe.features import (
    LOG_FREQUENCY,
    FeatureConfig,
    Features,
    FrameGrid,
    bin_frequencies,
    filters,
)
from transcribe.train.features import TorchFeatures

RATE = 16000
CONFIGS = {"log_frequency": FeatureConfig(), "mel": mel_features()}
FEATURES = {name: Features(config) for name, config in CONFIGS.items()}


def sine(frequency: float, seconds: float = 0.6, amplitude: float = 1.0) -> np.ndarray:
    times = np.arange(round(seconds * RATE)) / RATE
    return (amplitude * np.sin(2 * np.pi * frequency * times)).astype(np.float32)


def noise(n_samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, n_samples).astype(np.float32)


def pitch_frequency(pitch: int) -> float:
    return 440 * 2 ** ((pitch - 69) / 12)


# --- the grid of frames ---


def test_the_frame_rate_is_a_ratio() -> None:
    grid = FrameGrid(22050, 441 * 2 + 1)
    assert grid.frame_rate == 22050 / 883
    assert grid.position(grid.seconds(123456)) == pytest.approx(123456, abs=1e-9)


def test_a_second_at_the_default_grid() -> None:
    grid = FeatureConfig().grid
    assert grid.frame_rate == 31.25
    assert grid.seconds(1) == 0.032
    assert grid.position(1.0) == 31.25


@pytest.mark.parametrize(
    ("n_samples", "n_frames"), [(0, 0), (1, 1), (512, 1), (513, 2), (1024, 2), (16000, 32)]
)
def test_a_frame_for_every_hop_that_begins_within_the_recording(
    n_samples: int, n_frames: int
) -> None:
    assert FeatureConfig().grid.n_frames(n_samples) == n_frames
    assert len(FEATURES["log_frequency"].whole(noise(n_samples))) == n_frames


# --- where things appear ---


@pytest.mark.parametrize("pitch", [45, 57, 69, 81, 93, 105])
def test_a_tuned_sine_peaks_on_the_middle_bin_of_its_key(pitch: int) -> None:
    frames = FEATURES["log_frequency"].whole(sine(pitch_frequency(pitch)))
    long_window = frames[len(frames) // 2, 0]
    assert long_window.argmax() == (pitch - 21) * 3 + 1
    assert bin_frequencies(FeatureConfig())[(pitch - 21) * 3 + 1] == pytest.approx(
        pitch_frequency(pitch)
    )


def test_a_semitone_is_three_bins() -> None:
    frequencies = bin_frequencies(FeatureConfig())
    assert_allclose(frequencies[3:] / frequencies[:-3], 2 ** (1 / 12))
    assert len(frequencies) == 297


def test_a_click_is_loudest_in_the_frame_it_is_centred_on() -> None:
    samples = np.zeros(RATE, np.float32)
    samples[20 * 512] = 1
    mel = FEATURES["mel"].whole(samples).sum(axis=(1, 2))
    assert mel.argmax() == 20
    # Windows of 2048 samples reach 1024 to either side: two hops, where they are zero.
    assert np.flatnonzero(mel > mel.min() + 1e-3).tolist() == [19, 20, 21]


def test_the_two_phases_look_a_quarter_of_a_hop_before_and_after() -> None:
    samples = np.zeros(RATE, np.float32)
    samples[20 * 512 + 128] = 1
    first, second = FEATURES["log_frequency"].whole(samples)[20, 1:, 200]
    assert second > first
    samples = np.roll(samples, -256)
    first, second = FEATURES["log_frequency"].whole(samples)[20, 1:, 200]
    assert first > second


def test_delaying_the_recording_by_hops_delays_the_frames() -> None:
    samples = noise(8000)
    for name, features in FEATURES.items():
        frames = features.whole(samples)
        delayed = features.whole(np.concatenate([np.zeros(3 * 512, np.float32), samples]))
        assert_allclose(delayed[3:], frames, atol=1e-5, err_msg=name)


def test_at_both_ends_lies_silence() -> None:
    samples = noise(9000)
    silence = np.zeros(10 * 512, np.float32)
    inside = FEATURES["log_frequency"].whole(np.concatenate([silence, samples, silence]))
    assert_allclose(inside[10 : 10 + 18], FEATURES["log_frequency"].whole(samples), atol=1e-5)


# --- how loud ---


@pytest.mark.parametrize("name", CONFIGS)
def test_silence_is_zero_and_full_scale_about_one(name: str) -> None:
    features = FEATURES[name]
    assert_array_equal(features.whole(np.zeros(RATE, np.float32)), 0)
    assert features.whole(sine(440))[9].max() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_tenth_of_the_amplitude_is_twenty_decibels(name: str) -> None:
    loud = FEATURES[name].whole(sine(440))[9].max()
    soft = FEATURES[name].whole(sine(440, amplitude=0.1))[9].max()
    assert loud - soft == pytest.approx(20 / 90, abs=1e-4)


def test_nothing_is_below_zero() -> None:
    frames = FEATURES["log_frequency"].whole(noise(4000) * np.float32(1e-4))
    assert frames.min() >= 0
    assert 0 < frames.max() < 0.2


def test_the_long_window_resolves_what_the_short_one_can_not() -> None:
    samples = (sine(pitch_frequency(45)) + sine(pitch_frequency(47))) / 2
    low, between, high = ((pitch - 21) * 3 + 1 for pitch in (45, 46, 47))
    long, short, _ = FEATURES["log_frequency"].whole(samples)[9]
    assert long[between] < min(long[low], long[high]) - 9 / 90
    assert short[between] > min(short[low], short[high]) - 1 / 90


def test_mel_filters_are_triangles_on_the_htk_scale() -> None:
    """Equally far apart in mels, of which 1000 Hz has 1000; beside each other they make 1."""
    weights = filters(CONFIGS["mel"], 2048)
    lowest, highest = np.log10(1 + np.array([30, 8000]) / 700)
    centres = 700 * (10 ** np.linspace(lowest, highest, 231)[1:-1] - 1)
    frequencies = np.arange(1025) * RATE / 2048
    assert_allclose(frequencies[weights.argmax(axis=0)], centres, atol=RATE / 4096)
    inside = (frequencies >= centres[0]) & (frequencies <= centres[-1])
    assert_allclose(weights.sum(axis=1)[inside], 1, atol=1e-5)
    # 1000 Hz, as librosa's filters have it (htk=True, norm=None).
    assert_allclose(weights[128, 76:80], [0, 0.54076, 0.45924, 0], atol=1e-4)


@pytest.mark.parametrize("n_fft", [2048, 4096])
def test_mel_filters_are_those_of_librosa_and_torchaudio(n_fft: int) -> None:
    librosa = pytest.importorskip("librosa")
    functional = pytest.importorskip("torchaudio.functional")
    config = CONFIGS["mel"]
    ours = filters(config, n_fft)
    mels = {"sr": RATE, "n_fft": n_fft, "n_mels": config.n_bins, "fmin": config.lowest_frequency}
    assert_allclose(ours.T, librosa.filters.mel(**mels, htk=True, norm=None), atol=1e-5)
    from_torchaudio = functional.melscale_fbanks(
        n_fft // 2 + 1, config.lowest_frequency, RATE / 2, config.n_bins, RATE
    )
    assert_allclose(ours, from_torchaudio.numpy(), atol=1e-4)


def test_a_frame_is_the_filtered_power_of_its_windowed_samples() -> None:
    """With the Fourier transform written out."""
    samples = noise(RATE)
    around = samples[16 * 512 - 1024 : 16 * 512 + 1024] * np.hanning(2049)[:-1] / 512
    waves = np.exp(-2j * np.pi * np.outer(np.arange(1025), np.arange(2048)) / 2048)
    power = np.abs(waves @ around) ** 2 @ filters(CONFIGS["mel"], 2048)
    expected = 1 + 10 * np.log10(power + 1e-9) / 90
    assert_allclose(FEATURES["mel"].whole(samples)[16, 0], expected, atol=1e-4)


# --- in a stream ---


@settings(deadline=None, max_examples=25)
@given(
    name=sampled_from(sorted(CONFIGS)),
    n_samples=integers(0, 12000),
    cuts=lists(integers(0, 12000), max_size=8),
)
def test_streamed_equals_whole(name: str, n_samples: int, cuts: list[int]) -> None:
    samples = noise(n_samples)
    blocks = np.split(samples, sorted(cut % (n_samples + 1) for cut in cuts))
    whole = FEATURES[name].whole(samples)
    parts = list(FEATURES[name].stream(blocks))
    assert sum(len(part) for part in parts) == FeatureConfig().grid.n_frames(n_samples)
    assert_allclose(np.concatenate([whole[:0], *parts]), whole, atol=1e-5)


@pytest.mark.parametrize("first_frame", [1, 7, 40, 200])
def test_frames_that_nobody_needs_are_left_out(first_frame: int) -> None:
    features, samples = FEATURES["log_frequency"], noise(60_000)
    blocks = [samples[start : start + 7_000] for start in range(0, 60_000, 7_000)]
    parts = list(features.stream(blocks, first_frame=first_frame))
    expected = features.whole(samples)[first_frame:]
    found = np.concatenate([expected[:0], *parts])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert len(found) == max(0, 118 - first_frame)


@pytest.mark.parametrize("name", CONFIGS)
def test_training_and_transcribing_see_the_same(name: str) -> None:
    """From full scale to the softest, and in silence, where the floor is 0 in both."""
    loudness = np.logspace(0, -6, 12000, dtype=np.float32)
    padded = np.concatenate([noise(12000) * loudness, np.zeros(12000, np.float32)])
    in_torch = TorchFeatures(CONFIGS[name])(torch.from_numpy(padded)).numpy()
    assert_allclose(FEATURES[name](padded), in_torch, atol=1e-4)


def test_more_frames_than_are_taken_at_once_join_without_a_seam() -> None:
    samples = noise(520 * 512)
    frames = FEATURES["mel"].whole(samples)
    assert len(frames) == 520
    start = 500 * 512
    around = FEATURES["mel"].whole(samples[start - 4 * 512 :])
    assert_allclose(frames[502:], around[6:], atol=1e-5)


def test_frames_come_as_soon_as_their_samples_are_there() -> None:
    features = FEATURES["mel"]
    stream = features.stream(iter([noise(RATE), noise(RATE)]))
    # A second but the margin of half a window and half a hop that the last frames lack.
    expected = math.floor((RATE - 1 - features.config.margin) / 512) + 1
    assert len(next(stream)) == expected


def test_no_samples_make_no_frames_of_the_right_shape() -> None:
    assert FEATURES["log_frequency"].whole(np.zeros(0, np.float32)).shape == (0, 3, 297)
    assert FEATURES["mel"].whole(np.zeros(0, np.float32)).shape == (0, 1, 229)


def test_a_batch_in_torch_is_its_rows() -> None:
    features = FEATURES["log_frequency"]
    margin = features.config.margin
    rows = [np.pad(noise(3000, seed), margin) for seed in (1, 2)]
    batch = TorchFeatures(features.config)(torch.from_numpy(np.stack(rows))).numpy()
    assert batch.shape == (2, 6, 3, 297)
    assert_allclose(batch[1], features.whole(noise(3000, 2)), atol=1e-5)


# --- settings ---


def test_settings_that_make_no_features_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'mel' or 'log_frequency'; found 'bark'"):
        Features(FeatureConfig(scale="bark"))
    with pytest.raises(ValueError, match="one entry a spectrum"):
        Features(FeatureConfig(windows=[4096, 1024], phases=[1]))
    with pytest.raises(ValueError, match="264 bins or more; found 263"):
        Features(FeatureConfig(scale=LOG_FREQUENCY, n_bins=263))
