"""Performances of one piece are told from others, in any key and tempo and with mistakes."""

from __future__ import annotations

import random

import numpy as np
import pytest

from transcribe.corpus.fingerprint import (
    FEWEST_COMMON,
    MOST,
    SAME_PIECE,
    Landmarks,
    compare,
    find_landmarks,
)
from transcribe.corpus.grouping import Groups, Pair, find_duplicates, find_pairs
from transcribe.notes import Note


def piece(seed: int, n_chords: int = 300) -> list[Note]:
    """A melody that wanders over a bass, as nobody else wanders."""
    rng = random.Random(seed)
    notes, melody, bass, now = [], 72, 43, 0.0
    for _ in range(n_chords):
        melody = min(max(melody + rng.randint(-5, 5), 60), 96)
        bass = min(max(bass + rng.randint(-5, 5), 28), 55)
        for pitch in (bass, melody):
            notes.append(Note(onset=now, pitch=pitch, offset=now + 0.3, velocity=70))
        now += rng.choice((0.2, 0.4, 0.6))
    return notes


def played(notes, seed, *, by=0, rubato=0.15, spread=0.02, missed=0.0, stretch=1.0):
    """As another pianist plays it, and a transcription hears it."""
    rng = random.Random(seed)
    heard, now, before, tempo = [], 0.0, 0.0, stretch
    for note in notes:
        tempo = min(max(tempo * (1 + rng.uniform(-rubato, rubato)), stretch / 2), stretch * 2)
        now, before = now + (note.onset - before) * tempo, note.onset
        if rng.random() >= missed:
            onset = max(now + rng.uniform(0, spread), 0.0)
            heard.append(Note(onset=onset, pitch=note.pitch + by, offset=onset + 0.3, velocity=60))
    return sorted(heard)


@pytest.mark.parametrize("by", [-5, 0, 3])
def test_another_performance_is_the_same_piece_but_not_the_same_performance(by):
    here, there = find_landmarks(piece(1)), find_landmarks(played(piece(1), 7, by=by))
    likeness = compare(here, there)
    assert likeness.is_same_piece
    assert not likeness.is_same_performance
    assert likeness.transposition == by


def test_other_pieces_are_other_pieces():
    sketches = [find_landmarks(piece(seed)) for seed in range(20)]
    assert list(find_pairs(sketches)) == []


def test_a_recording_heard_twice_transposed_and_slower_is_the_same_performance():
    twice = played(piece(1), 7, by=2, rubato=0, spread=0.03, missed=0.05, stretch=1.06)
    likeness = compare(find_landmarks(piece(1)), find_landmarks(twice))
    assert likeness.is_same_performance
    assert likeness.transposition == 2
    assert likeness.tempo == pytest.approx(1.06, abs=0.005)


def test_an_excerpt_is_a_duplicate_of_the_whole_but_two_overlapping_halves_are_not():
    whole = piece(1, 600)
    excerpt = find_landmarks(whole[200:600])
    assert compare(find_landmarks(whole), excerpt).is_same_performance
    assert not compare(find_landmarks(whole[:700]), find_landmarks(whole[500:])).is_same_performance
    assert compare(find_landmarks(whole[:700]), find_landmarks(whole[500:])).is_same_piece


def test_a_trill_a_scale_and_a_repeated_note_tell_nothing():
    for pitches in ([60, 62] * 200, list(range(40, 90)) * 4, [60] * 300):
        notes = [
            Note(onset=i / 8, pitch=pitch, offset=i / 8 + 0.1, velocity=60)
            for i, pitch in enumerate(pitches)
        ]
        assert len(find_landmarks(notes).codes) < FEWEST_COMMON


@pytest.mark.parametrize("n_notes", range(6))
def test_hardly_any_notes_have_no_landmarks_and_no_kin(n_notes):
    few = find_landmarks(piece(1)[:n_notes])
    assert len(few.codes) == 0
    assert compare(few, few) is None
    assert list(find_pairs([few, few])) == []


def test_landmarks_come_back_from_their_bytes_nine_each():
    sketch = find_landmarks(piece(3))
    assert len(sketch.packed) == 9 * len(sketch.codes)
    back = Landmarks.unpacked(sketch.packed)
    for name in ("codes", "times", "pitches"):
        np.testing.assert_array_equal(getattr(back, name), getattr(sketch, name))


def test_of_a_long_performance_a_bounded_number_is_kept_in_order():
    codes = find_landmarks(piece(5, 3000)).codes
    assert len(codes) == MOST
    assert (np.diff(codes.astype(int)) > 0).all()


def test_the_index_finds_the_pairs_that_comparing_all_with_all_finds():
    pieces = [played(piece(i % 6), i, by=i % 3, missed=0.05) for i in range(24)]
    sketches = [find_landmarks(each) for each in pieces]
    expected = set()
    for second in range(24):
        for first in range(second):
            likeness = compare(sketches[first], sketches[second])
            if likeness is not None and likeness.beyond_chance >= SAME_PIECE:
                expected.add((first, second))
    found = {(pair.first, pair.second) for pair in find_pairs(sketches)}
    assert found == expected
    assert {(first % 6, second % 6) for first, second in found} == {(i, i) for i in range(6)}


def test_a_piece_recorded_a_hundred_times_still_hangs_together():
    sketch = find_landmarks(piece(1, 60))
    groups = Groups(100)
    for pair in find_pairs([sketch] * 100):
        groups.join(pair.first, pair.second)
    assert len(groups.all()) == 1


def test_of_duplicates_the_one_with_the_most_notes_stays_and_kin_of_the_dropped_may_stay():
    likeness = compare(find_landmarks(piece(1)), find_landmarks(piece(1)))
    assert likeness.is_same_performance
    pairs = [Pair(0, 1, likeness), Pair(1, 2, likeness)]
    assert set(find_duplicates(pairs, [10, 30, 20])) == {0, 2}
    assert set(find_duplicates(pairs, [30, 20, 10])) == {1}
    assert set(find_duplicates(pairs, [10, 10, 10])) == {1}
