"""``transcribe score``: what it writes, and what it refuses."""

import json
import os
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import av
import pytest

from transcribe.cli import main
from transcribe.midi import read_midi, write_midi
from transcribe.notes import Note, Performance
from transcribe.score.heading import heading

PRELUDE = Path(__file__).parents[1] / "data" / "prelude.mp3"


@pytest.fixture
def waltz(tmp_path):
    """Sixteen bars of oom-pah-pah at a steady tempo."""
    notes = []
    for bar in range(16):
        for beat in range(3):
            start = 0.5 + 0.5 * (3 * bar + beat)
            chord = (43 if bar % 2 else 48,) if beat == 0 else (55, 59 if bar % 2 else 60)
            loud = 85 if beat == 0 else 50
            notes += [Note(onset=start, offset=start + 0.4, pitch=p, velocity=loud) for p in chord]
        start = 0.5 + 1.5 * bar
        notes.append(Note(onset=start, offset=start + 1.4, pitch=76 - bar % 3, velocity=90))
    path = tmp_path / "waltz.mid"
    write_midi(Performance(notes), path)
    return path


def run(*words) -> int:
    return main(["score", *map(str, words)])


def test_it_writes_the_music_beside_the_source(waltz, capsys):
    assert run(waltz, "--json", "--metre", "3/4", "--key", "C", "--title", "Walzer") == 0
    text = waltz.with_suffix(".musicxml").read_text("utf-8")
    assert "<work-title>Walzer</work-title>" in text
    assert "<beats>3</beats>" in text
    content = json.loads(waltz.with_name("waltz.score.json").read_text("utf-8"))
    assert content["metres"][0]["metre"] == "3/4"
    assert len(content["notes"]) == 16 * 6
    assert "3/4 in C major, 120 beats" in capsys.readouterr().out


def test_of_several_sources_those_that_can_be_are_written(waltz, tmp_path, capsys):
    again = tmp_path / "again.mid"
    again.write_bytes(waltz.read_bytes())
    broken = tmp_path / "broken.mid"
    broken.write_bytes(b"MThd")
    folder = tmp_path / "scores"
    assert run(waltz, broken, tmp_path / "gone.mp3", again, "-o", folder, "--metre", "3/4") == 1
    said = capsys.readouterr()
    assert {path.name for path in folder.iterdir()} == {"waltz.musicxml", "again.musicxml"}
    assert "<work-title>again</work-title>" in (folder / "again.musicxml").read_text("utf-8")
    assert said.out.count("3/4 in C major") == 2
    failed = [line for line in said.err.splitlines() if ": uncertain: " not in line]
    assert [line.split(": ")[1] for line in failed] == [
        str(tmp_path / "gone.mp3"),
        str(broken),
    ]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("--title", "Walzer"), "--title: expected one SOURCE, which it is said of; found 2"),
        (("--downbeat", "1"), "--downbeat: expected one SOURCE"),
        (("-o", "score.musicxml"), "2 sources need a folder, found a file's name"),
    ],
)
def test_what_is_said_of_one_source_is_not_said_of_two(waltz, tmp_path, capsys, words, found):
    with pytest.raises(SystemExit, match="2"):
        run(waltz, tmp_path / "other.mid", *words)
    assert found in capsys.readouterr().err
    assert not waltz.with_suffix(".musicxml").exists()


def test_two_sources_are_not_written_to_one_file(waltz, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        run(waltz, waltz.with_suffix(".mp3"))
    assert "would both be written to" in capsys.readouterr().err


def test_a_bar_that_starts_after_the_music_is_refused(waltz, capsys):
    with pytest.raises(SystemExit, match="2"):
        run(waltz, "--downbeat", "500")
    said = capsys.readouterr().err
    assert "--downbeat" in said
    assert "the last note's (24.0) at most; found 500" in said
    assert not waltz.with_suffix(".musicxml").exists()


def test_the_slowest_music_has_a_pace(tmp_path, capsys):
    path = tmp_path / "slow.mid"
    notes = [Note(onset=t, offset=t + 1, pitch=60, velocity=80) for t in (0.0, 3600.0)]
    write_midi(Performance(notes), path)
    assert run(path) == 0
    assert " 0 beats per minute" not in capsys.readouterr().out


def test_it_engraves(waltz, tmp_path):
    pytest.importorskip("verovio")
    pytest.importorskip("typst")
    assert run(waltz, "-o", tmp_path / "out", "--svg", "--pdf", "--composer", "Dvořák") == 0
    assert (tmp_path / "out" / "waltz.pdf").read_bytes().startswith(b"%PDF")
    page = (tmp_path / "out" / "waltz-1.svg").read_text("utf-8")
    assert 'id="n0"' in page
    assert "Dvořák" in page


def test_what_is_there_is_not_overwritten(waltz, capsys):
    waltz.with_suffix(".musicxml").write_text("mine")
    assert run(waltz) == 1
    assert waltz.with_suffix(".musicxml").read_text() == "mine"
    assert "--overwrite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("notes", "words"),
    [
        ([], "found no notes"),
        ([Note(onset=0.0, offset=1.0, pitch=60, velocity=60)], "found one note"),
    ],
)
def test_no_score_is_made_of_too_little(tmp_path, capsys, notes, words):
    path = tmp_path / "little.mid"
    write_midi(Performance(notes), path)
    assert run(path) == 1
    assert words in capsys.readouterr().err
    assert not path.with_suffix(".musicxml").exists()


def test_drums_alone_are_no_piano(tmp_path, capsys):
    from transcribe.midi_file import midi_file_bytes

    path = tmp_path / "drums.mid"
    hits = [(tick, bytes((0x99, 36, 90 * (tick % 96 == 0)))) for tick in range(0, 960, 48)]
    path.write_bytes(midi_file_bytes(96, [hits]))
    assert run(path) == 1
    err = capsys.readouterr().err
    assert "percussion" in err
    assert "no notes" in err


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--metre", "waltz", "such as 4/4"),
        ("--key", "H", "such as C, F#m"),
        ("--tempo", "0", "10 to 400"),
        ("-o", "x.pdf", "ending in .musicxml"),
    ],
)
def test_wrong_wishes_are_explained(waltz, capsys, option, value, words):
    try:
        code = run(waltz, option, value)
    except SystemExit as exit_:
        code = exit_.code
    assert code == 2
    assert words in capsys.readouterr().err


def test_two_pieces_an_hour_apart_are_one_score(waltz, tmp_path):
    notes = read_midi(waltz).notes
    later = [replace(note, onset=note.onset + 3600, offset=note.offset + 3600) for note in notes]
    path = tmp_path / "evening.mid"
    write_midi(Performance([*notes, *later]), path)
    assert run(path, "--json") == 0
    content = json.loads(path.with_name("evening.score.json").read_text("utf-8"))
    assert len(content["notes"]) == 2 * len(notes)


@pytest.mark.parametrize("letter", ["x", "é"])
def test_the_longest_names_are_cut(waltz, letter):
    n_letters = (255 - len(".mid")) // len(letter.encode())
    path = waltz.rename(waltz.with_name(letter * n_letters + ".mid"))
    assert run(path, "--json") == 0
    (written,) = waltz.parent.glob("*.musicxml")
    assert written.name.startswith(letter * 100)
    assert written.with_name(written.stem + ".score.json").exists()


def test_a_number_is_no_ending(waltz):
    path = waltz.rename(waltz.with_name("Op. 9 No. 1.mid"))
    assert run(path) == 0
    assert path.with_name("Op. 9 No. 1.musicxml").exists()


@pytest.mark.parametrize(
    ("tags", "title", "composer"),
    [
        (
            {"title": "Gymnopédie", "composer": "Satie", "artist": "A. Pianist"},
            "Gymnopédie",
            "Satie",
        ),
        ({"artist": "A. Pianist"}, "my first take", ""),
    ],
)
def test_the_heading_is_what_the_tags_say(tmp_path, tags, title, composer):
    path = tmp_path / "my_first_take.flac"
    with av.open(str(PRELUDE)) as source, av.open(str(path), "w") as written:
        written.metadata.update(tags)
        stream = written.add_stream("flac", rate=source.streams.audio[0].rate)
        for frame in source.decode(audio=0):
            if frame.time > 6:
                break
            frame.pts = None
            written.mux(stream.encode(frame))
        written.mux(stream.encode(None))
    assert main(["score", str(path)]) == 0
    xml = ElementTree.fromstring(path.with_suffix(".musicxml").read_bytes())
    assert xml.findtext("work/work-title") == title
    assert xml.findtext("identification/creator[@type='composer']", "") == composer


@pytest.mark.parametrize("name", ["ctrl\x01\x1b[31m.mid", os.fsdecode(b"bad\xff.mid")])
def test_titles_hold_what_xml_may_hold(waltz, name):
    pytest.importorskip("verovio")
    pytest.importorskip("typst")
    path = waltz.rename(waltz.with_name(name))
    assert run(path, "--svg", "--pdf") == 0
    xml = ElementTree.parse(path.with_suffix(".musicxml"))
    assert xml.findtext("work/work-title", "").startswith(name[:3])
    ElementTree.parse(path.with_name(f"{path.stem}-1.svg"))


def test_pages_that_are_there_are_not_overwritten(waltz, capsys):
    pytest.importorskip("verovio")
    page = waltz.with_name("waltz-1.svg")
    page.write_text("mine")
    assert run(waltz, "--svg") == 1
    assert page.read_text() == "mine"
    assert not waltz.with_suffix(".musicxml").exists()
    assert "waltz-1.svg already exists" in capsys.readouterr().err


def test_a_shorter_score_leaves_no_page_of_the_longer_one(waltz, capsys):
    pytest.importorskip("verovio")
    assert run(waltz, "--svg") == 0
    page = waltz.with_name("waltz-1.svg").read_bytes()
    for number in (2, 3, 11):
        waltz.with_name(f"waltz-{number}.svg").write_bytes(page)
    kept = [waltz.with_name(name) for name in ("waltz-4.svg", "waltz-02.svg", "other-2.svg")]
    for path in kept:
        path.write_bytes(b"<svg/>" if path == kept[0] else page)
    waltz.with_suffix(".musicxml").unlink()
    waltz.with_name("waltz-1.svg").unlink()
    assert run(waltz, "--svg") == 1
    assert "waltz-11.svg already exists" in capsys.readouterr().err
    assert run(waltz, "--svg", "--overwrite") == 0
    left = {path.name for path in waltz.parent.glob("*.svg")}
    assert left == {"waltz-1.svg", *(path.name for path in kept)}


def test_nothing_is_written_where_engraving_fails(waltz, monkeypatch):
    pytest.importorskip("verovio")

    def fail(*words, **more):
        raise RuntimeError("out of ink")

    monkeypatch.setattr("transcribe.score.making.pages", fail)
    assert run(waltz, "--svg") == 1
    assert not waltz.with_suffix(".musicxml").exists()


@pytest.mark.parametrize(
    ("title", "n_lines"),
    [("Walzer", 1), ("Sonate für das Pianoforte, vierter Satz, Largo – Allegro", 1)]
    + [("Sonate für das Hammerklavier " * n, 2) for n in (5, 50)]
    + [("W" * 300, 2), ("月の光" * 100, 2)],
)
def test_a_heading_stays_between_the_margins(title, n_lines):
    lines = list(heading(title, title, 21000, 1200))
    *of_title, composer = lines
    assert len(of_title) == n_lines
    said = " ".join(line.text for line in reversed(of_title))
    assert said == title.strip() or said.endswith("…")
    for line in lines:  # letters of a serif are half as wide as high, about
        wide = 1.0 if title.startswith("月") else 0.75 if title.startswith("W" * 9) else 0.48
        assert len(line.text) * wide * line.size <= 21000 - 2 * 1200
    assert composer.anchor == "end"
    assert composer.x == 21000 - 1200
