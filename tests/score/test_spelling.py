"""Sharps and flats as the key and what is around a note ask for them."""

from time import perf_counter

import pytest

from transcribe.score.spelling import leads_to, spell, spelled


def names(pitches, fifths):
    return [str(each) for each in spell(pitches, [fifths] * len(pitches), range(len(pitches)))]


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


@pytest.mark.parametrize(
    ("pitches", "expected"),
    [
        ([72, 68, 69, 65, 68, 67], "C5 G#4 A4 F4 Ab4 G4"),  # to the note above, to that below
        ([60, 61, 62, 63, 64], "C4 C#4 D4 D#4 E4"),  # a chromatic scale up has sharps
        ([64, 63, 62, 61, 60], "E4 Eb4 D4 Db4 C4"),  # and down, flats
        ([64, 65, 64, 63, 64], "E4 F4 E4 D#4 E4"),  # a turn
    ],
)
def test_what_leads_on_by_a_semitone_has_another_letter_than_what_it_leads_to(pitches, expected):
    goals = leads_to(pitches, range(len(pitches)), 1)
    around = [60, 64, 67, 72] * 6
    music = [*pitches, *around]
    names = spell(music, [0] * len(music), range(len(music)), goals)
    assert [str(name) for name in names[: len(pitches)]] == expected.split()


@pytest.mark.parametrize("around", [[], [60, 64, 67, 72] * 3], ids=["alone", "in C"])
@pytest.mark.parametrize("chord", [(0, 4, 7), (0, 3, 7)], ids=["major", "minor"])
def test_chords_from_any_root_are_written_in_thirds(chord, around):
    wrong = []
    for root in range(55, 67):
        n = len(around)
        pitches = [*around, *(root + each for each in chord), *around]
        times = [*range(n), *[n] * len(chord), *range(n + 1, 2 * n + 1)]
        names = spell(pitches, [0] * len(pitches), times)[n : n + len(chord)]
        steps = [name.position - names[0].position for name in names]
        if steps != [0, 2, 4]:
            wrong.append([str(name) for name in names])
    assert not wrong


def test_a_key_has_one_name_at_a_time():
    """B in two octaves, of which only the lower leads to C, in A flat."""
    music = [*[56, 60, 63, 68] * 4, 47, 71, 63, 66, 48, *[56, 61, 66, 71, 75] * 3]
    times = [*range(16), 16, 16, 16, 16, 17, *range(18, 33)]
    names = spell(music, [-4] * len(music), times, [*[None] * 16, 20, *[None] * 19])
    low, high = names[16:18]
    assert low.letter == high.letter


@pytest.mark.parametrize(
    ("pitches", "times"),
    [
        ([68, 69, 60], [0, 0, 1]),  # struck at once
        ([68, 60, 69], [0, 1, 2]),  # too late
        ([68, 68, 69], [0, 0.5, 1.75]),  # it comes again
        ([68, 67, 69], [0, 1, 1]),  # between two
    ],
)
def test_what_leads_to_nothing(pitches, times):
    assert leads_to(pitches, times, 1)[0] is None


def test_every_spelling_sounds_as_the_note_it_is_of():
    for pitch in range(21, 109):
        for fifths in range(-15, 20):
            if (7 * fifths - pitch) % 12 == 0:
                assert spelled(pitch, fifths).pitch == pitch


def test_no_note_and_no_trill_has_a_triple_sign():
    for signature in range(-7, 8):
        for pitches in ([61] * 9 + [68], range(60, 72), [60, 61] * 20, [59, 71, 61, 63] * 5):
            for each in spell(list(pitches), [signature] * len(pitches), range(len(pitches))):
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


def test_clusters_of_all_keys_are_soon_spelled():
    pitches = [*range(36, 84)] * 200
    times = [time for time in range(200) for _ in range(36, 84)]
    start = perf_counter()
    spell(pitches, [0] * len(pitches), times)
    assert perf_counter() - start < 5  # some 25 s when all the names of a cluster were compared
