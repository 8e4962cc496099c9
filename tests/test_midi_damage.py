"""Standard MIDI Files that are damaged: no note is lost, and what is wrong is said."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from midi_bytes import END, FOUR, HIGHER, QUARTER, SCALE, chunk, header, onsets, read, scale

from tests.fuzzing import mutated
from transcribe.errors import MidiError
from transcribe.midi import load_midi, midi_bytes
from transcribe.midi_file import (
    DamagedError,
)
from transcribe.notes import Note, PedalPress, Performance
from transcribe.wording import count

BOTH = sorted([*FOUR, *((onset, pitch + 12) for onset, pitch in FOUR)])


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
    assert f"{count(n_tracks, 'track')}, found 2" in warning


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


def test_a_damaged_time_does_not_make_a_file_of_years():
    late = b"\xff\xff\xff\x7f" + b"\x90\x3c\x50" + QUARTER + b"\x80\x3c\x40"
    reading = read(header() + chunk(SCALE + late + END))
    assert onsets(reading) == FOUR
    assert reading.warnings == ("1 note later than 48 hours left out",)


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
