"""Standard MIDI Files as others write them, and as disks and programs damage them."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzzing import mutated
from transcribe.errors import MidiError
from transcribe.midi import load_midi, midi_bytes
from transcribe.midi_file import (
    DamagedError,
    MidiFile,
    metre_event,
    midi_file_bytes,
    tempo_event,
)
from transcribe.midi_parser import parse_midi
from transcribe.midi_reading import MidiReading, performance_of
from transcribe.music.beat_grid import Metre
from transcribe.notes import Note, PedalPress, Performance
from transcribe.tokens.score_midi import StepNote, Track, read_score_midi, score_midi

END = b"\0\xff\x2f\0"
QUARTER = b"\x83\x60"
"""480 ticks, half a second."""


def header(n_tracks: int = 1, *, kind: int = 1, division: bytes = b"\x01\xe0") -> bytes:
    return b"MThd\0\0\0\6" + struct.pack(">HH", kind, n_tracks) + division


def chunk(events: bytes, size: int | None = None, name: bytes = b"MTrk") -> bytes:
    return name + struct.pack(">I", len(events) if size is None else size) + events


def scale(*pitches: int, channel: int = 0) -> bytes:
    """Notes of half a second, one after the other, every event with its status."""
    return b"".join(
        bytes((0, 0x90 | channel, p, 80)) + QUARTER + bytes((0x80 | channel, p, 64))
        for p in pitches
    )


def read(data: bytes) -> MidiReading:
    return performance_of(parse_midi(data))


def onsets(reading: MidiReading) -> list[tuple[float, int]]:
    return [(note.onset, note.pitch) for note in reading.performance.notes]


def lengths(reading: MidiReading) -> list[float]:
    return [note.offset - note.onset for note in reading.performance.notes]


FOUR = [(0.0, 60), (0.5, 62), (1.0, 64), (1.5, 65)]
SCALE = scale(60, 62, 64, 65)
HIGHER = scale(72, 74, 76, 77)
BOTH = sorted([*FOUR, *((onset, pitch + 12) for onset, pitch in FOUR)])


# Controllers and system messages that end notes and lift the pedal.


@pytest.mark.parametrize("controller", [120, 123, 124, 125, 126, 127])
def test_all_notes_off_releases_the_keys_of_its_channel(controller):
    off = bytes((0xB0, controller, 0))
    track = b"\0\x90\x3c\x50" + b"\0\x91\x40\x50" + QUARTER + off + QUARTER + b"\x81\x40\x40" + END
    reading = read(header() + chunk(track))
    assert onsets(reading) == [(0.0, 60), (0.0, 64)]
    assert lengths(reading) == [0.5, 1.0]
    assert reading.warnings == ()


def test_all_notes_off_in_a_track_without_notes_speaks_for_all_tracks():
    notes = chunk(b"\0\x90\x3c\x50" + QUARTER * 1 + b"\x90\x40\x50" + QUARTER + b"\xb0\7\x64" + END)
    conductor = chunk(b"\x87\x40\xb0\x7b\0" + END)  # after 960 ticks
    reading = read(header(2) + conductor + notes)
    assert lengths(reading) == [1.0, 0.5]


def test_all_notes_off_at_the_end_of_one_hand_does_not_cut_the_other():
    left = chunk(scale(48) + b"\0\xb0\x7b\0" + END)
    right = chunk(b"\0\x90\x48\x50" + b"\x87\x40\x80\x48\x40" + END)
    assert lengths(read(header(2) + left + right)) == [0.5, 1.0]


def test_reset_all_controllers_lifts_the_pedal_of_its_channel():
    down = b"\0\xb0\x40\x7f\0\xb1\x40\x7f"
    track = down + QUARTER + b"\xb0\x79\0" + QUARTER + b"\xb1\x79\0" + b"\0\xb0\x40\0" + END
    assert read(header() + chunk(track)).performance.pedal == (PedalPress(onset=0, offset=1),)
    one = b"\0\xb0\x40\x7f" + QUARTER + b"\xb0\x79\0" + QUARTER + b"\xb0\x40\0" + END
    reading = read(header() + chunk(one))
    assert reading.performance.pedal == (PedalPress(onset=0, offset=0.5),)
    assert not reading.is_pedal_held


@pytest.mark.parametrize(
    "reset",
    [
        b"\x7e\x7f\x09\x01\xf7",
        b"\x41\x10\x42\x12\x40\0\x7f\0\x41\xf7",
        b"\x43\x10\x4c\0\0\x7e\0\xf7",
    ],
    ids=["GM", "GS", "XG"],
)
def test_a_reset_of_the_instrument_releases_everything(reset):
    track = b"\0\xb2\x40\x7f\0\x92\x3c\x50" + QUARTER
    track += b"\xf0" + bytes((len(reset),)) + reset + QUARTER + b"\x82\x3c\0" + END
    reading = read(header() + chunk(track))
    assert lengths(reading) == [0.5]
    assert reading.performance.pedal == (PedalPress(onset=0, offset=0.5),)


@pytest.mark.parametrize(
    "message",
    [
        *(bytes((status,)) for status in (0xF4, 0xF5, 0xF6, *range(0xF8, 0xFF))),
        *(b"\xf1\x10", b"\xf2\x10\x20", b"\xf3\x05"),
    ],
    ids=lambda message: f"{message[0]:x}",
)
def test_system_messages_left_in_a_track_are_passed_over(message):
    track = b"\0\x90\x3c\x50\x81\x10" + message + b"\x82\x50\x80\x3c\x40" + END
    reading = read(header() + chunk(track))
    assert (onsets(reading), lengths(reading), reading.warnings) == ([(0.0, 60)], [0.5], ())


def test_running_status_goes_on_after_meta_events_and_real_time_messages():
    track = (
        b"\0\x90\x3c\x50" + b"\0\xff\x01\x02hi" + QUARTER + b"\x3c\0" + b"\0\xfe" + b"\0\x40\x50"
    )
    track += QUARTER + b"\x40\0" + END
    assert onsets(read(header() + chunk(track))) == [(0.0, 60), (0.5, 64)]


# Sizes and counts that contradict the events.


@pytest.mark.parametrize("size", [0, 1, 7, 20, 39, 41, 60, 84, 1000, 0x7FFFFFFF, 0xFFFFFFFF])
@pytest.mark.parametrize("place", [0, 1])
def test_a_wrong_size_of_a_track_costs_no_note(size, place):
    sizes: list[int | None] = [None, None]
    sizes[place] = size
    tracks = (chunk(SCALE + END, sizes[0]), chunk(HIGHER + END, sizes[1]))
    reading = read(header(2) + b"".join(tracks))
    assert onsets(reading) == BOTH
    assert len(reading.warnings) == (size != len(SCALE + END))


@pytest.mark.parametrize("n_tracks", [0, 1, 3, 65535])
def test_a_wrong_number_of_tracks_costs_no_note_and_is_said(n_tracks):
    reading = read(header(n_tracks) + chunk(SCALE + END) + chunk(HIGHER + END))
    assert onsets(reading) == BOTH
    (warning,) = reading.warnings
    assert f"{n_tracks} tracks, found 2" in warning


def test_a_missing_track_is_said():
    (warning,) = read(header(2) + chunk(SCALE + END)).warnings
    assert warning == "truncated: expected 2 tracks, found 1"


def test_a_header_of_another_size_and_chunks_of_other_kinds_are_passed_over():
    longer = b"MThd\0\0\0\x08\0\1\0\1\x01\xe0\0\0"
    reading = read(longer + chunk(b"anything", name=b"XFIH") + chunk(SCALE + END))
    assert (onsets(reading), reading.warnings) == (FOUR, ())


@pytest.mark.parametrize("size", [0, 5, 7, 200, 0xFFFFFFFF])
def test_a_wrong_size_of_the_header_costs_no_note(size):
    data = bytearray(header() + chunk(SCALE + END))
    data[4:8] = struct.pack(">I", size)
    reading = read(bytes(data))
    assert onsets(reading) == FOUR
    assert f"found one of {size}" in reading.warnings[0]


@pytest.mark.parametrize("spoilt", [0, 3, 14, 17])
def test_a_spoilt_chunk_name_costs_no_note(spoilt):
    data = bytearray(header() + chunk(SCALE + END))
    data[spoilt] = ord("?")
    reading = read(bytes(data))
    assert onsets(reading) == FOUR
    assert "in place of" in reading.warnings[0]


def test_bytes_between_and_after_tracks_are_passed_over():
    reading = read(header(2) + chunk(SCALE + END) + b"\1\2\3" + chunk(HIGHER + END) + b"\0" * 30)
    assert onsets(reading) == BOTH


def test_events_after_the_end_of_a_track_are_read_and_padding_is_none():
    reading = read(header() + chunk(SCALE[:18] + END + SCALE[18:] + END))
    assert onsets(reading) == FOUR
    assert "after its end, read too" in reading.warnings[0]
    padded = read(header() + chunk(SCALE + END + b"\0" * 9))
    assert (onsets(padded), padded.warnings) == (FOUR, ())


def test_a_second_file_in_the_same_file_is_said():
    one = header() + chunk(SCALE + END)
    reading = read(one + one)
    assert onsets(reading) == FOUR
    assert "another MIDI file" in reading.warnings[0]


# Events that are damaged.


@pytest.mark.parametrize("manufacturer", [0x7E, 0x05, 0x41, 0x02])
def test_a_system_exclusive_message_without_its_length_swallows_no_note(manufacturer):
    message = b"\0\xf0" + bytes((manufacturer,)) + b"\x7f\x09\x01\xf7"
    long = scale(*range(40, 80))  # longer than the length that seems to stand there
    for notes, n in ((SCALE, 4), (long, 40)):
        reading = read(header() + chunk(message + notes + END))
        assert len(reading.performance.notes) == n
        assert "without its length" in reading.warnings[0]


def test_a_system_exclusive_message_in_parts_or_with_other_bytes_is_believed():
    parts = b"\0\xf0\x03\x43\x12\x00" + b"\x10\xf7\x04\x43\x12\x00\xf7" + b"\0\xf7\x01\xfe"
    reading = read(header() + chunk(parts + SCALE + END))
    assert [pitch for _, pitch in onsets(reading)] == [60, 62, 64, 65]
    assert reading.warnings == ()


@pytest.mark.parametrize("pause", [b"\0", QUARTER])
@pytest.mark.parametrize("content", [b"\x7e\x7f\x09\x01", b"\x43\x10\x4c\0\0\x7e\0", b"\x7d"])
def test_a_system_exclusive_message_a_byte_too_long_moves_no_note(content, pause):
    """Its length counts the F7 that it lacks, and so takes a byte of the next event's time."""
    message = b"\0\xf0" + bytes((len(content) + 1,)) + content
    reading = read(header() + chunk(message + pause + SCALE[1:] + END))
    late = 0.5 if pause == QUARTER else 0.0
    assert onsets(reading) == [(onset + late, pitch) for onset, pitch in FOUR]
    assert "a byte too long" in reading.warnings[0]


def test_a_system_exclusive_message_that_never_ends_swallows_no_note():
    reading = read(header() + chunk(b"\0\xf0\x7e\x7f\x09\x01" + SCALE + END))
    assert [pitch for _, pitch in onsets(reading)] == [60, 62, 64, 65]
    assert "damaged" in reading.warnings[0]


@pytest.mark.parametrize("size", [0, 2, 9, 0x7F])
def test_a_tempo_of_a_wrong_size_swallows_no_note(size):
    tempo = b"\0\xff\x51" + bytes((size,)) + b"\x03\xd0\x90"  # four quarters a second
    reading = read(header() + chunk(tempo + SCALE + END))
    assert onsets(reading) == [(onset / 2, pitch) for onset, pitch in FOUR]
    assert f"0x51 of {size} bytes in place of 3" in reading.warnings[0]


def test_reading_goes_on_after_bytes_that_are_no_event():
    garbage = b"\xff" * 9
    reading = read(header() + chunk(scale(60, 62) + garbage + scale(64, 65) + END))
    assert [pitch for _, pitch in onsets(reading)] == [60, 62, 64, 65]
    assert "damaged after 960 ticks" in reading.warnings[0]
    assert "9 bytes are lost" in reading.warnings[0]


def test_a_track_cut_short_gives_its_notes():
    reading = read((header() + chunk(SCALE + END))[: 22 + 28])
    assert onsets(reading) == FOUR[:3]
    assert any("truncated" in warning for warning in reading.warnings)


def test_what_is_left_out_is_counted():
    drums = scale(40, 41, 42, channel=9)
    off_keyboard = scale(20, 109)
    empty = b"\0\x90\x3c\x50\0\x80\x3c\x40"
    held = b"\0\x90\x30\x50" + QUARTER + END[1:]
    reading = read(header() + chunk(drums + off_keyboard + empty + held))
    assert reading.warnings == (
        "3 notes of percussion (channel 10) left out",
        "2 notes off the keyboard (below A0 or above C8) left out",
        "1 note without length left out",
        "1 key never released, until the end",
    )


def test_a_file_of_percussion_alone_says_why_it_is_empty():
    reading = read(header() + chunk(scale(36, 38, channel=9) + END))
    assert reading.performance == Performance()
    assert reading.warnings == ("2 notes of percussion (channel 10) left out",)


def test_tracks_of_type_2_keep_their_own_tempo_and_it_is_said():
    fast = b"\0" + tempo_event(250_000)
    reading = read(header(2, kind=2) + chunk(SCALE + END) + chunk(fast + HIGHER + END))
    assert dict(map(reversed, onsets(reading))) == {
        **dict(map(reversed, FOUR)),
        **{pitch + 12: onset / 2 for onset, pitch in FOUR},
    }
    assert "type 2" in reading.warnings[0]
    assert read(header(kind=2) + chunk(SCALE + END)).warnings == ()


def test_a_damaged_time_does_not_make_a_file_of_years():
    late = b"\xff\xff\xff\x7f" + b"\x90\x3c\x50" + QUARTER + b"\x80\x3c\x40"
    reading = read(header() + chunk(SCALE + late + END))
    assert onsets(reading) == FOUR
    assert reading.warnings == ("1 note later than 48 hours left out",)


def test_whether_the_pedal_is_held_to_the_end_is_known():
    down = b"\0\xb0\x40\x7f"
    assert read(header() + chunk(down + SCALE + END)).is_pedal_held
    assert not read(header() + chunk(down + SCALE + b"\0\xb0\x40\0" + END)).is_pedal_held


def test_many_damages_are_told_as_few():
    bad = b"".join(b"\xff" * 9 + scale(60, 62, 64) for _ in range(9))
    reading = read(header() + chunk(bad + END))
    assert len(reading.performance.notes) == 27
    assert reading.warnings[-1] == "and 6 more places are damaged"


def test_the_log_tells_what_the_short_way_of_reading_can_not(tmp_path, caplog):
    from transcribe.midi import read_midi

    path = tmp_path / "a.mid"
    path.write_bytes(header(3) + chunk(SCALE + END))
    assert len(read_midi(path).notes) == 4
    assert "a.mid: truncated: expected 3 tracks, found 1" in caplog.text


# Any division, any damage.


DIVISIONS = st.one_of(
    st.integers(1, 0x7FFF),
    st.builds(
        lambda rate, ticks: (256 - rate) << 8 | ticks,
        st.sampled_from([24, 25, 29, 30]),
        st.integers(1, 255),
    ),
)


@settings(max_examples=60, deadline=None)
@given(
    DIVISIONS,
    st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 5000)), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 9000), st.integers(1, 0xFFFFFF)), max_size=3),
)
def test_ticks_become_the_seconds_that_mido_makes_of_them(division, notes, tempos):
    head = [(tick, tempo_event(microseconds)) for tick, microseconds in sorted(tempos)]
    events = []
    for pitch, (onset, length) in enumerate(notes, start=60):
        events.append((onset, bytes((0x90, pitch, 80))))
        events.append((onset + length, bytes((0x80, pitch, 64))))
    data = midi_file_bytes(division, [head, sorted(events)])
    found = {note.pitch: (note.onset, note.offset) for note in read(data).performance.notes}
    if division & 0x8000:
        rate = 256 - (division >> 8)
        ticks_a_second = (30000 / 1001 if rate == 29 else rate) * (division & 0xFF)
        expected = {
            pitch: (onset / ticks_a_second, (onset + length) / ticks_a_second)
            for pitch, (onset, length) in enumerate(notes, start=60)
        }
    else:
        expected = {}
        now = 0.0
        struck = {}
        for message in mido.MidiFile(file=io.BytesIO(data)):
            now += message.time
            if message.type == "note_on":
                struck[message.note] = now
            elif message.type == "note_off":
                expected[message.note] = (struck[message.note], now)
    latest = max(offset for _, offset in expected.values())
    if latest < 48 * 3600:
        assert found.keys() == expected.keys()
        for pitch, times in expected.items():
            assert found[pitch] == pytest.approx(times, rel=1e-9, abs=1e-9)


def _performance(rng: np.random.Generator) -> Performance:
    notes = [
        Note(
            onset=0.3 * n, offset=0.3 * n + float(rng.uniform(0.05, 0.29)), pitch=pitch, velocity=v
        )
        for n, (pitch, v) in enumerate(
            zip(rng.integers(21, 109, 30), rng.integers(1, 128, 30), strict=True)
        )
    ]
    return Performance(tuple(notes), (PedalPress(onset=1, offset=2), PedalPress(onset=4, offset=7)))


def _n_strikes_by_mido(data: bytes) -> int:
    """Piano keys that mido sees struck; none where it raises."""
    try:
        midi = mido.MidiFile(file=io.BytesIO(data), clip=True)
    except Exception:  # of several kinds, for damaged files
        return 0
    return sum(
        message.type == "note_on"
        and message.velocity > 0
        and message.channel != 9
        and 21 <= message.note <= 108
        for track in midi.tracks
        for message in track
    )


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_damage_raises_nothing_unforeseen_and_loses_no_music_silently(seed):
    rng = np.random.default_rng(seed)
    data = mutated(midi_bytes(_performance(rng)), rng)
    n_strikes = _n_strikes_by_mido(data)
    try:
        reading = read(data)
    except DamagedError:
        assert n_strikes == 0
        return
    n_notes = len(reading.performance.notes)
    assert reading.warnings or n_notes >= 0.8 * n_strikes
    assert n_notes > 0 or reading.warnings


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_one_wrong_byte_loses_little(data):
    rng = np.random.default_rng(5)
    whole = bytearray(midi_bytes(_performance(rng)))
    place = data.draw(st.integers(14, len(whole) - 1))
    whole[place] = data.draw(st.integers(0, 255))
    assert len(read(bytes(whole)).performance.notes) >= 20


def test_a_file_of_nothing_but_damage_is_refused_by_name(tmp_path: Path):
    path = tmp_path / "ruin.mid"
    path.write_bytes(header() + chunk(b"\xff" * 40))
    with pytest.raises(MidiError, match=r"ruin\.mid: .*damaged"):
        load_midi(path)


def test_a_tempo_of_absurd_size_is_cut_to_what_a_tempo_is():
    tempo = b"\0\xff\x51\x87\x68" + b"\3\xd0\x90" + b"\xff" * 997  # 1000 bytes
    assert onsets(read(header() + chunk(tempo + SCALE + END)))[1] == (0.25, 62)


# Tempo map and bars.


def test_tempo_map_and_bars_are_those_of_all_tracks():
    head = [(0, metre_event(3, 4)), (0, tempo_event(500_000)), (2880, metre_event(6, 8))]
    later = [(960, tempo_event(250_000)), (5000, bytes((0x90, 60, 0)))]
    file: MidiFile = parse_midi(midi_file_bytes(480, [head, later]))
    assert file.tempos() == ((0, 500_000), (960, 250_000))
    assert file.metres() == ((0, 3, 4), (2880, 6, 8))
    assert list(file.bars()) == [0, 1440, 2880, 4320]
    assert file.clock()(1440) == pytest.approx(1.25)


@pytest.mark.parametrize("division", [96, 220, 480, 1024])
def test_what_a_generator_writes_is_in_sixteenths_whatever_its_division(division):
    """Magenta writes 220 ticks a quarter note, running status, and tempo in a first track."""
    quarter = division
    head = [(0, tempo_event(round(60e6 / 72))), (0, metre_event(3, 4))]
    events = [(0, bytes((0xC0, 0)))]
    for n, pitch in enumerate((64, 67, 72)):
        events.append((n * quarter // 4, bytes((0x90, pitch, 100))))
        events.append(((n + 1) * quarter // 4, bytes((0x90, pitch, 0))))
    score = read_score_midi(midi_file_bytes(division, [head, events]))
    (track,) = score.tracks
    assert track.notes == tuple(StepNote(n, p, 1, 100) for n, p in enumerate((64, 67, 72)))
    assert score.tempos == ((0, pytest.approx(72, abs=1e-4)),)
    assert score.metres == ((0, "3/4"),)
    assert score.bars == (0,)


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(1, 64), st.integers(21, 108)), max_size=12),
    st.sampled_from(["2/4", "3/4", "4/4", "6/8"]),
)
@settings(max_examples=40, deadline=None)
def test_what_is_written_in_musical_time_is_read_back(notes, metre):
    by_pitch = {pitch: StepNote(step, pitch, n, 90) for step, n, pitch in notes}
    track = Track("Right hand", tuple(sorted(by_pitch.values())), 3)
    content = score_midi([track], quarters_a_minute=100, metre=Metre.parse(metre))
    score = read_score_midi(content)
    assert score.tracks == (track,)
    assert score.metres == ((0, metre),)
    assert score.tempos == ((0, pytest.approx(100)),)
    assert [n.pitch for n in read(content).performance.notes] == [n.pitch for n in track.notes]
