"""Notes, pedal presses and the one sustain-pedal rule."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe.notes import (
    HIGHEST_PITCH,
    LOWEST_PITCH,
    N_PITCHES,
    Note,
    PedalPress,
    Performance,
    pitch_name,
    sustained,
    without_overlaps,
)


def note(onset: float, offset: float, pitch: int = 60, velocity: int = 64) -> Note:
    return Note(onset=onset, pitch=pitch, offset=offset, velocity=velocity)


def press(onset: float, offset: float) -> PedalPress:
    return PedalPress(onset=onset, offset=offset)


def offsets(*notes: Note, pedal: tuple[PedalPress, ...] = ()) -> list[float]:
    return [n.offset for n in sustained(Performance(notes=notes, pedal=pedal)).notes]


# Whole and half tenths of a second, so that events often coincide.
times = st.integers(0, 60).map(lambda tenths: tenths / 10)
lengths = st.integers(1, 30).map(lambda tenths: tenths / 10)
few_notes = st.lists(
    st.builds(
        lambda onset, length, pitch: note(onset, onset + length, pitch),
        times,
        lengths,
        st.sampled_from([60, 61, 72]),
    ),
    max_size=12,
)


@st.composite
def pedals(draw: st.DrawFn) -> tuple[PedalPress, ...]:
    moments = sorted(draw(st.sets(times, max_size=8)))
    return tuple(press(down, up) for down, up in zip(moments[::2], moments[1::2], strict=False))


def test_a_piano_has_88_keys_from_a0_to_c8() -> None:
    assert (LOWEST_PITCH, HIGHEST_PITCH, N_PITCHES) == (21, 108, 88)


@pytest.mark.parametrize(
    "wrong",
    [
        {"onset": -0.1},
        {"offset": 1.0},  # no length
        {"offset": 0.5},  # ends before it begins
        {"offset": math.inf},
        {"offset": math.nan},
        {"onset": math.nan},
        {"pitch": 20},
        {"pitch": 109},
        {"velocity": 0},
        {"velocity": 128},
        {"confidence": -0.01},
        {"confidence": 1.01},
        {"confidence": math.nan},
    ],
)
def test_a_note_that_no_piano_can_play_is_refused(wrong: dict[str, float]) -> None:
    right = {"onset": 1.0, "pitch": 60, "offset": 2.0, "velocity": 64}
    Note(**right)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="found"):
        Note(**{**right, **wrong})  # type: ignore[arg-type]


@pytest.mark.parametrize(("onset", "offset"), [(-1, 1), (1, 1), (2, 1), (0, math.inf)])
def test_a_pedal_press_that_no_foot_can_do_is_refused(onset: float, offset: float) -> None:
    with pytest.raises(ValueError, match="0 <= onset < offset"):
        press(onset, offset)


def test_the_outermost_keys_the_softest_and_the_first_moment_are_allowed() -> None:
    assert note(0, 0.001, pitch=21, velocity=1).onset == 0
    assert note(0, 1, pitch=108, velocity=127).pitch == 108


def test_confidence_does_not_distinguish_notes() -> None:
    sure = Note(onset=0, pitch=60, offset=1, velocity=64, confidence=0.9)
    assert sure == note(0, 1)


def test_a_performance_sorts_by_onset_then_pitch() -> None:
    e, c, late = note(0, 1, 64), note(0, 2, 60), note(0.5, 0.6, 21)
    performance = Performance(notes=[late, e, c], pedal=[press(2, 3), press(0, 1)])
    assert performance.notes == (c, e, late)
    assert performance.pedal == (press(0, 1), press(2, 3))


def test_a_performance_lasts_until_the_last_key_and_the_pedal_are_up() -> None:
    assert Performance().duration == 0
    assert Performance(notes=(note(0, 3), note(1, 2, 61))).duration == 3
    assert Performance(notes=(note(0, 3),), pedal=(press(1, 4),)).duration == 4


def test_one_foot_cannot_press_a_pedal_twice_at_once() -> None:
    with pytest.raises(ValueError, match="may not overlap"):
        Performance(pedal=(press(0, 2), press(1, 3)))


def test_a_pedal_may_go_down_in_the_moment_it_comes_up() -> None:
    assert len(Performance(pedal=(press(0, 1), press(1, 2))).pedal) == 2


def test_without_a_pedal_nothing_is_prolonged() -> None:
    assert offsets(note(0, 1), note(0.5, 3, 64)) == [1, 3]


def test_a_key_released_under_the_pedal_sounds_until_the_pedal_comes_up() -> None:
    assert offsets(note(0, 1), pedal=(press(0.5, 4),)) == [4]


def test_a_key_held_beyond_the_pedal_sounds_until_it_is_released() -> None:
    assert offsets(note(0, 5), pedal=(press(0.5, 4),)) == [5]


def test_the_pedal_does_not_catch_a_key_released_before_it() -> None:
    assert offsets(note(0, 1), pedal=(press(1.001, 4),)) == [1]


def test_the_pedal_catches_a_key_released_as_it_goes_down_but_not_as_it_comes_up() -> None:
    assert offsets(note(0, 1), pedal=(press(1, 4),)) == [4]
    assert offsets(note(0, 4), pedal=(press(1, 4),)) == [4]


def test_a_note_struck_again_under_the_pedal_ends_where_it_is_struck_again() -> None:
    pedal = (press(0, 10),)
    assert offsets(note(0, 1), note(2, 3), note(5, 6), pedal=pedal) == [2, 5, 10]


def test_another_pitch_struck_under_the_pedal_ends_nothing() -> None:
    assert offsets(note(0, 1, 60), note(2, 3, 61), pedal=(press(0, 10),)) == [10, 10]


def test_a_note_is_let_go_by_the_first_press_and_not_taken_up_by_the_next() -> None:
    assert offsets(note(0, 1), pedal=(press(0, 2), press(2, 5))) == [2]


def test_the_pedal_and_all_but_the_offsets_stay() -> None:
    played = Note(onset=0.25, pitch=70, offset=1, velocity=33, confidence=0.5)
    performance = Performance(notes=(played,), pedal=(press(0.5, 4),))
    result = sustained(performance)
    (long,) = result.notes
    assert (long.onset, long.pitch, long.velocity, long.confidence) == (0.25, 70, 33, 0.5)
    assert result.pedal == performance.pedal


def sustained_offset(played: Note, performance: Performance) -> float:
    """The rule for one note, in the words of its docstring."""
    offset = played.offset
    for down in performance.pedal:
        if down.onset <= played.offset < down.offset:
            offset = down.offset
    struck_again = [
        n.onset for n in performance.notes if n.pitch == played.pitch and n.onset > played.onset
    ]
    return min([offset, *struck_again])


@given(few_notes, pedals())
def test_sustained_is_the_rule_applied_to_each_note(
    notes: list[Note], pedal: tuple[PedalPress, ...]
) -> None:
    performance = Performance(notes=without_overlaps(notes), pedal=pedal)
    expected = [sustained_offset(n, performance) for n in performance.notes]
    assert [n.offset for n in sustained(performance).notes] == expected


@given(few_notes, pedals())
def test_to_sustain_twice_is_to_sustain_once_where_no_press_follows_at_once(
    notes: list[Note], pedal: tuple[PedalPress, ...]
) -> None:
    performance = sustained(Performance(notes=without_overlaps(notes), pedal=pedal))
    assert sustained(performance) == performance


def test_a_note_is_cut_where_its_key_is_struck_again() -> None:
    assert without_overlaps([note(0, 5), note(2, 3), note(2.5, 4)]) == (
        note(0, 2),
        note(2, 2.5),
        note(2.5, 4),
    )


def test_of_notes_struck_together_the_longest_stays() -> None:
    short, long = note(1, 2, velocity=100), note(1, 3, velocity=50)
    assert without_overlaps([short, long]) == (long,)
    assert without_overlaps([long, short]) == (long,)


def test_notes_that_touch_and_notes_of_other_pitches_are_left_alone() -> None:
    notes = (note(0, 2, 60), note(1, 3, 61), note(2, 4, 60))
    assert without_overlaps(notes) == notes


@given(few_notes)
def test_without_overlaps_each_key_is_up_before_it_is_struck(notes: list[Note]) -> None:
    kept = without_overlaps(notes)
    for pitch in {n.pitch for n in notes}:
        line = [n for n in kept if n.pitch == pitch]
        assert all(a.offset <= b.onset for a, b in itertools.pairwise(line))
    assert {(n.onset, n.pitch) for n in kept} == {(n.onset, n.pitch) for n in notes}
    assert without_overlaps(kept) == kept


def test_pitch_names():
    assert [pitch_name(pitch) for pitch in (21, 60, 69, 70, 108)] == ["A0", "C4", "A4", "A#4", "C8"]
