"""Places of notes between the beats."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from transcribe.score.note_features import LENGTHS, PLACES
from transcribe.score.rhythm import as_held, read_lengths, read_places

HALF, EIGHTH, SIXTH = (PLACES.index(Fraction(1, part)) for part in (2, 8, 6))


def said(*likely: dict[int, float]) -> np.ndarray:
    """Logarithms of these probabilities, and next to nothing of all other places."""
    rows = np.full((len(likely), len(PLACES)), 1e-6)
    for row, places in zip(rows, likely, strict=True):
        for place, probability in places.items():
            row[place] = probability
    return np.log(rows)


def read(position: list[float], *likely: dict[int, float]) -> list[tuple[int, Fraction]]:
    """The beat and the place of each note, all struck one after the other."""
    n = len(position)
    found = read_places(np.array(position), np.arange(n), said(*likely), np.zeros(n))
    return [(int(beat), PLACES[place]) for beat, place in zip(found.beat, found.place, strict=True)]


@pytest.mark.parametrize(("sure", "written"), [(0.6, Fraction(1, 6)), (0.95, Fraction(1, 8))])
def test_a_place_that_few_beats_have_is_written_where_it_is_sure(sure, written):
    found = read([0.0, 1.14], {0: 1.0}, {EIGHTH: sure, SIXTH: 0.98 - sure})
    assert found == [(0, Fraction(0)), (1, written)]


def test_between_places_that_many_beats_have_the_likelier_is_written():
    found = read([0.0, 0.4], {0: 1.0}, {HALF: 0.55, SIXTH: 0.45})
    assert found == [(0, Fraction(0)), (0, Fraction(1, 2))]


def test_what_is_struck_later_is_not_written_earlier():
    found = read([0.45, 0.52], {HALF: 1.0}, {SIXTH: 0.6, HALF: 0.4})
    assert found == [(0, Fraction(1, 2)), (0, Fraction(1, 2))]


def test_what_is_doubtful_is_written_as_the_rest_of_the_music_is():
    doubtful = {HALF: 0.55, SIXTH: 0.45}
    figures = [{0: 1.0}, {SIXTH: 0.98, HALF: 0.02}] * 8
    position = [beat + place for beat in range(9) for place in (0.0, 0.3)]
    assert read(position, *figures, {0: 1.0}, doubtful)[-1] == (8, Fraction(1, 6))
    assert read(position[:2], {0: 1.0}, doubtful)[-1] == (0, Fraction(1, 2))


@pytest.mark.parametrize(
    ("said", "held", "written"),
    [
        ("1", 2.8, "3"),  # to the next note of the hand
        ("3/2", 1.2, "3/2"),  # a little shorter than written, as ever
        ("1/2", 1.1, "1"),  # as long as it was held, where that is not to the next note
        ("2", 3.0, "2"),  # a little legato
    ],
)
def test_a_key_that_is_held_is_followed_by_no_rest(said, held, written):
    lengths = as_held(
        [Fraction(said), Fraction(2), Fraction(2)],
        np.array([0.0, 0.5, 3.0]),
        np.full(3, np.inf),
        np.array([held, 1.9, 1.9]),
        np.array([True, False, True]),
    )
    assert lengths == [Fraction(written), 2, 2]


def test_a_chord_of_an_accompaniment_is_as_long_as_those_on_the_same_beats():
    """Eight chords a quarter apart, of which one was read as an eighth with little conviction."""
    eighth, quarter = LENGTHS.index(Fraction(1, 2)), LENGTHS.index(Fraction(1))
    said = np.full((8, len(LENGTHS)), -9.0)
    said[:, quarter], said[:, eighth] = np.log(0.8), np.log(0.2)
    said[5, [quarter, eighth]] = np.log([0.4, 0.6])
    place, left = np.zeros(8, np.int64), np.zeros(8, np.bool_)
    found, likely = read_lengths(said, np.arange(8.0), place, left)
    assert found == [1] * 8
    assert likely[5] == pytest.approx(0.4)
    said[5, [quarter, eighth]] = np.log([0.02, 0.98])  # where it is clear, it is believed
    assert read_lengths(said, np.arange(8.0), place, left)[0][5] == Fraction(1, 2)


def test_the_last_chord_lasts_as_long_as_it_is_held():
    far, no = np.array([np.inf]), np.array([False])
    assert as_held([Fraction(1, 2)], np.zeros(1), far, np.array([3.8]), no) == [4]
    far_on = np.array([0.0, 12.0])
    both = as_held([Fraction(8)] * 2, far_on, np.full(2, np.inf), far_on[::-1] - 1, no.repeat(2))
    assert both[0] == 12


@pytest.mark.parametrize(("held", "written"), [(0.2, "1/4"), (0.45, "1/2")])
def test_what_is_released_before_the_beat_is_not_tied_over_it(held, written):
    """The last sixteenth of a beat, said to be an eighth."""
    quarter, no = np.array([0.25]), np.array([False])
    found = as_held([Fraction(1, 2)], np.array([0.75]), quarter, np.array([held]), no)
    assert found == [Fraction(written)]
