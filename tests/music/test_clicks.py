"""A metronome among the notes, and pianists who are none."""

from __future__ import annotations

import numpy as np
import pytest

from transcribe.music.clicks import find_clicks
from transcribe.notes import Note


def _repeated(n: int, *, jitter: float = 0.004, length: float = 0.06, apart: float = 0.5, loud=3):
    random = np.random.default_rng(0)
    onsets = 1 + apart * np.arange(n) + random.uniform(-jitter, jitter, n)
    return [
        Note(
            onset=float(onset),
            pitch=81,
            offset=float(onset) + length,
            velocity=70 + int(random.integers(-loud, loud + 1)),
        )
        for onset in onsets
    ]


def test_clicks_are_found_between_the_notes_of_a_piece():
    tune = [
        Note(onset=0.3 * i, pitch=60 + i % 25, offset=0.3 * i + 0.4, velocity=60) for i in range(40)
    ]
    assert find_clicks(sorted([*tune, *_repeated(20)]), 12.0) == (81, 20)
    assert find_clicks(tune, 12.0) is None
    assert find_clicks([], 12.0) is None


def test_a_passage_of_even_staccato_in_a_longer_piece_is_music():
    assert find_clicks(_repeated(10), 5.0) == (81, 10)
    assert find_clicks(_repeated(10), 30.0) is None


@pytest.mark.parametrize(
    "played",
    [
        {"n": 7},
        {"n": 30, "jitter": 0.04},
        {"n": 30, "length": 0.15},
        {"n": 30, "apart": 0.12},
        {"n": 30, "loud": 30},
    ],
    ids=["few", "as a person plays", "longer", "faster", "louder and softer"],
)
def test_a_pianist_is_no_metronome(played):
    assert find_clicks(_repeated(**played), 10.0) is None
