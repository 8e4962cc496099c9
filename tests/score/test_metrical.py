"""Values, dots, ties and rests as a metre asks for them."""

import itertools
from fractions import Fraction

import pytest

from transcribe.music.beat_grid import Metre
from transcribe.score.metrical import Ruler, Value, value_of
from transcribe.score.tuplets import Tuplet, find_tuplets

QUARTER = 960  # 64 * 15


def shown(pieces):
    return " ".join(value.type + "." * value.dots for _, _, value in pieces)


def ticks(quarters: str) -> int:
    return int(Fraction(quarters) * QUARTER)


@pytest.mark.parametrize(
    ("metre", "start", "stop", "expected"),
    [
        ("4/4", "0", "4", "whole"),
        ("4/4", "0", "3/2", "quarter."),
        ("4/4", "1/2", "3/2", "quarter"),  # a plain syncopation
        ("4/4", "1", "3", "half"),
        ("4/4", "3/2", "5/2", "eighth eighth"),  # the middle of the bar is shown
        ("4/4", "3/4", "5/4", "16th 16th"),
        ("4/4", "0", "7/2", "half.."),
        ("4/4", "1/2", "4", "quarter. half"),
        ("3/4", "0", "3", "half."),
        ("3/4", "1", "3", "half"),
        ("3/4", "0", "5/2", "half eighth"),  # as few symbols as can be, not a quarter for a beat
        ("3/4", "1/2", "3", "eighth half"),
        ("6/8", "0", "5/4", "quarter 16th"),
        ("6/8", "0", "3", "half."),
        ("6/8", "1", "2", "eighth eighth"),  # the second beat is shown
        ("6/8", "1/2", "3/2", "quarter"),
        ("6/16", "0", "3/2", "quarter."),
        ("12/16", "0", "3/4", "eighth."),
        ("12/16", "1/2", "1", "16th 16th"),  # the second beat is shown
        ("6/8", "0", "2", "quarter. eighth"),
        ("12/8", "3/2", "9/2", "quarter. quarter."),
        ("9/8", "3/2", "9/2", "half."),
        ("2/2", "1", "3", "half"),
        ("5/4", "0", "5", "half. half"),
    ],
)
def test_a_note_shows_the_beats(metre, start, stop, expected):
    ruler = Ruler(Metre.parse(metre), QUARTER)
    assert shown(ruler.note_pieces(ticks(start), ticks(stop))) == expected


@pytest.mark.parametrize(
    ("metre", "start", "stop", "expected"),
    [
        ("4/4", "0", "2", "half"),
        ("4/4", "1", "3", "quarter quarter"),
        ("4/4", "1/2", "2", "eighth quarter"),
        ("3/4", "1", "3", "quarter quarter"),
        ("6/8", "0", "3/2", "quarter."),
        ("6/8", "0", "1", "quarter"),
        ("6/8", "1/2", "3/2", "eighth eighth"),
    ],
)
def test_rests_never_hide_a_beat(metre, start, stop, expected):
    ruler = Ruler(Metre.parse(metre), QUARTER)
    assert shown(ruler.rest_pieces(ticks(start), ticks(stop))) == expected


def test_an_upbeat_is_counted_from_its_end():
    ruler = Ruler(Metre(4, 4), QUARTER, ticks("3/2"))
    assert shown(ruler.note_pieces(0, ticks("3/2"))) == "quarter."
    assert shown(ruler.note_pieces(0, ticks("1"))) == "quarter"
    assert ruler.strength(ticks("1/2")) == 7  # where the fourth beat is


def test_values_have_names():
    assert value_of(Fraction(3, 8)) == Value("16th", 1)
    assert value_of(Fraction(7, 2)) == Value("half", 2)
    assert value_of(Fraction(5, 2)) is None
    assert value_of(Fraction(1, 3)) is None


@pytest.mark.parametrize(
    ("metre", "places", "expected"),
    [
        ("4/4", ["0", "1/3", "2/3", "1"], [("0", "1", 3, 2, "eighth")]),
        ("4/4", ["0", "2/3", "4/3", "2"], [("0", "2", 3, 2, "quarter")]),
        ("4/4", ["0", "1/5", "2/5", "3/5", "4/5", "1"], [("0", "1", 5, 4, "16th")]),
        ("4/4", ["0", "1/6", "1/3", "1/2", "1"], [("0", "1/2", 3, 2, "16th")]),
        (
            "4/4",
            ["0", "1/6", "1/3", "1/2", "2/3", "5/6", "1"],
            [("0", "1", 6, 4, "16th")],
        ),
        (
            "2/4",
            ["0", "1/3", "2/3", "1", "4/3", "5/3", "2"],
            [("0", "1", 3, 2, "eighth"), ("1", "2", 3, 2, "eighth")],
        ),
        (
            "4/4",
            [str(Fraction(n, 6)) for n in range(13)],  # each beat has its own
            [("0", "1", 6, 4, "16th"), ("1", "2", 6, 4, "16th")],
        ),
        ("4/4", ["0", "4/3", "8/3", "4"], [("0", "4", 3, 2, "half")]),
        ("4/4", ["0", "1/4", "1/2", "1"], []),
        ("6/8", ["0", "1/2", "1", "3/2"], []),  # three eighths of 6/8 are none
        ("6/8", ["0", "1/2", "2/3", "5/6", "1", "3/2"], [("1/2", "1", 3, 2, "16th")]),
    ],
)
def test_tuplets_take_as_few_symbols_as_can_be(metre, places, expected):
    ruler = Ruler(Metre.parse(metre), QUARTER)
    ends = [ticks(place) for place in places]
    if ends[-1] < ruler.length:
        ends.append(ruler.length)
    found = find_tuplets(list(itertools.pairwise(ends)), ruler, 15)
    assert [
        (each.start, each.stop, each.actual, each.normal, each.unit.type) for each in found
    ] == [(ticks(a), ticks(b), *rest) for a, b, *rest in expected]


def test_six_in_a_tuplet_are_twice_three_or_three_times_two():
    sextuplet = Tuplet(0, 96, 6, 4, Value("16th"))
    for start, stop, value in ((0, 48, Value("eighth", 1)), (32, 64, Value("eighth"))):
        assert sextuplet.pieces(start, stop) == ((start, stop, value),)


def test_rests_in_a_triplet_are_those_of_a_beat_of_6_8():
    triplet = Tuplet(0, 48, 3, 2, Value("eighth"))
    assert shown(triplet.pieces(0, 32, is_rest=True)) == "quarter"
    assert shown(triplet.pieces(16, 48, is_rest=True)) == "eighth eighth"
    assert shown(triplet.pieces(16, 48)) == "quarter"


def test_what_no_tuplet_reaches_is_said():
    ruler = Ruler(Metre(4, 4), 64 * 15)
    cuts = [0, 17, 31, ruler.length]
    assert find_tuplets(list(itertools.pairwise(cuts)), ruler, 15) is None
