"""Keys of scales, and how notes are spelled in them."""

from __future__ import annotations

import pytest

from transcribe.music.key import Key, find_key
from transcribe.notes import Note

MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 11)


@pytest.mark.parametrize("tonic", range(12))
@pytest.mark.parametrize(("scale", "is_minor"), [(MAJOR, False), (MINOR, True)])
def test_a_scale_with_its_chord_is_in_its_key(tonic, scale, is_minor):
    third = scale[2]
    pitches = [60 + tonic + step for step in (*scale, 12, 0, third, 7, 12, third, 7, 0)]
    notes = [
        Note(onset=i / 2, pitch=pitch, offset=i / 2 + 0.4, velocity=70)
        for i, pitch in enumerate(pitches)
    ]
    assert find_key(notes) == Key(tonic, is_minor)


def test_signatures_are_those_of_the_circle_of_fifths():
    assert Key(2).signature == (1, 0, 0, 1, 0, 0, 0)
    assert Key(7, is_minor=True).signature == (0, 0, -1, 0, 0, 0, -1)
    assert [Key(t).fifths for t in (0, 7, 2, 5, 10)] == [0, 1, 2, -1, -2]
    assert (Key(9, is_minor=True).fifths, Key(4, is_minor=True).fifths) == (0, 1)


def test_six_signs_are_sharps_in_major_and_flats_in_minor():
    assert (Key(6).fifths, str(Key(6))) == (6, "F# major")
    assert (Key(3, is_minor=True).fifths, str(Key(3, is_minor=True))) == (-6, "Eb minor")


@pytest.mark.parametrize(
    ("said", "fifths"),
    [
        *(("Gb", -6), ("F#", 6), ("d# minor", 6), ("Ebm", -6), ("Cb", -7), ("B", 5), ("C#", 7)),
        *(("Db", -5), ("Abm", -7), ("G#m", 5), ("A#m", 7), ("G#", -4), ("E#", -1)),
    ],
)
def test_a_key_has_the_sharps_or_flats_of_its_name_up_to_seven(said, fifths):
    assert Key.parse(said).fifths == fifths


def test_names_are_read_back():
    for tonic in range(12):
        for is_minor in (False, True):
            for key in Key(tonic, is_minor).names:
                assert Key.from_abc(key.abc) == key
    assert (str(Key(10)), Key(6, is_minor=True).abc) == ("Bb major", "F#m")
    with pytest.raises(ValueError, match="expected a key"):
        Key.from_abc("H")


def test_notes_of_a_key_need_no_accidental_and_others_lean_its_way():
    b_flat = Key(10)
    assert b_flat.spell(10) == (6, -1)
    assert b_flat.spell(1) == (1, -1)
    assert Key(2).spell(10) == (5, 1)
