from dataclasses import replace

import pytest

from transcribe.evaluation import pianoroll
from transcribe.evaluation.pianoroll import draw, panels, parts
from transcribe.notes import Note, PedalPress, Performance

PLAYED = Performance(
    [Note(onset=0.2 * i, pitch=60 + i, offset=0.2 * i + 0.3, velocity=64) for i in range(10)],
    [PedalPress(onset=0.5, offset=1.5)],
)


def test_right_missed_and_false_notes_on_the_references_clock():
    late = [replace(n, onset=n.onset + 0.03, offset=n.offset + 0.04) for n in PLAYED.notes[:-1]]
    wrong = Note(onset=0.53, pitch=90, offset=0.63, velocity=50)
    found = parts(PLAYED, Performance([*late, wrong], [PedalPress(onset=0.53, offset=1.43)]))
    assert [note for note, _ in found.right] == list(PLAYED.notes[:-1])
    assert found.right[2][1] == pytest.approx((0.4, 0.71))
    assert found.missed == PLAYED.notes[-1:]
    ((false, span),) = found.false
    assert false == wrong
    assert span == pytest.approx((0.5, 0.6))
    assert found.ref_pedal == ((0.5, 1.5),)
    assert found.est_pedal[0] == pytest.approx((0.5, 1.4))


def test_a_long_recording_is_drawn_in_rows_that_count_each_note_once():
    late = [replace(n, onset=n.onset + 0.03, offset=n.offset + 0.03) for n in PLAYED.notes[2:]]
    false = Note(onset=1.7, pitch=90, offset=1.8, velocity=50)
    notes = parts(PLAYED, Performance([*late, false]))
    rows = panels(notes, 0.5, name="waltz")
    assert [(row.start, row.stop) for row in rows] == [(0.5 * i, 0.5 * i + 0.5) for i in range(5)]
    assert rows[0].title == "waltz, from 0:00   (1 right, 2 missed, 0 false)"
    counts = [notes.begun(row.start, row.stop) for row in rows]
    assert [sum(column) for column in zip(*counts, strict=True)] == [8, 2, 1]
    assert len(panels(notes, 60)) == 1
    assert len(panels(parts(Performance(), Performance()), 30)) == 1


def test_a_vector_picture_holds_its_text(tmp_path, monkeypatch):
    monkeypatch.setattr(pianoroll, "PANEL_INCHES", (6.0, 2.5))
    notes = parts(PLAYED, PLAYED)
    draw(panels(notes, 3.0), tmp_path / "new" / "waltz.svg", title="waltz")
    assert (tmp_path / "new" / "waltz.svg").read_bytes().startswith(b"<?xml")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["waltz.svg"]
