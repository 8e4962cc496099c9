"""MusicXML: valid, and read back by other programs' readers as the notes that were written."""

import os
import shutil
import subprocess
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest
from scores import score_of

from transcribe.music.key import Key
from transcribe.score.making import sheet_bytes
from transcribe.score.swing import Swing
from transcribe.score.voices import with_voices

PROGRAMS = ("mscore", "mscore3", "mscore4", "musescore")
MUSESCORE = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
MUSIC = [
    ("right", 0, "2", "1", 74),
    *(("right", 1, f"{i}/3", "1/3", 79 - i) for i in range(3)),
    ("right", 1, "1", "3", 79),  # over the bar line
    *(("right", 1, f"{i}/2", "1/2", 66 + i) for i in range(2, 6)),
    ("right", 2, "1", "2", 102),
    ("left", 1, "0", "1", 43),
    *(("left", 1, place, "1", pitch) for place in ("1", "2") for pitch in (50, 59)),
    ("left", 2, "0", "3", 38),
    ("left", 2, "3/2", "1/2", 61),
]
"""An upbeat, a triplet, a tie, two voices, chords, a very high note, in 3/4; swung."""


@pytest.fixture(scope="module")
def xml() -> bytes:
    score = replace(score_of(MUSIC, metre="3/4", key=Key(7)), swing=Swing(2.0, 1.0))
    return sheet_bytes(score, with_pedal=True)


@pytest.fixture(scope="module")
def schema():
    etree = pytest.importorskip("lxml.etree")
    package = find_spec("partitura")  # it has the schema
    if package is None or package.origin is None:
        pytest.skip("partitura, which has the schema, is not installed")
    tree = etree.parse(str(Path(package.origin).parent / "assets" / "musicxml.xsd"))
    for element in list(tree.getroot().iter("{*}import", "{*}attribute")):
        if element.tag.endswith("import") or ":" in element.get("ref", ""):
            element.getparent().remove(element)  # xml: and xlink: are described elsewhere
    return etree.XMLSchema(tree)


def test_it_is_valid(xml, schema):
    etree = pytest.importorskip("lxml.etree")
    root = etree.fromstring(xml)
    (swing,) = root.iter("swing")  # of MusicXML 4.0, and the schema is that of 3.1
    swing.getparent().remove(swing)
    del root.find(".//direction[@system]").attrib["system"]
    assert schema.validate(root), schema.error_log


def test_a_clef_inside_a_bar_stands_before_the_note_that_it_is_for(schema):
    etree = pytest.importorskip("lxml.etree")
    music = [
        ("left", 1, place, "1", pitch) for place, pitch in zip("012", (29, 77, 79), strict=True)
    ]
    music += [("left", bar, str(i), "1", 77) for bar in (2, 3, 4) for i in range(3)]
    root = etree.fromstring(sheet_bytes(score_of(music, metre="3/4")))
    assert schema.validate(root), schema.error_log
    found = [
        element.findtext("clef[@number='2']/sign") or element.findtext("pitch/step")
        for element in root.find("part/measure")
    ]
    assert [each for each in found if each] == ["F", "F", "G", "F", "G"]


def test_triplets_that_go_on_are_numbered_for_two_bars():
    """And again after a bar without them, or after one that begins with a rest, under a bracket."""
    beats = [(bar, beat) for bar in (1, 2, 3, 4, 6) for beat in range(4)]
    music = [("left", bar, f"{3 * b + n}/3", "1/3", 48 + n) for bar, b in beats for n in range(3)]
    music += [("left", 5, "0", "4", 48)]
    music += [("right", bar, f"{n}/3", "1/3", 72) for bar in (1, 2, 3) for n in range(12)]
    music += [("right", 4, f"{n}/3", "1/3", 72) for n in range(1, 12)]
    shown = {1: Counter(), 2: Counter()}
    for bar in ElementTree.fromstring(sheet_bytes(score_of(music))).iter("measure"):
        for note in bar.iter("note"):
            mark = note.find("notations/tuplet[@type='start']")
            if mark is not None and mark.get("show-number") != "none":
                shown[int(note.findtext("staff", "0"))][int(bar.get("number", "0"))] += 1
    assert shown[2] == {1: 4, 2: 4, 6: 4}
    assert shown[1] == {1: 4, 2: 4, 4: 4}


def test_grace_notes_are_beamed_together(schema):
    etree = pytest.importorskip("lxml.etree")
    score = score_of([("right", 1, "0", "4", pitch) for pitch in (71, 74, 76, 72)])
    notes = [
        replace(each, note=replace(each.note, onset=0.1 * rank), is_grace=rank < 3)
        for rank, each in enumerate(score.notes)
    ]
    root = etree.fromstring(sheet_bytes(with_voices(replace(score, notes=tuple(notes)))))
    assert schema.validate(root), schema.error_log
    beams = [[each.text for each in note.iter("beam")] for note in root.iter("note")]
    assert beams[:4] == [["begin"] * 2, ["continue"] * 2, ["end"] * 2, []]


def test_hairpins_are_valid(schema):
    etree = pytest.importorskip("lxml.etree")
    score = score_of([("right", bar, "0", "4", 60) for bar in range(1, 9)])
    notes = [
        replace(each, note=replace(each.note, velocity=30 + 10 * each.bar)) for each in score.notes
    ]
    root = etree.fromstring(sheet_bytes(replace(score, notes=tuple(notes))))
    assert schema.validate(root), schema.error_log
    wedges = [
        (bar.get("number"), each.get("type"))
        for bar in root.iter("measure")
        for each in bar.iter("wedge")
    ]
    assert wedges == [("1", "crescendo"), ("7", "stop")]


@pytest.mark.slow  # partitura takes seconds to import
def test_partitura_reads_the_same_notes(xml, tmp_path):
    partitura = pytest.importorskip("partitura")
    path = tmp_path / "written.musicxml"
    path.write_bytes(xml)
    (part,) = partitura.load_musicxml(path)
    found = Counter(
        (
            int(row["pitch"]),
            round(float(row["onset_quarter"]), 3),
            round(float(row["duration_quarter"]), 3),
        )
        for row in part.note_array(include_divs_per_quarter=True)
    )
    start = {0: -3, 1: 0, 2: 3}
    expected = Counter(
        (pitch, round(start[bar] + float(Fraction(beat)), 3), round(float(Fraction(length)), 3))
        for _, bar, beat, length, pitch in MUSIC
    )
    assert found == expected


@pytest.mark.slow
@pytest.mark.skipif(MUSESCORE is None, reason="MuseScore is not installed")
def test_musescore_reads_the_same_notes(xml, tmp_path):
    path, read = tmp_path / "written.musicxml", tmp_path / "read.musicxml"
    path.write_bytes(xml)
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    subprocess.run([MUSESCORE, "-o", read, path], check=True, env=environment, timeout=300)
    assert noteheads(read.read_bytes()) == noteheads(xml)


def noteheads(xml: bytes) -> Counter:
    """Of each notehead its bar, staff, pitch and length in quarters."""
    root = ElementTree.fromstring(xml)
    divisions = int(root.findtext(".//divisions", "0"))
    return Counter(
        (
            index,
            note.findtext("staff"),
            note.findtext("pitch/step"),
            int(note.findtext("pitch/alter", "0")),
            note.findtext("pitch/octave"),
            Fraction(int(note.findtext("duration", "0")), divisions),
        )
        for index, measure in enumerate(root.iter("measure"))
        for note in measure.iter("note")
        if note.find("pitch") is not None
    )


def test_every_written_note_can_be_found_by_its_number(xml):
    root = ElementTree.fromstring(xml)
    numbers = [note.get("id") for note in root.iter("note") if note.get("id")]
    assert sorted(numbers) == sorted(f"n{i}" for i in range(len(MUSIC)))
    assert [bar.get("id") for bar in root.iter("measure")] == ["m0", "m1", "m2"]


def test_the_upbeat_is_no_counted_bar(xml):
    upbeat = ElementTree.fromstring(xml).find("part/measure")
    assert upbeat is not None
    assert (upbeat.get("number"), upbeat.get("implicit")) == ("0", "yes")


def test_a_staff_that_is_silent_in_an_upbeat_rests_for_its_length(xml):
    """A rest of the whole bar would be three quarters to some readers, and all after it late."""
    upbeat = ElementTree.fromstring(xml).find("part/measure")
    rests = [note for note in upbeat.iter("note") if note.find("rest") is not None]
    assert [note.findtext("type") for note in rests] == ["quarter"]
    assert not [note for note in rests if note.find("rest").get("measure")]


def test_voices_fill_their_bars(xml):
    root = ElementTree.fromstring(xml)
    divisions = int(root.findtext(".//divisions", "0"))
    for measure, quarters in zip(root.iter("measure"), (1, 3, 3), strict=True):
        at = 0
        for element in measure:
            length = int(element.findtext("duration", "0"))
            if element.tag == "backup":
                at -= length
            elif element.tag == "forward" or (
                element.tag == "note" and element.find("chord") is None
            ):
                at += length
        assert at == quarters * divisions
