"""The melody of textures in which nobody doubts what the melody is."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis.strategies import builds, floats, integers, lists

from transcribe.music.melody import find_melody, skyline
from transcribe.notes import Note, Performance, without_overlaps

TUNE = (72, 74, 76, 77, 79, 77, 76, 74, 72, 76, 79, 84, 83, 79, 76, 74)


def a_note(onset: float, pitch: int, duration: float, velocity: int) -> Note:
    return Note(onset=onset, pitch=pitch, offset=onset + duration, velocity=velocity)


def tune_over(accompaniment) -> tuple[list[Note], Performance]:
    tune = [a_note(1 + 0.5 * i, pitch, 0.48, 80) for i, pitch in enumerate(TUNE)]
    return tune, Performance((*tune, *accompaniment))


def test_a_tune_over_an_alberti_bass_is_the_melody():
    bass = [a_note(1 + 0.125 * i, (48, 55, 52, 55)[i % 4], 0.12, 55) for i in range(64)]
    tune, performance = tune_over(bass)
    found = find_melody(performance)
    assert [note.pitch for note in found] == list(TUNE)
    assert [note.onset for note in found] == [note.onset for note in tune]


def test_soft_ornaments_far_above_are_not_the_melody():
    """The skyline takes them; a listener goes on singing the tune."""
    sparkle = [a_note(1.25 + 2 * i, 103, 0.1, 30) for i in range(4)]
    bass = [a_note(1 + i, 45, 0.9, 55) for i in range(8)]
    _, performance = tune_over([*sparkle, *bass])
    found = [note.pitch for note in find_melody(performance)]
    assert found == list(TUNE)
    assert 103 in [note.pitch for note in skyline(performance)]


def test_of_one_chord_the_top_and_of_nothing_nothing():
    chord = [a_note(1.0, pitch, 1, 70) for pitch in (48, 60, 64, 67)]
    assert [note.pitch for note in skyline(Performance(tuple(chord)))] == [67]
    assert [note.pitch for note in find_melody(Performance(tuple(chord)))] == [67]
    assert find_melody(Performance()) == skyline(Performance()) == ()


@settings(max_examples=30, deadline=None)
@given(
    lists(
        builds(a_note, floats(0, 20), integers(21, 108), floats(0.02, 3), integers(1, 127)),
        max_size=40,
    )
)
def test_a_melody_is_one_voice_of_the_performance(notes):
    performance = Performance(without_overlaps(notes))
    struck = {(note.onset, note.pitch) for note in performance.notes}
    for line in (find_melody(performance), skyline(performance)):
        assert {(note.onset, note.pitch) for note in line} <= struck
        assert all(a.offset <= b.onset for a, b in itertools.pairwise(line))
