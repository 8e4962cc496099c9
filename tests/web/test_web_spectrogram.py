"""The picture of a recording's sound behind its notes: a row of the roll is a row of it."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import SAMPLE_RATE, melody_samples, write_pcm
from web_server import serving

from transcribe.web.spectrogram import COLUMNS, FACTOR, FLOOR_DB, HOP, LEVELS, ROWS, tile


def cells(path, level: int = 0, number: int = 0) -> np.ndarray:
    """A tile with the lowest key first, shape (88, 3, COLUMNS)."""
    data = tile(path, level, number)
    assert len(data) == ROWS * COLUMNS
    return np.frombuffer(data, np.uint8).reshape(ROWS, COLUMNS)[::-1].reshape(88, 3, COLUMNS)


def sine(pitch: float, n_seconds: float, amplitude: float = 1.0) -> np.ndarray:
    times = np.arange(round(n_seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave = np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * times)
    return (amplitude * wave).astype(np.float32)


@pytest.mark.parametrize("level", range(3))
@pytest.mark.parametrize("pitch", [45, 60, 69, 81, 99, 108])
def test_a_tone_is_loudest_in_the_middle_of_its_own_row(tmp_path, pitch, level):
    path = write_pcm(tmp_path / "tone.wav", sine(pitch, 6))
    column = cells(path, level)[:, :, 3]
    assert np.unravel_index(column.argmax(), column.shape) == (pitch - 21, 1)
    # A full-scale sine is at 0 dB, but for what lies between two bins.
    assert column.max() > 255 * (1 - 3 / -FLOOR_DB)


@pytest.mark.parametrize(("decibels", "value"), [(-20, 198), (-40, 142), (-60, 85)])
def test_loudness_is_in_decibels(tmp_path, decibels, value):
    path = write_pcm(tmp_path / "tone.wav", sine(69, 5, 10 ** (decibels / 20)))
    assert int(cells(path)[:, :, 100].max()) == pytest.approx(value, abs=3)


@pytest.mark.parametrize("level", range(3))
def test_a_tone_is_where_it_sounds(tmp_path, level):
    seconds = HOP * FACTOR**level / SAMPLE_RATE
    start, stop = 150.5 * seconds, 200.5 * seconds
    silence = np.zeros(round(start * SAMPLE_RATE), np.float32)
    path = write_pcm(tmp_path / "late.wav", np.concatenate([silence, sine(81, stop - start)]))
    loud = np.flatnonzero(cells(path, level)[60, 1] > 230)
    blur = 0.128 / seconds + 1
    assert loud[0] == pytest.approx(150.5, abs=blur)
    assert loud[-1] == pytest.approx(200.5, abs=blur)


def test_tiles_join(tmp_path):
    path = write_pcm(tmp_path / "song.wav", np.tile(melody_samples(), 6))
    joined = np.concatenate([cells(path, 0, n) for n in range(4)], axis=2)
    coarse = cells(path, 1)
    assert joined.shape[2] == FACTOR * COLUMNS
    # A column of the coarser level is about the loudest of those under it.
    loudest = joined.reshape(88, 3, COLUMNS, FACTOR).max(axis=3)
    assert np.abs(coarse.astype(int) - loudest).mean() < 2


def test_what_is_not_there_is_silent(tmp_path):
    path = write_pcm(tmp_path / "short.wav", melody_samples())
    assert not cells(path, 0, 9).any()
    assert not cells(path, LEVELS - 1, 1).any()
    assert not cells(write_pcm(tmp_path / "none.wav", np.zeros(0, np.float32))).any()


def test_the_server_gives_tiles_of_what_is_kept(tmp_path):
    with serving(tmp_path) as client:
        name = client.upload(b"x").json["id"]
        assert client.get(f"/api/recordings/{name}/spectrogram/0/0").status == 404
        folder = tmp_path / "recordings" / name / "heard-0"
        folder.mkdir()
        write_pcm(folder / "sound.wav", melody_samples())
        answer = client.get(f"/api/recordings/{name}/spectrogram/1/0")
        assert answer.status == 200
        assert answer.body == tile(folder / "sound.wav", 1, 0)
        for wrong in (f"{LEVELS}/0", "0/100001", "0/-1", "x/0"):
            assert client.get(f"/api/recordings/{name}/spectrogram/{wrong}").status == 404
