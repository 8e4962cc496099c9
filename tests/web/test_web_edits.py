"""Changes by hand on top of what the model found."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from transcribe.notes import Note, PedalPress
from transcribe.web.edits import by_hand, pedal_by_hand, resolved
from transcribe.web.errors import RefusedError
from transcribe.web.library_entry import Edit

FOUND = [PedalPress(onset=1.0, offset=2.0), PedalPress(onset=3.0, offset=5.0)]


def after(*changes: tuple[float, float, bool]) -> list[tuple[float, float]]:
    """The pedal of `FOUND` after changes, as times."""
    asked = [
        {"do": "pedal", "onset": onset, "offset": offset, "down": down}
        for onset, offset, down in changes
    ]
    edits = [Edit(step, resolved([each], {}, 10.0)) for step, each in enumerate(asked)]
    assert by_hand(edits) == {}
    return [(press.onset, press.offset) for press in pedal_by_hand(edits, FOUND)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ((6.0, 7.0, True), [(1.0, 2.0), (3.0, 5.0), (6.0, 7.0)]),
        ((2.0, 3.0, True), [(1.0, 5.0)]),
        ((1.5, 2.5, True), [(1.0, 2.5), (3.0, 5.0)]),
        ((3.5, 4.0, False), [(1.0, 2.0), (3.0, 3.5), (4.0, 5.0)]),
        ((0.0, 9.0, False), []),
        ((2.1, 2.9, False), [(1.0, 2.0), (3.0, 5.0)]),
        ((-1.0, 1.5, False), [(1.5, 2.0), (3.0, 5.0)]),
    ],
)
def test_the_pedal_is_pressed_and_lifted_where_it_is_said(change, expected):
    assert after(change) == expected


@given(
    some.lists(some.tuples(some.integers(0, 90), some.integers(1, 20), some.booleans()), max_size=6)
)
def test_what_was_said_last_of_a_time_holds(painted):
    changes = [(start / 10, (start + length) / 10, down) for start, length, down in painted]
    pedal = after(*changes)
    assert all(a[1] < b[0] for a, b in pairwise(pedal))
    for tenth in range(110):
        time = tenth / 10 + 0.05
        said = [down for start, stop, down in changes if start < time < stop]
        found = any(press.onset < time < press.offset for press in FOUND)
        assert any(a < time < b for a, b in pedal) == (said[-1] if said else found)


@pytest.mark.parametrize(
    "change",
    [
        {"onset": 1.0, "offset": 2.0},
        {"onset": 1.0, "offset": 2.0, "down": 1},
        {"onset": "1", "offset": 2.0, "down": True},
        {"onset": float("nan"), "offset": 2.0, "down": True},
        {"onset": 2.0, "offset": 2.0, "down": True},
        {"onset": 100.0, "offset": 101.0, "down": True},
        {"onset": 1.0, "offset": 10**400, "down": True},
        {"onset": -(10**400), "offset": 2.0, "down": True},
    ],
)
def test_a_pedal_that_makes_no_sense_is_refused(change):
    with pytest.raises(RefusedError) as refused:
        resolved([{"do": "pedal", **change}], {}, 10.0)
    assert refused.value.status == 422


@pytest.mark.parametrize("onset", [float("nan"), float("inf"), 10**400, -(10**400), True, "1"])
def test_a_note_at_no_time_is_refused(onset):
    note = {"onset": onset, "pitch": 60, "offset": 1.5, "velocity": 30}
    with pytest.raises(RefusedError) as refused:
        resolved([{"do": "add", **note}], {}, 10.0)
    assert refused.value.status == 422


def note_at(velocity):
    return {"onset": 25.2, "pitch": 60, "offset": 25.5, "velocity": velocity}


MOVED = [
    Edit(1, [{"id": "m788.60", "note": None}, {"id": "m788.61", "note": note_at(1)}]),
    Edit(2, [{"id": "m31.60", "note": note_at(2)}, {"note": note_at(3)}]),
    Edit(3, [{"id": "m787.60", "note": note_at(4)}, {"id": "m786.60", "note": note_at(5)}]),
]
"""What was done to notes of which those at 788 and 786 are at 787 and 785 now."""


def test_what_was_done_to_a_note_finds_it_in_the_next_frame():
    """The later change of one note counts, whichever frame it was in; others stay as they are."""
    present = {"m787.60": 0, "m785.60": 0, "m787.62": 0}
    assert by_hand(MOVED, present) == {
        "m787.60": Note(**note_at(4)),
        "m788.61": Note(**note_at(1)),
        "m31.60": Note(**note_at(2)),
        "h2.1": Note(**note_at(3)),
        "m785.60": Note(**note_at(5)),
    }
    assert by_hand(MOVED[:1], {"m787.60", "m788.60"})["m788.60"] is None
    assert "m787.60" not in by_hand(MOVED[:1], {"m787.60", "m788.60"})
    assert list(by_hand(MOVED[:1], {"m786.60", "m790.60"})) == ["m788.60", "m788.61"]


def test_a_note_that_is_too_faint_at_present_is_the_same_in_the_next_frame():
    """What was changed in one frame and deleted in the next does not come back with the slider."""
    assert by_hand([MOVED[1], MOVED[0], MOVED[2]]) == {
        "m31.60": Note(**note_at(2)),
        "h2.1": Note(**note_at(3)),
        "m788.60": Note(**note_at(4)),
        "m788.61": Note(**note_at(1)),
        "m786.60": Note(**note_at(5)),
    }
    changed, deleted = (
        Edit(step, [change])
        for step, change in enumerate(
            [{"id": "m100.60", "note": note_at(6)}, {"id": "m101.60", "note": None}]
        )
    )
    assert by_hand([changed, deleted]) == {"m100.60": None}
    assert by_hand([changed, deleted], {"m101.60"}) == {"m101.60": None}


def test_a_faint_note_that_is_added_keeps_its_id():
    note = {"onset": 1.0, "pitch": 60, "offset": 1.5, "velocity": 30}
    changes = resolved([{"do": "add", "id": "m31.60", **note}], {}, 10.0)
    outcome = by_hand([Edit(7, changes)])
    assert outcome == {"m31.60": Note(**note)}
    with pytest.raises(RefusedError, match="there already"):
        resolved([{"do": "add", "id": "m31.60", **note}], {"m31.60": Note(**note)}, 10.0)
    with pytest.raises(RefusedError, match="id of the model"):
        resolved([{"do": "add", "id": "h1.0", **note}], {}, 10.0)
