"""Music without beats is given those that the networks find, if it is not tested on."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from transcribe.datasets import load_dataset
from transcribe.datasets.annotated import UNKNOWN, AnnotatedPerformance
from transcribe.datasets.index import COLUMNS
from transcribe.midi import write_midi
from transcribe.train.beat_labels import main

from .training import song


@pytest.fixture
def midi(tmp_path: Path) -> Path:
    """An index of three songs, of which one is tested on elsewhere."""
    folder = tmp_path / "midi"
    for index, songs in (("asap", {"Kept": 2}), ("found", {"One": 1, "Two": 2, "Three": 3})):
        (folder / index).mkdir(parents=True)
        rows = [",".join(COLUMNS)]
        for title, seed in songs.items():
            write_midi(song(seed), folder / index / f"{title}.mid")
            rows.append(f"Nobody,{title},train,2018,{title}.mid,,64.5")
        (folder / f"{index}.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "split.csv").write_text("index,composer,title,split\nasap,Nobody,Kept,test\n")
    return folder


def test_what_is_written_is_a_source_with_beats_and_without_tested_music(midi, tmp_path, capsys):
    output = tmp_path / "beats"
    words = [str(midi / "found.csv"), "-o", str(output), "--split", str(tmp_path / "split.csv")]
    assert main([*words, "--keep", "1", "--cache", str(tmp_path / "cache")]) == 0
    assert "2 of 2 performances" in capsys.readouterr().out
    recordings = load_dataset(tmp_path / "beats.csv", split="train")
    assert {recording.title for recording in recordings} == {"One", "Three"}
    for recording in recordings:
        each = AnnotatedPerformance.load(recording.midi_path)
        gaps = np.diff(each.beats)
        assert np.median(gaps) in (pytest.approx(0.5, abs=0.02), pytest.approx(1.0, abs=0.02))
        on_eighth = np.abs((each.beats - 0.5) / 0.25 - np.round((each.beats - 0.5) / 0.25))
        assert np.median(on_eighth) < 0.05
        assert set(each.numerator.tolist()) == {UNKNOWN}
        assert not each.is_down.any()
        known = each.beat != UNKNOWN
        assert known.mean() > 0.9
        at = each.beats[each.beat[known]] + each.place[known] * gaps[each.beat[known]]
        assert np.median(np.abs(at - each.onset[known])) < 0.01


def test_an_index_that_is_not_there_is_named(tmp_path, capsys):
    assert main([str(tmp_path / "no.csv"), "-o", str(tmp_path / "beats")]) == 1
    assert "no.csv" in capsys.readouterr().err


def test_the_surest_share_is_kept(midi, tmp_path):
    output = tmp_path / "beats"
    words = [str(midi / "found.csv"), "-o", str(output), "--split", str(tmp_path / "split.csv")]
    assert main([*words, "--keep", "0.5", "--cache", str(tmp_path / "cache")]) == 0
    with (tmp_path / "beats.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 1
