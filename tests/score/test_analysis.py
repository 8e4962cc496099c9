"""A score is read off a performance: what is played as such, and what a person says of it."""

from __future__ import annotations

import numpy as np
import pytest
from played_pieces import GAP, march, waltz

from transcribe.music.beat_grid import Metre
from transcribe.music.key import Key
from transcribe.notes import Note, Performance
from transcribe.score.analysis import DOUBTS, analyse
from transcribe.score.networks import packaged_networks
from transcribe.score.note_features import BeatArrays
from transcribe.score.onset_features import NoteArrays
from transcribe.score.score import Hints


@pytest.fixture(scope="module")
def performance() -> Performance:
    return march()


def test_given_beats_and_metre_every_note_of_a_march_is_written_as_it_was_meant(performance):
    beats = tuple(0.5 + GAP * np.arange(65))
    score = analyse(
        performance, Hints(beats=beats, downbeats=beats[::4], metre=Metre(4, 4), key=Key(0))
    )
    assert score.n_bars == 16
    assert score.first_downbeat == 0
    for written in score.notes:
        quarters = (written.note.onset - 0.5) / GAP
        assert written.bar == int((quarters + 0.1) // 4) + 1
        assert float(written.beat) == pytest.approx(quarters % 4, abs=0.1) or quarters % 4 > 3.9
    of_tune = [each for each in score.notes if each.note.pitch >= 71]
    assert {each.hand for each in of_tune} == {"right"}
    assert {each.hand for each in score.notes if each.note.pitch < 50} == {"left"}
    assert {each.length for each in of_tune[:-1]} == {1 / 2}


def test_one_score_note_for_each_note_in_the_same_order(performance):
    score = analyse(performance)
    assert tuple(each.note for each in score.notes) == performance.notes
    assert all(0 <= each.confidence <= 1 for each in score.notes)


def test_what_a_person_says_is_obeyed(performance):
    score = analyse(performance, Hints(metre=Metre(3, 4), key=Key(9), downbeat=2.0))
    assert [str(change.metre) for change in score.metres] == ["3/4"]
    assert [change.key for change in score.keys] == [Key(9)]
    assert min(abs(time - 2.0) for time in score.downbeats) < 0.05


@pytest.mark.parametrize("tempo", [60.0, 120.0])
def test_the_beat_is_near_the_tempo_that_is_given(performance, tempo):
    assert np.median(analyse(performance, Hints(tempo=tempo)).tempo) == pytest.approx(
        tempo, rel=0.03
    )


def test_beats_reach_from_the_first_note_to_beyond_the_last(performance):
    score = analyse(performance)
    assert score.beats[0] <= performance.notes[0].onset + 0.1
    assert score.beats[-1] > performance.notes[-1].onset
    assert score.bar_starts[-1] == len(score.beats) - 1


def test_a_single_note_is_a_score_of_one_bar_with_a_doubt():
    only = Performance((Note(onset=1.0, offset=1.4, pitch=60, velocity=60),))
    score = analyse(only)
    assert score.n_bars == 1
    assert (score.notes[0].bar, score.notes[0].beat) == (1, 0)
    assert any("uncertain" in doubt for doubt in score.doubts)


def test_no_notes_make_no_score():
    with pytest.raises(ValueError, match="expected a performance with notes"):
        analyse(Performance())


@pytest.mark.parametrize(
    "played",
    [{}, {"quarter": 0.33}, {"quarter": 0.6}, {"slowing": 0.5}],
    ids=["waltz", "quick", "slow", "ritardando"],
)
def test_a_waltz_comes_out_in_three_four_with_its_bars(played):
    performance = waltz(**played)
    score = analyse(performance)
    assert [str(change.metre) for change in score.metres] == ["3/4"]
    basses = [note.onset for note in performance.notes if note.pitch < 55]
    np.testing.assert_allclose(score.downbeats, basses, atol=0.02)
    assert [each.bar for each in score.notes if each.note.pitch < 55] == list(range(1, 17))


def test_an_upbeat_is_bar_nought():
    score = analyse(waltz(upbeat=True))
    assert (score.notes[0].bar, score.notes[0].beat) == (0, 2)
    assert score.notes[1].bar == 1


def test_the_tune_of_a_waltz_is_the_right_hand_s_and_its_bass_the_left_s():
    hands = {each.note.pitch: each.hand for each in analyse(waltz()).notes}
    assert {hand for pitch, hand in hands.items() if pitch > 80} == {"right"}
    assert {hand for pitch, hand in hands.items() if pitch < 55} == {"left"}


def slow_song(*, quarter: float) -> Performance:
    """Sixteen bars of 4/4 over chords in half notes."""
    notes = []
    for bar in range(16):
        start, root = 1 + 4 * quarter * bar, (48, 53, 55, 48)[bar % 4]
        tune = ((0, 2, 76), (2, 1, 77), (3, 1, 79)) if bar % 2 == 0 else ((0, 2, 81), (2, 2, 79))
        for half in (0, 2):
            for pitch in (root - 12 * (half == 0), root + 4, root + 7):
                notes.append((start + half * quarter, pitch, 1.9 * quarter, 55))
        for beat, length, pitch in tune:
            notes.append((start + beat * quarter, pitch, 0.95 * length * quarter, 80))
    return Performance(
        tuple(
            sorted(
                Note(onset=onset, pitch=pitch, offset=onset + length, velocity=velocity)
                for onset, pitch, length, velocity in notes
            )
        ),
        (),
    )


@pytest.mark.parametrize("tempo", [60, 70, 80])
def test_a_slow_song_in_halves_is_in_common_time(tempo):
    score = analyse(slow_song(quarter=60 / tempo))
    assert score.metre(1) == Metre(4, 4)
    assert np.median(score.tempo) == pytest.approx(tempo, rel=0.05)


def test_what_is_struck_just_before_the_first_beat_is_on_it():
    notes = [Note(onset=1.8, offset=1.9, pitch=60, velocity=64)]
    notes += [Note(onset=2 + n, offset=2.5 + n, pitch=62 + n, velocity=64) for n in range(7)]
    score = analyse(Performance(tuple(notes), ()), Hints(beats=tuple(map(float, range(2, 11)))))
    first, second = score.notes[:2]
    assert (first.bar, first.beat) <= (second.bar, second.beat)


@pytest.mark.parametrize("music", [march(8), slow_song(quarter=1.0)], ids=["march", "song"])
def test_a_note_an_hour_after_the_rest_changes_neither_metre_nor_tempo(music):
    """Nobody plays in the pause, whose beats are slow and many."""
    late = Note(onset=3600.0, offset=3601.0, pitch=60, velocity=70)
    alone, score = analyse(music), analyse(Performance((*music.notes, late)))
    assert [change.metre for change in score.metres] == [change.metre for change in alone.metres]
    assert score.usual_tempo == pytest.approx(alone.usual_tempo, rel=0.01)
    assert [note.bar for note in score.notes[:-1]] == [note.bar for note in alone.notes]


def test_a_doubt_asks_for_nothing_that_was_said():
    rng = np.random.default_rng(1)
    notes = [
        Note(onset=onset, offset=onset + 0.2, pitch=int(rng.integers(40, 90)), velocity=60)
        for onset in np.cumsum(rng.exponential(0.3, 60)).tolist()
    ]
    anywhere = Performance(tuple(notes))
    assert {DOUBTS["beats"], DOUBTS["bars"]} <= set(analyse(anywhere).doubts)
    told = analyse(anywhere, Hints(tempo=90, metre=Metre(3, 4))).doubts
    assert {DOUBTS["tempo"], DOUBTS["downbeat"]} <= set(told)
    assert not {DOUBTS["beats"], DOUBTS["bars"]} & set(told)


def test_upside_down_the_left_hand_is_the_right_one(performance):
    notes = NoteArrays.of(performance)
    count = np.arange(65)
    beats = BeatArrays(0.5 + GAP * count, count % 4, np.full(65, 4), np.ones(65))
    said = packaged_networks().read(notes, beats)
    turned = packaged_networks().read(notes.upside_down(), beats)
    np.testing.assert_allclose(np.exp(said["hand"]), 1 - np.exp(turned["hand"]), atol=1e-6)
    np.testing.assert_allclose(said["place"], turned["place"], atol=1e-5)


@pytest.mark.parametrize(("silent", "told"), [(1, 3.0), (3, 3.0), (3, 1.0), (1, 1.0)])
def test_a_bar_that_is_told_to_start_before_the_first_note_begins_with_rests(silent, told):
    played = march(start=3.0)
    notes = tuple(note for note in played.notes if note.onset > 3.0 + silent * GAP - 0.1)
    score = analyse(Performance(notes), Hints(tempo=120, metre=Metre(4, 4), downbeat=told))
    at = told + 4 * GAP * ((notes[0].onset - told) // (4 * GAP))
    assert score.downbeats[0] == pytest.approx(at, abs=0.05)
    assert score.notes[0].bar == 1
    assert score.seconds(1, score.notes[0].beat) == pytest.approx(notes[0].onset, abs=0.05)
