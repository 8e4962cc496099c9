"""A place on the page for every note: keys struck twice on one place, idle grace notes."""

import random
import re
from dataclasses import replace
from fractions import Fraction

import pytest
from scores import score_of

from transcribe.score.making import arranged, sheet_bytes
from transcribe.score.own_places import RESTRUCK, with_own_places
from transcribe.score.score import Score


def struck(score: Score, onsets: dict[int, float]) -> Score:
    """The score with some notes struck at other times; they keep their places."""
    notes = list(score.notes)
    for index, onset in onsets.items():
        moved = replace(notes[index].note, onset=onset, offset=onset + 0.05)
        notes[index] = replace(notes[index], note=moved)
    return replace(score, notes=tuple(notes))


def places(score: Score) -> list[tuple[Fraction, Fraction, bool]]:
    return [(note.beat, note.length, note.is_grace) for note in score.notes]


def ids(score: Score) -> list[int]:
    found = re.findall(rb'<note id="n(\d+)"', sheet_bytes(score))
    return sorted(map(int, found))


def repeated(*onsets: float, after: str = "2") -> Score:
    """A beat a second: C4, then a key struck so often on the second beat, then another."""
    n = len(onsets)
    written = [("right", 1, "0", "1", 60), *[("right", 1, "1", "1", 67)] * n]
    written += [("right", 1, after, "1", 72)]
    score = score_of(written)
    again = [index for index, note in enumerate(score.notes) if note.note.pitch == 67]
    return struck(score, dict(zip(again, onsets, strict=True)))


def test_a_key_struck_again_after_its_place_gets_the_next_one_by_its_time():
    score = with_own_places(repeated(1.02, 1.49))
    half = Fraction(1, 2)
    assert places(score)[1:3] == [(1, half, False), (Fraction(3, 2), half, False)]
    assert ids(arranged(repeated(1.02, 1.49))) == [0, 1, 2, 3]


def test_a_key_struck_before_its_place_gets_the_one_before():
    score = with_own_places(repeated(0.74, 0.99))
    quarter = Fraction(1, 4)
    assert places(score)[1:3] == [(Fraction(3, 4), quarter, False), (1, 1, False)]


def neighbours(first: float, second: float, pitches: tuple[int, int] = (74, 72)) -> Score:
    """A beat a second: two keys that the right hand struck on one place, then another."""
    written = [("right", 1, "1", "1", pitch) for pitch in pitches]
    score = score_of([*written, ("right", 1, "2", "1", 76)])
    at = {note.note.pitch: index for index, note in enumerate(score.notes)}
    return struck(score, {at[pitches[0]]: first, at[pitches[1]]: second})


def test_a_key_struck_just_before_its_neighbour_is_a_grace_note_and_no_cluster():
    notes = {note.note.pitch: note for note in with_own_places(neighbours(0.98, 1.04)).notes}
    assert (notes[74].is_grace, notes[72].is_grace) == (True, False)
    assert notes[74].beat == notes[72].beat == notes[72].length == 1


def test_neighbouring_keys_struck_well_apart_get_places_of_their_own():
    notes = {note.note.pitch: note for note in with_own_places(neighbours(1.0, 1.24)).notes}
    assert (notes[74].beat, notes[72].beat) == (1, Fraction(5, 4))
    assert notes[74].length == Fraction(1, 4)
    assert not any(note.is_grace for note in notes.values())


@pytest.mark.parametrize(
    ("second", "pitches"), [(1.02, (74, 72)), (1.06, (76, 72)), (1.12, (76, 72))]
)
def test_seconds_struck_together_and_spread_thirds_are_chords(second, pitches):
    score = neighbours(1.0, second, pitches)
    assert places(with_own_places(score)) == places(score)


def test_a_spread_chord_with_a_second_in_it_stays_a_chord():
    written = [("left", 1, "1", "1", pitch) for pitch in (43, 48, 50, 57)]
    score = score_of([*written, ("left", 1, "2", "1", 45)])
    at = {note.note.pitch: index for index, note in enumerate(score.notes)}
    spread = struck(score, {at[43]: 1.0, at[48]: 1.01, at[50]: 1.06, at[57]: 1.07})
    assert places(with_own_places(spread)) == places(spread)


def test_chords_struck_one_after_the_other_stay_chords():
    written = [("right", 1, "1", "1", p) for p in (64, 67, 64, 67)] + [("right", 1, "2", "1", 72)]
    score = struck(score_of(written), {0: 1.0, 1: 1.49, 2: 1.01, 3: 1.5})
    moved = with_own_places(score)
    beats = {(note.note.pitch, note.note.onset): note.beat for note in moved.notes}
    assert {beats[64, 1.0], beats[67, 1.01]} == {1}
    assert {beats[64, 1.49], beats[67, 1.5]} == {Fraction(3, 2)}


def test_where_there_is_no_room_they_are_grace_notes():
    onsets = [1 + 0.09 * n for n in range(8)]
    score = repeated(*onsets, after="9/8")
    moved = with_own_places(score)
    assert [note.is_grace for note in moved.notes[1:-1]] == [False, *[True] * 7]
    assert {note.beat for note in moved.notes[2:]} == {Fraction(9, 8)}
    assert ids(arranged(score)) == list(range(10))


def test_no_place_is_finer_than_thirty_seconds_and_their_triplets():
    """Struck a sixty-fourth apart, at a beat a second, with room for it."""
    written = [
        ("right", 1, "1", "1/2", 60),
        ("right", 1, "1", "1/2", 67),
        ("right", 1, "2", "1", 72),
    ]
    score = struck(score_of([*written, ("right", 1, "1", "1/2", 67)]), {0: 1.0, 1: 1.0, 2: 1.075})
    assert places(with_own_places(score))[2][0] == Fraction(9, 8)


def test_what_no_piano_repeats_so_quickly_is_one_note():
    score = arranged(repeated(1.0, 1.03))
    assert places(score)[1:3] == places(repeated(1.0, 1.03))[1:3]
    assert ids(score) == [0, 1, 3]


@pytest.mark.parametrize("gap", [0.02, 0.04, 0.06])
def test_strikes_so_quick_are_one_note_only_within_that_time_of_it(gap):
    onsets = [1 + gap * n for n in range(8)]
    written = ids(arranged(repeated(*onsets)))[1:-1]
    times = [1 + gap * (index - 1) for index in written]
    assert len(written) > 1
    assert all(any(0 <= each - time < RESTRUCK for time in times) for each in onsets)


@pytest.mark.parametrize(("bar", "beat"), [(1, "3"), (2, "1/2")])
def test_grace_notes_after_the_last_chord_are_written(bar, beat):
    """Two of them: the first leads to the second, which is a short note."""
    score = score_of(
        [("left", 2, "0", "4", 36), ("right", 1, "0", "1", 60)]
        + [("right", bar, beat, "1/2", pitch) for pitch in (74, 76)]
    )
    notes = [
        replace(note, is_grace=True) if note.note.pitch in (74, 76) else note
        for note in score.notes
    ]
    notes = [
        replace(n, note=replace(n.note, onset=n.note.onset + n.note.pitch / 1e3)) for n in notes
    ]
    written = arranged(replace(score, notes=tuple(notes)))
    graces = {note.note.pitch: note.is_grace for note in written.notes if note.note.pitch > 70}
    assert graces == {74: True, 76: False}
    assert {(n.bar, n.beat) for n in written.notes if n.note.pitch > 70} == {(bar, Fraction(beat))}
    assert ids(written) == [0, 1, 2, 3]


def test_a_grace_note_goes_to_a_chord_near_it_and_not_to_one_bars_away():
    near = [("right", 1, "1", "1/2", 71), ("right", 1, "2", "1", 72), ("left", 1, "1", "1", 40)]
    far = [("right", 1, "1", "1/2", 71), ("right", 4, "2", "1", 72), ("left", 1, "1", "1", 40)]
    for written, is_grace in ((near, True), (far, False)):
        score = score_of(written)
        notes = [replace(n, is_grace=n.note.pitch == 71) for n in score.notes]
        moved = with_own_places(replace(score, notes=tuple(notes)))
        (found,) = (note for note in moved.notes if note.note.pitch == 71)
        assert (found.is_grace, found.beat) == (is_grace, 2 if is_grace else 1)


@pytest.mark.parametrize("seed", range(12))
def test_every_note_of_a_muddle_is_on_the_page(seed):
    """Notes on a few places at random times: all are written but strikes within `RESTRUCK`."""
    draw = random.Random(seed)
    written = [
        (
            draw.choice(("right", "left")),
            draw.randint(1, 4),
            draw.choice(("0", "1/2", "2/3", "1", "5/4", "2", "3")),
            draw.choice(("1/4", "1/3", "1", "2")),
            draw.randint(57, 64),
        )
        for _ in range(120)
    ]
    score = score_of([*written, ("right", 4, "3", "1", 84)])
    notes = []
    for note in score.notes:
        onset = max(note.note.onset + draw.uniform(-0.4, 0.4), 0.0)
        played = replace(note.note, onset=onset, offset=onset + 0.05)
        notes.append(replace(note, note=played, is_grace=draw.random() < 0.15))
    score = arranged(replace(score, notes=tuple(notes)))
    missing = set(range(len(score.notes))) - set(ids(score))
    for index in missing:
        note = score.notes[index]
        assert note.trill_of is not None or any(
            other.note.pitch == note.note.pitch
            and (other.bar, other.beat, other.hand) == (note.bar, note.beat, note.hand)
            and abs(other.note.onset - note.note.onset) < RESTRUCK
            for number, other in enumerate(score.notes)
            if number not in missing
        ), (index, note)
    assert len(ids(score)) == len(set(ids(score)))
