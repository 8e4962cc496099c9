"""A performance to a MIDI file and back, and to other programs."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import mido
import numpy as np
import pretty_midi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from midi_files import note, press, written

from transcribe.errors import MidiError, TranscribeError
from transcribe.midi import read_midi, to_pretty_midi, write_midi
from transcribe.notes import PedalPress, Performance, without_overlaps

HOUR = 3600.0


@st.composite
def performances(draw: st.DrawFn, start: float = 0.0) -> Performance:
    """Notes and presses of 5 ms and more, so that a tick merges none of them."""
    moments = st.integers(0, 4000).map(lambda step: start + step * 0.00501)
    notes = [
        note(onset, onset + draw(st.floats(0.005, 8)), draw(st.integers(21, 108)), velocity)
        for onset, velocity in draw(st.lists(st.tuples(moments, st.integers(1, 127)), max_size=20))
    ]
    turns = sorted(draw(st.sets(moments, max_size=8)))
    pedal = [press(down, up) for down, up in zip(turns[::2], turns[1::2], strict=False)]
    return Performance(notes=without_overlaps(notes), pedal=tuple(pedal))


def assert_same_within(found: Performance, expected: Performance, tolerance: float) -> None:
    """Equal but for times; equal onsets may fall in any order of pitch."""
    assert len(found.notes) == len(expected.notes)
    by_pitch = [
        sorted(performance.notes, key=lambda n: (n.pitch, n.onset))
        for performance in (found, expected)
    ]
    for a, b in zip(*by_pitch, strict=True):
        assert (a.pitch, a.velocity) == (b.pitch, b.velocity)
        assert a.onset == pytest.approx(b.onset, abs=tolerance)
        assert a.offset == pytest.approx(b.offset, abs=tolerance)
    assert len(found.pedal) == len(expected.pedal)
    for c, d in zip(found.pedal, expected.pedal, strict=True):
        assert (c.onset, c.offset) == pytest.approx((d.onset, d.offset), abs=tolerance)


@settings(max_examples=40, deadline=None)
@given(performances())
def test_a_performance_survives_midi_within_half_a_tick(
    tmp_path_factory: pytest.TempPathFactory, performance: Performance
) -> None:
    path = written(performance, tmp_path_factory.mktemp("midi"))
    assert_same_within(read_midi(path), performance, 0.5 / 1920 + 1e-9)


@settings(max_examples=25, deadline=None)
@given(performances(start=3 * HOUR))
def test_times_are_right_to_a_millisecond_at_three_hours(
    tmp_path_factory: pytest.TempPathFactory, performance: Performance
) -> None:
    path = written(performance, tmp_path_factory.mktemp("midi"))
    assert_same_within(read_midi(path), performance, 0.001)


@settings(max_examples=25, deadline=None)
@given(performances())
def test_to_write_what_was_read_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, performance: Performance
) -> None:
    folder = tmp_path_factory.mktemp("midi")
    once = read_midi(written(performance, folder))
    assert read_midi(written(once, folder)) == once


@settings(max_examples=25, deadline=None)
@given(performances())
def test_pretty_midi_reads_the_same_notes(
    tmp_path_factory: pytest.TempPathFactory, performance: Performance
) -> None:
    path = written(performance, tmp_path_factory.mktemp("midi"))
    instruments = pretty_midi.PrettyMIDI(str(path)).instruments
    theirs = [
        (n.start, n.pitch, n.end, n.velocity) for i in instruments for n in i.notes if not i.is_drum
    ]
    ours = [(n.onset, n.pitch, n.offset, n.velocity) for n in read_midi(path).notes]
    assert np.allclose(sorted(theirs), sorted(ours), rtol=0, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(performances())
def test_an_object_of_pretty_midi_has_what_a_file_has(
    tmp_path_factory: pytest.TempPathFactory, performance: Performance
) -> None:
    ours = to_pretty_midi(performance)
    theirs = pretty_midi.PrettyMIDI(str(written(performance, tmp_path_factory.mktemp("midi"))))
    (piano,) = ours.instruments or [pretty_midi.Instrument(0)]
    (expected,) = theirs.instruments or [pretty_midi.Instrument(0)]
    assert [vars(note) for note in piano.notes] == [vars(note) for note in expected.notes]
    assert [vars(each) for each in piano.control_changes] == [
        vars(each) for each in expected.control_changes
    ]


def test_an_object_of_pretty_midi_has_notes_and_pedal_in_seconds() -> None:
    played = Performance((note(0.5, 1.25, 60, 64),), (PedalPress(onset=1.0, offset=2.0),))
    (piano,) = to_pretty_midi(played).instruments
    (found,) = piano.notes
    assert (found.start, found.end, found.pitch, found.velocity) == (0.5, 1.25, 60, 64)
    pedal = [(each.time, each.number, each.value) for each in piano.control_changes]
    assert pedal == [(1.0, 64, 127), (2.0, 64, 0)]
    assert (piano.program, piano.is_drum) == (0, False)


def test_without_pretty_midi_its_object_is_refused_in_words(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pretty_midi", None)
    with pytest.raises(TranscribeError, match="pretty_midi is not installed"):
        to_pretty_midi(Performance())


@pytest.mark.parametrize("hours", [0.1, 1.4, 1.5, 3, 6, 20])
def test_pretty_midi_can_read_every_length_we_write(tmp_path: Path, hours: float) -> None:
    end = hours * HOUR
    path = written(Performance(notes=(note(end - 1, end, 21),)), tmp_path)
    ticks = sum(message.time for message in mido.MidiFile(path).tracks[1]) + 1
    assert ticks < pretty_midi.pretty_midi.MAX_TICK
    (found,) = read_midi(path).notes
    assert found.onset == pytest.approx(end - 1, abs=0.001 if hours <= 3.5 else 0.01)


def test_the_file_is_type_1_with_one_piano_track(tmp_path: Path) -> None:
    path = tmp_path / "a.mid"
    write_midi(Performance(notes=(note(0.5, 1),)), path, text="transcribe, tiny 3")
    midi = mido.MidiFile(path)
    assert (midi.type, len(midi.tracks)) == (1, 2)
    head = {message.type: message for message in midi.tracks[0]}
    assert head["set_tempo"].tempo == 500_000
    assert head["text"].text == "transcribe, tiny 3"
    piano = [message for message in midi.tracks[1] if not message.is_meta]
    assert [m.type for m in piano] == ["program_change", "note_on", "note_on"]
    assert piano[0].program == 0
    assert {m.channel for m in piano} == {0}


def test_a_text_beyond_latin_1_does_not_stop_the_music(tmp_path: Path) -> None:
    path = tmp_path / "a.mid"
    write_midi(Performance(notes=(note(0.5, 1),)), path, text="modèle ♪")
    assert pretty_midi.PrettyMIDI(str(path)).text_events[0].text == "modèle ?"


def test_silence_makes_a_valid_and_empty_file(tmp_path: Path) -> None:
    path = written(Performance(), tmp_path)
    assert read_midi(path) == Performance()
    assert mido.MidiFile(path).length < 0.01


def test_the_pedal_is_written_without_any_notes(tmp_path: Path) -> None:
    performance = Performance(pedal=(press(0, 1), press(2, 3.5)))
    assert read_midi(written(performance, tmp_path)) == performance


def test_a_pedal_changed_in_one_moment_goes_up_and_then_down(tmp_path: Path) -> None:
    performance = Performance(pedal=(press(0, 1), press(1, 2), press(2, 3)))
    path = written(performance, tmp_path)
    values = [m.value for m in mido.MidiFile(path).tracks[1] if m.type == "control_change"]
    assert values == [127, 0, 127, 0, 127, 0]
    assert read_midi(path) == performance


def test_a_key_released_as_the_pedal_goes_down_is_caught_by_it(tmp_path: Path) -> None:
    path = written(Performance(notes=(note(0, 1),), pedal=(press(1, 2),)), tmp_path)
    kinds = [(m.type, m.dict().get("velocity")) for m in mido.MidiFile(path).tracks[1]]
    assert kinds.index(("control_change", None)) < kinds.index(("note_on", 0))


def test_a_key_is_released_before_it_is_struck_again(tmp_path: Path) -> None:
    path = written(Performance(notes=(note(0, 1), note(1, 2, velocity=70))), tmp_path)
    velocities = [m.velocity for m in mido.MidiFile(path).tracks[1] if m.type == "note_on"]
    assert velocities == [64, 0, 70, 0]


@given(st.lists(st.integers(0, 40), min_size=1, max_size=20), st.data())
@settings(max_examples=40, deadline=None)
def test_however_short_each_note_has_a_length_and_ends_before_the_next(
    tmp_path_factory: pytest.TempPathFactory, tenths: list[int], data: st.DataObject
) -> None:
    """Strikes of one key tenths of a millisecond apart: finer than a tick."""
    notes = [note(t / 1e4, (t + data.draw(st.integers(1, 30))) / 1e4) for t in tenths]
    path = written(Performance(notes=tuple(notes)), tmp_path_factory.mktemp("midi"))
    tick, down_since = 0, None
    for message in mido.MidiFile(path).tracks[1]:
        tick += message.time
        if message.type == "note_on" and message.velocity:
            assert down_since is None
            down_since = tick
        elif message.type == "note_on":
            assert down_since is not None
            assert tick > down_since
            down_since = None
    assert down_since is None


def test_notes_that_overlap_are_written_without_overlap(tmp_path: Path) -> None:
    overlapping = Performance(notes=(note(0, 3), note(1, 2)))
    assert read_midi(written(overlapping, tmp_path)).notes == (note(0, 1), note(1, 2))


def test_what_is_written_replaces_a_file_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.mid"
    path.write_bytes(b"before")

    def fail(self: Path, target: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        with pytest.raises(MidiError, match="no space left"):
            write_midi(Performance(), path)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]
    write_midi(Performance(), path)
    assert read_midi(path) == Performance()
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MidiError, match="nowhere"):
        write_midi(Performance(), tmp_path / "nowhere" / "a.mid")
