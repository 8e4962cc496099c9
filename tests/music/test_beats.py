"""Beats from notes: clicks, waltzes and jigs whose beats are known because we played them."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import floats, integers, lists

from transcribe.music.beat_grid import BeatGrid, Metre, find_beats
from transcribe.notes import Note, Performance


def played(beats, metre: Metre, *, first_downbeat: int = 0, seed: int = 0) -> Performance:
    """An accompaniment on these beats: bass on the bar, chords on other beats, a tune above."""
    random = np.random.default_rng(seed)
    notes = []
    inner = (1 / 3, 2 / 3) if metre.is_compound else (1 / 2,)
    for index, (beat, following) in enumerate(itertools.pairwise(beats)):
        gap = following - beat
        onset = max(beat + random.normal(0, 0.005), 0)
        is_down = (index - first_downbeat) % metre.beats_per_bar == 0
        bar = (index - first_downbeat) // metre.beats_per_bar
        root = (36, 41, 43, 38)[bar % 4]
        if is_down:
            notes.append(Note(onset=onset, pitch=root, offset=onset + 0.9 * gap, velocity=80))
        else:
            for pitch in (root + 16, root + 19):
                notes.append(Note(onset=onset, pitch=pitch, offset=onset + gap / 2, velocity=55))
        tune = 72 + (0, 2, 4, 5, 7)[index % 5]
        notes.append(Note(onset=onset, pitch=tune, offset=onset + 0.5 * gap, velocity=85))
        for place in inner:
            if random.random() < 0.7:
                here = onset + place * gap
                notes.append(Note(onset=here, pitch=74, offset=here + 0.2 * gap, velocity=65))
    return Performance(tuple(notes))


def share_found(beats, found, tolerance: float = 0.07) -> float:
    """F1 of beats within the tolerance, each counted once."""
    distance = np.abs(np.subtract.outer(np.asarray(beats), np.asarray(found)))
    hits = min((distance.min(axis=1) < tolerance).sum(), (distance.min(axis=0) < tolerance).sum())
    return 2 * hits / sum(distance.shape)


@pytest.mark.parametrize(
    ("metre", "tempo", "first_downbeat"),
    [("4/4", 96, 0), ("3/4", 120, 0), ("4/4", 72, 2), ("6/8", 66, 0)],
)
def test_the_beats_of_a_steady_player_are_found(metre, tempo, first_downbeat):
    metre = Metre.parse(metre)
    beats = 1.5 + 60 / tempo * np.arange(48)
    found = find_beats(played(beats, metre, first_downbeat=first_downbeat))
    assert share_found(beats[:-1], found.beats) > 0.95
    assert found.metre == metre
    assert share_found(beats[first_downbeat :: metre.beats_per_bar], found.downbeats) > 0.8
    assert (found.tempo_origin, found.metre_origin) == ("estimated", "estimated")


def test_beats_follow_a_player_who_speeds_up():
    gaps = np.geomspace(0.8, 0.5, 60)
    beats = 1 + np.concatenate([[0], np.cumsum(gaps)])
    found = find_beats(played(beats, Metre(4, 4)))
    assert share_found(beats[:-1], found.beats) > 0.9


def test_later_notes_have_later_beats():
    beats = 1 + 0.6 * np.arange(30)
    now, later = (find_beats(played(beats + delay, Metre(4, 4))) for delay in (0, 7.3))
    np.testing.assert_allclose(np.add(now.beats, 7.3), later.beats, atol=0.03)


def test_a_given_tempo_is_kept_and_laid_where_it_fits():
    beats = 2.25 + 60 / 84 * np.arange(40)
    grid = find_beats(played(beats, Metre(3, 4)), tempo=84, metre=Metre(3, 4))
    np.testing.assert_allclose(np.diff(grid.beats), 60 / 84)
    assert share_found(beats[:-1], grid.beats, 0.02) > 0.95
    assert (grid.tempo_origin, grid.metre_origin) == ("given", "given")
    assert grid.describe()["tempo_is"] == "given"
    json.dumps(grid.describe())


def test_a_given_tempo_that_is_followed_bends_with_the_player():
    gaps = 0.7 * (1 + 0.1 * np.sin(np.arange(50) / 5))
    beats = 1 + np.concatenate([[0], np.cumsum(gaps)])
    performance = played(beats, Metre(4, 4))
    steady = find_beats(performance, tempo=60 / 0.7)
    followed = find_beats(performance, tempo=60 / 0.7, follow=True)
    assert share_found(beats[:-1], followed.beats) > 0.9
    assert share_found(beats[:-1], steady.beats) < 0.7


@pytest.mark.parametrize("n_notes", [0, 1, 3])
def test_too_few_notes_have_a_grid_all_the_same(n_notes):
    notes = [Note(onset=2 + i, pitch=60, offset=2.5 + i, velocity=60) for i in range(n_notes)]
    grid = find_beats(Performance(tuple(notes)))
    assert str(grid.metre) == "4/4"
    assert grid.tempo == pytest.approx(120)
    assert len(grid.beats) >= 2
    if notes:
        assert grid.beats[0] == 2
        assert grid.beats[-1] >= notes[-1].offset


@given(
    gaps=lists(floats(0.2, 2), min_size=1, max_size=20),
    first=integers(0, 3),
    position=floats(-3, 30),
)
def test_seconds_and_positions_are_two_ways_to_say_one_thing(gaps, first, position):
    beats = tuple(np.cumsum([0.5, *gaps]).tolist())
    grid = BeatGrid(beats, Metre(4, 4), first)
    assert grid.position(grid.seconds(position)) == pytest.approx(position, abs=1e-6)
    assert grid.step(grid.step_seconds(position)) == pytest.approx(position, abs=1e-5)
    assert grid.step(beats[first]) == pytest.approx(0) if first < len(beats) else True


def test_a_metre_is_counted_in_what_a_metronome_ticks():
    texts = ("4/4", "3/4", "6/8", "12/8", "3/8", "2/2", "6/16", "12/16")
    counted = {text: Metre.parse(text) for text in texts}
    assert {text: m.beats_per_bar for text, m in counted.items()} == {
        "4/4": 4,
        "3/4": 3,
        "6/8": 2,
        "12/8": 4,
        "3/8": 3,
        "2/2": 2,
        "6/16": 2,
        "12/16": 4,
    }
    assert {text: m.steps_per_bar for text, m in counted.items()} == {
        "4/4": 16,
        "3/4": 12,
        "6/8": 12,
        "12/8": 24,
        "3/8": 6,
        "2/2": 16,
        "6/16": 6,
        "12/16": 12,
    }
    for text in ("4", "4/5", "4/32", "0/4", "waltz", "4/4/4"):
        with pytest.raises(ValueError, match="expected a metre"):
            Metre.parse(text)


def test_a_grid_refuses_what_is_no_grid():
    with pytest.raises(ValueError, match="two beats"):
        BeatGrid((1.0,))
    with pytest.raises(ValueError, match="rise"):
        BeatGrid((1.0, 1.0))
    with pytest.raises(ValueError, match="first downbeat"):
        BeatGrid((1.0, 2.0), Metre(3, 4), 3)
