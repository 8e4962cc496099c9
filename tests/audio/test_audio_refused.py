"""What is no recording is refused, and why is said."""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path

import av
import numpy as np
import pytest
from tones import RATE, cut, refusal, tone, write_pcm

from eval.data.recordings import KINDS, encode, write_kind
from transcribe.audio.probing import probe
from transcribe.audio.reader import AudioReader
from transcribe.errors import AudioError
from transcribe.midi_file import midi_file_bytes


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "missing.wav")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "found a folder" in refusal(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    assert "no ordinary file" in refusal(tmp_path / "pipe.wav")


def test_a_file_without_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_pcm(tmp_path / "a.wav", np.ones((100, 1)), RATE)

    def refuse(self: Path, *args: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(Path, "open", refuse)  # file modes do not stop root
    assert "no permission" in refusal(path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").touch()
    assert "empty file" in refusal(tmp_path / "a.mp3")


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.txt"])
def test_text_is_no_recording_whatever_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("Dear diary, today I practised for two hours.\n" * 100)
    assert "not a recording; expected wav, flac" in refusal(tmp_path / name)


@pytest.mark.parametrize("name", ["a.mid", "a.mp3"])
def test_midi_is_no_recording_and_what_reads_it_is_said(tmp_path: Path, name: str) -> None:
    midi = midi_file_bytes(480, [[]])
    wrapped = b"RIFF" + struct.pack("<I", len(midi) + 12) + b"RMIDdata"
    for content in (midi, wrapped + struct.pack("<I", len(midi)) + midi):
        (tmp_path / name).write_bytes(content)
        assert "expected a recording; MIDI files are read by" in refusal(tmp_path / name)
        with pytest.raises(AudioError) as error:
            probe(tmp_path / name)
        assert error.value.kind == "midi"


@pytest.mark.parametrize("name", ["a.mp3", "a.flac", "a.ac3", "a.mp2"])
def test_a_beginning_is_not_looked_for_to_the_end_of_a_large_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As a download of 6 GB of which nothing came: reading them takes minutes."""
    monkeypatch.setattr("transcribe.audio.container._SEARCHED", 1 << 17)
    path = tmp_path / name
    path.touch()
    os.truncate(path, (1 << 17) + 1)
    assert "not a recording, or its first" in refusal(path)


@pytest.mark.parametrize("kind", ["stereo.mp3", "stereo.flac", "raw.aac", "mono.m4a", "mono.wma"])
def test_a_large_recording_begins_at_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("transcribe.audio.container._SEARCHED", 1 << 13)
    rate = KINDS[kind][1]
    path = write_kind(tmp_path / kind, kind, np.tile(tone(rate), 4))
    assert path.stat().st_size > 1 << 13
    assert probe(path).sample_rate == rate


def test_a_caf_without_its_table_of_packets_was_cut_off(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.caf", "alac", tone(44100), 44100)
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"pakt")])
    assert "this caf has no table of packets, as it was cut off" in refusal(path)
    path.write_bytes(content[:40])
    assert "not a recording" in refusal(path)


def test_a_playlist_is_not_followed(tmp_path: Path) -> None:
    song = encode(tmp_path / "a.aac", "aac", tone(44100), 44100, container="adts")
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{song}\n#EXT-X-ENDLIST\n")
    assert "not a recording" in refusal(playlist)


def test_a_video_without_sound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for _ in range(3):
            image = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")
            out.mux(stream.encode(image))
        out.mux(stream.encode(None))
    assert "no audio track" in refusal(path)


def test_a_recording_of_no_samples_is_refused(tmp_path: Path) -> None:
    path = write_pcm(tmp_path / "a.wav", np.zeros((0, 1)), RATE)
    assert "holds no samples" in refusal(path)


def test_an_m4a_that_was_never_finished_is_refused_as_such(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.m4a", "aac", tone(44100, 4), 44100)
    assert "cut off before it was finished" in refusal(cut(path, 0.6))


def test_a_sample_rate_is_positive(tmp_path: Path) -> None:
    path = write_pcm(tmp_path / "a.wav", np.zeros((10, 1)), RATE)
    with pytest.raises(ValueError, match="positive number of hertz; found 0"):
        AudioReader(path, sample_rate=0)
