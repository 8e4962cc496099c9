"""Places of notes between the beats."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from transcribe.score.note_features import PLACES
from transcribe.score.rhythm import read_places

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
