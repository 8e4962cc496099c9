"""Saarland Music Data is read as its publisher's archives unpack."""

from __future__ import annotations

import numpy as np
import pytest

from eval.data.sets import SETS, recordings_of
from transcribe.audio.wav import write_wav
from transcribe.datasets import load_dataset, reference_performance
from transcribe.datasets.smd import TEST_WORKS
from transcribe.errors import DatasetError
from transcribe.midi import write_midi
from transcribe.notes import Note, PedalPress, Performance

PLAYED = Performance(
    [Note(onset=0.5, pitch=60, offset=0.8, velocity=70)], [PedalPress(onset=0.6, offset=0.9)]
)
TRAINED = "Bach_BWV849-01_001_20090916-SMD"
TESTED = [f"{work}_003_20090916-SMD" for work in TEST_WORKS]


def unpack(folder, names, midi="midi", audio="wav_44100_stereo"):
    for place in (folder / midi, folder / audio):
        place.mkdir(parents=True, exist_ok=True)
    for name in names:
        write_midi(PLAYED, folder / midi / f"{name}.mid")
        write_wav(folder / audio / f"{name}.wav", np.zeros(16000, np.float32), 16000)
    return folder


@pytest.mark.parametrize("layout", [{}, {"midi": ".", "audio": "."}])
def test_five_performances_are_the_test(tmp_path, layout):
    folder = unpack(tmp_path, [TRAINED, *TESTED], **layout)
    assert [each.name for each in load_dataset(folder, split="train")] == [TRAINED]
    tested = load_dataset(folder, split="test")
    assert [each.name for each in tested] == sorted(TESTED)
    assert (tested[1].composer, tested[1].title) == ("Chopin", "Op028-04")
    assert [each.duration for each in tested] == [1.0] * 5
    heard = reference_performance(tested[0])
    assert heard.notes[0].pitch == 60
    assert heard.pedal[0].onset == pytest.approx(0.6, abs=1e-3)
    assert len(recordings_of(SETS["smd-test"], folder)) == 5


def test_a_performance_without_its_audio_is_named(tmp_path):
    folder = unpack(tmp_path, TESTED)
    (folder / "wav_44100_stereo" / f"{TESTED[2]}.wav").unlink()
    with pytest.raises(DatasetError, match=rf"{TESTED[2]}\.wav or \.mp3"):
        load_dataset(folder)


def test_a_set_that_is_not_whole_is_refused(tmp_path):
    folder = unpack(tmp_path, TESTED[:4])
    with pytest.raises(DatasetError, match=r"expected 5 recordings .* found 4"):
        recordings_of(SETS["smd-test"], folder)
