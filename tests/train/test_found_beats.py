"""Bars are learnt from beats as they are found, by networks that have not seen the piece."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from transcribe.datasets.annotated import read_asap
from transcribe.datasets.index import COLUMNS
from transcribe.midi import write_midi
from transcribe.score.beats import BeatSettings
from transcribe.score.networks import packaged_networks
from transcribe.train import folds, found_beats
from transcribe.train.score_data import ScoreDataConfig, ScoreSourceConfig, read_split
from transcribe.weights_file import FOLDER

from .training import song


def annotated(folder: Path, title: str, seed: int) -> Path:
    """A song with its beats, as ASAP has them: quarters at 120, four a bar."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{title}.mid"
    write_midi(song(seed), path)
    times = 0.5 + 0.5 * np.arange(129)
    rows = [
        f"{time}\t{time}\t{'db,4/4,0' if number % 4 == 0 else 'b'}"
        for number, time in enumerate(times.tolist())
    ]
    path.with_name(f"{title}_annotations.txt").write_text("\n".join(rows))
    return path


def indexed(folder: Path, name: str, songs: dict[str, int]) -> Path:
    rows = [",".join(COLUMNS)]
    for title, seed in songs.items():
        annotated(folder / name, title, seed)
        rows.append(f"Nobody,{title},train,2018,{title}.mid,,64.5")
    index = folder / f"{name}.csv"
    index.write_text("\n".join(rows) + "\n")
    return index


@pytest.fixture
def split(tmp_path: Path) -> Path:
    path = tmp_path / "split.csv"
    path.write_text("index,composer,title,split\none,Nobody,Kept,test\n")
    return path


def test_what_is_the_same_music_is_in_one_fold_and_what_is_kept_in_none(tmp_path, split):
    one = indexed(tmp_path, "one", {"A": 1, "B": 2, "C": 3, "Kept": 4})
    two = indexed(tmp_path, "two", {"Also C": 3, "D": 5})
    words = [str(one), str(two), "-o", str(tmp_path / "folds"), "--split", str(split)]
    assert folds.main([*words, "--folds", "3", "--cache", str(tmp_path / "cache")]) == 0
    parts = [read_split(tmp_path / "folds" / f"fold-{number}.csv") for number in range(3)]
    inside = [{piece for piece, part in each.items() if part == "validation"} for each in parts]
    assert {("one", "Nobody", "C"), ("two", "Nobody", "Also C")} in inside
    assert sum(map(len, inside)) == 5 == len(set.union(*inside))
    assert all(each["one", "Nobody", "Kept"] == "test" for each in parts)


def test_found_beats_have_the_metre_and_the_downbeats_of_the_annotated_ones(tmp_path):
    each = read_asap(annotated(tmp_path, "A", 1))
    found = found_beats.with_found_beats(each, packaged_networks(), BeatSettings())
    assert 60 < len(found.beats) < 140
    assert set(zip(found.numerator.tolist(), found.denominator.tolist(), strict=True)) == {(4, 4)}
    bars = (found.beats - 0.5) / 2
    on_bar = np.abs(bars - np.round(bars)) * 2 < 0.07
    np.testing.assert_array_equal(found.is_down, on_bar & (found.beats < 64.6))
    assert found.is_down.sum() > 25


def test_beats_of_a_passage_that_was_left_out_are_none(tmp_path):
    each = read_asap(annotated(tmp_path, "A", 1))
    times = each.beats.copy()
    times[40:60] = times[40] + 0.001 * np.arange(20)
    moved = found_beats.with_found_beats(
        replace(each, beats=times), packaged_networks(), BeatSettings()
    )
    near = np.abs(moved.beats - times[40]) < 0.07
    assert moved.is_down[near].tolist() == [True]


def test_what_is_written_is_a_source_to_learn_bars_from(tmp_path, split):
    one = indexed(tmp_path, "one", {"A": 1, "B": 2, "Kept": 4})
    cache = str(tmp_path / "cache")
    words = [str(one), "-o", str(tmp_path / "folds"), "--split", str(split), "--cache", cache]
    assert folds.main([*words, "--folds", "2"]) == 0
    output = tmp_path / "found"
    asked = [
        word
        for number in (0, 1)
        for word in ("--fold", str(tmp_path / "folds" / f"fold-{number}.csv"), str(FOLDER))
    ]
    words = ["--asap", str(one), "-o", str(output), "--cache", cache]
    assert found_beats.main([*words, *asked]) == 0
    with (output / "one.csv").open() as file:
        assert [row["canonical_title"] for row in csv.DictReader(file)] == ["A", "B"]
    source = ScoreSourceConfig(index=str(output / "one.csv"), kind="labelled")
    pieces = ScoreDataConfig(sources={"found": source}, split=str(split)).pieces("train")
    assert [piece.name for piece in pieces] == ["found/Nobody/A", "found/Nobody/B"]


def test_a_fold_that_is_not_there_is_named(tmp_path, capsys):
    words = ["--asap", str(tmp_path / "no.csv"), "-o", str(tmp_path / "found")]
    assert found_beats.main([*words, "--fold", "absent.csv", str(FOLDER)]) == 1
    assert "absent.csv" in capsys.readouterr().err


def test_annotations_that_were_changed_are_read_again(tmp_path, split):
    index = indexed(tmp_path, "one", {"A": 1})
    config = ScoreDataConfig(
        sources={"one": ScoreSourceConfig(index=str(index))},
        split=str(split),
        cache=str(tmp_path / "cache"),
        labelled=0.0,
    )
    annotations = tmp_path / "one" / "A_annotations.txt"
    assert config.pieces("train")[0].performances[0].numerator[0] == 4
    annotations.write_text(annotations.read_text().replace("4/4", "12/8"))
    assert config.pieces("train")[0].performances[0].numerator[0] == 12
