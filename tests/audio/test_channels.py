"""Channels are averaged, but never to nothing, and never with a click."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from eval.data.recordings import encode
from transcribe.audio.channels import Mixdown
from transcribe.audio.reader import AudioReader
from transcribe.audio.source import ArrayBlocks

RATE = 8000
FRAME = 1000


def noise(seed: int, seconds: float = 12.0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 0.1, round(RATE * seconds)).astype(np.float32)


def plain(channels: NDArray) -> NDArray:
    return np.full(len(channels), 1 / len(channels), np.float32) @ channels


def mixed(*channels: NDArray) -> tuple[NDArray, float]:
    """What comes out, in blocks of five seconds, and the seconds that were turned."""
    together = np.stack(channels)
    mixdown, given = Mixdown(RATE), []
    for start in range(0, together.shape[1], FRAME):
        frame = together[:, start : start + FRAME]
        mixdown.push(plain(frame), frame)
        if mixdown.n_pending >= 5 * RATE:
            given.append(mixdown.take())
    given.append(mixdown.take())
    return np.concatenate(given), mixdown.n_turned / RATE


def as_ever(*channels: NDArray) -> NDArray:
    together = np.stack(channels)
    starts = range(0, together.shape[1], FRAME)
    return np.concatenate([plain(together[:, start : start + FRAME]) for start in starts])


A, B, C, D = map(noise, range(4))
SILENCE = np.zeros_like(A)


@pytest.mark.parametrize("level", [1.0, 0.6, 1.5])
def test_channels_in_opposite_phase_dont_cancel_each_other(level: float) -> None:
    found, turned = mixed(A, -level * A)
    np.testing.assert_allclose(found, (1 + level) / 2 * A, atol=1e-6)
    assert turned == 12


def test_a_room_around_them_doesnt_hide_that_they_are_upside_down() -> None:
    found, turned = mixed(A + 0.2 * B, -A + 0.2 * C)
    np.testing.assert_allclose(found, A + 0.1 * B - 0.1 * C, atol=1e-6)
    assert turned == 12


@pytest.mark.parametrize(
    "channels",
    [
        (A, A),
        (A, B),  # microphones far from each other
        (A + 0.5 * B, -0.4 * A + 0.9 * C),  # and some of it against each other
        (A, SILENCE),
        (SILENCE, A),
        (A, -0.1 * A),  # one side, and what leaks of it
        (SILENCE, SILENCE),
        (A, B, C, D),
        (A, SILENCE, SILENCE, SILENCE, SILENCE, SILENCE),
    ],
)
def test_ordinary_channels_are_averaged_to_the_last_bit(channels: tuple[NDArray, ...]) -> None:
    found, turned = mixed(*channels)
    np.testing.assert_array_equal(found, as_ever(*channels))
    assert turned == 0


def test_of_many_channels_those_against_the_loudest_are_turned() -> None:
    found, turned = mixed(A, -A, 0.5 * A, -0.5 * A, SILENCE)
    np.testing.assert_allclose(found, 0.6 * A, atol=1e-6)
    assert turned == 12


def test_where_the_phase_changes_there_is_no_click_and_little_is_lost() -> None:
    time = np.arange(12 * RATE) / RATE
    tone = (0.5 * np.sin(2 * np.pi * 100 * time)).astype(np.float32)
    phase = np.where((time >= 4) & (time < 9), -1, 1).astype(np.float32)
    found, turned = mixed(tone, phase * tone)
    assert turned == 5
    assert np.abs(np.diff(found)).max() < 1.5 * np.abs(np.diff(tone)).max()
    for second in range(12):
        middle = found[round((second + 0.1) * RATE) : (second + 1) * RATE]
        assert np.abs(middle).max() == pytest.approx(0.5, rel=0.01)


def test_hum_in_opposite_phase_before_the_music_turns_nothing_of_the_music() -> None:
    hum = np.where(np.arange(len(A)) < 3.5 * RATE, 0.01, 0).astype(np.float32) * B
    music = np.where(np.arange(len(A)) < 3.5 * RATE, 0, 1).astype(np.float32) * A
    found, _ = mixed(music + hum, music - hum)
    np.testing.assert_allclose(found[4 * RATE :], music[4 * RATE :], atol=1e-6)
    assert np.abs(found[round(3.5 * RATE) : 4 * RATE]).max() > 0.2


def stereo(path: Path, left: NDArray, right: NDArray) -> Path:
    import wave

    numbers = np.round(np.stack([left, right], axis=1) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(numbers.tobytes())
    return path


def test_a_file_in_opposite_phase_is_heard_and_told_of(tmp_path: Path) -> None:
    reader = AudioReader(stereo(tmp_path / "a.wav", A, -A), RATE)
    for _ in range(2):
        np.testing.assert_allclose(np.concatenate(list(reader)), A, atol=1e-4)
        (warning,) = reader.warnings
        assert (warning.kind, warning.values) == ("antiphase", {"seconds": 12.0})
        assert "opposite phase for 12.0 s" in str(warning)
    reader = AudioReader(stereo(tmp_path / "b.wav", A, B), RATE)
    np.testing.assert_allclose(np.concatenate(list(reader)), (A + B) / 2, atol=1e-4)
    assert reader.warnings == ()


def test_an_array_in_opposite_phase_is_heard_and_told_of() -> None:
    blocks = ArrayBlocks(np.stack([A, -A], axis=1), RATE)
    np.testing.assert_allclose(np.concatenate(list(blocks)), A, atol=1e-6)
    assert [each.kind for each in blocks.warnings] == ["antiphase"]
    blocks = ArrayBlocks(np.stack([A, B], axis=1), RATE)
    np.testing.assert_array_equal(
        np.concatenate(list(blocks)), np.stack([A, B], axis=1).mean(axis=1)
    )
    assert blocks.warnings == ()


def test_a_compressed_file_in_opposite_phase_is_heard(tmp_path: Path) -> None:
    from transcribe.audio.reader import read_audio

    same = encode(tmp_path / "a.flac", "flac", A, RATE, layout="stereo")
    np.testing.assert_allclose(read_audio(same, RATE), A, atol=1e-4)
