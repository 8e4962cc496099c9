"""Sets are what they are declared to be, or refused with a way to get them."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest
from data_sets import write_data_set

from eval.data import rendered, sets
from eval.data.sets import NO_PIANO, RENDERED, SETS, BenchmarkSet, find_set, recordings_of
from eval.data.synthetic_bank import write_synthetic_bank
from transcribe.audio.reader import read_audio
from transcribe.audio.wav import write_wav
from transcribe.datasets import reference_performance
from transcribe.datasets.maestro import PUBLISHED_COUNTS
from transcribe.errors import DatasetError
from transcribe.midi import write_midi
from transcribe.notes import Note, PedalPress, Performance

PLAYED = Performance([Note(onset=0.5, pitch=60, offset=1.0, velocity=70)])


def declared(**changes):
    values = {
        "name": "waltzes",
        "kind": sets.RECORDED,
        "title": "two waltzes",
        "n_recordings": 2,
        "conventions": "as played",
        "leakage": "none",
        "licence": "CC0",
        "source": "the shop",
    }
    return BenchmarkSet(**{**values, **changes})


def test_every_set_says_where_from_and_under_which_licence_and_what_its_labels_mean():
    assert {"maps-real-dev", "maps-test", "maestro-v3-test", "rendered-held-out", "esc10"} <= set(
        SETS
    )
    for name, each in SETS.items():
        assert each.name == name
        assert each.n_recordings > 0
        assert all((each.licence, each.source, each.conventions, each.leakage)), name
    for version in (1, 2, 3):
        for split in ("validation", "test"):
            published = PUBLISHED_COUNTS[f"maestro-v{version}.0.0"][split]
            assert SETS[f"maestro-v{version}-{split}"].n_recordings == published
    assert SETS["maps-enstdkcl"].n_recordings + SETS["maps-enstdkam"].n_recordings == 60


def test_a_set_lies_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("PIANO_DATA", str(tmp_path))
    assert SETS["maps-real-dev"].path() == tmp_path / "audio" / "maps-real-dev"
    assert SETS["maps-real-dev"].path(tmp_path / "mine") == tmp_path / "mine"
    monkeypatch.setenv("MAESTRO", str(tmp_path / "m"))
    assert SETS["maestro-v3-test"].path() == tmp_path / "m"
    monkeypatch.delenv("MAPS", raising=False)
    assert str(SETS["maps-test"].path()) == "data/MAPS/" or SETS["maps-test"].path().name == "MAPS"


def test_a_set_is_as_declared_or_refused(tmp_path):
    folder = write_data_set(tmp_path / "w", dict.fromkeys("ab", PLAYED), seconds=2)
    index = (folder / "index.csv").read_bytes()
    right = declared(index_sha256=hashlib.sha256(index).hexdigest())
    assert [each.name for each in recordings_of(right, folder)] == ["a", "b"]
    with pytest.raises(DatasetError, match=r"expected 3 recordings.*found 2.*the shop"):
        recordings_of(declared(n_recordings=3), folder)
    with pytest.raises(DatasetError, match=r"sha256 .*not that of this set"):
        recordings_of(declared(index_sha256="0" * 64), folder)
    with pytest.raises(DatasetError, match=r"found no .*nowhere.*Where to get it: the shop"):
        recordings_of(declared(), tmp_path / "nowhere")
    with pytest.raises(DatasetError, match=r"expected maestro-v3.0.0.csv .*found no index"):
        recordings_of(declared(index="maestro-v3.0.0.csv"), folder)
    (folder / "a.wav").unlink()
    with pytest.raises(DatasetError, match=r"1 of 2 audio files are missing"):
        recordings_of(declared(), folder)


def test_one_microphone_of_maps_is_chosen_by_name(tmp_path):
    names = ("MAPS_MUS-x_ENSTDkCl", "MAPS_MUS-x_ENSTDkAm")
    folder = write_data_set(tmp_path / "w", dict.fromkeys(names, PLAYED), seconds=2)
    close = recordings_of(declared(n_recordings=1, instrument="ENSTDkCl"), folder)
    assert [each.name for each in close] == ["MAPS_MUS-x_ENSTDkCl"]


def test_recordings_without_piano_are_counted(tmp_path):
    for name in ("rain.wav", "dog.wav"):
        write_wav(tmp_path / name, np.zeros(800, np.float32), 8000)
    (tmp_path / "LICENCE.md").write_text("CC0")
    quiet = declared(kind=NO_PIANO)
    assert [path.stem for path in sets.noise_files(quiet, tmp_path)] == ["dog", "rain"]
    with pytest.raises(DatasetError, match="expected 3 recordings"):
        sets.noise_files(declared(kind=NO_PIANO, n_recordings=3), tmp_path)
    with pytest.raises(DatasetError, match="found none in"):
        sets.noise_files(quiet, tmp_path / "nowhere")


def test_an_unknown_set_lists_those_there_are():
    with pytest.raises(DatasetError, match=r"expected a set among maps-real-dev.*'waltz'"):
        find_set("waltz")


def test_a_rendered_set_is_made_once_with_its_labels(tmp_path):
    write_synthetic_bank(tmp_path / "instruments" / "synthetic")
    played = Performance(
        [Note(onset=0.5 * i, pitch=60 + i, offset=0.5 * i + 0.4, velocity=80) for i in range(12)],
        [PedalPress(onset=1.0, offset=2.0)],
    )
    (tmp_path / "midi").mkdir()
    write_midi(played, tmp_path / "midi" / "study.mid")
    index = tmp_path / "midi" / "pieces.csv"
    index.write_text(
        "canonical_composer,canonical_title,split,year,midi_filename,audio_filename,duration\n"
        "Test,Study,validation,2026,study.mid,,6.0\n"
    )
    wanted = declared(
        kind=RENDERED,
        split="validation",
        index_sha256=hashlib.sha256(index.read_bytes()).hexdigest(),
        passage_seconds=3.0,
        instruments=("synthetic",),
    )
    folder = tmp_path / "made"
    made = rendered.rendered_recordings(wanted, index, folder)
    assert [each.name for each in made] == ["waltzes-00", "waltzes-01"]
    assert made[0].composer == "synthetic"
    sound = read_audio(folder / "waltzes-00.wav", 16000)
    assert len(sound) == 48000
    assert np.abs(sound).max() > 0.01
    notes = reference_performance(made[0]).notes
    assert 5 <= len(notes) <= 7
    assert all(note.offset <= 3.0 + 1e-3 for note in notes)
    first = (folder / "waltzes-00.wav").stat().st_mtime_ns
    rendered.rendered_recordings(wanted, index, folder)
    assert (folder / "waltzes-00.wav").stat().st_mtime_ns == first
    other = dataclasses.replace(wanted, instruments=("clavichord",))
    with pytest.raises(DatasetError, match=r"expected the instrument .*clavichord"):
        rendered.rendered_recordings(other, index, tmp_path / "other")
    wrong = dataclasses.replace(wanted, index_sha256="0" * 64)
    with pytest.raises(DatasetError, match="not that of this set"):
        rendered.rendered_recordings(wrong, index, tmp_path / "other")


def test_synthesised_noise_is_the_declared_set(tmp_path, monkeypatch):
    kinds = rendered.noises(seconds=0.5)
    monkeypatch.setattr(rendered, "noises", lambda: kinds)
    folder = rendered.synthesised_noise(tmp_path / "noise")
    assert len(sets.noise_files(SETS["synthesised-noise"], folder)) == 7
