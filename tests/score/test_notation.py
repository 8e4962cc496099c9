"""What stands on the page, of music written by hand."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scores import score_of

from transcribe.music.beat_grid import Metre
from transcribe.music.key import Key
from transcribe.notes import PedalPress
from transcribe.score.marks import told_tempo
from transcribe.score.notation import write
from transcribe.score.voices import with_voices


def lines(sheet, bar, staff):
    """Each voice of a staff in a bar as words: value, dots, pitches, ties."""
    found = []
    for line in sheet.bars[bar].lines:
        if line.staff != staff:
            continue
        words = []
        for item in line.items:
            name = item.value.type + "." * item.value.dots
            heads = "/".join(str(head.spelling) + "~" * head.is_tied_on for head in item.heads)
            words.append(f"{name}:{heads or ('hidden' if item.is_hidden else 'rest')}")
        found.append(" ".join(words))
    return found


WALTZ = [
    ("right", 1, "0", "3", 76),
    ("left", 1, "0", "1", 48),
    ("left", 1, "1", "1", 55),
    ("left", 1, "1", "1", 60),
    ("left", 1, "2", "1", 55),
    ("left", 1, "2", "1", 60),
]


def test_a_waltz_is_a_melody_over_bass_and_chords():
    sheet = write(score_of(WALTZ, metre="3/4"))
    assert str(sheet.bars[0].new_metre) == "3/4"
    assert lines(sheet, 0, 1) == ["half.:E5"]
    assert lines(sheet, 0, 2) == ["quarter:C3 quarter:G3/C4 quarter:G3/C4"]


def test_an_upbeat_is_bar_0_and_as_long_as_it_sounds():
    sheet = write(score_of([("right", 0, "3", "1", 67), ("right", 1, "0", "4", 72)], metre="4/4"))
    assert [bar.number for bar in sheet.bars] == [0, 1]
    assert sheet.bars[0].length == sheet.quarter
    assert lines(sheet, 0, 1) == ["quarter:G4"]


def test_a_chord_that_the_pedal_holds_is_no_tie():
    chord = [("left", 1, "0", "1", pitch) for pitch in (48, 52, 55)]
    held = score_of(
        [*chord, ("right", 2, "0", "4", 72)], pedal=(PedalPress(onset=0.0, offset=7.5),)
    )
    sheet = write(held)
    assert lines(sheet, 0, 2) == ["quarter:C3/E3/G3 quarter:rest half:rest"]


def test_hands_that_cross_stay_two_hands():
    crossing = [("right", 1, str(i), "1", 72 - 4 * i) for i in range(4)]
    crossing += [("left", 1, str(i), "1", 60 + 4 * i) for i in range(4)]
    sheet = write(score_of(crossing))
    assert lines(sheet, 0, 1) == ["quarter:C5 quarter:G#4 quarter:E4 quarter:C4"]
    assert lines(sheet, 0, 2) == ["quarter:C4 quarter:E4 quarter:G#4 quarter:C5"]


def test_a_held_note_over_moving_ones_is_a_voice_of_its_own():
    music = [("right", 1, "0", "4", 79)]
    music += [("right", 1, str(i), "1", 64 + i) for i in range(4)]
    score = score_of(music)
    assert {note.voice for note in score.notes} == {1, 2}
    sheet = write(score)
    assert lines(sheet, 0, 1) == [
        "whole:G5",
        "quarter:E4 quarter:F4 quarter:F#4 quarter:G4",
    ]
    assert {item.stem for line in sheet.bars[0].lines[:2] for item in line.items} == {"up", "down"}


def test_a_little_legato_is_no_second_voice():
    music = [("right", 1, str(i), "5/4", 60 + 2 * i) for i in range(2)]
    music.append(("right", 1, "2", "1", 64))
    sheet = write(score_of(music))
    assert lines(sheet, 0, 1) == ["quarter:C4 quarter:D4 quarter:E4 quarter:rest"]


def test_a_chord_that_nothing_overlaps_is_one_whatever_its_keys_were_read_as():
    """As long as most of its notes; a key that was let go later opens no voice."""
    chord = [("left", 1, "0", length, pitch) for pitch, length in ((48, "1"), (52, "1"), (55, "2"))]
    sheet = write(score_of([*chord, ("left", 1, "2", "2", 50)]))
    assert lines(sheet, 0, 2) == ["quarter:C3/E3/G3 quarter:rest half:D3"]
    assert [note.length for note in score_of([*chord, ("left", 1, "2", "2", 50)]).notes][:3] == [
        1
    ] * 3


def test_a_figure_stays_in_its_voice_to_the_end_of_the_beat():
    """Also where the melody over it ends before it does."""
    figure = [("right", 1, f"{n}/4", "1/4", 60 + 3 * (n % 2)) for n in range(1, 8)]
    sheet = write(score_of([("right", 1, "0", "3/4", 76), *figure, ("right", 1, "2", "2", 77)]))
    lower = next(line for line in sheet.bars[0].lines if line.voice == 2)
    first_beat = [item for item in lower.items if item.start < sheet.quarter and item.heads]
    assert [str(item.heads[0].spelling) for item in first_beat] == ["Eb4", "C4", "Eb4"]


def test_short_gaps_are_no_rests_and_long_ones_are():
    music = [("right", 1, "0", "3/4", 60), ("right", 1, "1", "1/2", 62), ("right", 1, "2", "2", 64)]
    sheet = write(score_of(music))
    assert lines(sheet, 0, 1) == ["quarter:C4 eighth:D4 eighth:rest half:E4"]


def test_a_short_gap_on_a_beat_is_a_rest_and_no_tie_over_it():
    """Hands that alternate in sixteenths: the right one has every other of them."""
    music = [("right", 1, f"{2 * n + 1}/4", "1/4", 72) for n in range(8)]
    music += [("left", 1, f"{n}/2", "1/4", 48) for n in range(8)]
    beat = "eighth:C5 16th:C5"
    assert lines(write(score_of(music)), 0, 1) == [
        f"16th:rest {beat} 16th:rest {beat} 16th:rest {beat} 16th:rest {beat}"
    ]


def test_a_note_over_the_bar_line_is_tied():
    music = [("right", 1, "3", "2", 67), ("right", 2, "1", "3", 65)]
    sheet = write(score_of(music))
    assert lines(sheet, 0, 1) == ["half:rest quarter:rest quarter:G4~"]
    assert lines(sheet, 1, 1) == ["quarter:G4 half.:F4"]
    assert sheet.bars[1].lines[0].items[0].heads[0].is_tied_back


def test_triplets_are_bracketed_and_hidden_rests_fill_no_tuplet():
    music = [("right", 1, f"{i}/3", "1/3", 60 + i) for i in range(3)]
    music.append(("right", 1, "1", "3", 67))
    items = write(score_of(music)).bars[0].lines[0].items
    assert [item.tuplet is not None for item in items] == [True] * 3 + [False]
    assert (items[0].tuplet.actual, items[0].tuplet.normal) == (3, 2)
    assert [item.beams for item in items[:3]] == [["begin"], ["continue"], ["end"]]


def triplet_under_a_half_note(*places: int):
    """The second voice's items of the first beat: these of its thirds are struck."""
    figure = [("right", 1, f"{n}/3", "1/3", 62) for n in places]
    later = [("right", 1, str(n), "1", 62) for n in (1, 2, 3)]
    sheet = write(score_of([("right", 1, "0", "4", 76), *figure, *later]))
    lower = next(line for line in sheet.bars[0].lines if line.voice == 2)
    return [item for item in lower.items if item.start < sheet.quarter]


def test_a_note_of_the_melody_stands_in_for_the_first_of_a_triplet():
    items = triplet_under_a_half_note(1, 2)
    assert [(item.is_rest, item.is_hidden) for item in items] == [
        *((True, True), (False, False), (False, False))
    ]


def test_a_triplet_with_a_single_note_shows_its_rests():
    items = triplet_under_a_half_note(1)
    assert items[0].is_rest
    assert [item.is_hidden for item in items if item.tuplet is not None] == [False] * len(items)


def test_small_notes_are_counted_in_their_beats_and_not_over_several():
    """Sextuplets, the sixth note of the first tied into the next beat: none of three over both."""
    music = [("right", 1, f"{n}/6", "1/6", 60 + n) for n in (*range(5), *range(7, 12))]
    music.append(("right", 1, "5/6", "1/3", 72))
    items = write(score_of([*music, ("right", 1, "2", "2", 60)])).bars[0].lines[0].items
    found = {(item.tuplet.start, item.tuplet.actual): item.tuplet for item in items if item.tuplet}
    quarter = items[-1].start // 2
    assert [each.stop - each.start for each in found.values()] == [quarter] * 2
    assert items[5].heads[0].is_tied_on


def test_eighths_are_beamed_by_half_bars_and_sixteenths_by_beats():
    music = [("right", 1, f"{i}/2", "1/2", 60 + i) for i in range(4)]
    music += [("right", 1, f"{i}/4", "1/4", 60 + i) for i in range(8, 16)]
    beams = [item.beams for item in write(score_of(music)).bars[0].lines[0].items]
    assert beams[:4] == [["begin"], ["continue"], ["continue"], ["end"]]
    assert beams[4:8] == [["begin"] * 2, ["continue"] * 2, ["continue"] * 2, ["end"] * 2]
    assert beams[8][0] == "begin"


def test_a_sign_holds_until_the_bar_line_and_is_taken_back_in_the_next():
    music = [
        ("right", 1, "0", "1", 66),
        ("right", 1, "1", "1", 66),
        ("right", 1, "2", "2", 65),
        ("right", 2, "0", "2", 65),
        ("right", 2, "2", "2", 67),
    ]
    sheet = write(score_of(music, key=Key(7)))
    signs = [
        head.accidental for bar in sheet.bars for item in bar.lines[0].items for head in item.heads
    ]
    assert signs == [None, None, 0, 0, None]


def test_clefs_change_where_it_lasts():
    low = [("left", bar, "0", "4", 48) for bar in (1, 2, 3)]
    high = [("left", bar, str(i), "1", 79) for bar in range(4, 9) for i in range(4)]
    again = [("left", bar, str(i), "1", 48) for bar in (9, 10, 12) for i in range(4)]
    blip = [("left", 11, str(i), "1", 79) for i in range(4)]
    sheet = write(score_of([*low, *high, *again, *blip]))
    changes = [
        (bar.number, change.clef) for bar in sheet.bars for change in bar.clefs if change.staff == 2
    ]
    assert changes == [(1, "F"), (4, "G"), (9, "F")]


def clef_changes(sheet, staff):
    """Bars, places in quarters and clefs."""
    return [
        (bar.number, Fraction(change.place, sheet.quarter), change.clef)
        for bar in sheet.bars
        for change in bar.clefs
        if change.staff == staff
    ]


def test_a_clef_changes_inside_a_bar_after_its_last_low_note():
    """A bass on the first beat of bar 2, then chords above middle C for bars."""
    music = [("left", 1, str(i), "1", 48) for i in range(4)]
    music += [("left", 2, "0", "1", pitch) for pitch in (29, 41)]
    music += [("left", 2, str(i), "1", pitch) for i in (2, 3) for pitch in (69, 77)]
    music += [("left", bar, str(i), "1", 77) for bar in (3, 4, 5) for i in range(4)]
    changes = clef_changes(write(score_of(music)), 2)
    assert changes == [(1, 0, "F"), (2, 2, "G")]


def test_a_clef_changes_after_bars_of_rests_and_not_before_them():
    music = [("left", bar, str(i), "1", 48) for bar in (1, 2) for i in range(4)]
    music += [("left", bar, str(i), "1", 77) for bar in (5, 6, 7) for i in range(4)]
    music += [("left", bar, str(i), "1", 43) for bar in (10, 11, 12) for i in range(4)]
    changes = clef_changes(write(score_of(music)), 2)
    assert changes == [(1, 0, "F"), (5, 0, "G"), (10, 0, "F")]


def test_no_clef_changes_under_a_note_that_sounds():
    music = [("left", 1, str(i), "1", 43) for i in range(4)]
    music += [("left", 2, "0", "4", 29), *(("left", 2, str(i), "1", 74) for i in (1, 2, 3))]
    music += [("left", bar, str(i), "1", 74) for bar in (3, 4, 5) for i in range(4)]
    changes = clef_changes(write(score_of(music)), 2)
    assert changes == [(1, 0, "F"), (3, 0, "G")]


def test_a_melody_around_middle_c_has_the_clef_of_its_hand():
    """As many ledger lines in either clef: a third below the staff, or above it."""
    music = [("right", bar, str(i), "1", 57 + 10 * (i % 2)) for bar in (1, 2, 3) for i in range(4)]
    assert clef_changes(write(score_of(music)), 1) == [(1, 0, "G")]
    lower = [("left", *rest) for _, *rest in music]
    assert clef_changes(write(score_of(lower)), 2) == [(1, 0, "F")]


def test_what_no_one_could_read_changes_the_clef_for_a_bar():
    low = [("right", bar, str(i), "1", 36) for bar in (1, 2, 4, 5) for i in range(4)]
    sheet = write(score_of([*low, ("right", 3, "0", "4", 93)]))
    changes = [
        (bar.number, change.clef) for bar in sheet.bars for change in bar.clefs if change.staff == 1
    ]
    assert changes == [(1, "F"), (3, "G"), (4, "F")]


def test_very_high_passages_get_an_octave_line():
    music = [("right", bar, f"{i}/2", "1/2", 98 + i) for bar in (1, 2) for i in range(8)]
    music += [("right", 3, str(i), "1", 76) for i in range(4)]
    sheet = write(score_of(music))
    marks = [(bar.number, m.text) for bar in sheet.bars for m in bar.marks if m.kind == "ottava"]
    assert marks == [(1, "up"), (2, "stop")]


def test_an_octave_line_begins_and_ends_with_a_beam():
    """A scale in sixteenths from C6 to B7 and back."""
    white = [pitch for pitch in range(84, 108) if pitch % 12 in (0, 2, 4, 5, 7, 9, 11)]
    scale = [*white, *white[::-1], *white[:4]]
    music = [("right", 1 + n // 16, f"{n % 16}/4", "1/4", pitch) for n, pitch in enumerate(scale)]
    sheet = write(score_of(music, key=Key(0)))
    marks = [mark for bar in sheet.bars for mark in bar.marks if mark.kind == "ottava"]
    assert [mark.text for mark in marks] == ["up", "stop"]
    assert all(mark.place % sheet.quarter == 0 for mark in marks)


def test_a_run_that_leaves_its_staff_goes_to_the_other_as_a_whole():
    up = (71, 72, 74, 76, 77, 76, 74, 72)
    music = [("left", 1, f"{n}/2", "1/2", pitch) for n, pitch in enumerate(up)]
    music += [("left", bar, "0", "4", 36) for bar in range(2, 6)]
    music += [("right", bar, "0", "4", 88) for bar in range(1, 6)]
    left = write(score_of(music, key=Key(0))).bars[0].lines[1]
    assert left.voice == 3
    assert [item.staff for item in left.items] == [1] * 8
    assert {item.stem for item in left.items} == {"down"}


def test_grace_notes_stand_before_what_they_lead_to():
    score = score_of([("right", 1, "0", "1", 71), ("right", 1, "0", "4", 72)])
    notes = [
        replace(note, is_grace=True, length=Fraction(1, 2)) if note.note.pitch == 71 else note
        for note in score.notes
    ]
    (item,) = write(with_voices(replace(score, notes=tuple(notes)))).bars[0].lines[0].items
    assert [str(head.spelling) for head in item.heads] == ["C5"]
    assert [str(grace.heads[0].spelling) for grace in item.graces] == ["B4"]


@pytest.mark.parametrize(
    ("tempo", "unsteady", "said"),
    [(110, 0.0, 110), (110, 0.03, 112), (26, 0.0, 26), (260, 0.0, 260)],
)
def test_a_tempo_is_told_as_it_is_where_a_program_keeps_it(tempo, unsteady, said):
    score = score_of([("right", bar, "0", "4", 60) for bar in range(1, 9)])
    beats = tuple((n + unsteady * (n // 4 % 2)) * 60 / tempo for n in range(len(score.beats)))
    marks = [m for bar in write(replace(score, beats=beats)).bars for m in bar.marks]
    assert [mark.per_minute for mark in marks if mark.kind == "tempo"] == [said]


@pytest.mark.parametrize(
    ("metre", "tempo", "unit", "said"),
    [("4/4", 26, "1/2", 52), ("6/8", 20, "1/2", 60), ("2/2", 18, "1/2", 72), ("3/4", 44, "1", 44)],
)
def test_beats_slower_than_a_metronome_are_counted_in_parts(metre, tempo, unit, said):
    score = score_of([("right", bar, "0", "2", 60) for bar in range(1, 9)], metre=metre)
    n = score.metre(1).beats_per_bar
    beats = tuple((i + 0.03 * (i // n % 2)) * 60 / tempo for i in range(len(score.beats)))
    score = replace(score, beats=beats)
    (mark,) = (m for bar in write(score).bars for m in bar.marks if m.kind == "tempo")
    assert (mark.unit, mark.per_minute) == (Fraction(unit), said)
    assert told_tempo(score) == pytest.approx(tempo, rel=0.05)


@pytest.mark.parametrize(("chord", "words"), [(False, ["rit.", "a tempo"]), (True, [])])
def test_a_chord_that_is_only_held_is_no_ritardando(chord, words):
    """Quarters, of which a bar is half as fast; or a chord in that bar, which sounds on."""
    music = [
        ("right", bar, str(beat), "4" if bar == 5 and chord else "1", 60)
        for bar in range(1, 10)
        for beat in range(1 if bar == 5 and chord else 4)
    ]
    beats = tuple(float(beat + min(max(beat - 16, 0), 4)) for beat in range(37))
    marks = [m for bar in write(replace(score_of(music), beats=beats)).bars for m in bar.marks]
    assert [mark.text for mark in marks if mark.kind == "words"] == words


def test_loudness_that_lasts_is_marked_once():
    score = score_of([("right", bar, "0", "4", 60) for bar in range(1, 17)])
    notes = [
        replace(each, note=replace(each.note, velocity=40 if each.bar <= 8 else 100))
        for each in score.notes
    ]
    sheet = write(replace(score, notes=tuple(notes)))
    marks = [(b.number, m.text) for b in sheet.bars for m in b.marks if m.kind == "dynamic"]
    assert marks == [(1, "p"), (9, "ff")]


def loudness_marks(*velocities: int) -> list[tuple[int, str]]:
    """Dynamics and hairpins where each bar is so loud, by the numbers of their bars."""
    score = score_of([("right", bar, "0", "4", 60) for bar in range(1, len(velocities) + 1)])
    notes = [
        replace(each, note=replace(each.note, velocity=velocities[each.bar - 1]))
        for each in score.notes
    ]
    sheet = write(replace(score, notes=tuple(notes)))
    kinds = ("dynamic", "wedge")
    return [(b.number, m.text) for b in sheet.bars for m in b.marks if m.kind in kinds]


def test_a_steady_swell_is_a_hairpin_to_what_it_reaches():
    swell = loudness_marks(40, 40, 40, 40, 52, 64, 76, 88, 88, 88, 88, 74, 60, 46, 46, 46, 46)
    assert swell == [
        *[(1, "p"), (4, "crescendo"), (7, "stop"), (8, "f")],
        *[(11, "diminuendo"), (13, "stop"), (14, "p")],
    ]


@pytest.mark.parametrize(
    "velocities",
    [(50, 50, 50, 90, 50, 50, 50, 50), (50, 70) * 6, (44, 48) * 4, (45, 47, 50, 52, 55, 57)],
    ids=["an accent", "by turns", "evenly", "hardly"],
)
def test_what_does_not_clearly_swell_has_no_hairpin(velocities):
    assert not {"crescendo", "diminuendo"} & {text for _, text in loudness_marks(*velocities)}


GRIDS = st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 12, 16])


@st.composite
def anything(draw):
    """Notes anywhere, on grids that don't fit each other."""
    metre = draw(
        st.sampled_from(
            ["2/4", "3/4", "4/4", "6/8", "9/8", "5/4", "3/8", "2/2", "6/16", "12/16", "3/16"]
        )
    )
    whole = Metre.parse(metre).quarters_per_bar
    written = []
    for _ in range(draw(st.integers(1, 14))):
        grid = draw(GRIDS)
        place = draw(st.integers(0, max(int(whole * grid), 1) - 1))
        length = Fraction(draw(st.integers(1, 3 * grid)), grid)
        hand = draw(st.sampled_from(["left", "right"]))
        bar, pitch = draw(st.integers(0, 3)), draw(st.integers(21, 108))
        written.append((hand, bar, str(Fraction(place, grid)), str(length), pitch))
    return metre, written


@given(anything())
@settings(max_examples=60, deadline=None)
def test_whatever_was_played_fills_its_bars_and_is_written_once(music):
    metre, written = music
    score = score_of(written, metre=metre)
    sheet = write(score)
    for bar in sheet.bars:
        for line in bar.lines:
            ends = [0, *(item.stop for item in line.items)]
            assert [item.start for item in line.items] == ends[:-1]
            assert ends[-1] == bar.length
    begun = [
        head.spelling.pitch
        for bar in sheet.bars
        for line in bar.lines
        for item in line.items
        for head in item.heads
        if not head.is_tied_back
    ]
    played = [note.note.pitch for note in score.notes]
    assert set(begun) == set(played)
    assert len(begun) <= len(played)
