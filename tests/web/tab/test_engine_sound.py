"""The engine's sound up to the network, held to Python's: channels, rates, frames, windows."""

from __future__ import annotations

import base64
from dataclasses import asdict
from itertools import pairwise

import numpy as np
import pytest
import soxr
from conftest import write_pcm
from safetensors.numpy import save
from site_checks import PRELUDE
from tab_checks import packed, unpacked

from transcribe.audio.channels import Mixdown
from transcribe.audio.reader import read_audio
from transcribe.audio.tuning import TuningMeter
from transcribe.features import FeatureConfig, Features, exported
from transcribe.live.window import SlidingWindow
from transcribe.web.spectrogram import tile
from transcribe.windows import stream_in_windows


def test_a_sliding_window_sees_the_same_frames(ask):
    config = FeatureConfig()
    samples = read_audio(PRELUDE)[: 2 * 16000]
    places = [600, 3000, 9000, 9600, 20000]
    question = {
        "room": "window",
        "samples": packed(samples),
        "arrays": base64.b64encode(save(exported(config))).decode(),
        "settings": asdict(config),
        "size": 16,
        "parts": places,
    }
    (answer,) = ask(question)
    window = SlidingWindow(Features(config), lambda frames: frames, 16)
    for start, stop, (first, found) in zip(
        [0, *places], [*places, len(samples)], answer, strict=True
    ):
        window.push(samples[start:stop])
        expected_first, expected = window.run(window.n_frames)
        assert first == expected_first
        np.testing.assert_allclose(
            unpacked(found).reshape(expected.shape), expected, rtol=0, atol=2e-5
        )


def test_features_are_the_same_in_pieces_and_from_any_frame_on(ask):
    config = FeatureConfig()
    samples = read_audio(PRELUDE)[: 5 * 16000 + 77]
    expected = Features(config).whole(samples)
    arrays = base64.b64encode(save(exported(config))).decode()
    question = {"room": "features", "samples": packed(samples), "arrays": arrays}
    question |= {"settings": asdict(config), "parts": [1, 700, 30000], "skip": 0}
    whole, later = ask(question, {**question, "skip": 40})
    found = np.concatenate([unpacked(part) for part in whole]).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)
    tail = np.concatenate([unpacked(part) for part in later]).reshape(-1, *expected.shape[1:])
    np.testing.assert_array_equal(tail, found[40:])


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("number", [0, 1])
def test_tiles_of_the_spectrogram_are_the_servers(ask, tmp_path, level, number):
    samples = read_audio(PRELUDE)[: 12 * 16000]
    samples = np.round(samples * 32767).astype("<i2").astype(np.float32)
    path = write_pcm(tmp_path / "sound.wav", samples / 32767)
    question = {"room": "spectrogram", "level": level, "number": number}
    (answer,) = ask({**question, "samples": packed(samples / np.float32(32768))})
    expected = np.frombuffer(tile(path, level, number), np.uint8).astype(int)
    found = np.frombuffer(base64.b64decode(answer), np.uint8).astype(int)
    assert np.abs(found - expected).max() <= 1
    assert (found != expected).mean() < 0.01


def test_exported_filters_are_those_that_features_are_made_with():
    from transcribe.features import filters, hann_window

    config = FeatureConfig()
    arrays = exported(config)
    for n_fft in config.windows:
        dense = np.zeros((n_fft // 2 + 1, config.n_bins), np.float32)
        begin, first = arrays[f"{n_fft}.begin"], arrays[f"{n_fft}.first"]
        for index, (start, stop) in enumerate(pairwise(begin.tolist())):
            row = first[index]
            dense[row : row + stop - start, index] = arrays[f"{n_fft}.weights"][start:stop]
        np.testing.assert_array_equal(dense, filters(config, n_fft))
        np.testing.assert_array_equal(arrays[f"{n_fft}.window"], hann_window(n_fft))


@pytest.mark.parametrize("n_frames", [0, 1, 9, 10, 11, 17, 40, 41])
def test_windows_are_stitched_as_in_python(ask, n_frames):
    frames = np.arange(2 * n_frames, dtype=np.float32).reshape(-1, 2)
    seen: list[np.ndarray] = []

    def look(window: np.ndarray) -> np.ndarray:
        seen.append(window)
        return window

    settings = {"window_frames": 10, "context_frames": 2}
    blocks = np.split(frames, [part for part in (3, 4, 20) if part < n_frames])
    kept = list(stream_in_windows(look, blocks, **settings))
    (answer,) = ask(
        {
            "room": "windows",
            "frames": packed(frames),
            "width": 2,
            "settings": settings,
            "parts": [part for part in (3, 4, 20) if part < n_frames],
        }
    )
    windows = answer["found"]
    assert len(windows) == len(seen)
    for number, later in enumerate(answer["resumed"], start=1):
        assert later == windows[number:]
    for window, expected in zip(windows, seen, strict=True):
        np.testing.assert_array_equal(unpacked(window["frames"]), expected.ravel())
    found = [
        unpacked(window["frames"]).reshape(-1, 2)[window["from"] : window["to"]]
        for window in windows
    ]
    np.testing.assert_array_equal(
        np.concatenate([np.zeros((0, 2)), *found]), np.concatenate([np.zeros((0, 2)), *kept])
    )


@pytest.mark.parametrize("rate", [8000, 17000, 22050, 44100, 48000, 96000, 192000])
def test_resampling_is_as_good_as_soxr(ask, rate):
    """What is kept is right to 120 dB and near soxr's; what can't be kept is gone to 100 dB."""
    top = 0.9 * min(rate, 16000) / 2
    low, kept_top, too_high = (
        np.sin(2 * np.pi * frequency * np.arange(2 * rate) / rate).astype(np.float32)
        for frequency in (440, top, 8100)
    )
    samples = 0.5 * low + 0.5 * kept_top
    question = {"room": "resampler", "from": rate, "to": 16000}
    kept, in_parts, lost = (
        np.concatenate([unpacked(part) for part in parts])
        for parts in ask(
            {**question, "samples": packed(samples), "parts": []},
            {**question, "samples": packed(samples), "parts": [1, 100, 101, 15011]},
            {**question, "samples": packed(too_high), "parts": []},
        )
    )
    middle = slice(1000, -1000)  # beyond the ends lies silence, which is cut at another place
    time = np.arange(2 * 16000) / 16000
    ideal = 0.5 * np.sin(2 * np.pi * 440 * time) + 0.5 * np.sin(2 * np.pi * top * time)
    assert decibels((kept - ideal)[middle]) - decibels(ideal) < -120
    by_soxr = soxr.resample(samples, rate, 16000, quality="HQ")
    assert len(kept) == len(by_soxr)
    assert decibels((kept - by_soxr)[middle]) - decibels(ideal) < -60
    np.testing.assert_array_equal(in_parts, kept)
    if rate > 20000:
        assert decibels(lost[middle]) < -100


def decibels(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-20))


def test_channels_that_cancel_each_other_are_turned_as_in_python(ask):
    rate = 800
    random = np.random.default_rng(0)
    left = 0.3 * random.standard_normal(30 * rate).astype(np.float32)
    right = left.copy()
    right[10 * rate : 20 * rate] *= -1
    channels = np.stack([left, right + 0.01 * random.standard_normal(len(left))]).astype(np.float32)
    parts = list(range(100, 30 * rate, 100))
    mixdown, expected = Mixdown(rate), []
    for index, piece in enumerate(np.split(channels, parts, axis=1)):
        mixdown.push(piece.mean(axis=0), piece)
        if index % 80 == 0:
            expected.append(mixdown.take())
    expected.append(mixdown.take())
    (answer,) = ask(
        {
            "room": "mixdown",
            "channels": [packed(channel) for channel in channels],
            "rate": rate,
            "parts": parts,
            "takes": 80,
        }
    )
    assert answer["n_turned"] == mixdown.n_turned > 5 * rate
    found = np.concatenate([unpacked(part) for part in answer["mono"]])
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=0, atol=1e-6)


def test_tuning_is_measured_as_in_python(ask):
    samples = read_audio(PRELUDE, 16300)[: 8 * 16000]
    meter = TuningMeter(16000)
    meter.push(samples)
    ((cents, sure),) = ask(
        {"room": "tuning", "samples": packed(samples), "rate": 16000, "parts": [5, 9000]}
    )
    assert cents == pytest.approx(meter.cents, abs=0.02)
    assert sure == pytest.approx(meter.sure_cents, abs=0.02)
    assert abs(cents) > 15
    assert abs(cents) - 3 < sure < abs(cents)
