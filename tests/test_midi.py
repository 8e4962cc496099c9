"""Performance to MIDI and back; and the MIDI files other people write."""

from __future__ import annotations

import errno
import itertools
import os
import sys
from pathlib import Path

import mido
import numpy as np
import pretty_midi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transcribe.errors import MidiError, TranscribeError
from transcribe.midi import load_midi, read_midi, to_pretty_midi, write_midi
from transcribe.notes import Note, PedalPress, Performance, without_overlaps

HOUR = 3600.0


def note(onset: float, offset: float, pitch: int = 60, velocity: int = 64) -> Note:
    return Note(onset=onset, pitch=pitch, offset=offset, velocity=velocity)


def press(onset: float, offset: float) -> PedalPress:
    return PedalPress(onset=onset, offset=offset)


def written(performance: Performance, folder: Path) -> Path:
    path = folder / "performance.mid"
    write_midi(performance, path)
    return path


def save(path: Path, *tracks: list[tuple[int, mido.Message]], division: int = 480) -> Path:
    """Write tracks of (tick, message) with mido; a second has 960 ticks by default."""
    midi = mido.MidiFile(type=1, ticks_per_beat=division)
    for events in tracks:
        track = mido.MidiTrack()
        before = 0
        for tick, message in events:
            track.append(message.copy(time=tick - before))
            before = tick
        midi.tracks.append(track)
    midi.save(path)
    return path


def strike(pitch: int = 60, velocity: int = 64, channel: int = 0) -> mido.Message:
    return mido.Message("note_on", note=pitch, velocity=velocity, channel=channel)


def release(pitch: int = 60, channel: int = 0) -> mido.Message:
    return mido.Message("note_off", note=pitch, channel=channel)


def sustain(value: int, channel: int = 0) -> mido.Message:
    return mido.Message("control_change", control=64, value=value, channel=channel)


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
        with pytest.raises(MidiError, match="No space left"):
            write_midi(Performance(), path)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]
    write_midi(Performance(), path)
    assert read_midi(path) == Performance()
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MidiError, match="nowhere"):
        write_midi(Performance(), tmp_path / "nowhere" / "a.mid")


# What others write.


def test_times_follow_the_tempo_map_from_any_track(tmp_path: Path) -> None:
    tempo = [
        (0, mido.MetaMessage("set_tempo", tempo=1_000_000)),  # 480 ticks a second
        (480, mido.MetaMessage("set_tempo", tempo=250_000)),  # 1920 ticks a second
    ]
    events = [(240, strike()), (480, release()), (480 + 960, strike(62)), (2400, release(62))]
    for path in (
        save(tmp_path / "first.mid", tempo, events),
        save(tmp_path / "second.mid", events, tempo),
    ):
        assert read_midi(path).notes == (note(0.5, 1), note(1.5, 2, 62))


def test_ticks_may_divide_seconds_instead_of_beats(tmp_path: Path) -> None:
    path = save(tmp_path / "a.mid", [(1000, strike()), (2500, release())])
    data = bytearray(path.read_bytes())
    data[12:14] = bytes([256 - 25, 40])  # 25 frames a second of 40 ticks
    path.write_bytes(data)
    assert read_midi(path).notes == (note(1, 2.5),)


def test_the_pedal_may_have_a_track_for_itself(tmp_path: Path) -> None:
    path = save(
        tmp_path / "a.mid",
        [(0, strike()), (480, release())],
        [(240, sustain(127)), (960, sustain(0))],
    )
    assert read_midi(path) == Performance(notes=(note(0, 0.5),), pedal=(press(0.25, 1),))


def test_the_pedal_is_down_from_64_on(tmp_path: Path) -> None:
    values = [(0, 63), (96, 64), (192, 100), (288, 64), (384, 63), (480, 0), (576, 127), (672, 0)]
    path = save(tmp_path / "a.mid", [(tick, sustain(value)) for tick, value in values])
    assert read_midi(path).pedal == (press(0.1, 0.4), press(0.6, 0.7))


def test_the_pedals_of_all_channels_are_one(tmp_path: Path) -> None:
    left = [(0, sustain(127)), (480, sustain(0))]
    right = [(240, sustain(127, 1)), (960, sustain(0, 1)), (1920, strike(60, channel=1))]
    path = save(tmp_path / "a.mid", left, right)
    assert read_midi(path).pedal == (press(0, 1),)


def test_other_controllers_and_percussion_are_no_music_of_ours(tmp_path: Path) -> None:
    path = save(
        tmp_path / "a.mid",
        [
            (0, mido.Message("control_change", control=67, value=127)),
            (0, sustain(127, channel=9)),
            (0, strike(40, channel=9)),
            (0, mido.Message("pitchwheel", pitch=100)),
            (0, mido.Message("sysex", data=[1, 2, 3])),
            (0, mido.Message("program_change", program=5)),
            (480, release(40, channel=9)),
            (480, sustain(0, channel=9)),
        ],
    )
    assert read_midi(path) == Performance()


def test_both_hands_are_joined_and_overlaps_between_them_cut(tmp_path: Path) -> None:
    left = [(0, strike(48)), (0, strike(60)), (960, release(48)), (960, release(60))]
    right = [(480, strike(60, 90, 1)), (720, release(60, 1))]
    path = save(tmp_path / "a.mid", left, right)
    assert read_midi(path).notes == (
        note(0, 1, 48),
        note(0, 0.5, 60),
        note(0.5, 0.75, 60, velocity=90),
    )


def test_two_voices_on_one_key_release_it_in_the_order_they_struck_it(tmp_path: Path) -> None:
    events = [(0, strike()), (96, strike(velocity=70)), (192, release()), (384, release())]
    path = save(tmp_path / "a.mid", events)
    assert read_midi(path).notes == (note(0, 0.1), note(0.1, 0.4, velocity=70))


def test_a_missing_release_of_a_key_struck_twice_does_not_hold_it_for_ever(tmp_path: Path) -> None:
    events = [(0, strike()), (96, strike()), (192, release()), (9600, strike(62))]
    path = save(tmp_path / "a.mid", [*events, (9696, release(62))])
    assert read_midi(path).notes == (note(0, 0.1), note(0.1, 0.2), note(10, 10.1, 62))


def test_keys_and_pedals_never_released_are_released_at_the_end(tmp_path: Path) -> None:
    end = mido.MetaMessage("end_of_track")
    path = save(tmp_path / "a.mid", [(0, strike()), (480, sustain(90)), (1920, end)])
    assert read_midi(path) == Performance(notes=(note(0, 2),), pedal=(press(0.5, 2),))


def test_notes_without_length_or_off_the_keyboard_are_left_out(tmp_path: Path) -> None:
    events = [(0, strike(20)), (0, strike(109)), (0, strike(60)), (0, release(60))]
    events += [(0, strike(21)), (0, strike(108)), *((96, release(p)) for p in (20, 109, 21, 108))]
    path = save(tmp_path / "a.mid", events)
    assert [n.pitch for n in read_midi(path).notes] == [21, 108]


def test_a_release_without_a_strike_is_no_harm(tmp_path: Path) -> None:
    path = save(tmp_path / "a.mid", [(0, release()), (96, strike()), (192, release())])
    assert read_midi(path).notes == (note(0.1, 0.2),)


def test_velocities_beyond_the_range_are_clamped(tmp_path: Path) -> None:
    path = save(tmp_path / "a.mid", [(0, strike(60, 64)), (480, release())])
    data = path.read_bytes()
    path.write_bytes(data.replace(bytes([0x90, 60, 64]), bytes([0x90, 60, 200])))
    assert read_midi(path).notes == (note(0, 0.5, velocity=127),)


def raw(track: bytes, header: bytes = b"") -> bytes:
    """A type 0 file of 480 ticks a quarter note around the bytes of a track."""
    head = b"MThd\0\0\0\6\0\0\0\1\x01\xe0"
    return header + head + b"MTrk" + len(track).to_bytes(4, "big") + track


def test_running_status_stands_for_the_event_before(tmp_path: Path) -> None:
    path = tmp_path / "a.mid"
    # strike 60, strike 64, then both with velocity 0 after 0x83 0x60 = 480 ticks
    path.write_bytes(raw(b"\0\x90\x3c\x40\0\x40\x40\x83\x60\x3c\0\0\x40\0\0\xff\x2f\0"))
    assert read_midi(path).notes == (note(0, 0.5, 60), note(0, 0.5, 64))


def test_a_missing_end_of_track_and_a_riff_header_are_forgiven(tmp_path: Path) -> None:
    path = tmp_path / "a.mid"
    path.write_bytes(raw(b"\0\x90\x3c\x40\x83\x60\x3c\0", b"RIFF\0\0\0\0RMIDdata\0\0\0\0"))
    assert read_midi(path).notes == (note(0, 0.5),)


def test_a_file_cut_anywhere_is_read_as_far_as_it_goes_and_called_truncated(tmp_path: Path) -> None:
    performance = Performance(notes=(note(0, 1), note(1, 2, 64)), pedal=(press(0.5, 3),))
    data = written(performance, tmp_path).read_bytes()
    first_strike = data.index(bytes((0x90, 60, 64))) + 3
    path = tmp_path / "cut.mid"
    for n_bytes in range(len(data) - 4):  # the last event is the four bytes "end of track"
        path.write_bytes(data[:n_bytes])
        if n_bytes < first_strike:  # a strike alone, without any time, is no note
            with pytest.raises(MidiError, match="not a MIDI file" if n_bytes < 14 else "truncated"):
                read_midi(path)
            continue
        reading = load_midi(path)
        assert any("truncated" in warning for warning in reading.warnings)
        assert [n.onset for n in reading.performance.notes] == [0, 1][
            : len(reading.performance.notes)
        ]


@given(st.binary(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, track: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "random.mid"
    path.write_bytes(raw(track))
    try:
        performance = read_midi(path)
    except MidiError:
        return
    by_pitch = sorted(performance.notes, key=lambda n: (n.pitch, n.onset))
    for a, b in itertools.pairwise(by_pitch):
        assert a.pitch != b.pitch or a.offset <= b.onset


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no MThd header"),
        (b"I am a love song, not a MIDI file. " * 20, "no MThd header"),
        (raw(b"\0\x90\x3c\x40")[:14], "expected 1 tracks, found 0"),
        (raw(b"\0\x3c\x40\x10"), "expected an event"),  # data before any status
        (raw(b"\0\xf1\0"), "no end"),
        (raw(b"\xff" * 2000), "four bytes or less"),
        (raw(b"\0\xff\x2f\0").replace(b"\x01\xe0", b"\0\0"), "ticks a quarter note, found 0"),
    ],
)
def test_what_is_no_midi_is_refused_with_a_reason(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "a.mid"
    path.write_bytes(data)
    with pytest.raises(MidiError, match=reason):
        read_midi(path)


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MidiError, match="no such file"):
        read_midi(tmp_path / "missing.mid")
    with pytest.raises(MidiError, match="folder"):
        read_midi(tmp_path)
