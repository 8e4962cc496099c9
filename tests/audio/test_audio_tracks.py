"""Recordings of several tracks: which of them is heard."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from numpy.typing import NDArray
from tones import ATTACK, attacks, refusal, tone

from transcribe.audio.reader import AudioReader, read_audio


def two_tracks(path: Path, *tracks: NDArray, default: int | None = None, late: float = 0) -> Path:
    """Write AAC tracks at 44.1 kHz, one of them marked default, or all alike."""
    with av.open(str(path), "w") as out:
        streams = [out.add_stream("aac", rate=44100, layout="mono") for _ in tracks]
        for index, stream in enumerate(streams):
            marked = default is not None and index == default
            stream.disposition = Disposition.default if marked else Disposition(0)
        frames = []
        for samples in tracks:
            whole = av.AudioFrame.from_ndarray(samples[None], "fltp", "mono")
            whole.sample_rate, whole.pts = 44100, 0
            fit = av.AudioResampler("fltp", "mono", 44100, frame_size=1024)
            frames.append([*fit.resample(whole), *fit.resample(None)])
        for together in zip_longest(*frames):
            for index, frame in enumerate(together):
                if frame is not None and frame.pts is not None:
                    frame.pts += round(44100 * late * (index == len(tracks) - 1))
                if frame is not None:
                    out.mux(streams[index].encode(frame))
        for stream in streams:
            out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_of_several_tracks_the_one_marked_default_is_heard(tmp_path: Path, name: str) -> None:
    silence, music = np.zeros_like(tone(44100)), tone(44100)
    path = two_tracks(tmp_path / name, silence, music, default=1)
    assert attacks(read_audio(path)) == [pytest.approx(ATTACK, abs=0.003)]
    path = two_tracks(tmp_path / name, music, silence, default=0)
    assert attacks(read_audio(path)) == [pytest.approx(ATTACK, abs=0.003)]


def test_silence_in_the_track_that_was_heard_tells_of_the_others(tmp_path: Path) -> None:
    path = two_tracks(tmp_path / "a.mp4", np.zeros_like(tone(44100)), tone(44100), default=0)
    reader = AudioReader(path)
    assert not np.concatenate(list(reader)).any()
    (warning,) = reader.warnings
    assert (warning.kind, warning.values) == ("silent_track", {"track": 1, "n_tracks": 2})
    assert "audio track 1 of 2 was transcribed, and it is silent" in str(warning)


def test_of_tracks_that_nothing_marks_one_is_heard_and_the_others_are_told(tmp_path: Path) -> None:
    for name in ("a.ts", "a.mkv"):
        path = two_tracks(tmp_path / name, tone(44100), np.zeros_like(tone(44100)))
        reader = AudioReader(path)
        assert attacks(np.concatenate(list(reader))) == [pytest.approx(ATTACK, abs=0.003)]
        (warning,) = reader.warnings
        assert (warning.kind, warning.values) == ("several_tracks", {"track": 1, "n_tracks": 2})
        assert "audio track 1 of 2 was transcribed, and nothing in the file says which" in str(
            warning
        )


@pytest.mark.parametrize("name", ["a.ts", "a.mkv"])
def test_a_short_track_before_a_long_one_is_a_sound_check(tmp_path: Path, name: str) -> None:
    path = two_tracks(tmp_path / name, np.zeros(11025, np.float32), tone(44100))
    reader = AudioReader(path)
    assert attacks(np.concatenate(list(reader))) == [pytest.approx(ATTACK, abs=0.003)]
    (warning,) = reader.warnings
    assert (warning.kind, warning.values) == ("several_tracks", {"track": 2, "n_tracks": 2})
    marked = two_tracks(tmp_path / "a.mp4", np.zeros(11025, np.float32), tone(44100), default=0)
    assert AudioReader(marked).track.index == 0


def test_a_track_that_cant_be_decoded_is_passed_over(tmp_path: Path) -> None:
    path = two_tracks(tmp_path / "a.mp4", tone(44100), tone(44100), default=0)
    data = path.read_bytes()
    # What iPhones write beside AAC for spatial sound.
    one = data.replace(b"mp4a", b"apac", 1).replace(b"esds", b"dapa", 1)
    path.write_bytes(one)
    reader = AudioReader(path)
    assert attacks(np.concatenate(list(reader))) == [pytest.approx(ATTACK, abs=0.003)]
    (warning,) = reader.warnings
    assert warning.values == {"unreadable": 1, "track": 2, "n_tracks": 2}
    assert "track 1 of 2 can't be decoded; track 2 was transcribed" in str(warning)
    path.write_bytes(data.replace(b"mp4a", b"apac").replace(b"esds", b"dapa"))
    assert "no decoder for its audio track" in refusal(path)


def test_a_track_of_nothing_but_damage_is_passed_over(tmp_path: Path) -> None:
    other = tone(44100) + np.float32(0.001)
    path = two_tracks(tmp_path / "a.mkv", other, tone(44100), default=0)
    with av.open(str(path)) as file:
        first = [bytes(packet) for packet in file.demux(audio=0) if packet.size]
    data = path.read_bytes()
    for packet in first:
        data = data.replace(packet, b"\xff" * len(packet)) if len(packet) > 20 else data
    path.write_bytes(data)
    reader = AudioReader(path)
    assert attacks(np.concatenate(list(reader))) == [pytest.approx(ATTACK, abs=0.003)]
    assert reader.track.index == 1
