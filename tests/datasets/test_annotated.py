"""Performances with what their scores say of beats, hands and places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from transcribe.datasets.annotated import AnnotatedPerformance, read_asap
from transcribe.datasets.sequenced import read_sequenced
from transcribe.errors import DatasetError
from transcribe.midi import write_midi
from transcribe.midi_file import midi_file_bytes
from transcribe.notes import Note, Performance

METRE_6_8 = (0, b"\xff\x58\x04\x06\x03\x18\x08")
E_FLAT = (0, b"\xff\x59\x02\xfd\x00")
SLOW = (0, b"\xff\x51\x03\x0f\x42\x40")  # a quarter is a second


def _track(name: bytes, *notes: tuple[int, int, int]) -> list[tuple[int, bytes]]:
    events = [(0, b"\xff\x03" + bytes([len(name)]) + name)]
    for start, stop, pitch in notes:
        events += [(start, bytes([0x90, pitch, 80])), (stop, bytes([0x80, pitch, 0]))]
    return sorted(events, key=lambda event: event[0])


@pytest.fixture
def sequenced(tmp_path: Path) -> AnnotatedPerformance:
    """A bar and a half of 6/8: three eighths to a beat."""
    content = midi_file_bytes(
        480,
        [
            [METRE_6_8, E_FLAT, SLOW],
            _track(b"Piano right", (0, 200, 75), (480, 700, 77), (1440, 1600, 79)),
            _track(b"Piano left", (720, 1400, 51)),
        ],
    )
    path = tmp_path / "piece.mid"
    path.write_bytes(content)
    return read_sequenced(path)


def test_six_eight_has_two_beats_a_bar(sequenced):
    np.testing.assert_allclose(sequenced.beats[:3], [0.0, 1.5, 3.0])
    assert sequenced.is_down[:3].tolist() == [True, False, True]
    assert set(sequenced.fifths.tolist()) == {-3}


def test_hands_and_places_are_those_of_tracks_and_ticks(sequenced):
    assert sequenced.pitch.tolist() == [75, 77, 51, 79]
    assert sequenced.hand.tolist() == [1, 1, 0, 1]
    assert sequenced.beat.tolist() == [0, 0, 1, 2]
    np.testing.assert_allclose(sequenced.place, [0, 2 / 3, 0, 0], atol=1e-6)


def test_a_file_without_notes_is_named(tmp_path):
    path = tmp_path / "silent.mid"
    path.write_bytes(midi_file_bytes(480, [[METRE_6_8, SLOW]]))
    with pytest.raises(DatasetError, match=r"silent\.mid: expected notes"):
        read_sequenced(path)


def test_what_is_saved_is_read_again_and_cut(sequenced, tmp_path):
    sequenced.save(tmp_path / "kept.npz")
    again = AnnotatedPerformance.load(tmp_path / "kept.npz")
    assert again.performance == sequenced.performance
    start = again.until(1.2)
    assert start.pitch.tolist() == [75, 77]
    assert start.beats.tolist() == [0.0]


def test_beats_of_asap_and_its_match_file(tmp_path: Path):
    notes = [
        Note(onset=t, offset=t + 0.4, pitch=p, velocity=70)
        for t, p in ((1.0, 60), (1.5, 64), (2.02, 67), (3.0, 72))
    ]
    write_midi(Performance(tuple(notes)), tmp_path / "a.mid")
    (tmp_path / "a_annotations.txt").write_text("1.0\t1.0\tdb,3/4,-4\n2.0\t2.0\tb\n3.0\t3.0\tb\n")
    lines = "\n".join(
        f"snote(n{i},[C,n],{octave},1:{beat},{offset},1/8,{at},9.0,[v1,staff{staff}])"
        f"-note(n{i},{pitch},{round(960 * onset)},{round(960 * onset) + 9},70,0,0)."
        for i, (octave, beat, offset, at, staff, pitch, onset) in enumerate(
            [(4, 1, 0, 0.0, 2, 60, 1.0), (5, 3, 0, 2.0, 1, 72, 3.0)]
        )
    ).replace("[C,n],4", "[C,n],4")
    (tmp_path / "a.match").write_text(
        "info(matchFileVersion,1.0.0).\ninfo(midiClockUnits,480).\ninfo(midiClockRate,500000).\n"
        "scoreprop(timeSignature,3/4,1:1,0,0.0).\n" + lines + "\n"
    )
    each = read_asap(tmp_path / "a.mid")
    assert (each.numerator[0], each.denominator[0], each.fifths[0]) == (3, 4, -4)
    assert each.hand.tolist() == [0, -1, -1, 1]
    assert each.beat.tolist() == [0, -1, -1, 2]
    assert each.length[0] == each.length[3] == 0.5


def test_beats_of_a_repeat_that_was_left_out_are_not_in_the_performance(tmp_path: Path):
    write_midi(
        Performance(tuple(Note(onset=t, offset=t + 0.4, pitch=60, velocity=70) for t in (1, 2, 3))),
        tmp_path / "a.mid",
    )
    left_out = [(2 + 0.02 * number, "db" if number % 3 else "b") for number in range(50)]
    at_once = "".join(f"{seconds}\t{seconds}\t{kind}\n" for seconds, kind in left_out)
    (tmp_path / "a_annotations.txt").write_text(
        f"1.0\t1.0\tdb,3/4,0\n{at_once}4.0\t4.0\tb\n5.0\t5.0\tb\n5.01\t5.01\tdb\n"
    )
    each = read_asap(tmp_path / "a.mid")
    assert each.beats.tolist() == pytest.approx([1.0, 2.0, 2.98, 4.0, 5.01])
    assert each.is_down.tolist() == [True, False, True, False, True]
