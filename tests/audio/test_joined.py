"""Recordings joined end to end are heard from first to last, whatever they differ in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eval.data.recordings import encode
from transcribe.archive.jobs import Job
from transcribe.archive.work import Prober
from transcribe.audio.joined import PartOfFile, parts_of
from transcribe.audio.probing import counted_seconds, probe
from transcribe.audio.reader import AudioReader, measured_seconds
from transcribe.errors import AudioError
from transcribe.evaluation.pairing import PerformanceFiles

SECONDS = 1.0
ATTACK = 0.5


def click(rate: int) -> np.ndarray:
    samples = np.zeros(round(rate * SECONDS), np.float32)
    first = round(ATTACK * rate)
    time = np.arange(len(samples) - first) / rate
    samples[first:] = 0.5 * np.sin(2 * np.pi * 500 * time)
    return samples


@pytest.mark.parametrize(
    ("name", "codec", "rates", "options"),
    [
        ("a.ogg", "vorbis", (44100, 48000), {"layout": "stereo"}),
        ("a.opus", "libopus", (48000, 48000), {}),
        ("a.oga", "flac", (44100, 44100), {"container": "ogg"}),
        ("a.flac", "flac", (44100, 48000), {}),
        ("a.m4a", "aac", (44100, 48000), {}),
        ("a.wav", "pcm_s16le", (44100, 8000), {}),
        ("a.aiff", "pcm_s16be", (44100, 8000), {}),
    ],
)
def test_every_one_is_heard_in_its_place(
    tmp_path: Path, name: str, codec: str, rates: tuple[int, int], options: dict[str, str]
) -> None:
    first, second = (
        encode(tmp_path / f"{rate}-{n}-{name}", codec, click(rate), rate, **told)
        for n, (rate, told) in enumerate(
            [(rates[0], {"layout": "stereo"} | options), (rates[1], options)]
        )
    )
    path = tmp_path / name
    path.write_bytes(first.read_bytes() + second.read_bytes())
    reader = AudioReader(path, 16000)
    samples = np.concatenate(list(reader))
    loud = np.abs(samples) > 0.25
    for start in (0.0, SECONDS):  # silence, then the tone
        before = samples[round((start + 0.1) * 16000) : round((start + 0.4) * 16000)]
        tone = samples[round((start + 0.6) * 16000) : round((start + 0.9) * 16000)]
        assert np.abs(before).max() < 0.05
        assert np.abs(np.fft.rfft(tone)).argmax() / 0.3 == pytest.approx(500)
    assert 0.5 < loud.sum() / 16000 < 0.8
    assert measured_seconds(path) == pytest.approx(2 * SECONDS, abs=0.06)
    assert counted_seconds(path) == pytest.approx(2 * SECONDS, abs=0.1)
    assert reader.warnings == ()
    assert parts_of(first) == parts_of(second) == []
    assert len(parts_of(path)) == 2


def test_a_part_reads_like_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"0123456789")
    with PartOfFile(path, (3, 8)) as part:
        assert part.read() == b"34567"
        assert part.read() == b""
        assert part.seek(-2, 2) == 3
        assert part.read(9) == b"67"
        assert part.seek(1) == 1
        assert part.seek(1, 1) == part.tell() == 2
        assert part.read(2) == b"56"


def test_results_hang_on_what_is_there_and_not_on_what_headers_guess(tmp_path: Path) -> None:
    one = encode(tmp_path / "one.opus", "libopus", click(48000), 48000).read_bytes()
    path = tmp_path / "a.opus"
    path.write_bytes(2 * one)
    assert probe(path).duration == pytest.approx(SECONDS, abs=0.1)
    assert PerformanceFiles("a", audio=path).seconds == pytest.approx(2 * SECONDS, abs=0.1)
    job = Job(0, "a.opus", str(tmp_path), "a.opus", "", ())
    assert Prober()(job).duration == pytest.approx(SECONDS, abs=0.1)
    assert Prober(counting=True)(job).duration == pytest.approx(2 * SECONDS, abs=0.1)


def test_a_recording_is_not_refused_for_a_length_that_its_header_invents(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp3", "libmp3lame", click(44100), 44100)
    data = bytearray(path.read_bytes())
    at = max(data.find(b"Xing"), data.find(b"Info")) + 8
    data[at : at + 4] = (40_000).to_bytes(4, "big")  # frames: 17 minutes
    path.write_bytes(data)
    assert (probe(path).duration or 0) > 1000
    reader = AudioReader(path, longest=10.0)
    assert sum(map(len, reader)) / 16000 == pytest.approx(SECONDS, abs=0.1)
    with pytest.raises(AudioError, match="longer than"):
        list(AudioReader(path, longest=0.5))
