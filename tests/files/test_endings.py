"""One list of endings says what is a recording, wherever it is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from transcribe.archive.listing import Patterns
from transcribe.evaluation.pairing import find_recordings, named_source
from transcribe.files.endings import RECORDING_SUFFIXES, beside, in_words, is_recording


@pytest.mark.parametrize(
    "name",
    [
        *("New Recording 12.qta", "a.3gp", "a.mts", "a.M2TS", "a.m4r", "a.MOV", "a.webm", "a.mka"),
        *("a.caf", "a.wav", "a.m2t", "a.aifc", "a.rf64", "a.w64", "a.oga", "a.weba", "a.3ga"),
    ],
)
def test_a_recording_is_known_by_its_ending_at_every_door(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.touch()
    notes = path.with_suffix(".mid")
    notes.touch()
    assert is_recording(path)
    assert Patterns().take(f"1962/{name}")
    assert [each.audio for each in find_recordings(tmp_path).sources] == [path]
    assert named_source(notes).audio == path


def test_of_several_recordings_beside_the_uncompressed_one_is_taken(tmp_path: Path) -> None:
    for ending in ("mp3", "WAV", "mid"):
        (tmp_path / f"a.{ending}").touch()
    assert beside(tmp_path / "a.mid", RECORDING_SUFFIXES) == tmp_path / "a.WAV"
    assert beside(tmp_path / "b.mid", RECORDING_SUFFIXES) is None


def test_what_is_left_out_is_told_the_most_frequent_first() -> None:
    assert in_words({".pdf": 3, "": 1200, ".docx": 3}) == "1,200 without ending, 3 .docx, 3 .pdf"
    assert in_words({f".{n}": 10 - n for n in range(10)}, most=2) == "10 .0, 9 .1, 36 others"
