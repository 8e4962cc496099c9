"""MIDI files of other programs as performances."""

from __future__ import annotations

import itertools
from pathlib import Path

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from midi_files import note, press, written

from transcribe.errors import MidiError
from transcribe.midi import load_midi, read_midi
from transcribe.notes import Performance


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
            with pytest.raises(MidiError, match="truncated" if n_bytes >= 4 else "MIDI file"):
                read_midi(path)
            continue
        reading = load_midi(path)
        assert any("truncated" in warning for warning in reading.warnings)
        assert [n.onset for n in reading.performance.notes] == [0, 1][
            : len(reading.performance.notes)
        ]


EVENTS = st.one_of(
    st.builds(
        lambda delta, status, pitch, velocity: bytes([delta, status, pitch, velocity]),
        st.integers(0, 127),
        st.sampled_from([0x80, 0x90, 0x91]),
        st.integers(60, 61),
        st.integers(0, 127),
    ),
    st.binary(max_size=4),
)
"""Keys struck and released, and any bytes between them."""


@given(st.one_of(st.binary(max_size=60), st.lists(EVENTS, max_size=24).map(b"".join)))
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
        (b"", "expected a MIDI file, found an empty file"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "expected a MIDI file, found a recording; transcribe it"),
        (b"ID3\3\0\0\0\0\0\0", "expected a MIDI file, found a recording"),
        (b"MThd\0\0\0\6\0\1", "ends within its header"),
        (b"I am a love song, not a MIDI file. " * 20, "no MThd header"),
        (raw(b"\0\x90\x3c\x40")[:14], "expected 1 track, found none"),
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
