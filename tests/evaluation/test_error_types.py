import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transcribe.evaluation.aggregate import aggregate
from transcribe.evaluation.counts import Ratio
from transcribe.evaluation.error_types import BREAKDOWNS, FALSE, MISSED, Mistakes, find_mistakes
from transcribe.evaluation.matching import Events, match
from transcribe.notes import Note, PedalPress, Performance, sustained

LATER = 100.0
"""Where the notes of a case begin, after a scale that is heard well."""


def note(onset, pitch, held=0.3, velocity=64):
    return Note(onset=onset, pitch=pitch, offset=onset + held, velocity=velocity)


def later(event):
    return replace(event, onset=event.onset + LATER, offset=event.offset + LATER)


SCALE = [note(2.0 * i, 84 + i) for i in range(12)]


def mistakes(played, heard, pedal=(), **settings):
    """Mistakes in a few notes that follow a scale without any."""
    presses = [later(each) for each in pedal]
    ref = Performance([*SCALE, *map(later, played)], presses)
    est = Performance([*SCALE, *map(later, heard)], presses)
    return find_mistakes(ref, est, **settings)


def some(counts):
    """Those that are not 0."""
    return {name: n for name, n in counts.items() if n}


def test_a_perfect_transcription_has_none():
    found = mistakes([note(0, 60), note(1, 60)], [note(0, 60), note(1, 60)])
    assert found.notes == Ratio(14, 14, 14)
    assert some(found.missed) == some(found.false) == {}


def test_heard_late_is_one_mistimed_note_on_either_side():
    found = mistakes([note(0, 60), note(1, 62)], [note(0.09, 60), note(1.12, 62)])
    assert some(found.missed) == {"mistimed": 1, "other": 1}
    assert found.false["mistimed"] == 1
    assert found.false["split"] == 0  # the note it is within was not heard well


def test_two_false_notes_near_one_missed_are_one_late_and_one_split():
    found = mistakes([note(0, 60, 1.0)], [note(0.06, 60, 0.02), note(0.09, 60)])
    assert some(found.missed) == {"mistimed": 1}
    assert some(found.false) == {"mistimed": 1, "split": 1}


def test_several_strokes_heard_as_one_are_merged():
    strokes = [note(0, 60, 0.4), note(0.5, 60, 0.4), note(1.0, 60, 0.4)]
    found = mistakes(strokes, [note(0, 60, 1.4)])
    assert some(found.missed) == {"merged": 2}
    assert some(found.false) == {}
    short = mistakes(strokes, [note(0, 60, 0.4)])
    assert some(short.missed) == {"other": 2}


def test_quick_repetitions_that_are_lost():
    trill = [note(0.2 * i, 60, 0.1) for i in range(4)] + [note(1.0, 60, 0.1)]
    found = mistakes(trill, [trill[0], trill[3]])
    assert some(found.missed) == {"repeated": 2, "other": 1}
    of_repetitions = found.breakdowns["repetition"]["up to 0.25 s"]
    assert of_repetitions == Ratio(3, 1, 1)


def test_one_stroke_heard_as_several_is_split():
    found = mistakes([note(0, 60, 1.0)], [note(0, 60, 0.3), note(0.4, 60, 0.2), note(0.7, 60, 0.2)])
    assert some(found.false) == {"split": 2}
    assert some(found.missed) == {}


def test_a_stroke_while_the_pedal_holds_the_note_is_split_only_where_the_pedal_is_known():
    pedal = [PedalPress(onset=0.1, offset=3.0)]
    played, heard = [note(0, 60)], [note(0, 60), note(2.0, 60)]
    assert some(mistakes(played, heard, pedal).false) == {"split": 1}
    assert some(mistakes(played, heard, pedal, ref_has_pedal=False).false) == {"other": 1}


@pytest.mark.parametrize("interval", [12, 19, 24, -12, -19, -24])
def test_octave_ghosts_are_an_octave_or_so_from_what_sounds(interval):
    true = note(0, 60, 1.0)
    assert some(mistakes([true], [true, note(0.5, 60 + interval)]).false) == {"octave_ghost": 1}
    assert some(mistakes([true], [true, note(1.5, 60 + interval)]).false) == {"other": 1}
    fifth = note(0.5, 60 + 7)
    assert some(mistakes([true], [true, fifth]).false) == {"other": 1}


def test_another_stroke_of_a_missed_note_is_neither_split_nor_ghost():
    """Its own pitch sounds, so it is no ghost; nobody heard that, so nothing was split."""
    played = [note(0, 48, 1.0), note(0, 60, 1.0)]
    found = mistakes(played, [played[0], note(0.5, 60)])
    assert some(found.false) == {"other": 1}


@pytest.mark.parametrize(("interval", "kind"), [(12, "octave_masked"), (-12, "other")])
def test_a_note_above_a_sounding_octave_is_masked(interval, kind):
    low = note(0, 55, 1.0)
    assert some(mistakes([low, note(0.5, 55 + interval)], [low]).missed) == {kind: 1}


def test_what_masks_must_have_been_heard():
    assert some(mistakes([note(0, 55, 1.0), note(0.5, 67)], []).missed) == {"other": 2}


def test_errors_by_register():
    played = [note(0, 35), note(1, 36), note(2, 47), note(3, 96)]
    found = mistakes(played, [played[0], played[3], note(5, 108)]).breakdowns["register"]
    assert found["A0 to B1"] == Ratio(1, 1, 1)
    assert found["C2 to B2"] == Ratio(2, 0, 0)
    assert found["C7 to C8"] == Ratio(1, 2, 1)
    assert found["C5 to B5"] == Ratio(0, 0, 0)
    assert found["C6 to B6"] == Ratio(12, 12, 12)  # the scale


def test_errors_by_loudness_take_a_false_notes_own_velocity():
    played = [note(0, 60, velocity=31), note(1, 60, velocity=32)]
    heard = [note(0, 60, velocity=127), note(3, 60, velocity=20)]
    found = mistakes(played, heard).breakdowns["loudness"]
    assert found["1 to 31"] == Ratio(1, 2, 1)
    assert found["32 to 47"] == Ratio(1, 0, 0)
    assert found["96 up"] == Ratio(0, 0, 0)  # matched notes are where the reference has them
    assert "loudness" not in mistakes(played, heard, ref_has_velocity=False).breakdowns


def test_errors_by_polyphony():
    """A held note, one over it, a chord of two over both; a false note over the held one."""
    played = [note(0, 40, 4.0), note(1, 60), note(2, 64), note(2.03, 67)]
    found = mistakes(played, [played[0], played[2], note(3, 71)]).breakdowns["polyphony"]
    assert found["1"] == Ratio(13, 13, 13)  # the scale and the first
    assert found["2"] == Ratio(1, 1, 0)
    assert found["3"] == Ratio(2, 1, 1)


def test_polyphony_counts_what_the_pedal_holds():
    played = [note(0, 40), note(1, 60)]
    pedal = [PedalPress(onset=0.1, offset=2.0)]
    assert mistakes(played, [], pedal).breakdowns["polyphony"]["2"].n_ref == 1
    without = mistakes(played, [], pedal, ref_has_pedal=False)
    assert without.breakdowns["polyphony"]["2"].n_ref == 0


def test_errors_by_length():
    played = [note(0, 60, 0.1), note(1, 60, 0.11), note(2, 60, 2.5)]
    found = mistakes(played, [played[0], note(5, 60, 3.0)]).breakdowns["length"]
    assert found["up to 0.1 s"] == Ratio(1, 1, 1)
    assert found["to 0.25 s"] == Ratio(1, 0, 0)
    assert found["over 2 s"] == Ratio(1, 1, 0)


def test_errors_by_repetition_ask_the_reference_for_the_last_stroke():
    played = [note(0, 60, 0.1), note(0.2, 60, 0.1), note(1.1, 60, 0.1)]
    found = mistakes(played, [*played, note(1.25, 60, 0.1), note(1.9, 62)]).breakdowns["repetition"]
    assert found["up to 0.25 s"] == Ratio(1, 2, 1)
    assert found["to 1 s"] == Ratio(1, 1, 1)
    assert found["over 1 s, or first"] == Ratio(13, 14, 13)


def test_a_constant_delay_is_no_mistake_unless_times_are_left_as_found():
    late = Performance([replace(n, onset=n.onset + 0.04, offset=n.offset + 0.04) for n in SCALE])
    played = Performance([*SCALE, note(50, 60)])
    heard = Performance([*late.notes, note(50.07, 60)])
    assert some(find_mistakes(played, heard).missed) == {}
    assert some(find_mistakes(played, heard, aligned=False).missed) == {"mistimed": 1}


@st.composite
def performances(draw):
    """Crowded music, with octaves, repetitions and pedal."""
    notes = draw(
        st.lists(
            st.builds(
                note,
                st.integers(0, 100).map(lambda k: k * 0.03),
                st.sampled_from([36, 48, 55, 60, 67, 72]),
                st.integers(1, 60).map(lambda k: k * 0.03),
                st.integers(1, 127),
            ),
            max_size=30,
        )
    )
    edges = sorted(draw(st.sets(st.integers(0, 80), max_size=4)))
    pairs = zip(edges[::2], edges[1::2], strict=False)
    return Performance(notes, [PedalPress(onset=a * 0.04, offset=b * 0.04) for a, b in pairs])


@given(ref=performances(), est=performances(), aligned=st.booleans())
@settings(max_examples=60, deadline=None)
def test_every_mistake_is_counted_once_in_every_breakdown(ref, est, aligned):
    found = find_mistakes(ref, est, aligned=aligned)
    assert (found.notes.n_ref, found.notes.n_est) == (len(ref.notes), len(est.notes))
    assert sum(found.missed.values()) == found.notes.n_missed
    assert sum(found.false.values()) == found.notes.n_false
    assert found.missed["mistimed"] == found.false["mistimed"]
    assert found.breakdowns.keys() == BREAKDOWNS.keys()
    for classes in found.breakdowns.values():
        assert sum(classes.values(), Ratio(0, 0, 0)) == found.notes
        assert all(r.n_matched <= min(r.n_ref, r.n_est) for r in classes.values())


@given(ref=performances(), est=performances())
@settings(max_examples=40, deadline=None)
def test_ghosts_and_splits_are_what_the_definition_says_note_by_note(ref, est):
    """Counted again with loops, as found, on the notes that no other kind claims first."""
    long = sustained(ref).notes
    pairs = match(Events.of_notes(ref), Events.of_notes(est))
    false = [j for j in range(len(est.notes)) if j not in set(pairs[:, 1])]
    lost = [i for i in range(len(ref.notes)) if i not in set(pairs[:, 0])]
    late = match(
        Events.of_notes(Performance([ref.notes[i] for i in lost])),
        Events.of_notes(Performance([est.notes[j] for j in false])),
        onset_tolerance=0.1,
    )
    well = {*pairs[:, 0], *(lost[row] for row in late[:, 0])}
    n_split = n_ghost = 0
    for j in set(false) - {false[row] for row in late[:, 1]}:
        each = est.notes[j]
        sounding = [i for i, n in enumerate(long) if n.onset - 0.05 <= each.onset < n.offset]
        intervals = {abs(long[i].pitch - each.pitch) for i in sounding}
        if any(long[i].pitch == each.pitch and i in well for i in sounding):
            n_split += 1
        elif 0 not in intervals:
            n_ghost += bool(intervals & {12, 19, 24})
    found = find_mistakes(ref, est, aligned=False)
    assert (found.false["split"], found.false["octave_ghost"]) == (n_split, n_ghost)


def test_mistakes_add_up_over_pieces_and_have_intervals():
    one = mistakes([note(0, 60), note(1, 62)], [note(0, 60)])
    two = mistakes([note(0, 60)], [note(0, 60), note(3, 70)], ref_has_velocity=False)
    both = one + two
    assert both.notes == Ratio(27, 27, 26)
    assert (both.missed["other"], both.false["other"]) == (1, 1)
    assert both.breakdowns["register"]["C4 to B4"] == Ratio(3, 3, 2)
    assert both.breakdowns["loudness"] == one.breakdowns["loudness"]
    summary = aggregate([one.as_scores(), two.as_scores()] * 8)
    assert summary["missed/other"].mean == pytest.approx((100 / 14 + 0) / 2)
    assert summary["missed/other"].pooled_number == pytest.approx(100 / 27)
    assert summary["register/C4 to B4"].pooled == Ratio(24, 24, 16)
    low, high = summary["false/other"].interval
    assert 1 < low < 100 / 26 < high < 100 / 13


def test_mistakes_are_json():
    found = json.loads(json.dumps(mistakes([note(0, 60)], []).as_json(), allow_nan=False))
    assert found["missed"].keys() == MISSED.keys()
    assert found["false"].keys() == FALSE.keys()
    assert found["notes"]["n_ref"] == 13
    assert found["breakdowns"]["register"]["C4 to B4"]["recall"] == 0


@pytest.mark.parametrize("side", ["ref", "est", "both"])
def test_silence_on_a_side(side):
    ref = Performance() if side in ("ref", "both") else Performance(SCALE)
    est = Performance() if side in ("est", "both") else Performance(SCALE)
    found = find_mistakes(ref, est)
    assert isinstance(found, Mistakes)
    assert some(found.missed) == ({"other": 12} if side == "est" else {})
    assert some(found.false) == ({"other": 12} if side == "ref" else {})


def test_classes_include_their_upper_edge_and_have_a_name_each():
    for classes in BREAKDOWNS.values():
        assert len(classes.names) == len(set(classes.names)) == len(classes.edges) + 1
    register = BREAKDOWNS["register"].of(np.array([21, 35, 36, 95, 96, 108]))
    assert register.tolist() == [0, 0, 1, 5, 6, 6]
