"""Frame and offset planes to the ends of notes."""

from __future__ import annotations

import pytest
from decoding import C4, CONFIG, GRID, blank, frames_of, held, note, play, strike

from transcribe.decode.config import DecodeConfig
from transcribe.decode.decoder import decode
from transcribe.notes import SUSTAINED, PedalPress
from transcribe.rolls import Rolls


def vote_release(rolls: Rolls, frame: int, shift: float, probability: float = 1.0) -> None:
    rolls.offset[frame, C4] = probability
    rolls.offset_shift[frame, C4] = shift


def test_without_votes_a_note_ends_where_the_frame_plane_crosses_its_threshold() -> None:
    rolls = held(5, 12)
    assert frames_of(decode(rolls, GRID, CONFIG).notes) == [(5, 12)]
    rolls.frame[12, C4] = 0.4  # from 1 to 0.4: the half is passed five sixths of the way
    assert frames_of(decode(rolls, GRID, CONFIG).notes) == [(5, 12.333)]
    rolls.frame[11, C4] = 0.6
    rolls.frame[12, C4] = 0.1
    assert frames_of(decode(rolls, GRID, CONFIG).notes) == [(5, 11.7)]


def test_votes_near_the_boundary_say_where_a_note_ends() -> None:
    rolls = held(5, 12)
    vote_release(rolls, 11, 0.3, 0.9)
    vote_release(rolls, 12, -0.6, 0.6)
    expected = round((0.9 * 11.3 + 0.6 * 11.4) / 1.5, 3)
    assert frames_of(decode(rolls, GRID, CONFIG).notes) == [(5, expected)]


def test_votes_elsewhere_or_in_doubt_do_not() -> None:
    rolls = held(5, 12)
    vote_release(rolls, 9, 0.2)
    vote_release(rolls, 14, -0.2)
    vote_release(rolls, 12, -0.2, probability=0.4)
    assert frames_of(decode(rolls, GRID, CONFIG).notes) == [(5, 12)]
    assert frames_of(decode(rolls, GRID, DecodeConfig(offset_threshold=0.3)).notes) == [(5, 11.8)]


def test_a_dip_of_one_frame_is_bridged_and_of_two_is_not() -> None:
    rolls = held(5, 20)
    rolls.frame[10, C4] = 0
    assert frames_of(decode(rolls, GRID, CONFIG).notes) == [(5, 20)]
    assert frames_of(decode(rolls, GRID, DecodeConfig(bridge_frames=0)).notes) == [(5, 10)]
    rolls.frame[11, C4] = 0
    assert frames_of(decode(rolls, GRID, CONFIG).notes) == [(5, 10)]
    assert frames_of(decode(rolls, GRID, DecodeConfig(bridge_frames=2)).notes) == [(5, 20)]


def test_a_release_in_a_dip_of_one_frame_ends_the_note() -> None:
    rolls = held(5, 20)
    rolls.frame[10, C4] = 0
    vote_release(rolls, 10, 0.2)
    assert frames_of(decode(rolls, GRID, CONFIG).notes) == [(5, 10.2)]


def test_a_note_ends_at_the_latest_where_its_key_is_struck_again() -> None:
    rolls = held(5, 30)
    strike(rolls, 15, 0.4)
    strike(rolls, 16, -0.6)
    assert frames_of(decode(rolls, GRID, CONFIG).notes) == [(5, 15.4), (15.4, 30)]


def test_a_release_just_before_the_next_strike_is_kept() -> None:
    rolls = held(5, 30)
    strike(rolls, 15, 0.4)
    strike(rolls, 16, -0.6)
    vote_release(rolls, 14, 0.7)
    assert frames_of(decode(rolls, GRID, CONFIG).notes) == [(5, 14.7), (15.4, 30)]


def test_a_note_the_frame_plane_does_not_know_is_a_short_note() -> None:
    rolls = blank()
    strike(rolls, 5)
    rolls.frame[9:20, C4] = 1  # too late to belong to it
    (found,) = decode(rolls, GRID, DecodeConfig(prolong_to=0.04)).notes
    assert (found.onset, found.offset) == (pytest.approx(0.16), pytest.approx(0.2))


def test_the_frame_plane_may_be_two_frames_late() -> None:
    rolls = blank()
    strike(rolls, 5)
    rolls.frame[7:20, C4] = 1
    assert frames_of(decode(rolls, GRID, CONFIG).notes) == [(5, 20)]


def test_the_end_of_the_note_before_does_not_end_a_note_whose_frames_are_late() -> None:
    rolls = held(3, 10)
    strike(rolls, 10)
    rolls.frame[12:20, C4] = 1
    assert frames_of(decode(rolls, GRID, CONFIG).notes) == [(3, 10), (10, 20)]


def test_the_release_of_the_note_before_does_not_end_a_note_in_a_dip() -> None:
    rolls = held(3, 20)
    strike(rolls, 10)
    rolls.frame[11, C4] = 0
    vote_release(rolls, 10, 0.2)
    assert frames_of(decode(rolls, GRID, CONFIG).notes) == [(3, 10), (10, 20)]


def test_notes_are_as_long_as_the_setting_says_unless_the_key_is_struck_again() -> None:
    rolls = play(note(0.1, 0.15), note(0.2, 0.24), note(1, 1.05))
    found = decode(rolls, GRID, DecodeConfig(prolong_to=0.3)).notes
    assert [n.offset for n in found] == [pytest.approx(t) for t in (0.2, 0.5, 1.3)]


def test_a_minimum_of_zero_still_gives_notes_a_length() -> None:
    rolls = blank()
    strike(rolls, 5)
    (found,) = decode(rolls, GRID, DecodeConfig(prolong_to=0)).notes
    assert 0 < found.offset - found.onset < 0.002


def test_repeated_notes_under_the_pedal_stay_apart() -> None:
    strikes = [note(0.1 * k + 0.2, 0.1 * k + 0.26) for k in range(20)]
    rolls = play(*strikes, PedalPress(onset=0.1, offset=2.6))
    key = decode(rolls, GRID, CONFIG).notes
    long = decode(rolls, GRID, DecodeConfig(offsets=SUSTAINED)).notes
    assert len(key) == len(long) == 20
    assert [n.offset for n in key] == [pytest.approx(n.offset, abs=0.016) for n in strikes]
    assert [n.offset for n in long[:-1]] == [pytest.approx(n.onset, abs=1e-3) for n in strikes[1:]]
    assert long[-1].offset == pytest.approx(2.6, abs=0.016)
