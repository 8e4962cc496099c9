"""Trills: which quick notes are one, and how it is written."""

from dataclasses import replace
from fractions import Fraction
from xml.etree import ElementTree

import pytest
from scores import score_of

from transcribe.music.key import Key
from transcribe.notes import Note
from transcribe.score.making import sheet_bytes
from transcribe.score.notation import write
from transcribe.score.score import ScoreNote
from transcribe.score.trills import with_trills
from transcribe.score.voices import with_voices

PLAIN = [("right", 1, "0", "1", 72), ("left", 1, "0", "4", 48), ("right", 2, "0", "4", 72)]


def played(
    pitches: list[int],
    *,
    step: float = 0.125,
    start: float = 1.0,
    quarters: Fraction | None = None,
    key: Key | None = None,
):
    """A score at a beat a second with quick notes of the right hand from its second beat on."""
    score = score_of(PLAIN, key=key)
    notes = list(score.notes)
    for number, pitch in enumerate(pitches):
        onset = start + number * step
        place = number * (quarters or Fraction(1, 8))
        notes.append(
            ScoreNote(
                note=Note(onset=onset, offset=onset + step, pitch=pitch, velocity=64),
                hand="right",
                bar=1,
                beat=1 + place,
                length=quarters or Fraction(1, 8),
            )
        )
    notes.sort(key=lambda each: each.note)
    return with_trills(replace(score, notes=tuple(notes)))


def written(score):
    return [each for each in score.notes if each.trill_of is None]


def test_two_keys_in_quick_turn_are_one_note_with_a_sign():
    score = played([71, 72] * 6)
    (trill,) = [note for note in score.notes if note.trill]
    assert (trill.note.pitch, trill.trill) == (71, 1)
    assert (trill.bar, trill.beat) == (1, 1)
    assert len(written(score)) == len(PLAIN) + 1
    assert len(score.notes) == len(PLAIN) + 12


def test_a_trill_lasts_until_what_follows():
    score = played([71, 72] * 12)
    (trill,) = [note for note in score.notes if note.trill]
    assert (trill.beat, trill.length) == (1, 3)


def test_a_trill_that_begins_with_its_upper_note_stands_where_that_was_struck():
    score = played([74, 72] * 5)
    (trill,) = [note for note in score.notes if note.trill]
    assert (trill.note.pitch, trill.trill, trill.beat) == (72, 2, 1)


def test_two_notes_from_below_that_end_a_trill_are_grace_notes_of_what_follows():
    score = played([74, 76] * 11 + [72, 74])
    graces = [note for note in score.notes if note.is_grace]
    assert [note.note.pitch for note in graces] == [72, 74]
    assert {(note.bar, note.beat) for note in graces} == {(2, 0)}
    (trill,) = [note for note in score.notes if note.trill]
    assert (trill.beat, trill.length) == (1, 3)


@pytest.mark.parametrize(
    ("pitches", "step", "quarters"),
    [
        ([71, 72, 71, 72, 71], 0.1, None),  # too few: a mordent or a turn
        ([72, 75] * 6, 0.1, None),  # a third: an accompaniment
        ([71, 72] * 6, 0.2, None),  # too slow
        ([71, 72] * 6, 0.12, Fraction(1, 4)),  # sixteenths by the grid
        ([71, 71, 72, 72] * 3, 0.1, None),  # not in turn
        ([67, 69, *[71, 72] * 3, 74, 76], 0.1, None),  # a few of a run
    ],
)
def test_what_is_no_trill_stays_as_it_is(pitches, step, quarters):
    score = played(pitches, step=step, quarters=quarters)
    assert not any(note.trill or note.trill_of is not None or note.is_grace for note in score.notes)


def test_uneven_notes_are_no_trill():
    score = played([71, 72] * 5)
    late = [
        replace(each, note=replace(each.note, onset=each.note.onset + 0.045))
        if each.note.pitch == 72 and 1 < each.note.onset < 3
        else each
        for each in replace_trills(score)
    ]
    assert not any(note.trill for note in with_trills(replace(score, notes=tuple(late))).notes)


def replace_trills(score):
    """The notes as they were before trills were found."""
    return [replace(each, trill=0, trill_of=None) for each in score.notes]


def ornaments(score):
    root = ElementTree.fromstring(sheet_bytes(with_voices(score)))
    return [note for note in root.iter("note") if note.find("notations/ornaments") is not None]


def test_the_page_has_one_note_with_tr():
    (note,) = ornaments(played([71, 72] * 12))
    assert note.findtext("pitch/step") == "B"
    assert note.find("notations/ornaments/trill-mark") is not None
    assert note.find("notations/ornaments/accidental-mark") is None  # C is the key's


@pytest.mark.parametrize(
    ("pitches", "key", "sign"),
    [([71, 73], Key(0), "sharp"), ([69, 70], Key(0), "flat"), ([69, 70], Key(5), None)],
)
def test_the_upper_note_has_a_sign_where_the_key_has_another(pitches, key, sign):
    (note,) = ornaments(played(pitches * 10, key=key))
    assert note.findtext("notations/ornaments/accidental-mark") == sign


def test_all_notes_of_a_trill_are_in_the_voice_of_the_written_one():
    score = with_voices(played([71, 72] * 12))
    (trill,) = [note for note in score.notes if note.trill]
    assert trill.voice
    assert {note.voice for note in score.notes if note.trill_of is not None} == {trill.voice}


def test_the_bar_of_a_trill_is_full():
    sheet = write(with_voices(played([71, 72] * 12)))
    for bar in sheet.bars:
        for line in bar.lines:
            assert line.items[0].start == 0
            assert line.items[-1].stop == bar.length
