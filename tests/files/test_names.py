"""Names that people, disks and spreadsheets write differently, and names of outputs."""

from __future__ import annotations

import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe.files.atomic import write_atomically
from transcribe.files.endings import beside
from transcribe.files.names import (
    decode_text,
    find_on_disk,
    match_names,
    output_stem,
    shortened,
    stem_of,
    unfinished_name,
)
from transcribe.outputs import plan

ETUDE_NFC = unicodedata.normalize("NFC", "Frédéric Chopin – Étude")
ETUDE_NFD = unicodedata.normalize("NFD", ETUDE_NFC)


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        ("2018/a.mid", "2018/a.mid"),
        (f"{ETUDE_NFC}.mid", f"{ETUDE_NFD}.mid"),
        ("2018\\a.mid", "2018/a.mid"),
        ("./2018/a.mid", "2018/a.mid"),
        ("2018/a.midi", "2018/a.mid"),
        ("2018/a.MID", "2018/a.mid"),
        ("2018/A.MIDI", "2018/a.mid"),
        ("2018/a.wav", "2018/a.mid"),
        ("2018/a", "2018/a.mid"),
        ("maestro/2018/a.midi", "2018/a.mid"),
        ("a.midi", "2018/a.mid"),
        ("C:\\data\\2018\\A.midi", "2018/a.mid"),
        ("2018/a.midi", "transcribed/a.mid"),
        ("Straße.mid", "STRASSE.mid"),
    ],
)
def test_a_name_means_the_file_that_a_person_means(wanted, there):
    others = ["2018/b.mid", "2018/a2.mid", "other/c.mid"]
    assert match_names([wanted], [*others, there]).pairs == ((0, 3),)


@pytest.mark.parametrize(
    ("wanted", "there"),
    [("a.mid", "ab.mid"), ("Op. 9 No. 1", "Op. 9 No. 2"), ("x/a.mid", "x/b.mid"), ("a", "")],
)
def test_other_names_are_other_files(wanted, there):
    assert match_names([wanted], [there]).pairs == ()


def test_the_surest_match_goes_first():
    wanted = ["a.midi", "2018/a.mid", "A.mid", "a.mid"]
    there = ["a.mid", "2018/a.mid", "A.mid", "other/a.mid"]
    assert match_names(wanted, there).pairs == ((0, 3), (1, 1), (2, 2), (3, 0))


def test_what_could_be_two_is_not_guessed_and_both_are_named():
    found = match_names(["a.mid"], ["2017/a.mid", "2018/a.mid"])
    assert found.pairs == ()
    assert found.ambiguous == ("a.mid could be 2017/a.mid or 2018/a.mid",)
    found = match_names(["2017/a.midi", "2018/a.midi"], ["a.mid"])
    assert found.pairs == ()
    assert found.ambiguous == ("2017/a.midi and 2018/a.midi could all be a.mid",)
    found = match_names(["song.MID"], ["song.mid", "Song.mid"])
    assert found.pairs == ((0, 0),)  # differs in its ending alone
    assert match_names(["SONG.mid"], ["song.mid", "Song.mid"]).ambiguous == (
        "SONG.mid could be song.mid or Song.mid",
    )


@given(st.lists(st.text("aB/.é\\", min_size=1, max_size=6), max_size=6, unique=True), st.data())
def test_every_name_is_matched_once_and_equal_names_always_are(there, data):
    wanted = data.draw(st.lists(st.sampled_from(there), unique=True) if there else st.just([]))
    found = match_names(wanted, there)
    assert [there[j] for _, j in found.pairs] == wanted


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("Op. 9 No. 1", "Op. 9 No. 1"),
        ("Op. 9 No. 1.wav", "Op. 9 No. 1"),
        ("song.MP3", "song"),
        ("take.2", "take.2"),
        ("a.b/song", "a.b/song"),
        (".wav", ".wav"),
        ("song.mid.mid", "song.mid"),
    ],
)
def test_only_a_known_ending_is_an_ending(name, stem):
    assert stem_of(name) == stem


def test_outputs_of_names_without_ending_keep_their_numbers(tmp_path):
    (tmp_path / "out").mkdir()
    jobs = plan(["Op. 9 No. 1", "Op. 9 No. 2"], str(tmp_path / "out"), json=True)
    assert [path.name for job in jobs for path in job.outputs] == [
        *("Op. 9 No. 1.mid", "Op. 9 No. 1.json"),
        *("Op. 9 No. 2.mid", "Op. 9 No. 2.json"),
    ]


@pytest.mark.parametrize("n_bytes", [243, 249, 250, 251, 255])
@pytest.mark.parametrize("json", [False, True])
def test_names_as_long_as_a_disk_allows_can_be_written(tmp_path, n_bytes, json):
    name = ("ピ" * 85)[: n_bytes // 3] + "x" * (n_bytes % 3)
    assert len(os.fsencode(name)) == n_bytes
    (job,) = plan([name], f"{tmp_path}/", json=json)
    for output in job.outputs:
        write_atomically(output, b"whole")
        assert output.read_bytes() == b"whole"
    assert {path.stem for path in job.outputs} == {output_stem(name, room=5 if json else 4)}
    assert (job.midi.name == f"{name}.mid") == (n_bytes <= (250 if json else 251))


def test_long_names_that_differ_at_their_end_stay_apart():
    first, second = (shortened("x" * 300 + end, 255) for end in "ab")
    assert first != second
    assert len(first) == len(second) == 255
    assert len(os.fsencode(unfinished_name("x" * 255))) < 60


@pytest.mark.parametrize(
    "code", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
)
def test_lists_are_read_in_the_encodings_of_editors_and_spreadsheets(code):
    text = "recording\r\nFrédéric – Étude nº 3.flac\r\n"
    assert decode_text(text.encode(code)) == text


def test_names_of_a_disk_keep_their_bytes_where_that_is_asked():
    assert os.fsencode(decode_text(b"a\0caf\xe9.wav\0", keep_bytes=True)) == b"a\0caf\xe9.wav\0"
    assert decode_text("Étude".encode("utf-16"), keep_bytes=True) == "Étude"


def test_a_file_in_a_list_is_found_however_it_is_written(tmp_path):
    folder = tmp_path / "Bänder"
    folder.mkdir()
    path = folder / f"{ETUDE_NFD}.FLAC"
    path.write_bytes(b"")
    for name in (f"{ETUDE_NFD}.FLAC", f"{ETUDE_NFC}.flac"):
        for folder_name in ("Bänder", unicodedata.normalize("NFD", "bänder")):
            for slash in "/\\":
                assert find_on_disk(tmp_path, f"{folder_name}{slash}{name}") == path
    assert find_on_disk(tmp_path, "Bänder/other.flac") is None
    (folder / f"{ETUDE_NFC}.Flac").write_bytes(b"")
    with pytest.raises(ValueError, match=r"could be .*\.(FLAC|Flac) or .*\.(FLAC|Flac)"):
        find_on_disk(tmp_path, f"Bänder/{ETUDE_NFC.upper()}.flac")


def test_files_that_belong_together_are_found_whoever_composed_their_accents(tmp_path):
    path = tmp_path / f"{ETUDE_NFD}.mid"
    other = tmp_path / f"{ETUDE_NFC}.JSON"
    other.write_bytes(b"{}")
    assert beside(path, (".json",)) == other
