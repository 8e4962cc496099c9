"""Commands that write one file of one source: what they refuse before any work."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from transcribe.audio.wav import check_wav_length, write_wav_blocks
from transcribe.cli import main
from transcribe.errors import AudioError, MidiError
from transcribe.midi import load_midi, write_midi
from transcribe.notes import Note, PedalPress, Performance
from transcribe.outputs import check_output

TUNE = Path(__file__).parent / "data" / "prelude.mid"


def code_of(*words: object) -> int:
    try:
        return main([str(word) for word in words])
    except SystemExit as left:
        return int(str(left.code))


@pytest.mark.parametrize(
    "words",
    [
        ["score", ""],
        ["score", "."],
        ["render", ""],
        ["render", "."],
        ["continue", ""],
        ["continue", "."],
        ["place", "", "--onto", "a.mid"],
        ["place", "a.mid", "--onto", ""],
        ["tokens", "", "--for", "abc"],
        ["evaluate", "", "."],
        ["corpus", ".", "-o", ""],
        ["site", ""],
        ["render", "a.mid", "-o", ""],
        ["a.mid", "-o", ""],
        ["live", ""],
        ["archive", ".", "-o", ""],
        ["archive", "", "-o", "out"],
    ],
)
def test_an_empty_name_is_wrong_usage(words, tmp_path, monkeypatch, capsys):
    """As of a variable of the shell that is not set: it means no place, not this folder."""
    shutil.copy(TUNE, tmp_path / "a.mid")
    monkeypatch.chdir(tmp_path)
    assert code_of(*words) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["a.mid"]


@pytest.mark.parametrize(
    ("command", "named"),
    [("render", "song.wav"), ("continue", "song.continued.mid"), ("place", "song.placed.mid")],
)
def test_a_source_is_never_written_over(command, named, tmp_path, capsys):
    """Whatever it is called: a MIDI file may have the name of the file to write."""
    source = tmp_path / named
    shutil.copy(TUNE, source)
    words = ["--onto", source] if command == "place" else []
    assert code_of(command, source, "-o", source, "--overwrite", *words) == 2
    assert "would be overwritten" in capsys.readouterr().err
    assert source.read_bytes() == TUNE.read_bytes()


def test_what_is_no_place_for_a_file_is_told_before_the_work(tmp_path, monkeypatch):
    folder = tmp_path / "song.mid"
    folder.mkdir()
    with pytest.raises(Exception, match="is a folder, not a file"):
        check_output(folder, overwrite=True)
    with pytest.raises(Exception, match="no such folder"):
        check_output(tmp_path / "nowhere" / "a.mid")
    monkeypatch.setattr(os, "access", lambda *words: False)  # a test may run as root
    with pytest.raises(PermissionError, match="no permission to write"):
        check_output(tmp_path / "a.mid")


def test_a_pipe_is_no_midi_file(tmp_path):
    pipe = tmp_path / "a.mid"
    os.mkfifo(pipe)
    with pytest.raises(MidiError, match="no ordinary file"):
        load_midi(pipe)


def test_music_without_notes_is_not_played(tmp_path, capsys):
    source = tmp_path / "a.mid"
    write_midi(Performance(pedal=[PedalPress(onset=0, offset=9)]), source)
    assert code_of("render", source) == 1
    assert "expected notes to play, found none" in capsys.readouterr().err
    assert not source.with_suffix(".wav").exists()


def test_hours_are_played_block_by_block(tmp_path, monkeypatch):
    """A stray note at the end of a day costs time, not memory; what a wav can't hold is refused."""
    import tracemalloc

    notes = [Note(onset=t, offset=t + 1, pitch=60, velocity=80) for t in (0.0, 3600.0)]
    source = tmp_path / "a.mid"
    write_midi(Performance(notes), source)
    tracemalloc.start()
    assert code_of("render", source, "--quiet") == 0
    assert tracemalloc.get_traced_memory()[1] < 60e6  # an hour of samples is 320 MB
    tracemalloc.stop()


def test_more_than_a_wav_file_holds_is_refused(tmp_path):
    with pytest.raises(AudioError, match=r"holds 13:31:3\d at most; found music of 20:00:00"):
        check_wav_length(tmp_path / "a.wav", 20 * 3600 * 44100, 44100)


def test_blocks_are_counted(tmp_path):
    import numpy as np

    blocks = (np.full(n, 0.5, np.float32) for n in (3, 0, 4))
    assert write_wav_blocks(tmp_path / "a.wav", blocks, 8000) == 7
