"""A file that is named itself is what it holds, whatever it is called."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from eval.data.recordings import KINDS, write_kind
from transcribe.files.beginnings import begins_recording, holds_midi
from transcribe.files.endings import is_midi
from transcribe.files.names import output_stem
from transcribe.midi_file import midi_file_bytes
from transcribe.outputs import midi_output, plan

MIDI = midi_file_bytes(480, [[]])


@pytest.mark.parametrize("name", ["a.mid", "a.rmi", "a", "a.wav"])
@pytest.mark.parametrize("content", [MIDI, b"RIFF\x40\0\0\0RMIDdata" + MIDI])
def test_midi_is_midi_by_any_name(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert holds_midi(tmp_path / name)


def test_midi_in_riff_is_found_in_folders_and_named_as_midi_but_not_written(tmp_path: Path) -> None:
    path = tmp_path / "a.rmi"
    path.touch()
    assert is_midi(path)
    assert output_stem("song.rmi", room=4) == "song"
    with pytest.raises(ValueError, match=r"ends in \.mid"):
        plan(["a.wav"], str(path))
    with pytest.raises(ValueError, match=r"ends in \.mid"):
        midi_output(path, tmp_path / "a.wav", ending=".placed.mid")


@pytest.mark.parametrize("kind", KINDS)
def test_a_recording_is_none_even_if_it_is_called_so(tmp_path: Path, kind: str) -> None:
    path = write_kind(tmp_path / kind, kind, np.zeros(KINDS[kind][1], np.float32))
    assert begins_recording(path.read_bytes())
    assert not holds_midi(path.rename(tmp_path / "a.mid"))


def test_the_name_decides_where_the_beginning_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "damaged.mid").write_bytes(b"Macintosh" + MIDI)
    for name, expected in (("damaged.mid", 1), ("missing.kar", 1), ("missing.wav", 0)):
        assert holds_midi(tmp_path / name) == expected


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mid")
    assert holds_midi(tmp_path / "pipe.mid")
