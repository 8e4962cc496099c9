"""What is heard of a continuation, on music made by hand."""

from __future__ import annotations

import pytest

from eval.downstream.likeness import mean_music, music_of, returning, scale_of
from transcribe.notes import Note


def line(pitches, *, start=0.0, gap=0.25, length=0.2, velocity=64):
    return tuple(
        Note(onset=start + gap * i, pitch=pitch, offset=start + gap * i + length, velocity=velocity)
        for i, pitch in enumerate(pitches)
    )


C_MAJOR = line([60, 64, 67, 72, 71, 67, 65, 62, 60, 64, 67, 65, 64, 62, 60, 60])


def test_notes_out_of_the_openings_key_are_counted():
    assert scale_of(C_MAJOR) == {0, 2, 4, 5, 7, 9, 11}
    four_of_eight = line([60, 61, 62, 63, 64, 66, 67, 68], start=4.0)
    assert music_of(C_MAJOR, four_of_eight).out_of_key == 0.5


def test_minor_may_raise_its_sixth_and_seventh():
    a_minor = line([57, 60, 64, 69, 68, 64, 62, 60, 59, 57, 64, 68, 69, 69, 57, 57])
    assert scale_of(a_minor) == {9, 11, 0, 2, 4, 5, 6, 7, 8}


def test_a_figure_returns_at_its_pitches_and_not_beside_them():
    figure = [60, 64, 67, 72, 71, 67, 65]
    again = returning(C_MAJOR, line([50, *figure, 40], start=4.0))
    beside = returning(C_MAJOR, line([50, *(p + 1 for p in figure), 40], start=4.0))
    assert again == pytest.approx(2 / 9)  # of nine runs of six those two that the figure has
    assert beside == 0


def test_an_even_pulse_is_told_from_an_uneven_one():
    even = music_of(C_MAJOR, line([60] * 10, start=4.0, gap=0.5))
    assert even.pulse == pytest.approx(0, abs=0.01)
    uneven = [n for i, n in enumerate(line([60] * 20, start=4.0)) if i % 3]
    assert music_of(C_MAJOR, uneven).pulse > 5


def test_register_touch_and_stuck_notes():
    found = music_of(line([60] * 8), line([67] * 7, start=4.0, length=9.0, gap=10, velocity=70))
    assert (found.register, found.touch, found.stuck) == (7, 6, 7)
    assert mean_music([found, None, found])["stuck"] == 14
    assert mean_music([None]) == {}
