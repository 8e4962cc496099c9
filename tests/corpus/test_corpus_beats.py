"""Passages keep the beats and bars that their MIDI file states."""

from __future__ import annotations

import json
import tarfile
from dataclasses import replace

import pytest
from corpora import FEW
from exact_midi import EIGHTH, exact_midi

from transcribe.corpus import build_corpus
from transcribe.corpus.passages import Passage, take_beats
from transcribe.midi_file import metre_event
from transcribe.music.beat_grid import Metre
from transcribe.score.score import Hints

WALTZ = Hints(
    beats=tuple(0.5 * i for i in range(13)),
    downbeats=(0.0, 1.5, 3.0, 4.5, 6.0),
    metres=(Metre(3, 4),) * 13,
)


def passage(start, stop):
    return Passage(start, stop, 3, 60, 70, 1.0)


def test_beats_are_cut_from_the_bar_that_a_passage_begins_in():
    cut = take_beats(WALTZ, passage(2.0, 4.2), stretch=2.0)
    assert cut.beats == pytest.approx((-1, 0, 1, 2, 3, 4, 5))
    assert cut.downbeats == pytest.approx((-1, 2, 5))
    assert len(cut.metres) == 7


def test_beats_of_an_upbeat_are_kept():
    upbeat = replace(WALTZ, downbeats=(1.0, 2.5, 4.0, 5.5))
    cut = take_beats(upbeat, passage(0.0, 3.0))
    assert cut.beats == pytest.approx([0.5 * i for i in range(7)])
    assert cut.downbeats == pytest.approx((1.0, 2.5))


def test_beats_without_bars_are_cut_at_the_beat():
    beats = replace(WALTZ, downbeats=None, metres=None)
    cut = take_beats(beats, passage(2.1, 4.2))
    assert cut.beats == pytest.approx([-0.1 + 0.5 * i for i in range(6)])
    assert (cut.downbeats, cut.metres) == (None, None)
    assert take_beats(None, passage(2.0, 4.2)) is None


def test_a_corpus_of_tokens_has_the_bars_of_its_files(tmp_path):
    # Bars of seven eighths; after a long silence again, from the third eighth of a bar on.
    n_before, silence = 12 * 7, 9 * 7 + 2
    ticks = [EIGHTH * i for i in (*range(n_before), *range(n_before + silence, 24 * 7 + silence))]
    (tmp_path / "takes").mkdir()
    (tmp_path / "takes" / "seven.mid").write_bytes(exact_midi(ticks, (0, metre_event(7, 8))))
    config = replace(FEW, target="abc", stretch=0.1, copies=1, validation=0, test=0)
    build_corpus(tmp_path / "takes", tmp_path / "corpus", config)
    (shard,) = (tmp_path / "corpus" / "data").glob("*.tar")
    with tarfile.open(shard) as tar:
        abouts = [
            json.load(tar.extractfile(name)) for name in tar.getnames() if name.endswith(".json")
        ]
        tunes = [tar.extractfile(n).read() for n in tar.getnames() if n.endswith(".abc")]
    assert len({about["start"] for about in abouts}) == 2
    assert len({about["stretch"] for about in abouts}) > 1
    assert all(b"M:7/8" in tune for tune in tunes)
    for about in abouts:
        grid, stretch = about["grid"], about["stretch"]
        assert (grid["metre"], grid["metre_is"], grid["tempo_is"]) == ("7/8", "stated", "stated")
        assert grid["tempo"] == pytest.approx(300 / stretch, rel=1e-3)
        missing = 0 if about["start"] == 0 else 2
        assert grid["beats"][grid["first_downbeat"]] == pytest.approx(
            -0.2 * missing * stretch, abs=2e-3
        )
