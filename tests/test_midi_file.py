"""Standard MIDI Files as other programs write them: what they mean, and musical time."""

from __future__ import annotations

import io

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from midi_bytes import END, FOUR, HIGHER, QUARTER, SCALE, chunk, header, onsets, read, scale

from transcribe.midi_file import (
    MidiFile,
    MidiTrack,
    metre_event,
    midi_file_bytes,
    tempo_event,
)
from transcribe.midi_parser import parse_midi
from transcribe.midi_reading import MidiReading, performance_of
from transcribe.music.beat_grid import Metre
from transcribe.notes import PedalPress, Performance
from transcribe.tokens.score_midi import StepNote, Track, read_score_midi, score_midi


def lengths(reading: MidiReading) -> list[float]:
    return [note.offset - note.onset for note in reading.performance.notes]


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


def test_whether_the_pedal_is_held_to_the_end_is_known():
    down = b"\0\xb0\x40\x7f"
    assert read(header() + chunk(down + SCALE + END)).is_pedal_held
    assert not read(header() + chunk(down + SCALE + b"\0\xb0\x40\0" + END)).is_pedal_held


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


def test_many_tracks_have_one_clock_unless_each_has_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tempos, made = MidiFile.tempos, []
    monkeypatch.setattr(MidiFile, "tempos", lambda *words: made.append(1) or tempos(*words))
    for kind, n_clocks in ((1, 1), (2, 3)):
        made.clear()
        performance_of(MidiFile(kind, 480, (MidiTrack(),) * 3))
        assert len(made) == n_clocks
