"""Samples that are not at full scale 1 are brought there, and that is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eval.data.recordings import encode
from transcribe.audio.reader import AudioReader, measured_seconds
from transcribe.audio.scale import Scale

RATE = 8000
MUSIC = np.random.default_rng(0).laplace(0, 0.05, 2 * RATE).clip(-0.7, 0.7).astype(np.float32)


def read(path: Path) -> tuple[np.ndarray, AudioReader]:
    reader = AudioReader(path, RATE)
    return np.concatenate(list(reader)), reader


@pytest.mark.parametrize("bits", [16, 24, 32])
@pytest.mark.parametrize("codec", ["pcm_f32le", "pcm_f64le"])
def test_floats_at_the_scale_of_integers_are_divided(tmp_path: Path, codec: str, bits: int) -> None:
    divisor = 2 ** (bits - 1)
    path = encode(tmp_path / "a.wav", codec, MUSIC * divisor, RATE)
    found, reader = read(path)
    np.testing.assert_allclose(found, MUSIC, atol=1e-6)
    (warning,) = reader.warnings
    peak = pytest.approx(np.abs(MUSIC).max() * divisor, rel=1e-6)
    assert (warning.kind, warning.values) == ("scale", {"peak": peak, "divisor": divisor})
    assert f"all were divided by {divisor:,}" in str(warning)
    assert measured_seconds(path) == 2


def test_a_recorder_with_headroom_is_turned_down(tmp_path: Path) -> None:
    found, reader = read(encode(tmp_path / "a.wav", "pcm_f32le", MUSIC * 20, RATE))
    np.testing.assert_allclose(found, MUSIC * 20 / 16, atol=1e-5)
    assert [each.kind for each in reader.warnings] == ["scale"]


@pytest.mark.parametrize("codec", ["pcm_f32le", "pcm_s16le"])
def test_ordinary_samples_are_left_as_they_are(tmp_path: Path, codec: str) -> None:
    found, reader = read(encode(tmp_path / "a.wav", codec, MUSIC, RATE))
    np.testing.assert_allclose(found, MUSIC, atol=5e-5)
    assert reader.warnings == ()


def test_peaks_somewhat_above_full_scale_are_left(tmp_path: Path) -> None:
    found, _ = read(encode(tmp_path / "a.wav", "pcm_f32le", MUSIC * 2, RATE))
    np.testing.assert_array_equal(found, MUSIC * 2)


def test_a_click_doesnt_make_the_music_silent() -> None:
    scale = Scale()
    scale.push(np.append(np.tile(MUSIC, 10), np.float32(1e6)))
    assert (scale.peak, scale.divisor) == (1e6, 1)


def test_silence_has_no_scale() -> None:
    scale = Scale()
    scale.push(np.zeros((2, 100)))
    scale.push(np.zeros(0))
    assert (scale.peak, scale.divisor) == (0, 1)
