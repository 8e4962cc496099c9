"""What is very quiet throughout is made louder, and nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import SAMPLE_RATE
from wav_files import write_float_wav

from transcribe.audio.loudness import LevelledReader, gain_of
from transcribe.audio.reader import AudioReader


@pytest.mark.parametrize(
    ("peak_db", "gain_db"), [(0, 0), (-49, 0), (-51, 45), (-99, 93), (-101, 0)]
)
def test_only_what_lies_between_silence_and_quiet_is_made_louder(peak_db, gain_db):
    assert 20 * np.log10(gain_of(10 ** (peak_db / 20))) == pytest.approx(gain_db, abs=0.03)
    assert gain_of(0.0) == 1


@pytest.mark.parametrize("first", [0.0, 1e-6, 1e-4, 0.1])
def test_a_recording_that_is_loud_anywhere_is_left_as_it_is(tmp_path, first):
    level = np.repeat([first, first, 0.2], 8 * SAMPLE_RATE)
    samples = level * np.random.default_rng(0).uniform(-1, 1, len(level))
    path = write_float_wav(tmp_path / "a.wav", samples, SAMPLE_RATE)
    reader = LevelledReader(path)
    found = np.concatenate(list(reader))
    assert np.array_equal(found, np.concatenate(list(AudioReader(path))))
    assert (reader.gain, reader.warnings) == (1.0, ())
    assert reader.seconds_read == 24


def test_a_quiet_recording_is_multiplied_throughout_however_often_it_is_read(tmp_path):
    samples = 1e-4 * np.random.default_rng(0).uniform(-1, 1, 25 * SAMPLE_RATE)
    reader = LevelledReader(write_float_wav(tmp_path / "a.wav", samples, SAMPLE_RATE))
    for _ in range(2):
        found = np.concatenate(list(reader))
        assert np.abs(found).max() == pytest.approx(0.5)
        assert np.allclose(found, samples * 0.5 / np.abs(samples).max(), atol=1e-6)
        assert reader.seconds_read == 25
        assert [warning.kind for warning in reader.warnings] == ["quiet"]
