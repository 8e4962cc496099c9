"""A score's bars and beats, and the file that says all of it."""

import json
from fractions import Fraction
from itertools import pairwise

import pytest

from transcribe.music.beat_grid import Metre
from transcribe.music.key import Key
from transcribe.notes import Note, Performance
from transcribe.score.analysis import analyse
from transcribe.score.beat_grid import find_grid
from transcribe.score.score import Hints, KeyChange, MetreChange, Score, ScoreNote


def waltz_with_upbeat() -> Score:
    """An upbeat of a quarter, then two bars of 3/4 and one of 6/8; a beat a second."""
    note = Note(onset=0.02, offset=0.9, pitch=67, velocity=60)
    return Score(
        beats=tuple(float(i) for i in range(10)),
        first_downbeat=1,
        metres=(MetreChange(0.0, 0, Metre(3, 4)), MetreChange(7.0, 3, Metre(6, 8))),
        keys=(KeyChange(0.0, 0, Key(9, is_minor=True)),),
        notes=(
            ScoreNote(
                note=note, hand="right", bar=0, beat=Fraction(2), length=Fraction(1), voice=1
            ),
        ),
    )


def test_bars_follow_the_metres():
    score = waltz_with_upbeat()
    assert score.downbeats == (1.0, 4.0, 7.0)
    assert score.n_bars == 3
    assert [score.bar_length(bar) for bar in (1, 2, 3)] == [3, 3, 3]
    assert str(score.metre(3)) == "6/8"


@pytest.mark.parametrize(
    ("bar", "beat", "expected"),
    [
        (0, Fraction(2), 0.0),
        (0, Fraction(5, 2), 0.5),
        (1, Fraction(0), 1.0),
        (2, Fraction(4, 3), 4 + 4 / 3),
        (3, Fraction(3, 2), 8.0),
        (3, Fraction(3), 9.0),
        (4, Fraction(3, 2), 10.0),
    ],
)
def test_places_in_bars_have_times(bar, beat, expected):
    assert waltz_with_upbeat().seconds(bar, beat) == pytest.approx(expected)


def test_json_says_what_is_known_of_every_note():
    content = json.loads(waltz_with_upbeat().to_json())
    assert content["downbeats"] == [1.0, 4.0, 7.0]
    assert content["metres"][1] == {"seconds": 7.0, "bar": 3, "metre": "6/8"}
    assert content["keys"] == [{"seconds": 0.0, "bar": 0, "fifths": 0, "mode": "minor"}]
    assert content["tempo"] == [60.0] * 10
    assert content["notes"] == [
        {
            "onset": 0.02,
            "offset": 0.9,
            "pitch": 67,
            "velocity": 60,
            "hand": "right",
            "voice": 1,
            "bar": 0,
            "beat": "2",
            "length": "1",
            "grace": False,
            "trill": False,
            "confidence": 1.0,
        }
    ]


def test_a_bar_with_a_beat_less_is_as_long_as_its_beats():
    score = waltz_with_upbeat()
    short = Score(
        beats=score.beats,
        first_downbeat=0,
        metres=score.metres[:1],
        keys=score.keys,
        notes=(),
        bar_starts=(0, 3, 5, 8),
    )
    assert [short.bar_length(bar) for bar in (1, 2, 3)] == [3, 2, 3]
    assert short.downbeats == (0.0, 3.0, 5.0)


def test_generators_get_the_bars_of_the_score():
    notes = [
        Note(onset=0.5 * i, offset=0.5 * i + 0.4, pitch=72 - i % 3 * 5, velocity=90 - i % 3 * 20)
        for i in range(48)
    ]
    performance = Performance(notes)
    waltz = Metre(3, 4)
    score = analyse(performance, Hints(metre=waltz))
    grid = find_grid(performance, metre=waltz)
    assert (grid.beats, grid.metre, grid.metre_origin) == (score.beats, waltz, "given")
    assert set(score.downbeats) <= set(grid.downbeats)


def test_a_steady_tempo_is_kept_to_the_end():
    notes = [Note(onset=0.51 * i, offset=0.51 * i + 0.4, pitch=60, velocity=80) for i in range(32)]
    grid = find_grid(Performance(notes), tempo=120)
    gaps = {round(b - a, 6) for a, b in pairwise(grid.beats)}
    assert gaps == {0.5}
