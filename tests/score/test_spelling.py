"""Sharps and flats as the key and what is around a note ask for them."""

import pytest

from transcribe.score.spelling import spell, spelled


def names(pitches, fifths):
    return [str(each) for each in spell(pitches, [fifths] * len(pitches))]


@pytest.mark.parametrize(
    ("pitches", "fifths", "expected"),
    [
        ([60, 62, 64, 65, 67, 69, 71, 72], 0, "C4 D4 E4 F4 G4 A4 B4 C5"),
        ([57, 59, 60, 62, 64, 65, 68, 69] * 4, 0, "A3 B3 C4 D4 E4 F4 G#4 A4 " * 4),
        ([60, 62, 63, 65, 67, 68, 71, 72] * 4, -3, "C4 D4 Eb4 F4 G4 Ab4 B4 C5 " * 4),
        ([56, 58, 59, 61, 63, 64, 67, 68] * 4, 5, "G#3 A#3 B3 C#4 D#4 E4 F##4 G#4 " * 4),
        ([68, 70, 71, 73, 75, 76, 79, 80] * 4, -7, "Ab4 Bb4 Cb5 Db5 Eb5 Fb5 G5 Ab5 " * 4),
    ],
)
def test_scales_have_a_letter_a_step(pitches, fifths, expected):
    assert names(pitches, fifths) == expected.split()


def test_every_spelling_sounds_as_the_note_it_is_of():
    for pitch in range(21, 109):
        for fifths in range(-15, 20):
            if (7 * fifths - pitch) % 12 == 0:
                assert spelled(pitch, fifths).pitch == pitch


def test_no_note_and_no_trill_has_a_triple_sign():
    for signature in range(-7, 8):
        for pitches in ([61] * 9 + [68], range(60, 72), [60, 61] * 20, [59, 71, 61, 63] * 5):
            for each in spell(list(pitches), [signature] * len(pitches)):
                assert abs(each.alter) <= 2
    for fifths in range(-30, 40):
        pitch = 60 + 7 * fifths % 12
        each = spelled(pitch, fifths)
        assert each.pitch == pitch
        assert abs(each.alter) <= 2
        for semitones in (1, 2):
            again = each.with_trill(semitones)
            assert again.pitch == pitch
            assert abs(again.above(semitones).alter) <= 2


def test_octaves_are_those_of_the_letter():
    assert str(spelled(60, 12)) == "B#3"
    assert str(spelled(71, -7)) == "Cb5"
    assert spelled(60, 0).position == 28
