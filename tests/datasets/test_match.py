"""Match files and MusicXML: which note of the score a played note is, and what is known of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from transcribe.datasets.match import read_match
from transcribe.errors import DatasetError

NEW = """info(matchFileVersion,1.0.0).
info(midiClockUnits,480).
info(midiClockRate,500000).
scoreprop(timeSignature,6/8,1:1,0,0.0000).
snote(n1-1,[D,#],4,1:2,1/8,1/8,3.0000,4.0000,[v5,staff2])-note(n5,63,960,1000,48,0,0).
snote(n2-1,[D,#],6,2:1,0,0,6.0000,6.0000,[v1,staff1,grace])-note(n7,87,1920,2000,62,0,0).
snote(n3-1,[E,n],6,2:1,0,3/16,6.0000,7.5000,[v1,staff1])-deletion.
insertion-note(n9,40,1,2,3,0,0).
"""
OLD = """info(matchFileVersion,5.0).
info(midiClockUnits,480).
info(midiClockRate,500000).
meta(timeSignature,2/2,1,-0.5).
snote(n1-1,[C,n],4,1:1,0,1/4,-0.5,0.0,[])-note(n0,[C,n],4,1451,1482,1482,46).
snote(n2-1,[B,b],3,2:2,1/4,1/12+1/24,1.5,2.0,[])-note(n2,[B,b],3,2400,2500,2500,46).
"""
XML = """<score-partwise><part><measure><attributes><divisions>2</divisions></attributes>
<note><pitch><step>C</step><octave>4</octave></pitch><duration>2</duration><staff>1</staff></note>
</measure><measure>
<note><rest/><duration>8</duration><staff>1</staff></note><backup><duration>2</duration></backup>
<note><pitch><step>B</step><alter>-1</alter><octave>3</octave></pitch><duration>2</duration>
<staff>2</staff></note></measure></part></score-partwise>"""


def test_notes_of_a_file_that_knows_staves(tmp_path: Path):
    (tmp_path / "a.match").write_text(NEW)
    match = read_match(tmp_path / "a.match")
    first, grace = match.notes
    assert (first.onset, first.pitch, first.staff) == (1.0, 63, 2)
    assert (first.place, first.position, first.length) == (1.5, 1.5, 0.5)
    assert (grace.position, grace.length, grace.staff) == (3.0, 0.0, 1)
    assert match.metre(3.0) == (6, 8)
    assert match.n_staves == 2


def test_staves_of_an_older_file_are_those_of_the_musicxml(tmp_path: Path):
    (tmp_path / "a.match").write_text(OLD)
    (tmp_path / "score.musicxml").write_text(XML)
    upbeat, last = read_match(tmp_path / "a.match", tmp_path / "score.musicxml").notes
    assert (upbeat.pitch, upbeat.position, upbeat.length, upbeat.staff) == (60, -1.0, 1.0, 1)
    # The second half note of the bar and a quarter: three quarters from its start.
    assert (last.pitch, last.place, last.length, last.staff) == (58, 3.0, 0.5, 2)


def test_what_is_no_match_file_is_refused(tmp_path: Path):
    (tmp_path / "a.match").write_text("note(n9,40,1,2,3,0,0).")
    with pytest.raises(DatasetError, match="expected a match file with time signatures"):
        read_match(tmp_path / "a.match")
